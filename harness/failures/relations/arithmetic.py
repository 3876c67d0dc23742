"""How a wrong number lies to the right one: sign, power of ten, one off, operands or operation confused.

    wanted 12, got -12                       -> sign           question 3, 15: swapped (3 - 15 for 15 - 3)
    wanted 45, got 54                        -> digits

Every function takes a `Pair` and answers yes or no; none of them looks at words. Dates count as numbers
where a whole day, month or year is meant. Cost: at most 132 ordered pairs of the question's numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from itertools import permutations

from harness.failures.relations.pair import Pair

DATES = (re.compile(r"\b([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})\b"), re.compile(r"\b([0-9]{4})-([0-9]{2})-([0-9]{2})\b"))
OPERATIONS: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "//": lambda x, y: float(x // y),
    "%": lambda x, y: x % y,
    "**": lambda x, y: x**y if abs(x) < 1e6 and abs(y) < 12 else math.nan,
}
ORDERED = ("-", "/", "//", "%", "**")


def same(x: float, y: float) -> bool:
    """Return whether two numbers are equal, but for the digits that a rounded ratio loses."""
    return math.isclose(x, y, rel_tol=2e-3 if min(abs(x), abs(y)) < 1e3 and x % 1 else 1e-6, abs_tol=1e-9)


def both(pair: Pair) -> tuple[float, float] | None:
    """Return the two numbers, where there are two and they differ."""
    wanted, got = pair.wanted, pair.got
    return None if wanted is None or got is None or wanted == got else (wanted, got)


def sign(pair: Pair) -> bool:
    """Return whether the answer is the target with the other sign."""
    found = both(pair)
    return found is not None and found[0] == -found[1]


def off_by_one(pair: Pair) -> bool:
    """Return whether two whole numbers, two clock times or two dates lie one apart."""
    found = both(pair)
    if found:
        return all(one.is_integer() for one in found) and abs(found[0] - found[1]) == 1
    days = [day_of(text) for text in (pair.target, pair.answer)]
    return None not in days and _near_days(*[day for day in days if day])


def power_of_ten(pair: Pair) -> bool:
    """Return whether the answer is the target times 10, 100, .. or a tenth, a hundredth, .. of it."""
    found = both(pair)
    if not found or 0 in found or found[0] * found[1] < 0:
        return False
    exponent = math.log10(found[1] / found[0])
    return abs(exponent - round(exponent)) < 1e-9 and round(exponent) != 0


def swapped(pair: Pair) -> bool:
    """Return whether target and answer are x o y and y o x for two numbers of the question.

    A difference the wrong way round is also a wrong sign: it is swapped only where the text shows it so.
    """
    found = both(pair)
    if found is None:
        return False
    hits = [
        (name, x, y)
        for x, y in permutations(pair.given, 2)
        for name in ORDERED
        if _is(name, x, y, found[0])
        and _is(name, y, x, found[1])
        # 7 % 9 is 7 and 7 // 9 is 0: a number given back, or nothing, is no computation.
        and not (name in ("//", "%") and found[1] in (0, x, y))
    ]
    return any(name != "-" or shown(pair.text, y, x) for name, x, y in hits)


def shown(text: str, x: float, y: float) -> bool:
    """Return whether a text spells out x - y."""
    left, right = (re.escape(f"{one:.12g}") for one in (x, y))
    return bool(re.search(rf"(?<![0-9.]){left} ?(?:-|−|–|minus) ?{right}(?![0-9.])", text))


def operation(pair: Pair) -> bool:
    """Return whether target and answer are two operations on the same two numbers of the question."""
    found = both(pair)
    if not found or len(pair.given) != 2:
        return False
    x, y = pair.given
    values = [value for name in ("+", "-", "*", "/") for value in _values(name, x, y) + _values(name, y, x)]
    return all(any(same(value, one) for value in values) for one in found)


def copied_number(pair: Pair) -> bool:
    """Return whether the answer is a number of the question, and the target is none."""
    found = both(pair)
    return found is not None and found[1] in pair.given and found[0] not in pair.given


def other_number(pair: Pair) -> bool:
    """Return whether target and answer are both numbers of the question."""
    found = both(pair)
    return found is not None and found[1] in pair.given and found[0] in pair.given


def double(pair: Pair) -> bool:
    """Return whether one is twice the other."""
    found = both(pair)
    return found is not None and 0 not in found and found[0] / found[1] in (2.0, 0.5)


def digits(pair: Pair) -> bool:
    """Return whether both have the same digits in another order, or one digit more or less in one place."""
    found = both(pair)
    if not found or any(abs(one) < 10 or abs(one) > 1e15 for one in found):
        return False
    left, right = (f"{abs(one):.10g}" for one in found)
    if sorted(left) == sorted(right):
        return True
    longer, shorter = sorted((left, right), key=len, reverse=True)
    one_more = len(longer) == len(shorter) + 1 and any(
        longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer))
    )
    return one_more or (len(left) == len(right) > 2 and sum(x != y for x, y in zip(left, right, strict=True)) == 1)


def rounded(pair: Pair) -> bool:
    """Return whether the answer is the target rounded or cut to fewer places."""
    found = both(pair)
    if not found:
        return False
    wanted, got = sorted(found, key=lambda one: len(f"{one:.10g}"), reverse=True)
    return any(got in (round(wanted, places), math.trunc(wanted * 10**places) / 10**places) for places in range(4))


def near(pair: Pair) -> bool:
    """Return whether they are within a tenth of each other."""
    found = both(pair)
    return found is not None and abs(found[0] - found[1]) <= 0.1 * max(abs(found[0]), abs(found[1]))


def day_of(text: str) -> date | None:
    """Return the date of a short text in month/day/year or ISO form."""
    us, iso = (pattern.search(text[:60]) for pattern in DATES)
    try:
        if us:
            return date(int(us[3]), int(us[1]), int(us[2]))
        return date(int(iso[1]), int(iso[2]), int(iso[3])) if iso else None
    except ValueError:
        return None


def _near_days(left: date, right: date) -> bool:
    apart = abs((left - right).days)
    months = abs(12 * (left.year - right.year) + left.month - right.month)
    return apart == 1 or (left.day == right.day and months in (1, 12))


def _values(name: str, x: float, y: float) -> list[float]:
    try:
        found = OPERATIONS[name](x, y)
    except (ZeroDivisionError, OverflowError, ValueError):
        return []
    return [found] if isinstance(found, float) and math.isfinite(found) else []


def _is(name: str, x: float, y: float, value: float) -> bool:
    return any(same(one, value) for one in _values(name, x, y))
