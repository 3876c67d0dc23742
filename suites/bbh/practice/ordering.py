"""Words to be sorted.

    Sort the following words alphabetically: List: pencil oven candle      -> candle oven pencil

Words are stems of our own, some with an ending, so that there are thousands.
"""

from __future__ import annotations

from functools import cache

from harness.dice import Dice

from .vocabulary import ENDINGS, STEMS

LEAD = "Sort the following words alphabetically: List: "
FEWEST, MOST = 2, 20


@cache
def _words() -> tuple[str, ...]:
    return tuple(sorted({stem + ending for stem in STEMS for ending in ENDINGS}))


def words(dice: Dice) -> str:
    """Return two to twenty words in random order."""
    return LEAD + " ".join(dice.some(_words(), dice.between(FEWEST, MOST)))


def sorted_words(question: str) -> str:
    """Return the words in the order of their letters."""
    if not question.startswith(LEAD):
        raise ValueError(f"no list: {question!r}")
    return " ".join(sorted(question.removeprefix(LEAD).split()))
