"""Bracket sequences that lack their end.

Complete the rest of the sequence, making sure that the parentheses are closed properly. Input: < [ ] {   -> } >
"""

from __future__ import annotations

from harness.dice import Dice

LEAD = "Complete the rest of the sequence, making sure that the parentheses are closed properly. Input: "
CLOSES = {"(": ")", "[": "]", "{": "}", "<": ">"}
OPEN = (1, 1, 1, 2, 2, 2, 2, 3, 3, 3)
"""How many brackets a sequence leaves open, as often as the official ones do."""
LONGEST = (6, 10, 16, 24, 40, 70)
"""Symbols at most; official sequences are short more often than long."""


def sequence(dice: Dice) -> str:
    """Return a sequence with one to three brackets left open."""
    wanted, most = dice.one(OPEN), dice.one(LONGEST)
    marks: list[str] = []
    stack: list[str] = []
    while len(marks) < dice.between(2, most) or len(stack) != wanted:
        room = most - len(marks) > len(stack) - wanted
        if len(stack) < wanted or (room and dice.below(2)):
            stack.append(dice.one(tuple(CLOSES)))
            marks.append(stack[-1])
        elif len(stack) > 1:
            marks.append(CLOSES[stack.pop()])
    return LEAD + " ".join(marks)


def rest(question: str) -> str:
    """Return the brackets that close what is open, the innermost first."""
    if not question.startswith(LEAD):
        raise ValueError(f"no sequence: {question!r}")
    stack: list[str] = []
    for mark in question.removeprefix(LEAD).split():
        if mark in CLOSES:
            stack.append(mark)
        elif not stack or CLOSES[stack.pop()] != mark:
            raise ValueError(f"{mark!r} closes nothing: {question!r}")
    return " ".join(CLOSES[mark] for mark in reversed(stack))
