"""How far raters agree beyond chance: Krippendorff's alpha for values on an interval scale.

    krippendorff([[7, 8], [3, 3, 4], [9, 9]])   ->  0.96

1: they say the same; 0: as if values were dealt out at random; below 0: they contradict one another. Any number of
raters, any ratings missing; a unit with fewer than two says nothing about agreement and is left out.
Source: Krippendorff 2011, "Computing Krippendorff's alpha-reliability" (interval metric: squared differences).
Cost: linear in the ratings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def krippendorff(units: Iterable[Sequence[float]]) -> float:
    """Return alpha of the ratings of each unit; NaN where nobody rated the same, or all values are equal."""
    paired = [unit for unit in units if len(unit) > 1]
    values = [value for unit in paired for value in unit]
    expected = _apart(values) / (len(values) - 1) if values else 0.0
    if expected <= 0.0:
        return math.nan
    return 1.0 - math.fsum(_apart(unit) / (len(unit) - 1) for unit in paired) / expected


def _apart(values: Sequence[float]) -> float:
    """Return the sum of squared differences over all ordered pairs."""
    n, centre = len(values), math.fsum(values) / len(values)
    return 2.0 * n * math.fsum((value - centre) ** 2 for value in values)
