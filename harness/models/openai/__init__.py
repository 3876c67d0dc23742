"""Serves `openai:MODEL@BASE_URL`: any server that speaks the OpenAI protocol, local or hosted.

    OPENAI_API_KEY=.. harness eval openai:gpt-4o --suite humaneval
    harness eval openai:qwen@http://127.0.0.1:8000/v1 --set concurrency=32 --set key_env=MY_KEY

Chat requests go to /chat/completions, raw ones to /completions; multiple choice by log-likelihood only where the server
echoes sound prompt log-probabilities (`echo.py`). Requests run side by side (`concurrency`) and are answered as they
finish. Failures are retried (`client.py`) and end as faults. There is no digest: nobody knows what a server runs, so
its answers are reused within a run only.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from harness.config import read_settings
from harness.contracts import Model
from harness.errors import InfrastructureError, UsageError, nearest
from harness.models.openai import echo
from harness.models.openai.address import OPENAI, OpenAISettings, find_key, locate
from harness.models.openai.client import Client
from harness.models.openai.wire import chat_body, completion, raw_body
from harness.types import Completion, Fault, Request

MAX_STOPS = 4
"""Stop strings that the hosted service takes; the others are applied here."""


class OpenAI(Model):
    """A server, asked over HTTP."""

    digest: str | None = None

    def __init__(self, spec: str, model: str, client: Client, settings: OpenAISettings, can: frozenset[str]) -> None:
        self.spec, self.model, self.client, self.settings, self.can = spec, model, client, settings, can
        self.hosted = client.base_url == OPENAI
        self.layout = f"server, {settings.concurrency} at once"
        self.batch_size = max(512, 4 * settings.concurrency)
        self.engine: Mapping[str, Any] = {
            "name": "openai",
            "model": model,
            "base_url": client.base_url,
            "reasoning": settings.reasoning,
            "omit": settings.omit,
            "extra": settings.extra,
        }

    @classmethod
    def open(cls, locator: str, settings: Mapping[str, str]) -> OpenAI:
        """Connect to a server, check the model's name and find out what it can do.

        Raises:
            UsageError: wrong URL, key, or model name (with the nearest that the server offers).
            InfrastructureError: the server does not answer.
        """
        options = read_settings(settings, OpenAISettings)
        model, url = locate(locator)
        client = Client(url, find_key(url, options.key_env), options)
        try:
            check_name(client, model)
            return cls(f"openai:{locator}", model, client, options, abilities(client, model, options))
        except BaseException:
            client.close()
            raise

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion | Fault]]:
        """Yield each answer as it arrives, every index exactly once."""
        jobs: list[Callable[[], Awaitable[Completion | Fault]]] = [partial(self._one, request) for request in requests]
        return self.client.stream(jobs)

    def describe(self) -> Mapping[str, Any]:
        """Return the model's name and the server's address."""
        return {"model": self.model, "base_url": self.client.base_url}

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    async def _one(self, request: Request) -> Completion | Fault:
        if request.kind == "generate":
            return await self._generate(request)
        if request.kind not in self.can:
            return Fault("model", "unsupported", f"{self.spec}: {echo.UNSUPPORTED}")
        started = time.perf_counter()
        score = echo.choose if request.kind == "choose" else echo.read
        said = await score(self.client, self.model, request, self.layout)
        return said if isinstance(said, Fault) else replace(said, seconds=time.perf_counter() - started)

    async def _generate(self, request: Request, prompt: Sequence[int] | None = None) -> Completion | Fault:
        """Generate; `prompt`: the raw prompt as tokens, where the server takes them."""
        stops = request.stop[:MAX_STOPS] if self.hosted else request.stop
        if self.settings.reasoning not in ("auto", "off"):
            stops = ()  # a server would apply them inside the reasoning
        if request.messages:
            limit_name = "max_completion_tokens" if self.hosted else "max_tokens"
            path, body = "/chat/completions", chat_body(self.model, request, limit_name, stops)
        else:
            path, body = "/completions", raw_body(self.model, request, stops)
        if prompt is not None:
            body["prompt"] = list(prompt)
        body = self.settings.shape(self._extend(body, request))
        layout = self.layout
        said = await self.client.ask(
            "POST", path, body, lambda a, seconds: completion(a, seconds, request, self.settings.reasoning, layout)
        )
        if isinstance(said, Fault) and said.kind in ("http_404", "http_405", "http_501"):
            other = "raw" if request.messages else "chat"
            return replace(said, kind="unsupported", message=f"{said.message}; try --prompt {other}")
        return said

    def _extend(self, body: dict[str, Any], request: Request) -> dict[str, Any]:
        """Return a body with what this kind of server understands besides the protocol."""
        return body


def check_name(client: Client, model: str) -> None:
    """Ask the server for its models.

    Raises:
        UsageError: wrong key, or a model that it does not offer. InfrastructureError: no answer.
    """
    names = client.wait(client.ask("GET", "/models", None, lambda a, _: [str(m["id"]) for m in a["data"]], probe=True))
    if isinstance(names, Fault):
        if names.kind in ("http_401", "http_403"):
            raise UsageError(
                names.message, "a valid key in the environment", "type: export OPENAI_API_KEY=.. (or key_env)"
            )
        if names.kind in ("http_404", "http_405", "http_501"):
            return  # a server without that list
        raise _sick(client, names)
    if names and model not in names:
        first = f"openai:{names[0]}" + ("" if client.base_url == OPENAI else f"@{client.base_url}")
        what = f"the server at {client.base_url} has no model {model!r}"
        raise UsageError(what, nearest(model, names), f"type: harness eval {first}")


def abilities(client: Client, model: str, settings: OpenAISettings) -> frozenset[str]:
    """Return what the server can do, by settings or by asking it for a few tokens.

    Raises:
        InfrastructureError: it stops answering meanwhile.
    """
    found = {"generate"}
    hosted = client.base_url == OPENAI
    if settings.chat == "on" or (settings.chat == "auto" and (hosted or _chats(client, model))):
        found |= {"chat", "tools"}
    if settings.logprobs == "on" or (settings.logprobs == "auto" and not hosted and _echoes(client, model)):
        found |= {"choose", "read"}
    if settings.reasoning not in ("auto", "off"):
        found.add("reasoning")
    return frozenset(found)


def _chats(client: Client, model: str) -> bool:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    said = client.wait(
        client.ask("POST", "/chat/completions", body, lambda a, _: bool(a["choices"][0]["message"]), probe=True)
    )
    if isinstance(said, Fault) and said.kind in ("timeout", "unreachable", "disconnected"):
        raise _sick(client, said)
    return said is True


def _echoes(client: Client, model: str) -> bool:
    said = client.wait(echo.is_sound(client, model))
    if isinstance(said, Fault):
        raise _sick(client, said)
    return said


def _sick(client: Client, fault: Fault) -> InfrastructureError:
    what = f"the server at {client.base_url} does not answer: {fault.message}"
    return InfrastructureError(what, "an OpenAI-compatible server there", f"type: curl {client.base_url}/models")
