"""Right or wrong on both sides: tests and bounds from the table of paired outcomes.

    mcnemar(wins=10, losses=18)                   ->  0.0925   exact, one-sided
    tango_bounds(10, 18, 164, alpha=0.05)         ->  (-0.1047, 0.0049)
    ratio_z(both=120, wins=8, losses=6, n=164, rho=0.95)  ->  2.99

Score tests take the variance at the null hypothesis, by the restricted maximum likelihood estimate, so they hold alpha
where few samples differ; a t test does not (`tests/stats/test_score_size.py` enumerates both).
Sources: McNemar 1947; Tango 1998, Statistics in Medicine 17:891; Nam and Blackwelder 2002, Statistics in Medicine
21:689 (ratio; the closed form here is derived from their likelihood). Cost: a bound is 60 evaluations of a formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist


def mcnemar(wins: int, losses: int) -> float:
    """Return the exact one-sided p of "no more losses than wins": P(Bin(wins + losses, 1/2) >= losses)."""
    from scipy.special import betainc  # as `scipy.stats.binom.sf`, which takes half a second to import

    return float(betainc(losses, wins + 1, 0.5)) if losses else 1.0


def tango_z(wins: int, losses: int, n: int, margin: float) -> float:
    """Return Tango's score statistic of H0: P(win) - P(loss) = -margin, for -1 < margin < 1.

    Large values speak for a difference above -margin; at margin 0 it is McNemar's z.
    """
    a = 2.0 * n
    b = -wins - losses - (2.0 * n - wins + losses) * margin
    c = losses * margin * (1.0 + margin)
    q = (math.sqrt(max(0.0, b * b - 4.0 * a * c)) - b) / (2.0 * a)
    variance = n * (2.0 * q - margin * (1.0 + margin))
    distance = wins - losses + n * margin
    if variance <= 1e-12 * n:
        return math.copysign(math.inf, distance) if abs(distance) > 1e-9 else 0.0
    return distance / math.sqrt(variance)


def tango_bounds(wins: int, losses: int, n: int, alpha: float) -> tuple[float, float]:
    """Return the one-sided lower and upper bounds of P(win) - P(loss), each at level 1 - alpha."""
    return tango_within(wins, losses, n, NormalDist().inv_cdf(1.0 - alpha))


def tango_within(wins: int, losses: int, n: int, z: float) -> tuple[float, float]:
    """Return the differences at which Tango's statistic is `z` and `-z`."""
    return (
        -root(lambda margin: tango_z(wins, losses, n, margin) - z),
        -root(lambda margin: tango_z(wins, losses, n, margin) + z),
    )


def ratio_z(both: int, wins: int, losses: int, n: int, rho: float) -> float:
    """Return the score statistic of H0: P(candidate right) = rho P(reference right), for rho > 0.

    `both`: samples that both have right. Large values speak for a ratio above rho; at rho 1 it is McNemar's z.
    """
    variance = ratio_variance(both, wins, losses, n, rho)
    distance = (both + wins) - rho * (both + losses)
    if variance <= 1e-12 * n:
        return math.copysign(math.inf, distance) if abs(distance) > 1e-9 else 0.0
    return distance / math.sqrt(variance)


def ratio_variance(both: int, wins: int, losses: int, n: int, rho: float) -> float:
    """Return the variance that (candidate right) - rho (reference right), summed over samples, has where it is 0.

    It is n rho P(exactly one right), with restricted estimates: for s the share that anyone has right and u = P(only
    reference right), P(both right) is (s - (1 + rho) u) / rho, and u the larger root of
    (1 + rho) n u^2 - B u - losses s (rho - 1), B = losses (2 - rho^2) + wins - both (rho^2 - 1).
    """
    found = both + wins + losses
    if not found:
        return 0.0
    share, a = found / n, (1.0 + rho) * n
    b = losses * (2.0 - rho * rho) + wins - both * (rho * rho - 1.0)
    c = losses * share * (rho - 1.0)
    u = (b + math.sqrt(max(0.0, b * b + 4.0 * a * c))) / (2.0 * a)
    return n * (rho * share - (share - (1.0 + rho) * u))


def root(rising: Callable[[float], float]) -> float:
    """Return where a rising function of (-1, 1) crosses zero, by bisection to 1e-12."""
    low, high = -1.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2
