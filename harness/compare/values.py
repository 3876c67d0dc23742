"""One number a sample, such that their mean is the metric: what paired tests work on.

    sample_values(Metric("acc_macro", "acc", "macro:subject"), rows)   ->  {"9f..": 0.75, "a0..": 0.0, ..}

Two steps: `points` averages the attempts at each sample (they are not independent), or takes the unbiased estimator of
pass@k; `linearised` makes of the points values whose mean is the metric. A mean is a mean already; a macro average
weighs each sample by its group; a ratio of sums is linearised around the ratio (Cochran 1977, section 6.4).
Cost: one pass over the rows.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from harness import stats
from harness.types import Metric

Point = tuple[float, float]
"""Value of a sample, and what a ratio has below it (1.0 for every other aggregate)."""


def sample_values(metric: Metric, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return sample id -> value for rows with `sample_id`, `tags` and `measures`; the mean is the metric.

    Values of macro averages and ratios may leave the metric's range. A sample with fewer attempts than pass@k needs has
    none; nothing has one where a ratio has nothing below.
    """
    found = points(metric, rows)
    tags = {row["sample_id"]: row["tags"] or {} for row in rows}
    values = linearised(metric, list(found.values()), [tags[sample_id] for sample_id in found])
    return dict(zip(found, values, strict=True)) if values else {}


def points(metric: Metric, rows: Sequence[Mapping[str, Any]]) -> dict[str, Point]:
    """Return sample id -> point for rows with `sample_id` and `measures`, in the order of the rows."""
    how, _, below = metric.aggregate.partition(":")
    attempts: dict[str, list[Mapping[str, float]]] = defaultdict(list)
    for row in rows:
        attempts[row["sample_id"]].append(row["measures"])
    if how.startswith("pass@"):
        k = int(how.removeprefix("pass@"))
        rights = {
            sample_id: (len(tried), sum(measures[metric.value] >= 1.0 for measures in tried))
            for sample_id, tried in attempts.items()
        }
        return {i: (stats.pass_at_k(tried, right, k), 1.0) for i, (tried, right) in rights.items() if tried >= k}
    return {
        sample_id: (_mean(tried, metric.value), _mean(tried, below) if how == "ratio" else 1.0)
        for sample_id, tried in attempts.items()
    }


def linearised(metric: Metric, found: Sequence[Point], tags: Sequence[Mapping[str, str]]) -> list[float]:
    """Return a value per point (with the tags of its sample), whose mean is the metric over these points.

    Empty where a ratio has nothing below.

    Raises:
        ValueError: an unknown aggregate.
    """
    how, _, argument = metric.aggregate.partition(":")
    values = [value for value, _ in found]
    if not values or how == "micro" or how.startswith("pass@"):
        return values
    if how == "macro":
        groups = [each.get(argument, "") for each in tags]
        sizes = Counter(groups)
        share = len(values) / len(sizes)
        return [value * share / sizes[group] for value, group in zip(values, groups, strict=True)]
    if how == "ratio":
        total = math.fsum(below for _, below in found)
        if total == 0:
            return []
        ratio, each = math.fsum(values) / total, total / len(values)
        return [ratio + (value - ratio * below) / each for value, below in found]
    raise ValueError(f"metric {metric.name!r} has an unknown aggregate {metric.aggregate!r}")


def level(point: Point) -> float | None:
    """Return how a sample did by itself: its value, its own ratio, or None where that has nothing below."""
    value, below = point
    return value / below if below else None


def _mean(tried: Sequence[Mapping[str, float]], value: str) -> float:
    return math.fsum(measures[value] for measures in tried) / len(tried)
