"""Models by suites: the primary metric of every run and suite, with intervals and ranks.

    board(ask)[0]    -> {"run_id": "tiny-0a..", "suite": "primer", "score": 0.74, "low": 0.72, "high": 0.75, "n": 3072}

Sums come from one pass over the records (half a second for two million on two cores); intervals and ranks are made here
of the sums. Means, of shares Wilson's interval, and pass@1 of one attempt; other aggregates (macro, ratio, pass@k) and
several attempts at a sample need each sample: such rows are `whole` False and without a score, until a page fills them.

Rank(UB) is 1 + the number of models whose lower bound lies above the upper bound of this one (Chiang et al. 2024,
arXiv 2403.04132): models that are not told apart share a rank.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from dashboards.queries import Ask, Rows, has
from harness import stats

RUNS = """
SELECT r.run_id, r.name, r.model, r.model_digest, r.status, r.started_at,
       (r.model_facts->>'size_bytes')::BIGINT AS size_bytes,
       r.model_facts->>'quantisation' AS quantisation, coalesce((r.config->>'samples')::INTEGER, 1) AS samples,
       r.config->>'prompt' AS prompt, r.config->>'temperature' AS temperature, r.config->>'top_p' AS top_p,
       r.config->>'max_tokens' AS max_tokens, r.config->>'review' AS review
FROM runs r ORDER BY r.started_at DESC, r.run_id
"""
SUITES = """
SELECT run_id, suite, version, scorer_key, metrics, group_tag, wanted, seconds FROM run_suites ORDER BY suite, run_id
"""
SUMS = """
SELECT r.run_id, r.suite, count(*) AS records, count(r.fault_boundary) AS faults, count(s.score) AS n,
       sum(s.score) AS total, sum(s.score * s.score) AS squares, count_if(s.score >= 1.0) AS full_scores
FROM records r
LEFT JOIN (SELECT sc.key, sc.measures[p.value] AS score
           FROM scores sc JOIN (SELECT DISTINCT scorer_key, metrics->0->>'value' AS value FROM run_suites) p
           USING (scorer_key)) s ON s.key = r.score_key
GROUP BY ALL
"""
SPEEDS = """
SELECT model_digest, max_by(median, started_at) AS tokens_per_s FROM speeds
WHERE measure = 'generated_tokens_per_s' AND width = 1 GROUP BY model_digest
"""
BASELINES = """
SELECT name, run_id FROM baselines QUALIFY row_number() OVER (PARTITION BY name ORDER BY set_at DESC, rowid DESC) = 1
ORDER BY name
"""
GATE = "SELECT gate_id FROM gates WHERE candidate = ? ORDER BY decided_at DESC, rowid DESC LIMIT 1"
PLAIN = ("micro", "pass@1")
"""Aggregates that sums hold, of one attempt at each sample."""
DECODING = ("temperature", "top_p", "max_tokens")
"""What of a run's configuration keeps scores apart besides the prompt, told where it is not the suite's own."""
KEPT = (
    "run_id", "name", "model", "model_digest", "status", "started_at", "size_bytes", "quantisation", "samples",
    "review",
)  # fmt: skip
NONE = {"score": None, "low": None, "high": None, "n": 0}


def board(ask: Ask) -> Rows:
    """Return a row a run and suite, sorted by suite, ranked inside each suite and fingerprint.

    `floor` and `ceiling` are the metric's range; `review` names the session where people rated, not a suite.
    """
    declared = ask(SUITES, ())  # first: a run that begins now may lack its suites, never the other way round
    runs = {row["run_id"]: row for row in ask(RUNS, ())}
    sums = {(row["run_id"], row["suite"]): row for row in ask(SUMS, ())}
    speeds = {row["model_digest"]: row["tokens_per_s"] for row in ask(SPEEDS, ())} if has(ask, "speeds") else {}
    found = []
    for wanted in declared:
        run, metric = runs[wanted["run_id"]], json.loads(wanted["metrics"])[0]
        counted = sums.get((wanted["run_id"], wanted["suite"]))
        aggregate = metric.get("aggregate", "micro")
        whole = aggregate in PLAIN and run["samples"] == 1
        scored = _estimate(metric, counted) if counted and whole else None
        found.append({
            **{key: run[key] for key in KEPT},
            "suite": wanted["suite"], "version": wanted["version"], "fingerprint": _fingerprint(wanted, run),
            "metric": metric["name"], "aggregate": aggregate, "up": metric.get("higher_is_better", True),
            "floor": metric.get("low", 0.0), "ceiling": metric.get("high", 1.0), "wanted": wanted["wanted"],
            "records": counted["records"] if counted else 0, "faults": counted["faults"] if counted else 0,
            "group_tag": wanted["group_tag"] or "", "seconds": wanted["seconds"], "whole": whole,
            "tokens_per_s": speeds.get(run["model_digest"]), **(scored or NONE),
        })  # fmt: skip
    return ranked(found)


def baselines(ask: Ask) -> dict[str, str]:
    """Return the runs that have a name as baseline: name -> run."""
    return {row["name"]: row["run_id"] for row in ask(BASELINES, ())} if has(ask, "baselines") else {}


def gate_of(ask: Ask, run: str) -> str | None:
    """Return the newest gate that a run was the candidate of."""
    found = ask(GATE, [run]) if has(ask, "gates") else []
    return str(found[0]["gate_id"]) if found else None


def ranked(rows: Rows) -> Rows:
    """Return rows with `rank` among those of the same suite and fingerprint; None where there is no score."""
    ranks: dict[int, int] = {}
    for members in fences(row for row in rows if row["score"] is not None).values():
        bounds = [_bounds(row) for row in members]
        lows = sorted(low for low, _ in bounds)
        for row, (_, high) in zip(members, bounds, strict=True):
            ranks[id(row)] = 1 + len(lows) - bisect_right(lows, high)
    return [{**row, "rank": ranks.get(id(row))} for row in rows]


def fences(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, str], Rows]:
    """Return (suite, fingerprint) -> the rows that may be compared with one another, in the order they come."""
    found: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in rows:
        found[row["suite"], row["fingerprint"]].append(row)
    return dict(found)


def newest(rows: Rows) -> Rows:
    """Return one row of each model (weights, or name where those are unknown) in each fence: of its newest whole run.

    Where none is whole, the newest: a run that goes on puts none away that has ended.
    """
    last: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (complete(row), when(row))):
        last[model_key(row), row["suite"], row["fingerprint"]] = row
    kept = {id(row) for row in last.values()}
    return [row for row in rows if id(row) in kept]


def complete(row: Mapping[str, Any]) -> bool:
    """Return whether a run has ended and asked every sample of the suite."""
    return bool(row["status"] == "done" and row["records"] >= (row["wanted"] or 0))


def when(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return what sorts runs by age: a run without a date is the oldest."""
    return str(row["started_at"] or ""), str(row["run_id"])


def model_key(row: Mapping[str, Any]) -> str:
    """Return what two runs of one model share."""
    return str(row["model_digest"] or row["model"])


def best_first(rows: Rows) -> Rows:
    """Return rows of one fence by score, those without one last."""
    return sorted(
        rows,
        key=lambda row: (row["score"] is None, -(row["score"] or 0.0) * (1 if row["up"] else -1), row["run_id"]),
    )


def alike(rows: Rows) -> tuple[int, int]:
    """Return how many pairs of rows of one fence have intervals that overlap, and how many pairs there are."""
    bounds = [_bounds(row) for row in rows if row["score"] is not None]
    lows = sorted(low for low, _ in bounds)
    pairs = len(bounds) * (len(bounds) - 1) // 2
    return pairs - sum(len(lows) - bisect_right(lows, high) for _, high in bounds), pairs


def note(row: Mapping[str, Any]) -> str:
    """Return what is to be known before a score is believed: samples not asked yet, and samples without a score.

    A run that is not done says nothing of a suite of it that is.
    """
    found = []
    short = row["wanted"] is None or row["records"] < row["wanted"]
    if short and row["wanted"]:
        found.append(f"{row['records']:,} of {row['wanted']:,} asked")
    if row["faults"]:
        found.append(f"{row['faults']:,} faults")
    if short and row["status"] != "done":
        found.append(str(row["status"]))
    return ", ".join(found)


def _bounds(row: Mapping[str, Any]) -> tuple[float, float]:
    sign = 1 if row["up"] else -1
    low, high = sorted((sign * row["low"], sign * row["high"]))
    return low, high


def _estimate(metric: Mapping[str, Any], counted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return score and 95% interval from sums; None where there is nothing to sum."""
    if not counted["n"]:
        return None
    n, total, squares = counted["n"], counted["total"], counted["squares"]
    if metric.get("aggregate") == "pass@1":
        total = squares = float(counted["full_scores"])
    low, high = metric.get("low", 0.0), metric.get("high", 1.0)
    if (low, high) == (0.0, 1.0) and math.isclose(total, squares, abs_tol=1e-9):
        found = stats.wilson(total, n)
        return {"score": found.value, "low": found.low, "high": found.high, "n": n}
    mean = total / n
    spread = math.sqrt(max(0.0, squares / n - mean**2) / max(1, n - 1))
    half = stats.Z95 * spread
    return {"score": mean, "low": max(low, mean - half), "high": min(high, mean + half), "n": n}


def _fingerprint(wanted: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """Return what must be equal for two scores of a suite to be compared, as `harness compare` has it."""
    decoding = [f"{name}={run[name]}" for name in DECODING if run[name] is not None]
    told = [f"v{wanted['version']}", str(wanted["scorer_key"])[:6], run["prompt"] or "", *decoding]
    return " ".join(part for part in told if part)
