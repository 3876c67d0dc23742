"""Expected calibration error of multiple choice: does a model that says 80% turn out right in 80% of the cases?

    ece([(0.9, True), (0.8, False), (0.6, True)], bins=2)   ->  |0.7667 sure on average - 0.6667 right| = 0.1

The confidence of an answer is its probability among the choices: the softmax of their log-likelihoods, or what the
model's own scaling makes of them (`stats.scaling`, `choices`). Bins are of equal
width over [0, 1] (Guo et al. 2017, arXiv 1706.04599, section 2). The estimate is a sum of absolute values, so noise
makes it too large: by Jensen's inequality E|x| lies above |E x|, and at most E|noise| above. Hence the bounds: above,
estimate + z se holds without a correction; below, the mean absolute noise of all bins, sqrt(2 / pi) times their
standard errors, is taken off first. Both err on the safe side: few samples prove neither. (A bootstrap that reflects
its resamples to take the bias out passes 18% of models that lie exactly at the bound, at 500 answers and alpha .05.)
Cost: milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.gate.finding import NORMAL
from harness.stats import wilson


@dataclass(frozen=True)
class Ece:
    """Expected calibration error, in [0, 1], with one-sided bounds at 1 - alpha each."""

    value: float
    low: float
    high: float
    p_above: float
    """One-sided p of "the error is at most `bound`": small when it is larger."""
    se: float
    n: int


def ece(confidences: Sequence[tuple[float, bool]], bins: int) -> float:
    """Return sum over bins of |sum of confidences - number right| / n.

    Raises:
        ValueError: no answer, or a confidence outside [0, 1].
    """
    return estimate(confidences, bins, 1.0, 0.05).value


def estimate(confidences: Sequence[tuple[float, bool]], bins: int, bound: float, alpha: float) -> Ece:
    """Return the error with its bounds and the p of "at most `bound`".

    Raises:
        ValueError: no answer, or a confidence outside [0, 1].
    """
    n = len(confidences)
    if not n or not all(0.0 <= sure <= 1.0 for sure, _ in confidences):
        raise ValueError(f"{n} confidences, all of which must lie in [0, 1]")
    gaps: list[list[float]] = [[] for _ in range(bins)]
    for sure, right in confidences:
        gaps[min(int(sure * bins), bins - 1)].append(sure - right)
    value = math.fsum(abs(math.fsum(gap)) for gap in gaps) / n
    squares = [math.fsum(x * x for x in gap) for gap in gaps]
    se = math.sqrt(max(0.0, math.fsum(squares) / n - value**2) / n)
    noise = math.sqrt(2.0 / math.pi) * math.fsum(map(math.sqrt, squares)) / n
    reach = NORMAL.inv_cdf(1.0 - alpha) * se
    above = value - noise - bound
    p_above = NORMAL.cdf(-above / se) if se else float(above <= 0)
    return Ece(value, max(0.0, value - noise - reach), min(1.0, value + reach), p_above, se, n)


@dataclass(frozen=True)
class Bin:
    """Answers of about the same confidence: a bar of a reliability diagram."""

    low: float
    """Confidences from here, in [0, 1]."""
    high: float
    n: int
    said: float
    """Mean confidence."""
    right: float
    """Share of right answers, with its 95% interval (Wilson)."""
    right_low: float
    right_high: float


def reliability(confidences: Sequence[tuple[float, bool]], bins: int) -> list[Bin]:
    """Return the bins that hold answers, the least sure first; `ece` is the mean of |said - right| over answers."""
    held: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for sure, right in confidences:
        held[min(int(sure * bins), bins - 1)].append((sure, right))
    found = []
    for place, inside in enumerate(held):
        if inside:
            share = wilson(sum(right for _, right in inside), len(inside))
            said = math.fsum(sure for sure, _ in inside) / len(inside)
            edges = (place / bins, (place + 1) / bins)
            found.append(Bin(*edges, len(inside), said, share.value, share.low, share.high))
    return found
