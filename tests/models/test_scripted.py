"""The scripted model: a function answers, and only on request is one imported from the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.models.scripted import Scripted
from harness.registry import open_model
from harness.types import Completion, Fault, Message, Request

ECHO = f"{__name__}:echo"


def echo(request: Request) -> str:
    """Used through `scripted:MODULE:FUNCTION`."""
    return request.prompt[::-1]


def ask(text: str) -> Request:
    return Request("generate", prompt=text)


def test_a_text_becomes_a_completion_that_ended_by_itself() -> None:
    ((index, said),) = Scripted(lambda request: "yes").answer([Request("generate", messages=(Message("user", "?"),))])
    assert index == 0 and isinstance(said, Completion)
    assert (said.text, said.finish, said.form) == ("yes", "eos", "chat")


def test_completions_and_faults_pass_unchanged() -> None:
    fault = Fault("model", "timeout", "no answer in 3 s")
    scored = Completion(choice_logprobs=(-1.0, -2.0), finish="scored")
    model = Scripted(lambda request: fault if request.prompt == "a" else scored)
    assert list(model.answer([ask("a"), ask("b")])) == [(0, fault), (1, scored)]


@given(st.lists(st.text(), max_size=8))
def test_every_request_is_answered_once(prompts: list[str]) -> None:
    said = dict(Scripted(echo).answer([ask(p) for p in prompts]))
    assert [said[i].text for i in range(len(prompts))] == [p[::-1] for p in prompts]  # type: ignore[union-attr]


def test_answers_come_one_at_a_time() -> None:
    seen: list[str] = []
    answers = Scripted(lambda request: seen.append(request.prompt) or "x").answer([ask("a"), ask("b")])
    next(answers)
    assert seen == ["a"]


def test_an_exception_of_the_function_is_the_models_own() -> None:
    with pytest.raises(ZeroDivisionError):
        list(Scripted(lambda request: str(1 // 0)).answer([ask("a")]))


def test_open_needs_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_ALLOW_SCRIPTED", raising=False)
    with pytest.raises(UsageError, match="import and run code") as error:
        open_model(f"scripted:{ECHO}")
    assert "HARNESS_ALLOW_SCRIPTED=1" in error.value.next


def test_open_with_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_ALLOW_SCRIPTED", "1")
    model = open_model(f"scripted:{ECHO}", {"can": "generate,chat", "digest": "", "delay_s": "0.0"})
    assert model.spec == f"scripted:{ECHO}" and model.digest is None and model.can == {"generate", "chat"}
    ((_, said),) = model.answer([ask("abc")])
    assert isinstance(said, Completion) and said.text == "cba"


@pytest.mark.parametrize(
    ("locator", "settings", "words"),
    [
        ("nowhere.at_all:f", {}, "no module 'nowhere.at_all'"),
        (f"{__name__}:ecko", {}, "nearest: 'echo'"),
        ("", {}, "no module ''"),
        (ECHO, {"delay": "1"}, "'delay_s'"),
        (ECHO, {"delay_s": "soon"}, "'soon'"),
        (ECHO, {"can": "sing"}, "'sing'"),
    ],
)
def test_bad_usage(monkeypatch: pytest.MonkeyPatch, locator: str, settings: dict[str, str], words: str) -> None:
    monkeypatch.setenv("HARNESS_ALLOW_SCRIPTED", "1")
    with pytest.raises(UsageError) as error:
        open_model(f"scripted:{locator}", settings)
    assert words in str(error.value)
