"""The sign-flip test of few clusters: if nothing changed, each cluster's difference could as well have the other sign.

    sign_flip(sums=[-2.0, -1.0, -3.0, -1.0, -2.0], sizes=[4, 4, 4, 4, 4], alpha=0.05)
        ->  low -0.75, high -0.25, p_drop 1/32, p_gain 1.0

Flipping a set of clusters leaves the total at least as high as it is exactly if the mean of that set is at most 0. So
the p of "delta <= at" is the share of sets, the empty one included, whose mean is at most `at`, and the bounds are
order statistics of the means of all sets. It is exact where differences of clusters are symmetric about delta.
Sources: Fisher 1935, section 21 (randomisation); Hartigan 1969, JASA 64:1303 (bounds from means of subsets); Phipson
and Smyth 2010, SAGMB 9:39 (why the sets drawn must include the empty one). Cost: a millisecond.
"""

from __future__ import annotations

import math
from typing import Any

EXACT, DRAWN = 13, 4096
"""Clusters up to which all sets are tried; sets drawn above, each with its complement."""


def sign_flip(sums: Any, sizes: Any, alpha: float) -> tuple[float, float, float, float]:
    """Return (low, high, p_drop, p_gain) from the sum of differences and the number of samples of each cluster.

    low and high are one-sided bounds of the mean difference at 1 - alpha; infinite where there are too few clusters
    for any bound (2^clusters < 1 / alpha). The order of the clusters does not matter.
    """
    import numpy as np

    sums, sizes = np.asarray(sums, dtype=float), np.asarray(sizes, dtype=float)
    mirrored, sums, sizes = _canonical(sums, sizes)
    sets = _sets(len(sums))
    inside = sets @ sizes
    filled = inside > 0
    empty, count = int((~filled).sum()), len(sets)
    means = np.sort((sets @ sums)[filled] / inside[filled])
    rounding = 1e-12 * (1.0 + float(np.abs(means).max()))
    p_gain = (empty + int(np.searchsorted(means, rounding, side="right"))) / count
    p_drop = (empty + len(means) - int(np.searchsorted(means, -rounding, side="left"))) / count
    # The bound is where one set more would lift p above alpha.
    beyond = math.floor(alpha * count + 1e-9) - empty
    low, high = (float(means[beyond]), float(means[-1 - beyond])) if beyond >= 0 else (-math.inf, math.inf)
    return (-high, -low, p_gain, p_drop) if mirrored else (low, high, p_drop, p_gain)


def _sets(clusters: int) -> Any:
    """Return sets of clusters as rows of zeros and ones: (sets, clusters); all of them up to `EXACT` clusters."""
    import numpy as np

    if clusters <= EXACT:
        return ((np.arange(2**clusters)[:, None] >> np.arange(clusters)) & 1).astype(float)
    drawn = np.random.default_rng(0).integers(0, 2, size=(DRAWN, clusters)).astype(float)
    drawn[0] = 0.0
    return np.concatenate([drawn, 1.0 - drawn])


def _canonical(sums: Any, sizes: Any) -> tuple[bool, Any, Any]:
    """Return the clusters in an order of their own, and whether signs were turned for it.

    The sets drawn then depend neither on the order of samples nor on which run is called the reference.
    """
    import numpy as np

    order, turned = np.lexsort((sizes, sums)), np.lexsort((sizes, -sums))
    as_is = [*zip(sums[order], sizes[order], strict=True)]
    if [*zip(-sums[turned], sizes[turned], strict=True)] < as_is:
        return True, -sums[turned], sizes[turned]
    return False, sums[order], sizes[order]
