"""Boolean logic (Python's precedence: not, and, or), comparisons and small arithmetic.

Q: Evaluate this: not True or False and True
A: False
Q: Ana has 7 of oven and gets 5. How many are there now?
A: 12
"""

from __future__ import annotations

from harness.dice import Dice

from .row import Row
from .words import NAMES, THINGS

LEADS = ("Evaluate this", "What is the value of this", "Tell the value of this")
LARGEST = 10
"""Operands of arithmetic are 0 to this; a model of a million parameters learns the table, not the algorithm."""


def _terms(dice: Dice, count: int) -> str:
    words = [("not " if dice.below(3) == 0 else "") + dice.one(("True", "False")) for _ in range(count)]
    joined = words[0]
    for word in words[1:]:
        joined += f" {dice.one(('and', 'or'))} {word}"
    return joined


def truth(expression: str) -> bool:
    """Return the value of an expression of True, False, not, and, or."""
    return any(all(_literal(term) for term in part.split(" and ")) for part in expression.split(" or "))


def _literal(term: str) -> bool:
    words = term.split()
    return (words[-1] == "True") != (words.count("not") % 2 == 1)


def expression(dice: Dice) -> Row:
    """Two to four literals, without parentheses."""
    said = _terms(dice, dice.between(2, 4))
    return Row(f"{dice.one(LEADS)}: {said}", str(truth(said)), key=f"boolean {said}")


def compare(dice: Dice) -> Row:
    """Two numbers below a hundred, more or less."""
    left, right = dice.some(range(100), 2)
    sign = dice.one("<>")
    lead, said = dice.one(LEADS), f"{left} {sign} {right}"
    return Row(f"{lead}: {said}", str(left < right if sign == "<" else left > right), key=f"boolean {said}")


def _story(dice: Dice, a: int, b: int, change: str) -> str:
    return f"{dice.one(NAMES)} has {a} of {dice.one(THINGS)} and {change} {b}. How many are there now?"


def add(dice: Dice) -> Row:
    """A sum, in a story."""
    a, b = dice.between(0, LARGEST), dice.between(0, LARGEST)
    question = _story(dice, a, b, "gets")
    return Row(question, str(a + b), key=f"arithmetic {question}".lower())


def subtract(dice: Dice) -> Row:
    """A difference that is not negative, in a story."""
    a = dice.between(0, 2 * LARGEST)
    b = dice.between(max(0, a - LARGEST), min(a, LARGEST))
    question = _story(dice, a, b, "gives")
    return Row(question, str(a - b), key=f"arithmetic {question}".lower())
