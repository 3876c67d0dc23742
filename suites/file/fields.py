"""Turns one row of one's own into a sample's row: every field checked, the answer brought into one form.

    {"question": "7 * 8?", "choices": ["54", "56"], "answer": 1}   ->  target "B"    index from 0
    {"question": "7 * 8?", "choices": ["54", "56"], "answer": "56"} -> target "B"    its text
    {"question": "7 * 8?", "answer": 56}                           ->  target ["56"] accepted answers, as texts

An answer that is none of the choices is an error of the data, found before a model is asked. Nothing is guessed: "2"
as the answer to two choices that are no numbers is refused, because nobody knows whether it counts from 0 or from 1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.data import Row
from harness.errors import UsageError, nearest
from harness.grading.asserts import can_fail

from .rows import LETTERS, TAGS, Fields, own_tags


def to_row(row: dict[str, Any], fields: Fields, place: str, content: Any) -> Row:
    """Return a row on its way to a sample: target and choices checked, tags and name taken out.

    Args:
        content: the row's own part of the question beside question and choices, as the prompt uses it.

    Raises:
        UsageError: a field is missing or of a wrong type; names place and field.
    """
    for what in filter(None, (fields.question, fields.target, fields.choices, fields.tests)):
        if what not in row:
            has = ", ".join(map(repr, row)) or "nothing"
            raise UsageError(f"{place}: no {what!r}; it has {has}", "the fields of the first row", "mend that line")
    if fields.question and (not isinstance(row[fields.question], str) or not row[fields.question].strip()):
        raise _wrong(place, fields.question, row[fields.question], "a text")
    if not fields.question and "messages" in row:
        _check_messages(row["messages"], place)
    data = {key: value for key, value in row.items() if key != fields.target}
    target: Any = None
    if fields.kind == "choices":
        data[fields.choices], labels = _choices(row[fields.choices], place, fields.choices)
        target = _letter(row[fields.target], data[fields.choices], labels, place, fields.target)
    elif fields.kind == "target":
        target = _accepted(row[fields.target], place, fields.target)
    if fields.tests:
        data[fields.tests] = _tests(row[fields.tests], place, fields.tests)
    folded = " ".join(row[fields.question].split()) if fields.question else row.get("messages")
    asked = [folded, data.get(fields.choices), content]
    name = str(row.get(fields.name, "")) or place.rpartition(" ")[2]
    answer = target if fields.kind != "tests" else data[fields.tests]
    return Row([*asked, answer], data, target, tags(row, fields.group, place), name, origin=["file", *asked])


def tags(row: Mapping[str, Any], group: str, place: str) -> dict[str, str]:
    """Return a row's tags: those of its `tags` mapping, the usual tag fields, and the field grouped by."""
    found = {str(key): str(value) for key, value in own_tags(row).items()}
    found |= {word: str(row[word]) for word in TAGS if isinstance(row.get(word), str | int)}
    if group and group not in found:
        if group not in row and group not in TAGS:
            raise UsageError(
                f"{place}: no field {group!r} to group by", nearest(group, map(str, row)), "check `group_by:`"
            )
        found[group] = str(row.get(group, "-"))
    return found


def _accepted(value: Any, place: str, field: str) -> list[str]:
    values = value if isinstance(value, list) else [value]
    found = [_plain(one) for one in values]
    if not found or not all(found):
        raise _wrong(place, field, value, "a text, a number, or a list of accepted ones, none of them empty")
    return [one for one in found if one]


def _plain(value: Any) -> str | None:
    """Return a JSON scalar as text (true as `true`, 3.0 as `3.0`), None for anything else or blanks."""
    if isinstance(value, str):
        return value if value.strip() else None
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def _choices(value: Any, place: str, field: str) -> tuple[list[str], list[str]]:
    """Return (texts, labels): a list of texts, {"text": [..], "label": [..]}, or {"A": .., "B": ..}."""
    labels = list(LETTERS)
    if isinstance(value, dict):
        if isinstance(value.get("text"), list) and isinstance(value.get("label"), list):
            labels, value = [str(label) for label in value["label"]], value["text"]
        else:
            labels, value = list(value), list(value.values())
    texts = [_plain(one) for one in value] if isinstance(value, list) else []
    if not 2 <= len(texts) <= len(LETTERS) or not all(texts) or len(labels) < len(texts):
        raise _wrong(place, field, value, f"2 to {len(LETTERS)} texts")
    return [text for text in texts if text], labels


def _letter(value: Any, choices: list[str], labels: list[str], place: str, field: str) -> str:
    """Return the letter of the right choice: by its text, its label or letter, or (a number) its index from 0."""
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value < len(choices):
            return LETTERS[value]
        raise _wrong(place, field, value, f"an index from 0 to {len(choices) - 1}")
    if isinstance(value, str):
        for known in (choices, labels[: len(choices)], list(LETTERS[: len(choices)])):
            if known.count(value.strip()) == 1:
                return LETTERS[known.index(value.strip())]
    raise _wrong(place, field, value, "the text of one choice, its letter, or its index from 0 (a number)")


def _tests(value: Any, place: str, field: str) -> list[str]:
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(one, str) and one.strip() for one in found):
        raise _wrong(place, field, value, "a text or a list of texts: lines of Python such as `assert f(1) == 2`")
    if not can_fail("\n".join(found)):
        raise _wrong(place, field, value, "a test that can fail: an assert, a raise or a call")
    return list(found)


def _check_messages(value: Any, place: str) -> None:
    roles = ("system", "user", "assistant")
    fine = (
        isinstance(value, list)
        and value
        and all(isinstance(m, dict) and m.get("role") in roles and isinstance(m.get("content"), str) for m in value)
    )
    if not fine:
        raise _wrong(place, "messages", value, '[{"role": "user", "content": ".."}]')


def _wrong(place: str, field: str, value: Any, expected: str) -> UsageError:
    return UsageError(f"{place}: {field} = {str(value)[:80]!r}", f"expected {expected}", "mend that line")
