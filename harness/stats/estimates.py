"""Intervals and estimators. Pure functions of numbers; every formula carries its source."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

Z95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Estimate:
    """A number with its two-sided 95% interval over `n` independent units."""

    value: float
    low: float
    high: float
    n: int


def wilson(successes: float, n: int, z: float = Z95) -> Estimate:
    """Return the Wilson score interval of a proportion (Wilson 1927). n = 0 gives nan with [0, 1]."""
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, 0)
    p = successes / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # min and max: at 0 and 1 the bound is the proportion itself, but for rounding.
    return Estimate(p, max(0.0, min(p, (centre - half) / scale)), min(1.0, max(p, (centre + half) / scale)), n)


def mean(values: Sequence[float], low: float = 0.0, high: float = 1.0, z: float = Z95) -> Estimate:
    """Return the mean of independent values: Wilson when all are 0 or 1 in [0, 1], else the normal interval.

    The normal interval is clipped to the declared range [low, high].
    """
    n = len(values)
    if n == 0:
        return Estimate(math.nan, low, high, 0)
    if (low, high) == (0.0, 1.0) and all(v in (0.0, 1.0) for v in values):
        return wilson(sum(values), n, z)
    centre = math.fsum(values) / n
    half = z * _standard_error(values, centre)
    return Estimate(centre, max(low, centre - half), min(high, centre + half), n)


def macro(groups: Mapping[str, Sequence[float]], low: float = 0.0, high: float = 1.0, z: float = Z95) -> Estimate:
    """Return the mean of group means; variance of a stratified mean with equal weights, groups taken as fixed."""
    filled = [values for values in groups.values() if values]
    if not filled:
        return Estimate(math.nan, low, high, 0)
    means = [math.fsum(values) / len(values) for values in filled]
    centre = math.fsum(means) / len(means)
    variance = math.fsum(_standard_error(v, m) ** 2 for v, m in zip(filled, means, strict=True)) / len(means) ** 2
    half = z * math.sqrt(variance)
    return Estimate(centre, max(low, centre - half), min(high, centre + half), sum(len(v) for v in filled))


def ratio(numerators: Sequence[float], denominators: Sequence[float], z: float = Z95) -> Estimate:
    """Return sum(numerators) / sum(denominators) with the delta-method interval (Cochran 1977, section 6.4).

    The interval is clipped at 0, and at 1 where no numerator exceeds its denominator (a share, not nats per word).
    """
    n, total = len(numerators), math.fsum(denominators)
    if n == 0 or total == 0:
        return Estimate(math.nan, 0.0, 1.0, n)
    r = math.fsum(numerators) / total
    residuals = [a - r * b for a, b in zip(numerators, denominators, strict=True)]
    half = z * _standard_error(residuals, 0.0) * n / total
    highest = 1.0 if all(a <= b for a, b in zip(numerators, denominators, strict=True)) else math.inf
    return Estimate(r, max(0.0, r - half), min(highest, r + half), n)


def pass_at_k(n: int, right: int, k: int) -> float:
    """Return 1 - C(n - right, k) / C(n, k), the unbiased estimator of pass@k (Chen et al. 2021, section 2.1).

    Raises:
        ValueError: when k > n: fewer attempts than asked for cannot estimate it.
    """
    if k > n:
        raise ValueError(f"pass@{k} needs at least {k} attempts, there are {n}")
    if n - right < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(n - right + 1, n + 1))


def letter(score: float, grades: Mapping[str, float]) -> str:
    """Return the letter whose floor is the highest not above `score`; `-` when none is or the score is unknown."""
    earned = [(floor, name) for name, floor in grades.items() if score >= floor]
    return max(earned)[1] if earned else "-"


def _standard_error(values: Sequence[float], centre: float) -> float:
    n = len(values)
    if n < 2:
        # One value says nothing about spread: the widest that a [0, 1] range allows.
        return 0.5
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (n - 1) / n)
