"""How many clusters: as many as are told apart best, if they hold still under subsampling.

    choose(vectors, weights, candidates=range(2, 13), seed=0).k     -> 6

For each k, KMeans (Lloyd, k-means++, ten starts) and the mean silhouette (Rousseeuw 1987) by cosine distance on at most
2,000 failures. Among the k within .02 of the best, the best whose *stability* is at least .75 is taken: the mean
adjusted Rand index (Hubert & Arabie 1985) between the clustering of all failures and those of ten subsamples of 80 %,
at most 4,000 failures each (Ben-Hur, Elisseeff & Guyon 2002). Without one there is no clustering worth a name: k is 0.

Equal diagnoses are one row with a weight, so the cost is that of the *distinct* ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.failures.embedding import Progress

NEAR = 0.02
STABLE = 0.75
SUBSAMPLES, SHARE, DRAWN = 10, 0.8, 4000
"""So many subsamples, of that share of the failures, at most so many: smaller ones only vary more."""
SEEN = 2000
"""Failures that a silhouette looks at."""


@dataclass(frozen=True)
class Choice:
    """A number of clusters and what speaks for it."""

    k: int
    """0: none is stable."""
    labels: Any
    """Cluster of each row, None without one."""
    silhouette: float = 0.0
    stability: float = 0.0
    silhouettes: dict[int, float] = field(default_factory=dict)
    stabilities: dict[int, float] = field(default_factory=dict)


def choose(
    vectors: Any, weights: Any, candidates: Sequence[int], seed: int, progress: Progress | None = None
) -> Choice:
    """Return the number of clusters of `vectors`, float32 (distinct, d), each standing for `weights` failures."""
    silhouettes, labels = {}, {}
    for done, k in enumerate(candidates):
        labels[k] = clustered(vectors, weights, k, seed)
        silhouettes[k] = silhouette(vectors, weights, labels[k], seed)
        if progress is not None:
            progress("clustering", (done + 1) / (len(candidates) + 1))
    best = max(silhouettes.values(), default=0.0)
    stabilities: dict[int, float] = {}
    # Not the most within `NEAR`: signatures are alike to the bit within a cause, so that every split looks good.
    for k in sorted((k for k in silhouettes if silhouettes[k] >= best - NEAR), key=lambda k: (-silhouettes[k], k)):
        stabilities[k] = stability(vectors, weights, labels[k], k, seed)
        if stabilities[k] >= STABLE:
            if progress is not None:
                progress("clustering", 1.0)
            return Choice(k, labels[k], silhouettes[k], stabilities[k], silhouettes, stabilities)
    return Choice(0, None, 0.0, max(stabilities.values(), default=0.0), silhouettes, stabilities)


def clustered(vectors: Any, weights: Any, k: int, seed: int, starts: int = 10) -> Any:
    """Return the KMeans cluster of each row."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different rows than k: fewer clusters
        return KMeans(k, n_init=starts, random_state=seed).fit(vectors, sample_weight=weights).labels_


def silhouette(vectors: Any, weights: Any, labels: Any, seed: int) -> float:
    """Return the mean silhouette of the failures (at most `SEEN`, drawn by seed) by cosine distance, in [-1, 1]."""
    import numpy as np
    from sklearn.metrics import silhouette_score

    rows = _failures(weights)
    if len(rows) > SEEN:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SEEN, replace=False))
    if len(np.unique(labels[rows])) < 2 or len(np.unique(labels[rows])) >= len(rows):
        return 0.0
    distances = np.clip(1 - vectors[rows] @ vectors[rows].T, 0, 2)
    distances[rows[:, None] == rows[None, :]] = 0.0
    return float(silhouette_score(distances, labels[rows], metric="precomputed"))


def stability(vectors: Any, weights: Any, labels: Any, k: int, seed: int) -> float:
    """Return the mean adjusted Rand index of `labels` and the clusterings of subsamples of the failures."""
    import numpy as np
    from sklearn.metrics import adjusted_rand_score

    rows, drawn = _failures(weights), np.random.default_rng(seed + 1)
    found = []
    for number in range(SUBSAMPLES):
        part = drawn.choice(rows, min(max(int(SHARE * len(rows)), 1), DRAWN), replace=False)
        places, inverse, counts = np.unique(part, return_inverse=True, return_counts=True)
        if len(places) < k:
            return 0.0
        again = clustered(vectors[places], counts.astype(np.float64), k, seed + 1 + number, starts=3)
        found.append(adjusted_rand_score(labels[part], again[inverse]))
    return float(np.mean(found))


def _failures(weights: Any) -> Any:
    """Return the row of each failure."""
    import numpy as np

    return np.repeat(np.arange(len(weights)), weights.astype(int))
