"""Expected calibration error of multiple choice: does a model that says 80% turn out right in 80% of the cases?

    ece([(0.9, True), (0.8, False), (0.6, True)], bins=2)   ->  |0.7667 sure on average - 0.6667 right| = 0.1

The confidence of an answer is its probability among the choices (softmax of their log-likelihoods). Bins are of equal
width over [0, 1] (Guo et al. 2017, arXiv 1706.04599, section 2). The plain estimate is too large on few samples, and a
resample's is too large once more by about as much: the basic bootstrap (Davison and Hinkley 1997, section 5.2.1)
reflects the resamples around the estimate and so takes that out. Cost: `DRAWS` resamples, 0.3 s for 14,000 answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

DRAWS, SEED = 1000, 0


@dataclass(frozen=True)
class Ece:
    """Expected calibration error, in [0, 1], with one-sided bounds at 1 - alpha each."""

    value: float
    low: float
    high: float
    p_above: float
    """One-sided p of "the error is at most `bound`": small when it is larger."""
    n: int


def ece(confidences: Sequence[tuple[float, bool]], bins: int) -> float:
    """Return sum over bins of |sum of confidences - number right| / n.

    Raises:
        ValueError: no answer, or a confidence outside [0, 1].
    """
    gaps, places = _gaps(confidences, bins)
    import numpy as np

    return float(np.abs(np.bincount(places, weights=gaps, minlength=bins)).sum() / len(gaps))


def estimate(confidences: Sequence[tuple[float, bool]], bins: int, bound: float, alpha: float) -> Ece:
    """Return the error with its bounds and the p of "at most `bound`", by `DRAWS` seeded resamples of answers."""
    import numpy as np

    value = ece(confidences, bins)
    gaps, places = _gaps(confidences, bins)
    n, random = len(gaps), np.random.default_rng(SEED)
    drawn = np.empty(DRAWS)
    for number in range(DRAWS):
        chosen = random.integers(0, n, n)
        drawn[number] = np.abs(np.bincount(places[chosen], weights=gaps[chosen], minlength=bins)).sum() / n
    reflected = 2.0 * value - drawn
    low, high = np.quantile(reflected, [alpha, 1.0 - alpha])
    p_above = (1 + int((reflected <= bound).sum())) / (1 + DRAWS)
    return Ece(value, float(np.clip(low, 0.0, 1.0)), float(np.clip(high, 0.0, 1.0)), p_above, n)


def _gaps(confidences: Sequence[tuple[float, bool]], bins: int) -> tuple[Any, Any]:
    """Return confidence minus rightness, and the bin, of every answer."""
    import numpy as np

    sure = np.array([confidence for confidence, _ in confidences], dtype=float)
    if not len(sure) or not ((sure >= 0.0) & (sure <= 1.0)).all():
        raise ValueError(f"{len(sure)} confidences, all of which must lie in [0, 1]")
    right = np.array([right for _, right in confidences], dtype=float)
    return sure - right, np.minimum((sure * bins).astype(int), bins - 1)
