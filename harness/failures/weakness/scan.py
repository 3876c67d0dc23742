"""Scans slices of questions for low accuracy: exact tests, false-discovery control, and a cover of what is found.

    tested = held(slices, values)           one Tested a slice: n, mean, the suite's mean, p
    flagged(tested)                          -> ([3, 17, 40], 0.0004)
    cover(slices, tested, values)            -> [17, 40]: what says something of its own, the clearest first

Right or wrong: the binomial test whose bound is Clopper and Pearson's (1934, Biometrika 26:404), against the accuracy
of the whole suite. Graded scores: a t test whose spread is the larger of the slice's and the suite's: by its own alone,
five equal scores would be certain. Cutting scores at 1 instead would call a text that keeps four of five instructions
as bad as an empty one.

The cover takes the slice with the largest likelihood ratio first (Kulldorff 1997, Communications in Statistics
26:1481), then only slices whose questions *not yet covered* are weak by themselves. A parent that is weak through one
child leaves the child; equally weak children leave the parent.

Cost: 1,400 slices of 14,000 questions in half a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any

from harness import stats
from harness.failures.weakness.slices import SMALLEST, Slice

ALPHA = 0.05


@dataclass(frozen=True)
class Tested:
    """A slice held against its suite."""

    n: int
    mean: float
    overall: float
    spread: float
    """Standard deviation of the suite's values; 0 where all values are 0 or 1."""
    p: float = 1.0
    """One-sided: how likely so low a mean is at the overall one."""


def held(slices: Sequence[Slice], values: Any, tau: float | None = None) -> list[Tested]:
    """Return the test of every slice of `values` (in [0, 1], by place of the question) against its suite, or `tau`."""
    import numpy as np

    suites = {}
    for one in slices:
        if len(one.path) == 1:
            own = values[one.members]
            binary = bool(np.isin(own, (0.0, 1.0)).all())
            suites[one.path[0]] = (float(own.mean()) if tau is None else tau, 0.0 if binary else float(own.std(ddof=1)))
    return _tested([(values[one.members], *suites[one.path[0]]) for one in slices])


def _tested(rows: Sequence[tuple[Any, float, float]]) -> list[Tested]:
    """Return the tests of (values, overall, spread), in one call each of the two distributions."""
    import numpy as np
    from scipy.stats import binom, t

    if not rows:
        return []
    found = [Tested(len(values), float(values.mean()), overall, spread) for values, overall, spread in rows]
    n, mean, overall, spread = (
        np.array(each) for each in zip(*((o.n, o.mean, o.overall, o.spread) for o in found), strict=True)
    )
    own = np.array([values.std(ddof=1) if spread else 0.0 for values, _, spread in rows])
    wide = np.where(spread > 0, np.maximum(spread, own), 1.0)
    graded = t.cdf((mean - overall) * np.sqrt(n) / wide, n - 1)
    ps = np.where(spread > 0, graded, binom.cdf(np.round(mean * n), n, overall))
    return [replace(one, p=min(1.0, float(p))) for one, p in zip(found, ps, strict=True)]


def bounds(values: Any, spread: float, alpha: float = ALPHA) -> tuple[float, float]:
    """Return the one-sided lower and upper bounds of a mean, each at 1 - alpha: exact for 0 and 1, else by t."""
    from scipy.stats import beta, t

    n, mean = len(values), float(values.mean())
    if spread:
        half = float(t.ppf(1 - alpha, n - 1)) * max(spread, float(values.std(ddof=1))) / n**0.5
        return max(0.0, mean - half), min(1.0, mean + half)
    right = round(float(values.sum()))
    low = float(beta.ppf(alpha, right, n - right + 1)) if right else 0.0
    return low, float(beta.ppf(1 - alpha, right + 1, n - right)) if right < n else 1.0


def flagged(tested: Sequence[Tested], alpha: float = ALPHA) -> tuple[list[int], float]:
    """Return the places of the slices that Benjamini and Hochberg reject at alpha, and the largest p among them."""
    adjusted = stats.benjamini_hochberg({place: test.p for place, test in enumerate(tested)})
    found = [place for place, p in adjusted.items() if p <= alpha]
    return found, max((tested[place].p for place in found), default=0.0)


def cover(slices: Sequence[Slice], tested: Sequence[Tested], values: Any, alpha: float = ALPHA) -> list[int]:
    """Return the places of slices to report: each is weak, as flagged ones are, in what those before do not hold."""
    import numpy as np

    left, cut = flagged(tested, alpha)
    new, kept = np.ones(len(values), dtype=bool), list[int]()
    while True:
        rests = {place: values[slices[place].members[new[slices[place].members]]] for place in left}
        rests = {place: rest for place, rest in rests.items() if len(rest) >= SMALLEST}
        again = _tested([(rest, tested[place].overall, tested[place].spread) for place, rest in rests.items()])
        ratios = {place: _ratio(test) for place, test in zip(rests, again, strict=True) if test.p <= cut}
        if not ratios:
            return kept
        kept.append(max(ratios, key=lambda place: (ratios[place], -place)))
        new[slices[kept[-1]].members] = False
        left = list(ratios)  # what is too little now stays so


def _ratio(test: Tested) -> float:
    """Return the log likelihood ratio of the values' own mean to the overall one."""
    if test.spread:
        return test.n * (test.mean - test.overall) ** 2 / (2 * test.spread**2)
    parts = ((test.mean, test.overall), (1 - test.mean, 1 - test.overall))
    return test.n * sum(a * log(a / b) for a, b in parts if a > 0)
