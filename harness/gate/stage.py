"""What is fixed about a suite before its first answer, so that looking at the answers cannot change it.

    stage(policy.suites["mmlu"], metric, reference={"9f..": 1.0, ..}, groups={"9f..": "41..", ..}, .., of=14042, ..)
      ->  Stage(margin=0.03, largest=1.0, ..)         or a line that says why only the end is tested

Bets need bounded scores whose mean is the metric: means, macro averages (weighted) and pass@k are bet on, ratios of
sums are not. Few large clusters (57 subjects) are tested at the end alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.gate.policy import SuitePolicy
from harness.types import Metric

LEAST_BETS = 100
"""Pairs over the size of the largest cluster. Below, looking finds next to nothing and costs its share of alpha."""


@dataclass(frozen=True)
class Stage:
    """What is fixed about a suite before its first answer. Values are scaled to [0, 1], a margin too."""

    metric: Metric
    up: bool
    """Whether more is better."""
    reference: Mapping[str, float]
    """Sample id -> value."""
    groups: Mapping[str, str]
    """Sample id -> cluster."""
    weights: Mapping[str, float]
    """Sample id -> weight of its difference, mean 1 (macro averages)."""
    of: int
    """Pairs there will be."""
    largest: float
    """Weight of the largest cluster."""
    margin: float | None
    """Of a non-inferiority rule against this reference."""
    passes: bool
    """Whether keeping the margin is all that the suite must do."""
    alpha: float
    share: float
    family: int
    """Tests for a regression over all suites."""
    min_items: int = 50
    look_every: int = 1


def stage(
    wanted: SuitePolicy,
    metric: Metric,
    reference: Mapping[str, float],
    groups: Mapping[str, str],
    tags: Mapping[str, Mapping[str, str]],
    of: int,
    **shared: Any,
) -> Stage | str:
    """Return what is fixed about a suite, or why it is tested at the end only.

    `reference`: sample id -> value in the metric's units, attempts averaged. `tags`: sample id -> its tags. `shared`:
    alpha, share, family, min_items, look_every.
    """
    span = metric.high - metric.low
    how, _, tag = metric.aggregate.partition(":")
    if not math.isfinite(span) or span <= 0:
        return f"bets need a bounded score, {metric.name!r} is not"
    if how == "ratio":
        return f"{metric.name!r} is a ratio of sums, no single sample bets on it"
    if how == "macro" and of < len(reference):
        return f"{metric.name!r} weighs samples by their groups, and the candidate has fewer than the reference"
    if wanted.relative is not None and wanted.relative.to == "reference":
        return "the policy's ratio may tolerate a drop, and ratios are tested at the end"
    weights = _weights(reference, tags, tag) if how == "macro" else dict.fromkeys(reference, 1.0)
    largest = _largest(groups, weights)
    if of / largest < LEAST_BETS:
        size = f"{of} pairs in clusters of up to {largest:.0f}" if largest > 1 else f"{of} pairs"
        return f"{size} are too few bets"
    rule = wanted.non_inferiority
    margin = rule.margin / span if rule is not None and rule.to == "reference" and rule.margin < span else None
    alone = margin is not None and not (wanted.absolute or wanted.relative or wanted.calibration)
    scaled = {i: (value - metric.low) / span for i, value in reference.items()}
    up = metric.higher_is_better if wanted.direction == "declared" else wanted.direction == "higher_is_better"
    return Stage(metric, up, scaled, groups, weights, of, largest, margin, alone, **shared)


def _weights(reference: Mapping[str, float], tags: Mapping[str, Mapping[str, str]], tag: str) -> dict[str, float]:
    sizes = Counter(tags[i].get(tag, "") for i in reference)
    share = len(reference) / len(sizes)
    return {i: share / sizes[tags[i].get(tag, "")] for i in reference}


def _largest(groups: Mapping[str, str], weights: Mapping[str, float]) -> float:
    sums: Counter[str] = Counter()
    for i, weight in weights.items():
        sums[groups[i]] += weight  # type: ignore[assignment]
    return max(sums.values(), default=1.0)
