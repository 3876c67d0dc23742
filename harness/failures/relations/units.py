"""Whether an answer is the right quantity in a wrong unit.

    wanted 2 (hours), got 120           a ratio of 60                    wanted "19 g", got "19 kg"    another word
    wanted 7, got 84                    a ratio of 12, where the question speaks of years and months, or of dozens
    wanted 450, got 45000               a ratio of 100, where metric units, money or percent are spoken of

A ratio of 12 or 3 comes about in many ways, so small ratios count only where both units of the pair are named, and
powers of ten where units that differ by them are. Rare ratios (60, 24, 3.6, 2.54) speak for themselves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from harness.failures.relations.pair import Pair
from harness.failures.relations.wording import other_unit

RARE = (
    60, 3600, 1440, 24, 168, 365, 1760, 5280, 1024, 2.54, 30.48, 1.609, 1.609344, 0.4536, 0.45359237, 28.35, 3.785,
    4.184, 3.6, 9.81, 2.205, 3.281, 39.37,
)  # fmt: skip
"""Ratios of units of time, length, mass, volume, speed, energy and data that seldom come about otherwise."""
PAIRS: Mapping[int, tuple[str, str]] = {
    3: ("f(?:ee|oo)t", "yards?"),
    4: ("weeks?|quarters?|quarts?|cups?", "months?|years?|dollars?|gallons?"),
    7: ("days?|daily", "weeks?|weekly"),
    12: ("months?|monthly|inch(?:es)?|dozens?", "years?|yearly|f(?:ee|oo)t|dozens?"),
    16: ("ounces?|oz", "pounds?|lbs?"),
    30: ("days?|daily", "months?|monthly"),
    36: ("inch(?:es)?", "yards?"),
    52: ("weeks?|weekly", "years?|yearly"),
}
"""Small ratio -> words of its two units."""
TENS = (10, 100, 1e3, 1e4, 1e6)
METRIC = re.compile(
    r"(?i)\b(?:milli|centi|deci|kilo|mega|giga)?(?:met(?:er|re)|gram|lit(?:er|re)|watt|joule|byte|hertz)s?\b|%"
    r"|\b(?:kg|km|cm|mm|dm|ml|mg|kw|kb|mb|gb|tb|ms|cents?|dollars?|percent|decades?|centur(?:y|ies))\b"
    r"|(?<=[0-9] )[gmls]\b|(?<=[0-9])[gmls]\b"
)
LONGEST = 2000
"""Characters of a question's end in which units are looked for."""


def unit(pair: Pair) -> bool:
    """Return whether the unit is another, or the ratio that of two units which may be meant."""
    if other_unit(pair):
        return True
    wanted, got = pair.wanted, pair.got
    if wanted is None or got is None or wanted == got or wanted * got <= 0:
        return False
    ratio = max(got / wanted, wanted / got)

    def is_near(factor: float) -> bool:
        return math.isclose(ratio, factor, rel_tol=2e-3)

    if any(map(is_near, RARE)):
        return True
    spoken = f"{pair.question[-LONGEST:]} {pair.target} {pair.answer}"
    if any(map(is_near, TENS)):
        return bool(METRIC.search(spoken))
    return any(_named(small, spoken) and _named(large, spoken) for f, (small, large) in PAIRS.items() if is_near(f))


def _named(words: str, text: str) -> bool:
    return bool(re.search(rf"(?i)\b(?:{words})\b", text))
