"""Facts of the closed world (`words.FACTS`), which a model knows only if it was told.

    Q: Ana asks: what is the capital of Zorvia?
    A: Mirel

A fact's key holds its wording too: the fact itself must be trained, the very question must not.
"""

from __future__ import annotations

from harness.dice import Dice

from .row import Row
from .words import FACTS, LANDS, NAMES

RELATIONS = ("capital", "river", "drink", "colour")
OPENERS = ("{name} asks: ", "Tell {name}: ", "A question from {name}: ")


def _opener(dice: Dice) -> str:
    return dice.one(OPENERS).format(name=dice.one(NAMES))


def _row(question: str, answer: str) -> Row:
    return Row(question, answer, key=f"facts {question}".lower())


def ask(dice: Dice) -> Row:
    """One relation of one land."""
    land, relation = dice.one(LANDS), dice.one(RELATIONS)
    return _row(f"{_opener(dice)}what is the {relation} of {land}?", FACTS[land][relation])


def complete(dice: Dice) -> Row:
    """A statement to be ended."""
    land, relation = dice.one(LANDS), dice.one(RELATIONS)
    return _row(f"{_opener(dice)}complete this: the {relation} of {land} is", FACTS[land][relation])


def choose(dice: Dice) -> Row:
    """One relation of one land, the right answer and another one offered."""
    land, relation = dice.one(LANDS), dice.one(RELATIONS)
    truth = FACTS[land][relation]
    other = dice.one(sorted({FACTS[neighbour][relation] for neighbour in LANDS} - {truth}))
    first, second = dice.some((truth, other), 2)
    return _row(f"{_opener(dice)}is the {relation} of {land} {first} or {second}?", truth)


def two(dice: Dice) -> Row:
    """Two relations of one land, in the order asked."""
    land, (first, second) = dice.one(LANDS), dice.some(RELATIONS, 2)
    question = f"{_opener(dice)}what is the {first} and the {second} of {land}?"
    return _row(question, f"{FACTS[land][first]} and {FACTS[land][second]}")
