"""Two runs on the same samples: how far the candidate is from the reference, with bounds and one-sided tests.

    contrast([1, 1, 0, 1], [1, 0, 0, 1])   ->  Contrast(delta=-0.25, wins=0, losses=1, p_drop=0.5, method="tango", ..)

Which method answers is decided by the numbers alone, and named in the result:

- `tango`: right or wrong on both sides, independent samples. Bounds by Tango's score interval for paired proportions
  (Tango 1998, Statistics in Medicine 17:891), tests by the exact one-sided McNemar test.
- `t`, `clustered t`: everything else; the variance is that of cluster sums with the factor C / (C - 1) (Miller 2024,
  arXiv 2411.00640, section 2.2), t with C - 1 degrees of freedom.
- `sign flip`: as before with fewer than 30 clusters: signs of cluster sums are flipped, all ways up to 13 clusters,
  8,192 seeded ways above; bounds by inverting the test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

Method = Literal["tango", "t", "clustered t", "sign flip"]
FEW = 30
"""Below so many clusters the t distribution is not trusted."""
EXACT, DRAWN = 13, 8192
"""Clusters up to which all signs are tried, and ways drawn above."""


@dataclass(frozen=True)
class Contrast:
    """Candidate minus `rho` times reference over `n` paired samples in `clusters` independent groups."""

    n: int
    clusters: int
    reference: float
    candidate: float
    delta: float
    low: float
    """One-sided lower bound of delta at 1 - alpha."""
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
    """Standard error of delta; for `tango` that of McNemar's difference, for `sign flip` that of the t statistic."""
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
        ValueError: unequal lengths, or no sample.
    """
    if len(reference) != len(candidate) or not reference:
        raise ValueError(f"{len(reference)} and {len(candidate)} values cannot be paired")
    n = len(reference)
    differences = [y - rho * x for x, y in zip(reference, candidate, strict=True)]
    wins = sum(y > x for x, y in zip(reference, candidate, strict=True))
    losses = sum(y < x for x, y in zip(reference, candidate, strict=True))
    groups = clusters if clusters is not None and len(set(clusters)) < n else None
    count = n if groups is None else len(set(groups))
    binary = rho == 1.0 and groups is None and set(reference) <= {0.0, 1.0} and set(candidate) <= {0.0, 1.0}
    delta = math.fsum(differences) / n
    if binary:
        low, high = tango_bounds(wins, losses, n, alpha)
        se = math.sqrt(max(0.0, wins + losses - (wins - losses) ** 2 / n)) / n
        p_drop, p_gain, method = mcnemar(wins, losses), mcnemar(losses, wins), "tango"
    else:
        sums, sizes = _cluster_sums(differences, groups)
        if count < FEW:
            low, high, p_drop, p_gain = _sign_flip(sums, sizes, alpha)
            method, se = "sign flip", _clustered_se(sums, sizes, delta)
        else:
            se = _clustered_se(sums, sizes, delta)
            low, high, p_drop, p_gain = _student(delta, se, count, alpha)
            method = "t" if groups is None else "clustered t"
    return Contrast(
        n, count, math.fsum(reference) / n, math.fsum(candidate) / n, delta, low, high, p_drop, p_gain,
        wins, losses, n - wins - losses, se, alpha, method,  # type: ignore[arg-type]
    )  # fmt: skip


def mcnemar(wins: int, losses: int) -> float:
    """Return the exact one-sided p of "no more losses than wins": P(Bin(wins + losses, 1/2) >= losses)."""
    from scipy.stats import binom

    return float(binom.sf(losses - 1, wins + losses, 0.5)) if wins + losses else 1.0


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
    z = NormalDist().inv_cdf(1.0 - alpha)
    return (
        -_root(lambda margin: tango_z(wins, losses, n, margin) - z),
        -_root(lambda margin: tango_z(wins, losses, n, margin) + z),
    )


def _root(rising: Callable[[float], float]) -> float:
    """Return where a rising function of (-1, 1) crosses zero, by bisection to 1e-12."""
    low, high = -1.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def _cluster_sums(differences: Sequence[float], groups: Sequence[str] | None) -> tuple[Any, Any]:
    """Return the sum of differences and the number of samples of each cluster, as arrays."""
    import numpy as np

    if groups is None:
        return np.asarray(differences, dtype=float), np.ones(len(differences))
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    return np.bincount(place, weights=differences), np.bincount(place).astype(float)


def _clustered_se(sums: Any, sizes: Any, delta: float) -> float:
    count = len(sums)
    if count < 2:
        return math.inf
    return float(math.sqrt(count / (count - 1) * ((sums - sizes * delta) ** 2).sum()) / sizes.sum())


def _student(delta: float, se: float, count: int, alpha: float) -> tuple[float, float, float, float]:
    from scipy.stats import t

    if se == 0.0:
        # Every sample differs by the same: no more can be said than by their signs.
        p = 0.5**count
        return delta, delta, p if delta < 0 else 1.0, p if delta > 0 else 1.0
    half = float(t.ppf(1.0 - alpha, count - 1)) * se
    return delta - half, delta + half, float(t.cdf(delta / se, count - 1)), float(t.sf(delta / se, count - 1))


def _sign_flip(sums: Any, sizes: Any, alpha: float) -> tuple[float, float, float, float]:
    """Return (low, high, p_drop, p_gain) of the sign-flip permutation test by cluster (Fisher's randomisation)."""
    import numpy as np

    count = len(sums)
    if count <= EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(DRAWN, count))
        signs[0] = 1.0

    def p_above(at: float) -> float:
        """Return the p of H0 "delta <= at" against above."""
        residues = sums - at * sizes
        return float((signs @ residues >= residues.sum() - 1e-12).mean())

    def p_below(at: float) -> float:
        residues = sums - at * sizes
        return float((signs @ residues <= residues.sum() + 1e-12).mean())

    reach = float(np.abs(sums / sizes).max()) + 1.0
    low = reach * _root(lambda x: p_above(x * reach) - alpha)
    high = reach * _root(lambda x: alpha - p_below(x * reach))
    return low, high, p_below(0.0), p_above(0.0)
