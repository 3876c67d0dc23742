"""Recognises the shape of a recorded row and gives it a key.

read_row({"task_id": "HumanEval/0", "completion": "    pass"}, place=0)
  -> Entry(shape="task", key=("name", "HumanEval/0"), completion=Completion("    pass", finish="recorded"), ..)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from harness.types import Completion, Finish, Form, ToolCall

SHAPES: Mapping[str, str] = {
    "export": '{"suite", "sample_id", "attempt", "completion": {"text", ..}}',
    "task": '{"task_id", "completion"}',
    "bbh": '{"outputs": [{"input", "prediction", "target"}]}',
    "prompt": '{"prompt", "completion"}',
}
"""Name -> how it looks. A row is taken for the first that it satisfies."""


@dataclass(frozen=True)
class Entry:
    """One recorded completion and what it is an answer to."""

    shape: str
    key: tuple[str, ...]
    """(`sample`, suite, id), (`name`, official name), (`question`, text) or (`prompt`, text)."""
    completion: Completion
    attempt: int | None = None
    """Of an export; None: counted by occurrence."""
    place: int = 0
    """Row number in its file: tells recorded duplicates of one question apart."""
    tail: str = ""
    """What the recorded input said after its last `A:`: tells chain of thought from direct answers."""


def read_row(row: Any, place: int) -> Entry | None:
    """Return the entry of a row, None when its shape is unknown.

    Raises:
        ValueError: the shape is known and a field of it has a wrong type.
    """
    if not isinstance(row, dict):
        return None
    if isinstance(row.get("completion"), dict) and {"suite", "sample_id"} <= row.keys():
        return _export(row, place)
    completion = row.get("completion")
    if isinstance(completion, str) and isinstance(row.get("task_id"), str | int):
        return Entry("task", ("name", str(row["task_id"])), _recorded(completion), place=place)
    if isinstance(row.get("input"), str) and isinstance(row.get("prediction"), str):
        head, _, tail = row["input"].rpartition("\nA:")
        question = head.rpartition("\n\nQ: ")[2]
        return Entry("bbh", ("question", question), _recorded(row["prediction"]), place=place, tail=tail.strip())
    if isinstance(completion, str) and isinstance(row.get("prompt"), str):
        return Entry("prompt", ("prompt", row["prompt"]), _recorded(completion), place=place)
    return None


def _recorded(text: str) -> Completion:
    return Completion(_clean(text), finish="recorded")


def _export(row: Mapping[str, Any], place: int) -> Entry:
    attempt = row.get("attempt", 0)
    if not isinstance(attempt, int) or attempt < 0:
        raise ValueError(f"attempt is {attempt!r}, not a number from 0")
    key = ("sample", str(row["suite"]), str(row["sample_id"]))
    return Entry("export", key, _completion(row["completion"]), attempt=attempt, place=place)


def _completion(said: Mapping[str, Any]) -> Completion:
    finish, form = said.get("finish", "recorded"), said.get("form", "raw")
    if finish not in get_args(Finish) or form not in get_args(Form):
        raise ValueError(f"unknown finish {finish!r} or form {form!r}")
    return Completion(
        text=_clean(said.get("text", "")),
        reasoning=_clean(said.get("reasoning", "")),
        tool_calls=tuple(_call(call) for call in _list(said, "tool_calls")),
        choice_logprobs=tuple(_number(value) for value in _list(said, "choice_logprobs")),
        choice_greedy=tuple(bool(value) for value in _list(said, "choice_greedy")),
        choice_tokens=tuple(int(_number(value)) for value in _list(said, "choice_tokens")),
        token_logprobs=tuple(_number(value) for value in _list(said, "token_logprobs")),
        finish=finish,
        form=form,
        prompt_tokens=int(_number(said.get("prompt_tokens", 0))),
        completion_tokens=int(_number(said.get("completion_tokens", 0))),
        cut_tokens=int(_number(said.get("cut_tokens", 0))),
    )


def _clean(text: Any) -> str:
    """Return a text as it is.

    Raises:
        ValueError: no text, or one that no UTF-8 file can hold (lone surrogates), which no store would take.
    """
    if not isinstance(text, str):
        raise ValueError(f"a text is a {type(text).__name__}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("a text holds a lone surrogate") from error
    return text


def _list(said: Mapping[str, Any], field: str) -> list[Any]:
    values = said.get(field) or []
    if not isinstance(values, list):
        raise ValueError(f"{field} is a {type(values).__name__}, not a list")
    return values


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
    return value


def _call(call: Any) -> ToolCall:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise ValueError("a tool call has no name")
    arguments = call.get("arguments", {})
    if not isinstance(arguments, dict):
        raise ValueError("a tool call's arguments are no mapping")
    return ToolCall(call["name"], arguments, str(call.get("id", "")))
