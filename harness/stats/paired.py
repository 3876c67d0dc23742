"""Two runs on the same samples: how far the candidate is from the reference, with bounds and one-sided tests.

    contrast([1, 1, 0, 1], [1, 0, 0, 1])   ->  Contrast(delta=-0.25, wins=0, losses=1, p_drop=0.5, method="tango", ..)

Which method answers is decided by the numbers alone, and named in the result:

- `tango`: right or wrong on both sides, independent samples. Bounds by Tango's score interval, tests by the exact
  one-sided McNemar test (`proportions`).
- `ratio score`: as before with `rho`: the score test for a ratio of paired proportions. Its bounds are delta with the
  error it has at a ratio of exactly rho: on which side of zero they lie is the test, their length is approximate.
- `clustered tango`, `clustered ratio score`: score tests with the variance times the design effect (the clusters'
  variance over that of independent samples, at least 1), t with C - 1 degrees of freedom.
- `t`, `clustered t`: all other values; the variance is that of cluster sums with the factor C / (C - 1) (Miller 2024,
  arXiv 2411.00640, section 2.2), t with C - 1 degrees of freedom.
- `sign flip`: other values, or clusters, fewer than 30 (`signflip`).
- Differences without any spread get the bounds that right or wrong would have if no pair differed, z^2 / (n + z^2) to
  either side: two equal columns are no proof of equality, least of all short ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from harness.stats.proportions import mcnemar, ratio_variance, ratio_z, tango_bounds, tango_within, tango_z
from harness.stats.signflip import sign_flip

__all__ = ["Contrast", "contrast", "mcnemar", "tango_bounds", "tango_z"]

Method = Literal["tango", "clustered tango", "ratio score", "clustered ratio score", "t", "clustered t", "sign flip"]
Answer = tuple[float, float, float, float]
"""(low, high, p_drop, p_gain)"""
NORMAL = NormalDist()
FEW = 30
"""Below so many clusters the t distribution is not trusted."""
SPREAD = 1e-12
"""A standard error below is rounding."""


@dataclass(frozen=True)
class Contrast:
    """Candidate minus `rho` times reference over `n` paired samples in `clusters` independent groups."""

    n: int
    clusters: int
    reference: float
    candidate: float
    delta: float
    low: float
    """One-sided lower bound of delta at 1 - alpha; -inf where there are too few clusters for any."""
    high: float
    """One-sided upper bound of delta at 1 - alpha."""
    p_drop: float
    """One-sided p of "the candidate is not worse": small when it is."""
    p_gain: float
    wins: int
    """Samples on which the candidate scores more."""
    losses: int
    ties: int
    se: float
    """Standard error of delta as observed, clusters included; score tests use the one at their null hypothesis."""
    alpha: float
    method: Method

    @property
    def psi(self) -> float:
        """Discordant share: samples on which the two differ."""
        return (self.wins + self.losses) / self.n

    @property
    def p_two_sided(self) -> float:
        """Twice the smaller one-sided p."""
        return min(1.0, 2.0 * min(self.p_drop, self.p_gain))


def contrast(
    reference: Sequence[float],
    candidate: Sequence[float],
    clusters: Sequence[str] | None = None,
    alpha: float = 0.05,
    rho: float = 1.0,
) -> Contrast:
    """Return the contrast of paired values (attempts at one sample averaged before).

    `clusters`: a name per sample; samples of one cluster are not independent. `rho`: "at least rho of the reference",
    delta is then the mean of candidate - rho * reference, and its noise includes the reference's.

    Raises:
        ValueError: unequal lengths, no sample, or a value that is not a finite number.
    """
    x, y = _columns(reference, candidate, clusters)
    n = len(x)
    wins, losses = int((y > x).sum()), int((y < x).sum())
    groups = clusters if clusters is not None and len(set(clusters)) < n else None
    count = n if groups is None else len(set(groups))
    differences = y - rho * x
    delta = math.fsum(differences) / n
    sums, sizes = _cluster_sums(differences, groups)
    se = _clustered_se(sums, sizes, delta)
    method: Method
    if bool(((x * x == x) & (y * y == y)).all()) and (groups is None or count >= FEW):
        method = "tango" if rho == 1.0 else "ratio score"
        single = math.sqrt(max(0.0, float(differences @ differences) - n * delta * delta)) / n
        effect = 1.0 if groups is None or single == 0.0 else max(1.0, (se / single) ** 2)
        se = single * math.sqrt(effect)
        answer = _by_score((int(x @ y), wins, losses, n), rho, alpha, effect, None if groups is None else count)
    else:
        method = "sign flip" if count < FEW else "t"
        answer = _by_spread(sums, sizes, delta, se, alpha)
    if groups is not None and method != "sign flip":
        method = f"clustered {method}"  # type: ignore[assignment]
    return Contrast(
        n, count, math.fsum(x) / n, math.fsum(y) / n, delta, *answer,
        wins, losses, n - wins - losses, se, alpha, method,
    )  # fmt: skip


def _columns(reference: Sequence[float], candidate: Sequence[float], clusters: Sequence[str] | None) -> Any:
    """Return both as arrays, where they can be compared."""
    import numpy as np

    n = len(reference)
    if len(candidate) != n or n == 0 or (clusters is not None and len(clusters) != n):
        named = "" if clusters is None else f" with {len(clusters)} names of clusters"
        raise ValueError(f"{n} and {len(candidate)} values{named} cannot be paired")
    columns = np.asarray([reference, candidate], dtype=float)
    if not np.isfinite(columns).all():
        raise ValueError("a value to be compared is not a finite number")
    return columns


def _by_score(
    table: tuple[int, int, int, int], rho: float, alpha: float, effect: float, clusters: int | None
) -> Answer:
    """Return the answer for right or wrong. `table`: both right, wins, losses, n; `effect` multiplies the variance."""
    both, wins, losses, n = table
    if clusters is None and rho == 1.0:
        return *tango_bounds(wins, losses, n, alpha), mcnemar(wins, losses), mcnemar(losses, wins)
    z = ratio_z(both, wins, losses, n, rho) / math.sqrt(effect)
    if clusters is None:
        critical, p_drop, p_gain = NORMAL.inv_cdf(1.0 - alpha), NORMAL.cdf(z), NORMAL.cdf(-z)
    else:
        from scipy.stats import t

        critical = float(t.ppf(1.0 - alpha, clusters - 1)) * math.sqrt(effect)
        p_drop, p_gain = float(t.cdf(z, clusters - 1)), float(t.sf(z, clusters - 1))
    if rho == 1.0:
        return *tango_within(wins, losses, n, critical), p_drop, p_gain
    delta = ((both + wins) - rho * (both + losses)) / n
    half = critical * math.sqrt(ratio_variance(both, wins, losses, n, rho)) / n
    return delta - half, delta + half, p_drop, p_gain


def _cluster_sums(differences: Any, groups: Sequence[str] | None) -> tuple[Any, Any]:
    """Return the sum of differences and the number of samples of each cluster, as arrays."""
    import numpy as np

    if groups is None:
        return differences, np.ones(len(differences))
    numbers = {name: k for k, name in enumerate(sorted(set(groups)))}
    place = np.fromiter(map(numbers.__getitem__, groups), dtype=np.intp, count=len(groups))
    return np.bincount(place, weights=differences), np.bincount(place).astype(float)


def _clustered_se(sums: Any, sizes: Any, delta: float) -> float:
    count = len(sums)
    if count < 2:
        return math.inf
    return float(math.sqrt(count / (count - 1) * ((sums - sizes * delta) ** 2).sum()) / sizes.sum())


def _by_spread(sums: Any, sizes: Any, delta: float, se: float, alpha: float) -> Answer:
    """Return the answer from how far clusters lie apart: t, sign flips of few, signs alone where all agree."""
    count = len(sums)
    if se < SPREAD:
        p, z = 0.5**count, NORMAL.inv_cdf(1.0 - alpha)
        half = z * z / (float(sizes.sum()) + z * z) if p <= alpha else math.inf
        return delta - half, delta + half, p if delta < -SPREAD else 1.0, p if delta > SPREAD else 1.0
    if count < FEW:
        return sign_flip(sums, sizes, alpha)
    from scipy.stats import t

    half = float(t.ppf(1.0 - alpha, count - 1)) * se
    return delta - half, delta + half, float(t.cdf(delta / se, count - 1)), float(t.sf(delta / se, count - 1))
