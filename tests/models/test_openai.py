"""The `openai:` model against real servers on 127.0.0.1: one that fails on purpose, and llama-cpp-python's own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import InfrastructureError, UsageError
from harness.models.openai import OpenAI
from harness.models.openai.address import locate
from harness.models.openai.client import refusal, retry_after_s
from harness.models.openai.echo import agree
from harness.models.openai.wire import UNPARSED, completion
from harness.registry import open_model
from harness.types import Completion, Fault, Message, Request, ToolCall

FAST = {"backoff_s": "0.01", "retries": "3", "timeout_s": "20", "chat": "on", "logprobs": "off"}
USER = (Message("user", "the door"),)
KEY = "sk-very-secret-123"


def said(text: str, **fields: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    return {
        "choices": [{"message": {"content": text}, "text": text, "finish_reason": "stop", **fields}],
        "usage": usage,
    }


class Server(ThreadingHTTPServer):
    """Fails as its plan says: `plan[prompt]` lists the faults that come before the answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.reset({})

    def reset(self, plan: dict[str, list[str]], reply: Callable[[Any], Any] | None = None) -> None:
        """Start over with another plan; `reply(body)` makes the answer, by default the prompt in capitals."""
        with self.lock:
            self.plan = {name: list(faults) for name, faults in plan.items()}
            self.asked: Counter[str] = Counter()
            self.bodies: list[Any] = []
            self.keys: list[str | None] = []
            self.at_once = self.most_at_once = 0
            self.reply = reply or (lambda body: said(prompt_of(body).upper()))


def prompt_of(body: Any) -> str:
    return str(body["messages"][-1]["content"] if "messages" in body else body["prompt"])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.keys.append(self.headers.get("authorization"))
        fault = self.server.plan.get("GET", [""])[0]
        self._fail(fault) if fault else self._send(200, {"data": [{"id": "small-chat"}, {"id": "large-chat"}]})

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = prompt_of(body)
        with server.lock:
            server.bodies.append(body)
            server.asked[prompt] += 1
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            faults = server.plan.get(prompt, [])
            fault = faults.pop(0) if faults else ""
        try:
            self._fail(fault) if fault else self._send(200, server.reply(body))
        finally:
            with server.lock:
                server.at_once -= 1

    def _fail(self, fault: str) -> None:
        name, _, detail = fault.partition(" ")
        if name.isdigit():
            headers = {"Retry-After": detail} if detail and int(name) in (429, 503) else {}
            self._send(int(name), {"error": {"message": detail or "no luck"}}, headers)
        elif name == "hang":
            self.server.released.wait(30)
            self.close_connection = True
        elif name == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [{"mess')
            self.close_connection = True
        elif name == "drop":
            self.close_connection = True
        else:
            raw = {"garbage": b"<html>busy</html>", "empty": b"", "none": b"{}", "list": b"[]", "null": b"null"}[name]
            self._send(200, raw)

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)


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


def test_retry_after_is_read_in_both_forms() -> None:
    assert retry_after_s("2.5") == 2.5 and retry_after_s(None) is None and retry_after_s("soon") is None
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def test_distributions_agree_only_where_they_are_alike() -> None:
    one = {" a": -0.5, " b": -1.5, " c": -3.0}
    assert agree(one, {" a": -0.6, " b": -1.4, " d": -3.0})
    assert not agree(one, {" a": -0.5, " b": -2.5, " c": -3.0})
    assert not agree(one, {" x": -0.5, " y": -1.5, " c": -3.0})
    assert not agree({}, {})


@pytest.fixture(scope="module")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool], tuple[str, Path]]]:
    """Starts llama-cpp-python's server over a random Llama, with or without BOS: (URL, Hugging Face folder)."""
    pytest.importorskip("starlette_context", reason="llama-cpp-python's [server] extra is not installed")
    from random_llama import save

    from harness.models.convert import hf_to_gguf

    started: list[subprocess.Popen[bytes]] = []

    def start(bos: bool) -> tuple[str, Path]:
        root = tmp_path_factory.mktemp("served")
        folder = save(root / "hf", bos=bos)
        hf_to_gguf(folder, root / "m.gguf", "f32")
        port = free_port()
        command = [sys.executable, "-m", "llama_cpp.server", "--model", str(root / "m.gguf"), "--model_alias", "tiny"]
        options = {"port": port, "n_ctx": 96, "n_threads": 2, "logits_all": "true", "interrupt_requests": "false"}
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        with (root / "log").open("wb") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOST": "127.0.0.1"}))
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}/v1/models", timeout=5, trust_env=False)
                break
            except httpx.TransportError:
                assert started[-1].poll() is None, (root / "log").read_text()
                time.sleep(0.1)
        return f"http://127.0.0.1:{port}/v1", folder

    yield start
    for process in started:
        process.terminate()
        process.wait(20)


@pytest.mark.slow
def test_llama_cpp_server_scores_as_transformers_does(llama_server: Callable[[bool], tuple[str, Path]]) -> None:
    from harness.models.hf import HF

    url, folder = llama_server(True)
    asked = [
        Request("choose", prompt="the answer is ", choices=("yes", " no of a", "the door")),
        Request("choose", prompt="one two", choices=(" three", ":")),
    ]
    with OpenAI.open(f"tiny@{url}", {**FAST, "chat": "off", "logprobs": "auto", "concurrency": "2"}) as model:
        assert {"choose", "read", "generate"} <= model.can
        served = dict(
            model.answer(
                [*asked, Request("read", prompt="the answer is yes"), Request("generate", prompt="the", max_tokens=4)]
            )
        )
    local = dict(
        HF.open(str(folder), {"device": "cpu", "threads": "1"}).answer(
            [*asked, Request("read", prompt="the answer is yes")]
        )
    )
    for i in range(2):
        one, other = served[i], local[i]
        assert isinstance(one, Completion) and isinstance(other, Completion)
        assert one.choice_logprobs == pytest.approx(other.choice_logprobs, abs=0.02)
        assert one.choice_greedy == other.choice_greedy and one.choice_tokens == other.choice_tokens
    one, other = served[2], local[2]
    assert isinstance(one, Completion) and isinstance(other, Completion)
    assert one.token_logprobs == pytest.approx(other.token_logprobs[1:], abs=0.02)  # the server keeps the first back
    assert isinstance(served[3], Completion) and served[3].completion_tokens == 4


@pytest.mark.slow
def test_llama_cpp_servers_figures_without_bos_are_refused(llama_server: Callable[[bool], tuple[str, Path]]) -> None:
    url, _ = llama_server(False)
    with OpenAI.open(f"tiny@{url}", {**FAST, "chat": "off", "logprobs": "auto"}) as model:
        assert model.can == {"generate"}
