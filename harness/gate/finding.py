"""What a rule finds out, before it is weighed together with the other suites, and how many samples would settle it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist

NORMAL = NormalDist()


@dataclass(frozen=True)
class Level:
    """What errors a rule may make."""

    alpha: float
    power: float

    @property
    def z(self) -> float:
        """Normal quantile of 1 - alpha: the reach of a one-sided bound in standard errors."""
        return NORMAL.inv_cdf(1 - self.alpha)

    @property
    def reach(self) -> float:
        """How many standard errors away a truth must lie to be found at this power."""
        return self.z + NORMAL.inv_cdf(self.power)


@dataclass(frozen=True)
class Finding:
    """A promise held against the numbers."""

    suite: str
    rule: str
    observed: float | None = None
    bound: float | None = None
    low: float | None = None
    high: float | None = None
    kept: bool = False
    """Whether the bound on the safe side proves it; of a regression: true, until it is detected."""
    p: float | None = None
    """One-sided p of "the promise holds". None: no test was made, what is not kept is broken."""
    note: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    impossible: str = ""
    """Why nothing can be said at all (then the check is an ERROR), or empty."""


def settled_by(n: int, se: float, distance: float, level: Level, fixed: float = 0.0) -> dict[str, float]:
    """Return `{"needed": samples}` that settle it at this power were the estimate the truth; empty where none would.

    `se`: standard error of `n` samples; `fixed`: a standard error that no further sample makes smaller.
    """
    left = (distance / level.reach) ** 2 - fixed**2
    return {"needed": max(n + 1, math.ceil(n * se**2 / left))} if left > 0 and math.isfinite(se) else {}
