"""Takes the topic out of a sentence: numbers, quotations, names, and the words of question, target and answer.

    masked("The model says 42 pears instead of 'forty' because Ana ate them.", case)
      -> "The model says NUMBER THING instead of QUOTE because NAME ate them."

What is kept are the words that tell how something went wrong: those of the stop list (`kept.txt`: function words and
the vocabulary of errors) stay though the question holds them. Sentences of this package's own need no mask; a judge's
do (`critique`). A name that opens a sentence is masked only where the question, target or answer holds it.
Cost: linear in the text, which is cut at 600 characters, and in the words of the case.
"""

from __future__ import annotations

import re
from collections.abc import Set
from functools import cache, partial
from importlib import resources

from harness.failures.case import Case
from harness.failures.relations.pair import plain, words

LONGEST = 600
QUOTED = re.compile(r"\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|`[^`\n]{1,200}`|(?<![^\W_])['‘][^'’\n]{1,200}['’](?![^\W_])")
LINK = re.compile(r"(?:https?://|www\.)\S{1,200}|\S{1,80}@\S{1,80}|<[^<>\n]{1,80}>")
NAME = re.compile(r"(?<=[^.!?\s] )(?:[A-Z][\w'’-]{1,40}|[A-Z])(?: [A-Z][\w'’-]{1,40}){0,4}")
DIGITS = re.compile(r"[-−$€£#]{0,2}(?<!\w)\w{0,40}?[0-9][\w.,:/%]*(?<![.,:])")
TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\w+")
MASKS = frozenset({"NUMBER", "QUOTE", "NAME", "THING", "LINK"})
COUNTS = frozenset((
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "dozen",
    "hundred", "thousand", "million",
))  # fmt: skip


def masked(text: str, case: Case | None = None) -> str:
    """Return `text` on one line of at most `LONGEST` characters, its topic masked; idempotent."""
    topic = topic_words(case) if case is not None else frozenset()
    line = " ".join(text[: 2 * LONGEST].split())
    for pattern, mask in ((LINK, "LINK"), (QUOTED, "QUOTE"), (NAME, "NAME"), (DIGITS, "NUMBER")):
        line = pattern.sub(partial(_replace, mask), line)
    line = TOKEN.sub(lambda found: _mask(found[0], topic), line)
    line = re.sub(r"\b(NUMBER|QUOTE|NAME|THING|LINK)\b(?:[\s,./:;%$()-]{0,3}\b\1\b)+", r"\1", line)
    return " ".join(line.split())[:LONGEST]


def topic_words(case: Case) -> Set[str]:
    """Return the words of question, options, target and answer that the stop list does not hold."""
    parts = (
        case.question[-4000:],
        *case.choices[:26],
        plain(case.target, parts=True)[:4000],
        (case.answer or "")[:4000],
    )
    return {word for part in parts for word in words(part)} - kept()


@cache
def kept() -> Set[str]:
    """Return the stop list: words that stay whatever the question holds."""
    return frozenset((resources.files("harness.failures.diagnosis") / "kept.txt").read_text(encoding="utf-8").split())


def _replace(mask: str, found: re.Match[str]) -> str:
    return found[0] if all(word in MASKS for word in found[0].split()) else mask


def _mask(word: str, topic: Set[str]) -> str:
    small = word.casefold()
    if word in MASKS or small in kept():
        return word
    if any(mark.isdigit() for mark in word) or small in COUNTS:
        return "NUMBER"
    related = {small, f"{small}s", small.removesuffix("s"), small.removesuffix("es"), small.removesuffix("'s")}
    return "THING" if related & topic else word
