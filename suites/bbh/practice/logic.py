"""Boolean expressions and chains of people who call each other liars.

not ( True ) or not not False is                                                        -> False
Question: Ana lies. Tom says Ana lies. Kim says Tom lies. Does Kim tell the truth?      -> No
"""

from __future__ import annotations

import re
from functools import cache

from harness.dice import Dice

from .vocabulary import NAMES

TOKENS = 8
"""Of an official expression, without the final `is`."""
PEOPLE = 5
FIRST = re.compile(r"Question: (\w+) (lies|tells the truth)\. ")
CLAIM = re.compile(r"(\w+) says (\w+) (lies|tells the truth)\. ")
ASKED = re.compile(r"Does (\w+) tell the truth\?")


@cache
def _expressions(tokens: int) -> tuple[str, ...]:
    """Return all expressions of so many tokens."""
    if tokens == 1:
        return ("False", "True")
    found = {f"not {inner}" for inner in _expressions(tokens - 1)}
    for left in range(1, tokens - 1):
        sides = [(a, b) for a in _expressions(left) for b in _expressions(tokens - 1 - left)]
        found |= {f"{a} {word} {b}" for a, b in sides for word in ("and", "or")}
    if tokens > 2:
        found |= {f"( {inner} )" for inner in _expressions(tokens - 2)}
    return tuple(sorted(found))


def expression(dice: Dice) -> str:
    """Return one of all expressions of the official length."""
    return f"{dice.one(_expressions(TOKENS))} is"


def value(question: str) -> str:
    """Return what an expression is worth: `not` before `and` before `or`."""
    words = question.split()
    if not words or words.pop() != "is":
        raise ValueError(f"no expression: {question!r}")
    found = _or(words)
    if words:
        raise ValueError(f"more than an expression: {question!r}")
    return str(found)


def _or(words: list[str]) -> bool:
    found = _and(words)
    while words[:1] == ["or"]:
        words.pop(0)
        found = _and(words) or found
    return found


def _and(words: list[str]) -> bool:
    found = _not(words)
    while words[:1] == ["and"]:
        words.pop(0)
        found = _not(words) and found
    return found


def _not(words: list[str]) -> bool:
    first = words.pop(0) if words else ""
    if first == "not":
        return not _not(words)
    if first == "(":
        found = _or(words)
        if words[:1] == [")"]:
            words.pop(0)
            return found
    if first not in ("True", "False"):
        raise ValueError(f"no expression at {first!r}")
    return first == "True"


def testimony(dice: Dice) -> str:
    """Return five statements, each about who spoke before."""
    people = dice.some(NAMES, PEOPLE)
    says = [dice.one(("lies", "tells the truth")) for _ in people]
    claims = [f"{people[i]} says {people[i - 1]} {says[i]}." for i in range(1, PEOPLE)]
    return f"Question: {people[0]} {says[0]}. {' '.join(claims)} Does {people[-1]} tell the truth?"


def reworded(question: str, target: str) -> tuple[str, str]:
    """Return `.. Is Kim honest?` and True or False."""
    shorter = question.removeprefix("Question: ").replace("Does ", "Is ").replace("tell the truth?", "honest?")
    return shorter, str(target == "Yes")


def truthful(question: str) -> str:
    """Return Yes or No: whoever tells the truth is right about the one before, a liar is wrong."""
    first = FIRST.match(question)
    if first is None:
        raise ValueError(f"nobody to begin with: {question!r}")
    known, place = {first[1]: first[2] != "lies"}, first.end()
    while claim := CLAIM.match(question, place):
        known[claim[1]] = known[claim[2]] == (claim[3] != "lies")
        place = claim.end()
    asked = ASKED.fullmatch(question, place)
    if asked is None:
        raise ValueError(f"nobody is asked about: {question!r}")
    return "Yes" if known[asked[1]] else "No"
