"""What the stages of a compression scored: read from their runs, never stored twice.

    of_run(database, "tiny-0a76..")["primer"]
      -> {"metric": "exact_match", "n": 486, "score": 0.93, "low": 0.90, "high": 0.95, "faults": 0}
    rows, base = compression(database, "quickstart-tiny");  rows[0]["scores"]["primer"]

Sealed samples alone (split `test`): stages may train on what they broke of `dev`. Intervals are those of
`harness.report`, 95% two-sided. Cost: one query over the records of a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.compare.pairs import declared_metric, result_rows
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


def compression(database: Database, name: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of a compression's stages and the row of its latest start, each with `scores` from its run."""
    started, known = stages.compressions(database, name), {str(row["run_id"]) for row in read.runs(database)}

    def scored(row: Mapping[str, Any], run_id: Any) -> dict[str, Any]:
        return {**row, "scores": of_run(database, run_id) if run_id in known else {}}

    base = started[-1] if started else {}
    return [scored(row, row["run_id"]) for row in stages.rows(database, name)], scored(base, base.get("run_base"))
