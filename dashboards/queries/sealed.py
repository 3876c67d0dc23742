"""Scores on the sealed samples (split `test`) of some runs: what loops and compressions are judged by.

    scores(ask, database, ["tiny-0a.."])["tiny-0a..", "primer"]
      -> Score(suite="primer", fingerprint="v2 3f9a..", metric="acc", value=0.93, low=0.91, high=0.95, n=486, up=True)

Shares right of one attempt each come of sums, one pass over the runs' records, with Wilson's interval; whatever else
there is (macro, ratio, pass@k, graded scores) needs each sample and is asked of `harness.report`. Cost: 20 ms and one
pass over the records of the named runs; a second query a suite where sums do not do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dashboards.queries import Ask
from harness import stats
from harness.compare.pairs import result_rows
from harness.report import aggregate
from harness.store import Database
from harness.types import Metric

SUITES = """
SELECT run_id, suite, version, scorer_key, metrics FROM run_suites
WHERE list_contains(?::VARCHAR[], run_id) ORDER BY run_id, suite
"""
SUMS = """
SELECT run_id, suite, count(*) AS records, count(DISTINCT sample_id) AS samples, count(score) AS n,
       sum(score) AS total, bool_and(score IN (0, 1)) AS shares
FROM results WHERE split = 'test' AND list_contains(?::VARCHAR[], run_id) GROUP BY run_id, suite
"""


@dataclass(frozen=True)
class Score:
    """The primary metric of a run's suite on its sealed samples."""

    suite: str
    fingerprint: str
    """Version and scorer: what must be equal for two scores to be compared."""
    metric: str
    value: float
    low: float
    high: float
    """95% interval."""
    n: int
    up: bool
    """Whether more is better."""

    @property
    def good(self) -> float:
        """The score, turned so that more is better."""
        return self.value if self.up else -self.value


def scores(ask: Ask, database: Database, runs: Collection[str | None]) -> dict[tuple[str, str], Score]:
    """Return (run, suite) -> score; a suite without one score is left out."""
    wanted = sorted({run for run in runs if run})
    if not wanted:
        return {}
    sums = {(row["run_id"], row["suite"]): row for row in ask(SUMS, (wanted,))}
    found = {}
    for row in ask(SUITES, (wanted,)):
        key, metric = (row["run_id"], row["suite"]), Metric(**json.loads(row["metrics"])[0])
        estimate = _estimate(database, metric, sums[key]) if key in sums else None
        if estimate is not None and not math.isnan(estimate.value):
            mark = f"v{row['version']} {str(row['scorer_key'])[:6]}"
            values = (estimate.value, estimate.low, estimate.high, estimate.n)
            found[key] = Score(row["suite"], mark, metric.name, *values, metric.higher_is_better)
    return found


def _estimate(database: Database, metric: Metric, counted: Mapping[str, Any]) -> stats.Estimate | None:
    """Return an estimate of sums where they hold it, else of each sample."""
    if not counted["n"]:
        return None
    plain = metric.aggregate == "micro" and (metric.low, metric.high) == (0.0, 1.0)
    if plain and counted["shares"] and counted["samples"] == counted["records"]:
        return stats.wilson(counted["total"], counted["n"])
    rows = result_rows(database, counted["run_id"], counted["suite"], "test")
    return aggregate(metric, [row for row in rows if row["measures"] is not None])
