"""The `openai:` model against a real server on 127.0.0.1 that fails on purpose."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from faulty_server import FAST, Server, free_port
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import InfrastructureError, UsageError
from harness.models.openai import OpenAI
from harness.models.openai.client import refusal
from harness.registry import open_model
from harness.types import Completion, Fault, Message, Request, ToolCall

USER = (Message("user", "the door"),)
KEY = "sk-very-secret-123"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def model(server: Server) -> Iterator[OpenAI]:
    server.reset({})
    with OpenAI.open(f"small-chat@{server.url}", FAST) as model:
        yield model


def chat(text: str, **fields: Any) -> Request:
    return Request("generate", messages=(Message("user", text),), **fields)


FAULTS = ["429", "429 0", "500", "502", "503 0", "cut", "drop", "garbage", "empty", "none", "list", "null"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.lists(st.sampled_from(FAULTS), max_size=5), max_size=12))
def test_every_request_is_answered_once_and_none_asked_again_after_a_success(
    plan: list[list[str]], server: Server, model: OpenAI
) -> None:
    names = [f"question {i}" for i in range(len(plan))]
    server.reset(dict(zip(names, plan, strict=True)))
    answers = list(model.answer([chat(name) for name in names]))
    assert sorted(index for index, _ in answers) == list(range(len(names)))
    for index, answer in answers:
        if len(plan[index]) <= 3:
            assert isinstance(answer, Completion) and answer.text == names[index].upper()
            assert server.asked[names[index]] == len(plan[index]) + 1
        else:
            assert isinstance(answer, Fault) and answer.boundary == "model"
            assert server.asked[names[index]] == 4
    assert server.most_at_once <= 8


@pytest.mark.parametrize(
    ("fault", "kind", "tries"),
    [
        ("429", "http_429", 4),
        ("500", "http_500", 4),
        ("cut", "disconnected", 4),
        ("drop", "disconnected", 4),
        ("garbage", "bad_response", 4),
        ("none", "bad_response", 4),
        ("400 wrong field", "http_400", 1),
        ("400 maximum context length is 512 tokens", "context_overflow", 1),
        ("401 bad key", "http_401", 1),
        ("404 no route", "unsupported", 1),
    ],
)
def test_what_fails_to_the_end_is_a_fault_of_its_kind(
    fault: str, kind: str, tries: int, server: Server, model: OpenAI
) -> None:
    server.reset({"x": [fault] * 9})
    ((_, answer),) = model.answer([chat("x")])
    assert isinstance(answer, Fault) and answer.kind == kind
    assert server.asked["x"] == tries


def test_a_hanging_server_times_out(server: Server) -> None:
    server.reset({"x": ["hang"] * 9, "y": ["hang"]})
    with OpenAI.open(f"small-chat@{server.url}", {**FAST, "timeout_s": "0.4", "retries": "1"}) as model:
        answers = dict(model.answer([chat("x"), chat("y")]))
    assert isinstance(answers[0], Fault) and answers[0].kind == "timeout"
    assert isinstance(answers[1], Completion) and answers[1].text == "Y"


def test_answers_arrive_as_they_finish(server: Server) -> None:
    server.released.clear()
    server.reset({"slow": ["hang"]})
    with OpenAI.open(f"small-chat@{server.url}", FAST) as model:
        stream = model.answer([chat("slow"), chat("a"), chat("b")])
        assert {next(stream)[0], next(stream)[0]} == {1, 2}
        server.released.set()
        assert next(stream)[0] == 0


def test_leaving_early_cancels_what_is_under_way(server: Server) -> None:
    server.reset({})
    with OpenAI.open(f"small-chat@{server.url}", {**FAST, "concurrency": "1"}) as model:
        stream = model.answer([chat(f"q{i}") for i in range(50)])
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert isinstance(dict(model.answer([chat("after")]))[0], Completion)
    assert len(server.asked) < 50


def test_retry_after_goes_before_the_own_pause(model: OpenAI) -> None:
    asked = refusal(httpx.Response(429, headers={"Retry-After": "7"}))
    assert asked.again and asked.after_s == 7.0
    assert 7.0 <= model.client._pause_s(1, asked.after_s) < 7.1
    assert 0.005 <= model.client._pause_s(1, None) <= 0.01 and 0.04 <= model.client._pause_s(4, None) <= 0.08
    assert model.client._pause_s(1000, None) <= 60.0


def test_bodies_say_what_the_request_says(server: Server, model: OpenAI) -> None:
    server.reset({})
    tool = {"type": "function", "function": {"name": "find"}}
    call = Message("assistant", "", tool_calls=(ToolCall("find", {"x": 1}, "c1"),))
    request = Request(
        "generate",
        messages=(*USER, call, Message("tool", "red", tool_call_id="c1")),
        tools=(tool,),
        stop=("\n", "Q:"),
        temperature=0.7,
        top_p=0.9,
        seed=5,
        max_tokens=9,
    )
    list(model.answer([request, Request("generate", prompt="raw", stop=("\n",))]))
    body, raw = sorted(server.bodies, key=lambda one: "prompt" in one)
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "find", "arguments": '{"x": 1}'}
    assert body["messages"][2] == {"role": "tool", "content": "red", "tool_call_id": "c1"}
    assert {k: body[k] for k in ("tools", "stop", "temperature", "top_p", "seed", "max_tokens", "model")} == {
        "tools": [tool],
        "stop": ["\n", "Q:"],
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 5,
        "max_tokens": 9,
        "model": "small-chat",
    }
    assert raw["prompt"] == "raw" and raw["temperature"] == 0.0 and "seed" not in raw and "messages" not in raw


def test_fields_can_be_left_out_and_added(server: Server) -> None:
    server.reset({})
    options = {**FAST, "omit": "temperature, stream", "extra": '{"reasoning_effort": "low"}'}
    with OpenAI.open(f"small-chat@{server.url}", options) as model:
        list(model.answer([chat("x")]))
    assert server.bodies[0].keys() == {"model", "messages", "max_tokens", "reasoning_effort"}


def test_text_that_cannot_be_sent_is_a_fault_of_its_own(server: Server, model: OpenAI) -> None:
    server.reset({})
    answers = dict(model.answer([chat("\ud800"), chat("fine")]))
    assert isinstance(answers[0], Fault) and answers[0].kind == "encoding"
    assert isinstance(answers[1], Completion)


def test_secrets_stay_secret(
    server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    server.reset({"x": [f"400 the key {KEY} is odd"]})
    with OpenAI.open(f"small-chat@{server.url}", {**FAST, "key_env": "MY_KEY"}) as model:
        ((_, answer),) = model.answer([chat("x")])
        shown = repr((answer, model.engine, model.describe(), model.spec, vars(model), vars(model.settings)))
    assert server.keys == [f"Bearer {KEY}"]
    assert isinstance(answer, Fault) and "***" in answer.message
    assert KEY not in shown and KEY not in "".join(capfd.readouterr())
    server.reset({"GET": [f"401 wrong key {KEY}"]})
    with pytest.raises(UsageError) as error:
        OpenAI.open(f"small-chat@{server.url}", {**FAST, "key_env": "MY_KEY"})
    assert KEY not in str(error.value) and "***" in str(error.value)


def test_an_unreachable_server_is_an_infrastructure_error(server: Server) -> None:
    server.reset({"GET": ["500"]})
    for url in (f"http://127.0.0.1:{free_port()}/v1", server.url):
        with pytest.raises(InfrastructureError) as error:
            open_model(f"openai:small-chat@{url}", FAST)
        assert error.value.exit_code == 4 and error.value.what and error.value.expected and error.value.next


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("smal-chat", {}, "nearest: 'small-chat'"),
        ("small-chat", {"concurency": "3"}, "'concurrency'"),
        ("small-chat", {"key_env": "NO_SUCH_KEY_HERE"}, "NO_SUCH_KEY_HERE"),
        ("small-chat", {"extra": "[1]"}, "extra"),
    ],
)
def test_bad_usage(name: str, options: dict[str, str], words: str, server: Server) -> None:
    server.reset({})
    with pytest.raises(UsageError) as error:
        OpenAI.open(f"{name}@{server.url}", {**FAST, **options})
    assert words in str(error.value)


def test_a_server_that_echoes_nothing_cannot_choose(server: Server) -> None:
    server.reset({})
    with OpenAI.open(f"small-chat@{server.url}", {**FAST, "chat": "auto", "logprobs": "auto"}) as model:
        assert model.can == {"generate", "chat", "tools"} and model.digest is None
        ((_, answer),) = model.answer([Request("choose", prompt="a", choices=(" b",))])
    assert isinstance(answer, Fault) and answer.kind == "unsupported" and "generative" in answer.message
