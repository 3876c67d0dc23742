"""All scored questions of a run, passed and failed: what the view over kinds of question looks at.

    questions(database, "base-1f0c9a77d2", split="dev")[0]
      -> Question(suite="mmlu", name="virology/3", text="Which virus ..", tags={"subject": "virology"}, value=1.0)

A fault has no score and is no question here. Attempts at one sample are averaged: they are not independent. A value is
put on [0, 1] by the range that its metric declares, 1 the better end; where a range has no end, it is 1 for what the
suite calls right and 0 for the rest.

Cost: a query or two a suite; 14,000 samples in about a second.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.compare.pairs import declared_metric
from harness.compare.values import level, points
from harness.failures.cases import asked, options
from harness.store import Database, read
from harness.types import Metric


@dataclass(frozen=True)
class Question:
    """One scored sample."""

    suite: str
    sample_id: str
    name: str
    text: str
    """What was asked, with its options (hostile)."""
    tags: Mapping[str, str]
    value: float
    """Mean over attempts, in [0, 1], 1 the best."""


def questions(
    database: Database, run_id: str, split: str = "all", suites: Sequence[str] | None = None
) -> list[Question]:
    """Return the scored samples of a run, sorted by suite and sample id.

    `split`: `dev`, `test` or `all`. `suites`: names, all that the run has where None.

    Raises:
        UsageError: a suite that the run lacks; tells the nearest.
    """
    wanted = read.run_suites(database, run_id, suites)
    return [question for row in wanted.values() for question in _of_suite(database, run_id, row, split)]


def value(metric: Metric, found: Sequence[Mapping[str, Any]]) -> float | None:
    """Return how the attempts at one sample did, in [0, 1]; None where a ratio has nothing below."""
    if not (math.isfinite(metric.low) and math.isfinite(metric.high)):
        rights: list[bool] = [row["mode"] == "right" for row in found]
        return sum(rights) / len(rights)
    point = next(iter(points(metric, found).values()), None)
    own = None if point is None else level(point)
    if own is None:
        return None
    share = (own - metric.low) / (metric.high - metric.low)
    return min(1.0, max(0.0, share if metric.higher_is_better else 1.0 - share))


def _of_suite(database: Database, run_id: str, wanted: Mapping[str, Any], split: str) -> list[Question]:
    metric, suite = declared_metric(wanted, ""), wanted["suite"]
    attempts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(database, run_id, suite, split):
        attempts[row["sample_id"]].append(row)
    data = {sample_id: json.loads(rows[0]["data"] or "{}") for sample_id, rows in attempts.items()}
    told = {sample_id: asked(row) for sample_id, row in data.items()}
    if not all(told.values()):
        prompts = _prompts(database, run_id, suite)
        told = {i: text or asked(data[i], prompts.get(i, "")) for i, text in told.items()}
    found = []
    for sample_id, rows in attempts.items():
        own = value(metric, rows)
        if own is not None:
            text = "\n".join([told[sample_id], *options(data[sample_id], told[sample_id])])
            name = rows[0]["name"] or sample_id[:12]
            found.append(Question(suite, sample_id, name, text, dict(rows[0]["tags"] or {}), own))
    return found


def _rows(database: Database, run_id: str, suite: str, split: str) -> list[dict[str, Any]]:
    where = "" if split == "all" else " AND s.split = ?"
    return read.query(
        database,
        "SELECT r.sample_id, s.name, s.tags, s.data, sc.measures, sc.mode FROM records r"
        " JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite"
        " LEFT JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest"
        f" WHERE r.run_id = ? AND r.suite = ?{where}"
        " QUALIFY row_number() OVER (PARTITION BY r.sample_id, r.attempt ORDER BY r.recorded_at DESC) = 1"
        " ORDER BY r.sample_id, r.attempt",
        [run_id, suite, *([] if split == "all" else [split])],
    )


def _prompts(database: Database, run_id: str, suite: str) -> dict[str, str]:
    """Return sample id -> the end of its stored prompt, for rows that hold no question."""
    found = read.query(
        database,
        "SELECT DISTINCT ON (r.sample_id) r.sample_id, right(c.tail, 4000) AS tail FROM records r"
        " JOIN completions c ON c.key = r.completion_keys[1] WHERE r.run_id = ? AND r.suite = ? ORDER BY r.sample_id",
        [run_id, suite],
    )
    return {row["sample_id"]: row["tail"] or "" for row in found}
