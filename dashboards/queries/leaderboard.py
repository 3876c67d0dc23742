"""Models by suites: the primary metric of every run and suite, with intervals and ranks.

    board(ask)[0]    -> {"run_id": "tiny-0a..", "suite": "primer", "score": 0.74, "low": 0.72, "high": 0.75, "n": 3072}

Sums come from one pass over the records (a second for two million on two cores); intervals and ranks are made here of
the sums. Means, of shares Wilson's interval; other aggregates (macro, ratio, pass@k) and several attempts at a sample
need each sample and are asked of `harness.report`, which a page does for the runs that it shows.

Rank(UB) is 1 + the number of models whose lower bound lies above the upper bound of this one (Chiang et al. 2024,
arXiv 2403.04132): models that are not told apart share a rank.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from dashboards.queries import Ask, Rows
from harness import stats

RUNS = """
SELECT r.run_id, r.name, r.model, r.model_digest, r.status, r.started_at,
       (r.model_facts->>'size_bytes')::BIGINT AS size_bytes,
       r.model_facts->>'quantisation' AS quantisation, coalesce((r.config->>'samples')::INTEGER, 1) AS samples
FROM runs r ORDER BY r.started_at DESC, r.run_id
"""
SUITES = """
SELECT run_id, suite, version, scorer_key, metrics, wanted, seconds FROM run_suites ORDER BY suite, run_id
"""
SUMS = """
SELECT r.run_id, r.suite, count(*) AS records, count(r.fault_boundary) AS faults, count(s.score) AS n,
       sum(s.score) AS total, sum(s.score * s.score) AS squares
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
PLAIN = ("micro",)
"""Aggregates that are the mean over samples."""


def board(ask: Ask) -> Rows:
    """Return a row a run and suite, the newest run first, ranked inside each suite and fingerprint."""
    runs = {row["run_id"]: row for row in ask(RUNS, ())}
    sums = {(row["run_id"], row["suite"]): row for row in ask(SUMS, ())}
    speeds = {row["model_digest"]: row["tokens_per_s"] for row in ask(SPEEDS, ())}
    found = []
    for wanted in ask(SUITES, ()):
        run, metric = runs[wanted["run_id"]], json.loads(wanted["metrics"])[0]
        counted = sums.get((wanted["run_id"], wanted["suite"]))
        scored = _estimate(metric, counted) if counted and run["samples"] == 1 else None
        found.append({
            **{key: run[key] for key in ("run_id", "name", "model", "status", "started_at", "size_bytes")},
            "suite": wanted["suite"], "version": wanted["version"], "fingerprint": _fingerprint(wanted),
            "metric": metric["name"], "up": metric.get("higher_is_better", True), "wanted": wanted["wanted"],
            "records": counted["records"] if counted else 0, "faults": counted["faults"] if counted else 0,
            "seconds": wanted["seconds"], "tokens_per_s": speeds.get(run["model_digest"]),
            **(scored or {"score": None, "low": None, "high": None, "n": 0}),
        })  # fmt: skip
    return ranked(found)


def ranked(rows: Rows) -> Rows:
    """Return rows with `rank` among those of the same suite and fingerprint; None where there is no score."""
    groups: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in rows:
        if row["score"] is not None:
            groups[row["suite"], row["fingerprint"]].append(row)
    ranks: dict[int, int] = {}
    for members in groups.values():
        sign = 1 if members[0]["up"] else -1
        bounds = [sorted((sign * row["low"], sign * row["high"])) for row in members]
        for row, (_, high) in zip(members, bounds, strict=True):
            ranks[id(row)] = 1 + sum(low > high for low, _ in bounds)
    return [{**row, "rank": ranks.get(id(row))} for row in rows]


def _estimate(metric: Mapping[str, Any], counted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return score and 95% interval from sums; None where sums do not hold them."""
    if metric.get("aggregate", "mean").partition(":")[0] not in PLAIN or not counted["n"]:
        return None
    n, total, squares = counted["n"], counted["total"], counted["squares"]
    low, high = metric.get("low", 0.0), metric.get("high", 1.0)
    if (low, high) == (0.0, 1.0) and math.isclose(total, squares, abs_tol=1e-9):
        found = stats.wilson(total, n)
        return {"score": found.value, "low": found.low, "high": found.high, "n": n}
    mean = total / n
    spread = math.sqrt(max(0.0, squares / n - mean**2) / max(1, n - 1))
    half = stats.Z95 * spread
    return {"score": mean, "low": max(low, mean - half), "high": min(high, mean + half), "n": n}


def _fingerprint(wanted: Mapping[str, Any]) -> str:
    """Return what must be equal for two scores of a suite to be compared."""
    return f"v{wanted['version']} {str(wanted['scorer_key'])[:6]}"
