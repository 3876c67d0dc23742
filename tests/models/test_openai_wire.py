"""The pieces of the `openai:` model: answers as completions, locators, keys, pauses."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import UsageError
from harness.models.openai.address import locate
from harness.models.openai.client import retry_after_s
from harness.models.openai.echo import agree
from harness.models.openai.wire import UNPARSED, completion
from harness.types import Completion, Fault, Message, Request, ToolCall

KEY = "sk-very-secret-123"


def chat(text: str, **fields: Any) -> Request:
    return Request("generate", messages=(Message("user", text),), **fields)


def read(choice: dict[str, Any], request: Request | None = None, reasoning: str = "auto") -> Completion:
    answer = completion({"choices": [choice]}, 1.0, request or chat("x"), reasoning, "")
    assert isinstance(answer, Completion)
    return answer


def test_answers_become_completions() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": '{"a": [1]}'}}
    answer = read({"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"})
    assert answer.tool_calls == (ToolCall("f", {"a": [1]}, "c"),) and answer.finish == "tool_calls"
    call["function"]["arguments"] = '{"a": '  # type: ignore[index]
    answer = read({"message": {"content": "", "tool_calls": [call]}, "finish_reason": "stop"})
    assert answer.tool_calls[0].arguments == {UNPARSED: '{"a": '}
    answer = read({"message": {"content": "4", "reasoning_content": "2+2"}, "finish_reason": "stop"})
    assert (answer.text, answer.reasoning, answer.finish) == ("4", "2+2", "eos")
    answer = read({"message": {"content": None, "reasoning": "hm"}, "finish_reason": "length"})
    assert (answer.text, answer.finish) == ("", "truncated")
    answer = read(
        {"message": {"content": "<think>a\n\nb</think>\n\nyes\nno"}, "finish_reason": "stop"}, chat("x", stop=("\n",))
    )
    assert (answer.text, answer.reasoning, answer.finish) == ("yes", "a\n\nb", "stop")
    assert read({"message": {"content": "hm</think>ok"}, "finish_reason": "stop"}).text == "ok"
    assert (
        read({"message": {"content": "hm</think>ok"}, "finish_reason": "stop"}, reasoning="off").text == "hm</think>ok"
    )
    assert read({"message": {"content": ""}, "finish_reason": "stop"}).text == ""


def test_a_withheld_answer_is_a_fault_and_a_wrong_shape_an_error() -> None:
    withheld = completion({"choices": [{"message": {}, "finish_reason": "content_filter"}]}, 0.0, chat("x"), "auto", "")
    assert isinstance(withheld, Fault) and withheld.kind == "content_filter"
    for wrong in ({}, {"choices": []}, {"choices": [{}]}, {"choices": [{"message": {"content": 7}}]}):
        with pytest.raises((ValueError, KeyError, TypeError, IndexError)):
            completion(wrong, 0.0, chat("x"), "auto", "")


def test_the_default_key_never_travels_in_the_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.models.openai.address import find_key

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert find_key("http://10.0.0.7/v1", "") == ""
    assert find_key("https://example.org/v1", "") == find_key("http://localhost:1/v1", "") == KEY
    assert find_key("http://10.0.0.7/v1", "OPENAI_API_KEY") == KEY


def test_locators() -> None:
    assert locate("gpt-4o") == ("gpt-4o", "https://api.openai.com/v1")
    assert locate("@cf/meta/m@http://h:1/v1/") == ("@cf/meta/m", "http://h:1/v1")
    for wrong in (
        "m@localhost:8000/v1",
        "m@http://",
        "m@http://u:p@h/v1",
        "m@http://h/v1?key=1",
        "m@http://h:99999/v1",
    ):
        with pytest.raises(UsageError) as error:
            locate(wrong)
        assert "u:p" not in str(error.value)


def test_distributions_agree_only_where_they_are_alike() -> None:
    one = {" a": -0.5, " b": -1.5, " c": -3.0}
    assert agree(one, {" a": -0.6, " b": -1.4, " d": -3.0})
    assert not agree(one, {" a": -0.5, " b": -2.5, " c": -3.0})
    assert not agree(one, {" x": -0.5, " y": -1.5, " c": -3.0})
    assert not agree({}, {})


def test_retry_after_is_read_in_both_forms() -> None:
    assert retry_after_s("2.5") == 2.5 and retry_after_s(None) is None and retry_after_s("soon") is None
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
