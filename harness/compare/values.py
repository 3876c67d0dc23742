"""One number a sample, such that their mean is the metric: what paired tests work on.

A mean is a mean already; a macro average weighs each sample by its group; a ratio of sums is linearised around the
ratio (Cochran 1977, section 6.4); pass@k takes the unbiased estimator of each sample. Attempts at one sample are
averaged: they are not independent.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness import stats
from harness.types import Metric


def sample_values(metric: Metric, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return sample id -> value for rows with `sample_id`, `tags` and `measures`; the mean is the metric.

    Values of macro averages and ratios may leave the metric's range. Empty where pass@k has too few attempts.
    """
    how, _, argument = metric.aggregate.partition(":")
    if how.startswith("pass@"):
        return _pass_at(metric, rows, int(how.removeprefix("pass@")))
    values = _averaged(rows, metric.value)
    if how == "micro" or not values:
        return values
    if how == "macro":
        group_of = {row["sample_id"]: row["tags"].get(argument, "") for row in rows}
        sizes = Counter(group_of[sample_id] for sample_id in values)
        share = len(values) / len(sizes)
        return {sample_id: value * share / sizes[group_of[sample_id]] for sample_id, value in values.items()}
    if how == "ratio":
        below = _averaged(rows, argument)
        total = math.fsum(below.values())
        if total == 0:
            return {}
        ratio, each = math.fsum(values.values()) / total, total / len(below)
        return {sample_id: ratio + (value - ratio * below[sample_id]) / each for sample_id, value in values.items()}
    raise ValueError(f"metric {metric.name!r} has an unknown aggregate {metric.aggregate!r}")


def _averaged(rows: Iterable[Mapping[str, Any]], value: str) -> dict[str, float]:
    attempts: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        attempts[row["sample_id"]].append(row["measures"][value])
    return {sample_id: math.fsum(found) / len(found) for sample_id, found in attempts.items()}


def _pass_at(metric: Metric, rows: Sequence[Mapping[str, Any]], k: int) -> dict[str, float]:
    attempts: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        attempts[row["sample_id"]].append(row["measures"][metric.value])
    if any(len(found) < k for found in attempts.values()):
        return {}
    return {
        sample_id: stats.pass_at_k(len(found), sum(x >= 1.0 for x in found), k) for sample_id, found in attempts.items()
    }
