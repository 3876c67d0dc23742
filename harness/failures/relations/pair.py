"""A target and an answer side by side, with what can be read out of them once: numbers, words, sequences, truth.

    pair = Pair.of(case)      # target "(B)" with choices ("12 km", "12 m") becomes "12 m"
    pair.wanted, pair.got     ->  12.0, 1200.0          the numbers, where each side is one number
    pair.given                ->  (3.0, 4.0)            the question's own numbers

Answers are hostile: every text is cut before it is read, and every pattern is bounded, so that reading takes time in
proportion to the text, and no text breaks it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.failures.case import Case

QUESTION, ANSWER, TEXT = 4000, 1500, 6000
"""Characters of a question, an answer and a whole text that are looked at."""
NUMBER = re.compile(r"(?:(?<![\w.)\]])[-−])?(?:[0-9]{1,3}(?:,[0-9]{3}){1,5}(?![0-9])|[0-9]{1,18})(?:\.[0-9]{1,12})?")
FORMULA = re.compile(r"[{}\[\]=<>*+_]|\w\(")
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|[0-9]+(?:\.[0-9]+)?")
LETTER = re.compile(r"[\s(\[*\"']{0,4}([A-Z])[\s)\].:*\"']{0,4}\Z")
ARTICLES = frozenset({"a", "an", "the"})
MOST_NUMBERS = 12


@dataclass(frozen=True)
class Pair:
    """What was wanted and what came, as texts; an option's letter is already its text."""

    question: str
    target: str
    answer: str
    text: str
    letters: tuple[str, str] = ("", "")
    """Letters of target and answer, multiple choice only."""
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, case: Case) -> Pair:
        """Return the pair of a case; a letter stands for its option's text where the options are known."""
        answer = (case.answer or "")[:ANSWER]
        target = plain(case.target, ", " in answer or case.mode in ("partial", "wrong_order"))[:ANSWER]
        letters = ("", "")
        if case.choices:
            letters = (letter_of(target, case.choices), letter_of(answer, case.choices))
            target, answer = (
                _option(one, text, case.choices) for one, text in zip(letters, (target, answer), strict=True)
            )
        return cls(
            case.question[-QUESTION:], target.strip(), answer.strip(), case.text[-TEXT:], letters, case.choices[:26]
        )

    @cached_property
    def wanted(self) -> float | None:
        """The target's number, where it is one number with a few words."""
        return number(self.target)

    @cached_property
    def got(self) -> float | None:
        """The answer's number."""
        return number(self.answer)

    @cached_property
    def given(self) -> tuple[float, ...]:
        """The question's first numbers, in order."""
        return tuple(numbers(self.question)[:MOST_NUMBERS])

    @cached_property
    def target_words(self) -> tuple[str, ...]:
        """The target's words, lower case, without articles."""
        return words(self.target)

    @cached_property
    def answer_words(self) -> tuple[str, ...]:
        """The answer's words, lower case, without articles."""
        return words(self.answer)

    @cached_property
    def question_words(self) -> tuple[str, ...]:
        """The question's words, lower case, without articles."""
        return words(self.question)

    @cached_property
    def target_value(self) -> Any:
        """The target as JSON, None where it is none."""
        return parsed(self.target)

    @cached_property
    def answer_value(self) -> Any:
        """The answer as JSON, None where it is none."""
        return parsed(self.answer)


def plain(target: Any, parts: bool = False) -> str:
    """Return a target as text: of several texts the first, or all of them where they are `parts`; else JSON."""
    if isinstance(target, str):
        return target
    if isinstance(target, list | tuple) and target and all(isinstance(one, str) for one in target):
        return ", ".join(target) if parts else target[0]
    return "" if target is None else json.dumps(target, ensure_ascii=False, default=str)


def numbers(text: str) -> list[float]:
    """Return all numbers in a text; a minus counts where no number, word or bracket stands before it."""
    return [float(found[0].replace(",", "").replace("−", "-")) for found in NUMBER.finditer(text)]


def number(text: str) -> float | None:
    """Return the number that a short text consists of, unit and words around it aside; a formula is none."""
    if len(text) > 80 or FORMULA.search(text):
        return None
    found = numbers(text)
    return found[0] if len(found) == 1 and len(text.split()) <= 6 else None


def words(text: str) -> tuple[str, ...]:
    """Return the words and numbers of a text in lower case, without articles; at most 1,000."""
    found = (one[0].casefold() for one in WORD.finditer(text))
    return tuple(one for one, _ in zip((w for w in found if w not in ARTICLES), range(1000), strict=False))


def parsed(text: str) -> Any:
    """Return a text's JSON object or list, else None."""
    stripped = text.strip()
    if stripped[:1] not in ("{", "["):
        return None
    try:
        return json.loads(stripped)
    except (ValueError, RecursionError):
        return None


def letter_of(text: str, choices: tuple[str, ...]) -> str:
    """Return the letter of an option, given as letter, as text, or as TruthfulQA's count of true ones in front."""
    found = LETTER.match(text)
    if found and ord(found[1]) - ord("A") < len(choices):
        return found[1]
    folded = text.strip().casefold()
    places = [place for place, choice in enumerate(choices) if choice.strip().casefold() == folded]
    if not places and text.strip().isascii() and text.strip().isdigit() and 0 < int(text.strip()[:4]) <= len(choices):
        places = [0]
    return chr(ord("A") + places[0]) if places and places[0] < 26 else ""


def _option(letter: str, text: str, choices: tuple[str, ...]) -> str:
    return choices[ord(letter) - ord("A")][:ANSWER] if letter else text


def leaves(value: Any, path: str = "", most: int = 200) -> Mapping[str, Any]:
    """Return path -> scalar of a JSON value; not more than `most`, and not deeper than 12."""
    found: dict[str, Any] = {}
    stack: list[tuple[str, Any, int]] = [(path, value, 0)]
    while stack and len(found) < most:
        here, one, depth = stack.pop()
        if isinstance(one, Mapping) and one and depth < 12:
            stack += [(f"{here}.{key}", inner, depth + 1) for key, inner in list(one.items())[:most]]
        elif isinstance(one, list) and one and depth < 12:
            stack += [(f"{here}[{place}]", inner, depth + 1) for place, inner in enumerate(one[:most])]
        else:
            found[here] = one
    return found
