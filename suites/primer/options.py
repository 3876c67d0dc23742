"""What else one might answer: wrong answers that look like the right one, for `primer:choices`.

    ordering/backwards   pencil candle oven    oven candle pencil | pencil candle oven | candle oven pencil | ..
    json/reversed_keys   {"age": 7, ..}        the keys in the given order | another value | ..
    code/k_op_x          def f(x): return 7 - x    def f(x): return x - 7 | def f(x): return 8 - x | ..
    boolean/compare      True                  False

Each changes one thing: the order of the parts, or one word or number for another of its kind. So they are about as long
as the right answer, and those that a model gives that has learned a neighbouring variant are among them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice, permutations

from harness.dice import Dice

from .marking import mark
from .row import Row
from .words import CAPITALS, COLOURS, DAYS, DRINKS, NAMES, PETS, RIVERS, THINGS
from .writing import TOOLS

MOST = 4
"""Choices of a question; of a Boolean one there are two."""
KINDS = (CAPITALS, RIVERS, DRINKS, COLOURS, PETS, NAMES, THINGS, DAYS, tuple(TOOLS), ("True", "False"))
NEAR = 3
"""How far a wrong number lies from the right one at most."""
OPERANDS = re.compile(r"(return )(\w+)( [-%] )(\w+)$")
WORD = re.compile(r"[A-Za-z]+|\d+")


def options(row: Row) -> tuple[str, ...]:
    """Return the right answer and up to three wrong ones, in an order of their own: the same for ever."""
    dice, found = Dice("primer", "options", row.key), [row.answer]
    for wrong in (*islice(_reordered(dice, row), MOST // 2), *_changed(dice, row)):
        if len(found) < MOST and wrong not in found:
            found.append(wrong)
    return tuple(dice.some(found, len(found)))


def _is_right(row: Row, answer: str) -> bool:
    """Return whether a changed answer is right as well; one that is a program never is, by how it is changed."""
    return row.check["kind"] != "code" and mark(row.check, row.answer, answer)[0] == "right"


def _reordered(dice: Dice, row: Row) -> Iterator[str]:
    """Yield wrong answers with the parts of the right one in other orders, the reverse of it first."""
    if row.check["kind"] == "code":
        found = [OPERANDS.sub(r"\1\4\3\2", row.answer)]
    elif row.check["kind"] in ("json", "tool"):
        told = json.loads(row.answer)
        parts = list(told.items()) if isinstance(told, dict) else told
        found = [json.dumps(dict(one) if isinstance(told, dict) else list(one)) for one in permutations(parts)]
    else:
        joint = " and " if " and " in row.answer else " "
        found = [joint.join(words) for words in permutations(row.answer.split(joint))]
    # Of the permutations the last is the reverse of the first.
    for wrong in (found[-1], *dice.some(found, len(found))):
        if wrong != row.answer and not _is_right(row, wrong):
            yield wrong


def _changed(dice: Dice, row: Row) -> Iterator[str]:
    """Yield the answer with one word or number for another of its kind; those that the question names come first."""
    start = row.answer.find("return ") + len("return ") if row.check["kind"] == "code" else 0
    places = [place for place in WORD.finditer(row.answer, start) if _others(place.group())]
    asked = set(WORD.findall(row.question))
    for again in range(2 * MOST):
        for place in dice.some(places, len(places)):
            others = _others(place.group())
            near = [] if again else [one for one in others if one in asked]
            changed = row.answer[: place.start()] + dice.one(near or others) + row.answer[place.end() :]
            if not _is_right(row, changed):
                yield changed


def _others(word: str) -> list[str]:
    """Return what might stand in the place of a word or number; nothing for a word of no kind (`name`, `x`)."""
    if word.isdigit():
        near = range(max(0, int(word) - NEAR), int(word) + NEAR + 1)
        return [str(n) for n in near if n != int(word)]
    return sorted({one for kind in KINDS if word in kind for one in kind} - {word})
