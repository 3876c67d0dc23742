"""Which models are worth their size: quality against size against speed, the Pareto-optimal ones marked.

    (axis,) = frontier.mark(points)      -> Axis(suite="primer", .., marked=(Marked(point, optimal=True, ..), ..))

A point is dominated by one that is at least as good in quality, size and speed, and better in one of them; where one
of the two was not timed, by quality and size alone. Sizes are held against each other at three significant digits and
speeds at two: a header that is some bytes shorter, and the wobble of a clock, make no model a better one. What is not
dominated is optimal. A stage that was rolled back is shown, and takes no part: what its gate refused is nobody's
choice, small as it may be.

Quality is a score on samples: where the 95% intervals of two models overlap, the better score is `not proven better`.
An optimal point that costs more than another one, and is not proven better than it, names the smallest such one. The
intervals stand apart only for differences of about 2.8 standard errors: `harness compare` pairs the samples, and sees
finer. Cost: n^2 comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A model that was evaluated and whose size is known."""

    name: str
    """`COMPRESSION/NUMBER step`, or the run's."""
    run_id: str
    model: str
    quality: float
    low: float
    high: float
    n: int
    """Samples with a score."""
    size_bytes: int
    speed: float | None = None
    """Tokens generated per second, one text at a time; None: not timed."""
    memory_bytes: float | None = None
    kept: bool = True
    """False: the stage was rolled back."""
    upwards: bool = True
    """Whether more quality is better."""

    @property
    def good(self) -> float:
        """Quality, more is better."""
        return self.quality if self.upwards else -self.quality


@dataclass(frozen=True)
class Marked:
    """A point among the others of its axis."""

    point: Point
    optimal: bool
    unproven: str = ""
    """Name of the smallest model that costs less, and than which this one is not proven better."""


@dataclass(frozen=True)
class Axis:
    """Models that answered the same samples of a suite under the same conditions."""

    suite: str
    version: str
    metric: str
    prompt: str
    marked: tuple[Marked, ...]
    """The largest first."""


def costs_no_more(one: Point, other: Point) -> bool:
    """Return whether `one` is at least as small as `other` and, where both were timed, at least as fast."""
    (small, large), (fast, slow) = _costs(one, other)
    return small <= large and fast >= slow


def costs_less(one: Point, other: Point) -> bool:
    """Return whether `one` costs no more than `other`, and is smaller or faster."""
    (small, large), (fast, slow) = _costs(one, other)
    return small <= large and fast >= slow and (small < large or fast > slow)


def _costs(one: Point, other: Point) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return (sizes, speeds) of both as they are compared; speeds are equal where one was not timed."""
    sizes = float(f"{one.size_bytes:.3g}"), float(f"{other.size_bytes:.3g}")
    if one.speed is None or other.speed is None:
        return sizes, (0.0, 0.0)
    return sizes, (float(f"{one.speed:.2g}"), float(f"{other.speed:.2g}"))


def dominates(one: Point, other: Point) -> bool:
    """Return whether nobody would take `other`: `one` is at least as good in all that both have, and better in one."""
    return costs_no_more(one, other) and (one.good > other.good or (one.good == other.good and costs_less(one, other)))


def mark(points: Sequence[Point]) -> tuple[Marked, ...]:
    """Return the points, the largest first, each with whether it is optimal. Never none of them, where one is kept."""
    choices = [one for one in points if one.kept]
    best = [one for one in choices if not any(dominates(other, one) for other in choices)]
    ordered = sorted(points, key=lambda one: (-one.size_bytes, -one.good, one.name, repr(one)))
    return tuple(Marked(one, one in best, _unproven(one, best) if one in best else "") for one in ordered)


def _unproven(one: Point, best: Sequence[Point]) -> str:
    """Return the name of the smallest optimal point that costs less and whose interval reaches into this one's."""
    reached = [
        other
        for other in best
        if costs_less(other, one) and other.good < one.good and one.low <= other.high and other.low <= one.high
    ]
    return min(reached, key=lambda other: (other.size_bytes, other.name)).name if reached else ""
