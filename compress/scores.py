"""What stages scored, and on how many samples each one changed its mind: read from the runs, never stored twice.

    of_run(database, "tiny-0a76..")["primer"]
      -> {"metric": "exact_match", "n": 486, "score": 0.93, "low": 0.90, "high": 0.95, "faults": 0}
    flips(database, "tiny-0a76..", "stage-1-77c0..")["primer"]    -> {"broken": 12, "mended": 3}

Sealed samples alone (split `test`): stages may train on what they broke of `dev`. Intervals are those of
`harness.report`, 95% two-sided. Cost: one query over the records of a run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.compare.pairs import declared_metric, paired, result_rows
from harness.report import aggregate
from harness.store import Database, read, stages

SPLIT = "test"


def of_run(database: Database, run_id: str) -> dict[str, dict[str, Any]]:
    """Return suite -> primary metric on the sealed samples of a run; suites without one score are left out."""
    wanted = read.run_suites(database, run_id)
    found = {suite: score(row, result_rows(database, run_id, suite, SPLIT)) for suite, row in wanted.items()}
    return {suite: one for suite, one in found.items() if one is not None}


def score(wanted: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the primary metric over some records of a run's suite; None without one score.

    `wanted`: of `read.run_suites`; `rows`: of `harness.compare.pairs.result_rows`.
    """
    metric, scored = declared_metric(wanted, ""), [row for row in rows if row["measures"] is not None]
    estimate = aggregate(metric, scored) if scored else None
    if estimate is None or math.isnan(estimate.value):
        return None
    found = {"score": estimate.value, "low": estimate.low, "high": estimate.high}
    return {"metric": metric.name, "n": estimate.n, **found, "faults": len(rows) - len(scored)}


def flips(database: Database, before: str, after: str) -> dict[str, dict[str, int]]:
    """Return suite -> how many sealed samples the run `after` does worse (`broken`) and better than the run `before`.

    Where two runs may not be compared (another prompt, scorer or version), the suite is left out.
    """
    if before == after:  # the same weights: nothing was asked again
        return {suite: {"broken": 0, "mended": 0} for suite in read.run_suites(database, after)}
    return {
        pairs.suite: {"broken": pairs.signs.count(-1), "mended": pairs.signs.count(1)}
        for pairs in paired(database, before, after, split=SPLIT)
        if not pairs.refused
    }


def compression(database: Database, name: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of a compression's stages and the row of its latest start, each with `scores` (and `flips`)."""
    started = stages.compressions(database, name)
    return of_rows(database, stages.rows(database, name), started[-1] if started else {})


def of_rows(
    database: Database, rows: Iterable[Mapping[str, Any]], base: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return rows of stages and the row of their compression with `scores` and `flips` from their runs."""
    known = {str(row["run_id"]) for row in read.runs(database)}
    return (
        [{**row, **_judged(database, row.get("run_id"), row.get("run_before"), known)} for row in rows],
        {**base, **_judged(database, base.get("run_base"), None, known)},
    )


def _judged(database: Database, run_id: Any, before: Any, known: Sequence[str] | set[str]) -> dict[str, Any]:
    if run_id not in known:
        return {"scores": {}, "flips": {}}
    return {
        "scores": of_run(database, run_id),
        "flips": flips(database, before, run_id) if before in known else {},
    }
