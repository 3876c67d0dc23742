"""What a card says of a run: every metric on the samples that count, beside the model that a round began with.

scores(database, "tuned-8f21..", "test", before="tiny-0a76..")
  -> [{"suite": "primer", "version": "2", "metric": "acc", "value": 0.81, "low": .., "n": 312, "before": 0.62, ..}]
"""

from __future__ import annotations

from typing import Any

from harness.report import aggregate, finite
from harness.store import Database, read
from harness.types import Metric


def scores(database: Database, run_id: str, split: str, before: str | None = None) -> list[dict[str, Any]]:
    """Return a mapping for each suite and metric of a run; `split`: `test`, or `all` for both.

    `before`: value of the same metric on the same samples in another run, where that run has the suite. Where nothing
    is scored, or too little for the metric, there is no line.
    """
    found = []
    other = set(read.run_suites(database, before)) if before else set()
    for suite, wanted in read.run_suites(database, run_id).items():
        rows = _rows(database, run_id, suite, split)
        earlier = _rows(database, before, suite, split) if before and suite in other else []
        for declared in wanted["metrics"]:
            metric = Metric(**declared)
            estimate = aggregate(metric, rows)
            if estimate is None or finite(estimate.value) is None:
                continue
            was = aggregate(metric, earlier) if earlier else None
            found.append({
                "suite": suite, "version": wanted["version"], "licence": wanted["licence"], "metric": metric.name,
                "split": split, "value": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n,
                "before": finite(was.value) if was else None,
            })  # fmt: skip
    return found


def _rows(database: Database, run_id: str, suite: str, split: str) -> list[dict[str, Any]]:
    sql = (
        "SELECT sample_id, tags, measures FROM results WHERE run_id = ? AND suite = ? AND measures IS NOT NULL"
        " AND (? = 'all' OR split = ?)"
    )
    return read.query(database, sql, [run_id, suite, split, split])
