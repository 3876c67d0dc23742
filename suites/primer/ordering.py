"""Words to be put in order.

Q: Sort these words in alphabetical order: pencil candle oven
A: candle oven pencil
"""

from __future__ import annotations

from harness.dice import Dice

from .row import Row
from .words import THINGS


def _row(lead: str, words: list[str], answer: list[str]) -> Row:
    return Row(f"{lead}: {' '.join(words)}", " ".join(answer), key=f"ordering {lead} {' '.join(words)}".lower())


def sort(dice: Dice) -> Row:
    """Three words from a to z."""
    words = dice.some(THINGS, 3)
    return _row("Sort these words in alphabetical order", words, sorted(words))


def descend(dice: Dice) -> Row:
    """Three words from z to a."""
    words = dice.some(THINGS, 3)
    return _row("Sort these words in reverse alphabetical order", words, sorted(words, reverse=True))


def copy(dice: Dice) -> Row:
    """Three words as they stand."""
    words = dice.some(THINGS, 3)
    return _row("Write these words in the given order", words, words)


def backwards(dice: Dice) -> Row:
    """Three words from last to first; never an order that sorting or copying would hit by chance."""
    while True:
        words = dice.some(THINGS, 3)
        if words[::-1] not in (sorted(words), sorted(words, reverse=True)):
            return _row("Write these words in reverse order", words, words[::-1])
