"""What a policy will be able to tell, before a token is spent: detectable drops, margins that can be kept, noise.

    lines(policy, database, {"humaneval": 164})
      ->  [Row("humaneval", n=164, psi=0.2, source="assumed", detectable=0.11, certifiable=0.088, margin=0.05,
               needed=495, warning="an equal model would keep a margin of 0.05 less often than 80%: ..")]

`detectable` is the smallest drop that is found with the policy's power at Holm's worst case, alpha over the number of
suites; `certifiable` the smallest margin that an equal model keeps with that power. Both hang on how often two models
disagree on a sample, psi, which is taken from the first of:

1. the noise floor: how often one model disagrees with itself, from repeated attempts (`--samples`, `--fresh`) or runs
   with other seeds in this database. Another model disagrees at least so often. Greedy decoding that repeats itself
   has a floor of 0, which says nothing about other models: it is shown, and psi comes from 2 or 3;
2. past gates of this suite against other runs, which also tell what clusters and attempts do to the error;
3. 0.2, which two checkpoints of one training seldom exceed.

In sequential mode the margin is that of the test at the end, with the part of alpha that the looks leave: looks keep
margins too, so it is the worst case.
Formulas: `stats.power`. Cost: a second for suites of thousands, exact up to `EXACT` samples, normal above.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from harness.config import EvalConfig
from harness.gate.decide import alpha_of
from harness.gate.evidence import Evidence
from harness.gate.gather import stored_name, stored_references
from harness.gate.policy import Policy
from harness.stats import power as powers
from harness.store import Database, gates, read

ASSUMED = 0.2
EXACT = 3000
"""Samples up to which all tables are enumerated."""
NOTHING = "nothing is asked of it"
PAST = 20
"""Gates looked back at."""
DECODED_ALIKE = ("prompt", "temperature", "top_p", "max_tokens", "reasoning_tokens")
"""What runs must share to be repetitions."""


@dataclass(frozen=True)
class Row:
    """One suite of a plan. Differences are in units of its metric."""

    suite: str
    n: int
    """Samples that will be compared."""
    attempts: int
    floor: float | None
    """Noise floor: share of samples on which a model disagrees with itself; None where it was never measured."""
    psi: float
    """Share of samples on which candidate and reference are taken to differ."""
    source: str
    detectable: float | None = None
    """None without a stored reference; inf where no drop is found so often."""
    certifiable: float | None = None
    margin: float | None = None
    """The policy's."""
    needed: int | None = None
    """Samples with which an equal model keeps that margin with the policy's power."""
    warning: str = ""


@dataclass(frozen=True)
class Spread:
    """How much a difference between two models scatters."""

    psi: float
    variance: float
    """Of a sample's difference, clusters and attempts included."""
    source: str
    simple: bool = False
    """Whether samples are independent, right or wrong, and asked once, so that tables can be enumerated."""


def asked(config: EvalConfig) -> dict[str, int]:
    """Return suite -> samples that an evaluation asks, after its cheap checks.

    Raises:
        UsageError: as `runner.evaluate` before a model is opened.
    """
    from harness.runner import plan

    return {part.suite.name: len(part.samples) for part in plan.parts(config)}


def recorded(database: Database, run_id: str) -> dict[str, int]:
    """Return suite -> samples of a stored run."""
    attempts = read.run(database, run_id)["config"]["samples"]
    return {name: row["wanted"] // attempts for name, row in read.run_suites(database, run_id).items()}


def lines(policy: Policy, database: Database, wanted: Mapping[str, int], loop: str = "") -> list[Row]:
    """Return a row for every suite of the policy. `wanted`: stored name of a suite -> samples of the candidate.

    Raises:
        UsageError: a reference that names no run.
    """
    run = stored_references(database, policy).get("reference", "")
    known = recorded(database, run) if run else {}
    family = sum(stored_name(name, {}) in known for name in policy.suites)
    alpha = alpha_of(policy, Evidence("", "", {}, loop=loop))
    late = alpha * (1.0 - policy.sequential.share) if policy.sequential.enabled else alpha
    rows = []
    for name in policy.suites:
        suite = stored_name(name, {})
        floor = noise_floor(database, suite, policy.suites[name].metric, run)
        pairs = min(wanted.get(suite, 0), known[suite]) if suite in known else None
        spread = _spread(database, name, floor, policy)
        row = Row(name, wanted.get(suite, 0), policy.evaluate.samples, floor, spread.psi, spread.source)
        rows.append(_foreseen(row, policy, spread, pairs, alpha / max(1, family), late))
    return rows


def _foreseen(row: Row, policy: Policy, spread: Spread, pairs: int | None, worst: float, alpha: float) -> Row:
    """Return a row with what its pairs can tell. `worst`: the smallest part of alpha that Holm may leave a suite."""
    if not pairs:
        return replace(
            row, warning="no stored reference: only the score itself is judged" if pairs is None else NOTHING
        )
    rules, power = policy.suites[row.suite], policy.defaults.power
    detectable, certifiable = _reach(pairs, spread, worst, alpha, power)
    rule = rules.non_inferiority
    margin = rule.margin if rule is not None and rule.to == "reference" else None
    short = margin is not None and margin < certifiable
    needed = powers.needed(spread.variance, margin, alpha, power) if short and margin is not None else None
    least = policy.defaults.min_items if rules.min_items is None else rules.min_items
    warning = ""
    if pairs < least:
        warning = f"{pairs} samples, fewer than {least} decide nothing"
    elif needed is not None:
        warning = (
            f"an equal model keeps the margin {margin:g} less often than {power:.0%}: that takes {needed:,} samples"
        )
    return replace(
        row, n=pairs, detectable=detectable, certifiable=certifiable, margin=margin, needed=needed, warning=warning
    )  # fmt: skip


def _reach(n: int, spread: Spread, worst: float, alpha: float, power: float) -> tuple[float, float]:
    """Return (smallest drop that is found, smallest margin that an equal model keeps), both with `power`."""
    if spread.simple and n <= EXACT:
        return powers.detectable(n, spread.psi, worst, power), powers.certifiable(n, spread.psi, alpha, power)
    se = math.sqrt(spread.variance / n)
    return powers.detectable_by_se(se, worst, power), powers.detectable_by_se(se, alpha, power)


def _spread(database: Database, name: str, floor: float | None, policy: Policy) -> Spread:
    attempts = policy.evaluate.samples
    simple = attempts == 1 and not policy.suites[name].cluster
    if floor:
        return Spread(floor, floor / attempts, "noise floor", simple)
    past = [found for found in _past(database, name) if found.get("se") and found.get("n")]
    if past:
        psi = median(found["psi"] for found in past)
        variance = median(found["n"] * found["se"] ** 2 for found in past)
        # Independent samples scatter by their discordance, short of the square of a difference.
        return Spread(psi, variance, f"{len(past)} past gates", simple and variance <= psi <= 1.2 * variance)
    return Spread(ASSUMED, ASSUMED / attempts, "assumed", simple)


def _past(database: Database, name: str) -> list[dict[str, float]]:
    """Return the numbers of the latest checks for a regression of a suite, a run against itself left out."""
    if not gates.latest(database, 1):
        return []
    found = read.query(
        database,
        "SELECT c.numbers FROM checks c JOIN gates g USING (gate_id) WHERE c.suite = ? AND c.rule = 'regression'"
        " AND g.candidate <> g.reference ORDER BY g.decided_at DESC LIMIT ?",
        [name, PAST],
    )
    return [json.loads(row["numbers"]) for row in found]


def noise_floor(database: Database, suite: str, metric: str = "", run: str = "") -> float | None:
    """Return the share of samples on which a model disagrees with itself, from at least two answers to each.

    Answers count as repeated when model, scorer, prompt form and decoding are the same and the completions are not. Of
    several models that of `run` speaks, else the one with most repeated samples. None where nothing was repeated.
    """
    rows = read.query(
        database, "SELECT DISTINCT metrics FROM run_suites WHERE suite = ?", [suite]
    )  # fmt: skip
    values = {m["value"] for row in rows for m in json.loads(row["metrics"])[: None if metric else 1]
              if not metric or m["name"] == metric}  # fmt: skip
    found = [one for value in sorted(values) for one in _repeated(database, suite, value, run)]
    return float(found[0]["differs"]) if found else None


def _repeated(database: Database, suite: str, value: str, run: str) -> list[dict[str, Any]]:
    alike = ", ".join(f"runs.config->>'{name}' AS {name}" for name in DECODED_ALIKE)
    keys = ", ".join(("model", "scorer_key", *DECODED_ALIKE))
    return read.query(
        database,
        f"""
        WITH said AS (
            SELECT DISTINCT coalesce(runs.model_digest, runs.model) AS model, rs.scorer_key, {alike}, r.sample_id,
                   r.completion_keys, sc.measures[?] AS value
            FROM records r JOIN runs USING (run_id) JOIN run_suites rs ON rs.run_id = r.run_id AND rs.suite = r.suite
            JOIN scores sc ON sc.key = r.score_key WHERE r.suite = ?),
        counted AS (SELECT {keys}, sample_id, value, count(*) AS times FROM said GROUP BY ALL),
        samples AS (
            SELECT {keys}, sum(times) AS k, 1 - sum(times * (times - 1)) / (sum(times) * (sum(times) - 1)) AS differs
            FROM counted GROUP BY {keys}, sample_id HAVING sum(times) > 1)
        SELECT avg(differs) AS differs, count(*) AS n,
               model = (SELECT coalesce(model_digest, model) FROM runs WHERE run_id = ?) AS own
        FROM samples GROUP BY {keys} ORDER BY own DESC NULLS LAST, n DESC LIMIT 1
        """,
        [value, suite, run],
    )
