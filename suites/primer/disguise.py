"""Adversarial wrappings: the same question, harder to read. The answer never changes.

    typos       Q: Sort tehse words in aplhabetical order: pencil candle oven
    casing      Q: SORT THESE WORDS IN ALPHABETICAL ORDER: pencil candle oven
    distractor  Q: Sort these words in alphabetical order: pencil candle oven. Never mind that Ana has a red kite
    context     Note: the kettle of Ben is red.
                Q: Sort these words in alphabetical order: pencil candle oven

Only words of the instruction are touched (`TOUCHED`); what is asked about keeps its spelling.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from harness.dice import Dice

from .row import Row
from .words import COLOURS, NAMES, THINGS

INSTRUCTIONS = """
    asks tell question from what capital river sort these words alphabetical order write with keys given tools call
    first that returns
"""
TOUCHED = frozenset(INSTRUCTIONS.split())
"""Lower-case instruction words whose spelling is no part of an answer."""


def _touch(question: str, change: Callable[[str], str]) -> str:
    return re.sub("[A-Za-z]+", lambda m: change(m.group()) if m.group().lower() in TOUCHED else m.group(), question)


def typos(dice: Dice, row: Row) -> Row:
    """Two neighbouring inner letters swapped in each instruction word of five letters or more."""

    def swap(word: str) -> str:
        if len(word) < 5:
            return word
        i = dice.between(1, len(word) - 3)
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]

    return replace(row, question=_touch(row.question, swap))


def casing(dice: Dice, row: Row) -> Row:
    """The instruction in capitals."""
    return replace(row, question=_touch(row.question, str.upper))


def distractor(dice: Dice, row: Row) -> Row:
    """A sentence after the question that has nothing to do with it."""
    aside = f"Never mind that {dice.one(NAMES)} has a {dice.one(COLOURS)} {dice.one(THINGS)}"
    return replace(row, question=f"{row.question.rstrip('.?')}. {aside}")


def context(dice: Dice, row: Row) -> Row:
    """A line before the question that has nothing to do with it."""
    note = f"Note: the {dice.one(THINGS)} of {dice.one(NAMES)} is {dice.one(COLOURS)}."
    return replace(row, context=note)
