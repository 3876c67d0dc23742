"""Reads the rows in a teacher's answer. What is not asked for is refused, what was paid for and is whole is kept.

    read('{"rows": [{"question": "2 + 2?", "answer": "4"}]}').pairs     -> (Pair("2 + 2?", "4"),)
    read('{"rows": [{"question": "2 + 2?", "answer": "4"}, {"ques')     -> the same pair, cut: the answer ended early
    read('{"rows": [{"question": "Write inc(n).", "answer": "..", "tests": ["assert inc(1) == 2"]}]}').pairs[0].tests
    read("Sure! Here are some questions:").complaint                    -> "no JSON object ..."

An answer is hostile text: it is only read as JSON, never run, and only up to `LONGEST` characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

LONGEST = 200_000
TRIES = 2_000
"""Places of an answer at which an object is looked for."""
FENCED = re.compile(r"\A```(?:json)?[ \t]*\n(.*?)\n?```\Z", re.DOTALL)
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
                "required": ["question", "answer"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["rows"],
    "additionalProperties": False,
}
"""Without bounds on the number of rows: hosted services refuse those."""


def schema(tests: bool) -> Mapping[str, Any]:
    """Return the schema of an answer; with `tests` each row has a list of them, which may be empty."""
    if not tests:
        return SCHEMA
    item = SCHEMA["properties"]["rows"]["items"]
    fields = {**item["properties"], "tests": {"type": "array", "items": {"type": "string"}}}
    item = {**item, "properties": fields, "required": [*item["required"], "tests"]}
    return {**SCHEMA, "properties": {"rows": {"type": "array", "items": item}}}


class Pair(NamedTuple):
    """A question and its answer, without blanks around them."""

    question: str
    answer: str
    tests: tuple[str, ...] = ()
    """Python that raises where a program that answers is wrong."""


@dataclass(frozen=True)
class Answer:
    """What a teacher's text holds."""

    pairs: tuple[Pair, ...] = ()
    broken: tuple[str, ...] = ()
    """Entries that are no question with an answer, as JSON."""
    complaint: str = ""
    """What is wrong with the text as a whole; there may be pairs all the same."""


def read(text: str) -> Answer:
    """Return the pairs of an answer: of the whole text, fenced or not, else of the objects that are whole in it."""
    text = text[:LONGEST].strip()
    fenced = FENCED.match(text)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError) as error:
        return Answer(_whole(text), complaint=f"not JSON: {error}")
    rows = value.get("rows") if isinstance(value, dict) else value
    if not isinstance(rows, list):
        return Answer(complaint='no JSON object with "rows", a list')
    found = [(_pair(one), one) for one in rows]
    broken = tuple(json.dumps(one, ensure_ascii=False) for pair, one in found if pair is None)
    complaint = "" if len(broken) < len(rows) else 'no entry of "rows" has a "question" and an "answer", both texts'
    return Answer(tuple(pair for pair, _ in found if pair), broken, complaint)


def _pair(value: Any) -> Pair | None:
    if not isinstance(value, dict):
        return None
    question, answer = value.get("question"), value.get("answer")
    # Numbers and truth values are what a teacher makes of "4" and "true": as texts they are the answers meant.
    if isinstance(answer, bool | int | float):
        answer = json.dumps(answer)
    if not isinstance(question, str) or not isinstance(answer, str) or not question.strip() or not answer.strip():
        return None
    tests = value.get("tests")
    told = [one.strip() for one in tests if isinstance(one, str)] if isinstance(tests, list) else []
    return Pair(question.strip(), answer.strip(), tuple(filter(None, told)))


def _whole(text: str) -> tuple[Pair, ...]:
    """Return the pairs that stand whole in a text that is no JSON: cut off, or with prose around."""
    decoder, found, place = json.JSONDecoder(), list[Pair](), -1
    for _ in range(TRIES):
        place = text.find("{", place + 1)
        if place < 0:
            break
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            continue
        inner = value.get("rows")
        pairs = [_pair(one) for one in inner] if isinstance(inner, list) else [_pair(value)]
        found += [one for one in pairs if one]
        place = end - 1
    return tuple(found)
