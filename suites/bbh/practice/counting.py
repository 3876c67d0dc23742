"""Belongings to be counted, with a few in between that do not count.

I have a plum, two lamps, and three peaches. How many fruits do I have?      -> 4
"""

from __future__ import annotations

import re

from harness.dice import Dice

from .vocabulary import KINDS, Thing

NUMBERS = ("", "", "two", "three", "four", "five")
OFTEN = (1,) * 25 + (2,) * 4 + (3,) * 3 + (4,) * 2 + (5,)
"""How many of a thing, as often as in the official questions."""
STRANGERS = (0, 0, 1, 2, 3)
"""Things of other kinds among them."""
WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
MOST = len(WORDS) - 1
ASKED = re.compile(r"I have (.*)\. How many (.*) do I have\?")


def belongings(dice: Dice) -> str:
    """Return two to ten things of a kind, twenty at most, and how many there are asked."""
    kind = dice.one(tuple(KINDS))
    count = dice.between(2, 10)
    while sum(things := [dice.one(OFTEN) for _ in range(count)]) > MOST:
        pass
    named = [_named(thing, n) for thing, n in zip(dice.some(KINDS[kind], count), things, strict=True)]
    if kind != "objects":
        others = [thing for name, listed in KINDS.items() if name != kind for thing in listed]
        named += [_named(thing, 1) for thing in dice.some(others, dice.one(STRANGERS))]
    named = dice.some(named, len(named))
    return f"I have {', '.join(named[:-1])}, and {named[-1]}. How many {kind} do I have?"


def reworded(question: str, target: str) -> tuple[str, str]:
    """Return `Count the fruits: a plum, two lamps, and three peaches.` and the number as a word."""
    found = ASKED.fullmatch(question)
    assert found is not None, question
    return f"Count the {found[2]}: {found[1]}.", WORDS[int(target)]


def _named(thing: Thing, count: int) -> str:
    if count > 1:
        return f"{NUMBERS[count]} {thing.several}"
    return f"{'an' if thing.one[0] in 'aeiou' else 'a'} {thing.one}"


def total(question: str) -> str:
    """Return how many things are of the kind asked for; all of them are objects."""
    found = ASKED.fullmatch(question)
    if found is None:
        raise ValueError(f"nothing to count: {question!r}")
    return str(sum(_counted(part, found[2]) for part in re.split(r", and |, ", found[1])))


def _counted(part: str, kind: str) -> int:
    number, _, name = part.partition(" ")
    if number not in ("a", "an", *NUMBERS[2:]):
        raise ValueError(f"no number: {part!r}")
    if kind != "objects" and not any(name in (thing.one, thing.several) for thing in KINDS[kind]):
        return 0
    return NUMBERS.index(number) if number in NUMBERS else 1
