"""What the arms of a proof say together: differences, kept skills, share of the oracle's gain, with two intervals each.

    pooled   samples of all seeds, paired by seed and sample, clustered by sample origin: what of the difference is due
             to which samples were asked. The seeds are taken as they are.
    seeds    Student's t over the seeds' own figures (df = seeds - 1): what a further base and training would bring.

A claim holds when both exclude the value it denies. Differences are `harness.stats.contrast`'s (Tango's score bounds
within clusters); a ratio sum(y) / sum(x) has the delta method's interval, with the clustered standard error of
y - ratio * x. All intervals are two-sided, 95%.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.stats import contrast

ALPHA = 0.025
"""Of each side."""


@dataclass(frozen=True)
class Column:
    """Scores of one arm on some skills: a value for each sample of each seed, all arms in the same order."""

    values: tuple[tuple[float, ...], ...]  # (seeds, samples)

    @property
    def flat(self) -> list[float]:
        """All values, seed after seed."""
        return [value for seed in self.values for value in seed]

    @property
    def means(self) -> list[float]:
        """One mean for each seed."""
        return [sum(seed) / len(seed) for seed in self.values]


@dataclass(frozen=True)
class Figure:
    """A figure with both its intervals; without bounds where there is one seed."""

    value: float
    low: float
    high: float
    seeds_value: float
    """Mean of the seeds' figures."""
    seeds_low: float
    seeds_high: float
    by_seed: tuple[float, ...]

    def above(self, bound: float) -> bool:
        """Return whether both intervals lie above `bound`."""
        return min(self.low, self.seeds_low) > bound

    def below(self, bound: float) -> bool:
        """Return whether both intervals lie below `bound`."""
        return max(self.high, self.seeds_high) < bound


def mean(column: Column, origins: Sequence[str]) -> Figure:
    """Return the mean score."""
    found = contrast([0.0] * len(column.flat), column.flat, origins, ALPHA)
    return _figure(found.delta, found.low, found.high, column.means)


def difference(reference: Column, candidate: Column, origins: Sequence[str]) -> Figure:
    """Return candidate minus reference."""
    found = contrast(reference.flat, candidate.flat, origins, ALPHA)
    by_seed = [b - a for a, b in zip(reference.means, candidate.means, strict=True)]
    return _figure(found.delta, found.low, found.high, by_seed)


def ratio(below: Column, above: Column, origins: Sequence[str]) -> Figure:
    """Return sum(above) / sum(below)."""
    by_seed = [b / a if a else math.nan for a, b in zip(below.means, above.means, strict=True)]
    return _ratio(below.flat, above.flat, origins, by_seed)


def share(base: Column, oracle: Column, arm: Column, origins: Sequence[str]) -> Figure:
    """Return the arm's gain over the base as a share of the oracle's."""
    most = [b - a for a, b in zip(base.flat, oracle.flat, strict=True)]
    gain = [b - a for a, b in zip(base.flat, arm.flat, strict=True)]
    by_seed = [
        (a - b) / (o - b) if o != b else math.nan
        for b, o, a in zip(base.means, oracle.means, arm.means, strict=True)
    ]  # fmt: skip
    return _ratio(most, gain, origins, by_seed)


def _ratio(below: Sequence[float], above: Sequence[float], origins: Sequence[str], by_seed: Sequence[float]) -> Figure:
    total = math.fsum(below)
    if not total:
        return Figure(*[math.nan] * 6, tuple(by_seed))
    value = math.fsum(above) / total
    found = contrast(below, above, origins, ALPHA, rho=value)
    half = _t(found.clusters) * found.se * found.n / abs(total)
    return _figure(value, value - half, value + half, by_seed)


def _figure(value: float, low: float, high: float, by_seed: Sequence[float]) -> Figure:
    n = len(by_seed)
    middle = math.fsum(by_seed) / n
    if n < 2:
        return Figure(value, low, high, middle, -math.inf, math.inf, tuple(by_seed))
    se = math.sqrt(math.fsum((one - middle) ** 2 for one in by_seed) / (n - 1) / n)
    half = _t(n) * se
    return Figure(value, low, high, middle, middle - half, middle + half, tuple(by_seed))


def _t(groups: int) -> float:
    from scipy.stats import t

    return float(t.ppf(1.0 - ALPHA, groups - 1))
