"""Made-up answers of two models whose difference is known.

psi is the share of samples on which they differ, drop the true P(only reference right) - P(only candidate right).
"""

from __future__ import annotations

from typing import Any

RIGHT = 0.7
"""Share of right answers among the samples on which both agree."""
CLUSTERS = 57
"""As many as MMLU has subjects."""


def tables(rng: Any, count: int, n: int, psi: float, drop: float = 0.0) -> Any:
    """Return (count, 4) random tables of independent samples."""
    discordant = rng.binomial(n, psi, count)
    return complete(discordant, rng.binomial(discordant, losing(psi, drop)), n)


def even_tables(uniforms: Any, n: int, psi: float, drop: float = 0.0) -> Any:
    """Return a table for every point of `uniforms`, (count, 2) in the unit square, by inverting the distributions."""
    from scipy.stats import binom

    discordant = binom.ppf(uniforms[:, 0], n, psi)
    return complete(discordant, binom.ppf(uniforms[:, 1], discordant, losing(psi, drop)), n)


def even_uniforms(rng: Any, count: int, dimensions: int) -> Any:
    """Return scrambled Sobol points, (count, dimensions); `count` is a power of two."""
    from scipy.stats import qmc

    points = qmc.Sobol(dimensions, rng=rng).random(count)
    return points.clip(1e-12, 1 - 1e-12)


def losing(psi: float, drop: float) -> float:
    """Return the share of losses among the discordant samples."""
    return min(1.0, (psi + drop) / (2 * psi))


def complete(discordant: Any, losses: Any, n: int) -> Any:
    """Return tables (both, wins, losses, neither) from counts of discordant samples and losses."""
    import numpy as np

    both = np.floor((n - discordant) * RIGHT)
    return np.stack([both, discordant - losses, losses, n - discordant - both], axis=-1)


def differences(rng: Any, count: int, n: int, psi: float, drop: float = 0.0) -> Any:
    """Return (count, n) differences of independent samples in their order: candidate minus reference, -1, 0 or 1."""
    uniform = rng.random((count, n))
    return (uniform > 1 - (psi - drop) / 2).astype(float) - (uniform < (psi + drop) / 2)


def ratio_tables(rng: Any, count: int, n: int, psi: float, right: float, rho: float) -> Any:
    """Return tables of a reference that has the share `right` right and a candidate that has `rho` of it."""
    drop = right * (1 - rho)
    lose, win = (psi + drop) / 2, (psi - drop) / 2
    return rng.multinomial(n, [right - lose, win, lose, 1 - right - win], count)


def clustered(
    rng: Any, count: int, n: int, psi: float, sd: float, drop: float = 0.0, clusters: int = CLUSTERS
) -> tuple[Any, Any, tuple[str, ...]]:
    """Return (references, candidates, names of clusters): answers as (count, n) arrays of 0 and 1.

    Each cluster has a difference of its own, normal around -drop with standard deviation `sd`; where it is larger
    than psi, more than psi of the cluster's samples differ. Sample i is in cluster i modulo `clusters`.
    """
    import numpy as np

    place = np.arange(n) % clusters
    effects = np.clip(rng.normal(-drop, sd, (count, clusters)), -1.0, 1.0)
    share = np.maximum(psi, np.abs(effects))
    lose, win = (share - effects) / 2, (share + effects) / 2
    uniform = rng.random((count, n))
    lost, won = uniform < lose[:, place], uniform > 1 - win[:, place]
    agreed = (np.arange(n) // clusters % 10) < 10 * RIGHT
    reference = lost | (agreed & ~won)
    candidate = won | (agreed & ~lost)
    return reference.astype(float), candidate.astype(float), tuple(f"cluster {k}" for k in place)


def by_cluster(values: Any, clusters: int) -> Any:
    """Return (count, clusters) sums over the clusters of `clustered`, by the size of the largest."""
    import numpy as np

    n = values.shape[1]
    return np.stack([values[:, k::clusters].sum(axis=1) for k in range(clusters)], axis=1) / -(-n // clusters)
