"""Log-probabilities of given texts from servers whose /completions echoes the prompt with them.

The continuation of a context is found by lm-eval's token rule: trailing blanks move to the continuation, and what
follows the context's number of tokens is scored. The server's own echo of the context gives that number:

    " yes" after "Is it?"  ->  echo("Is it?") has 3 tokens; echo("Is it? yes") has 4; the 4th is scored

Many servers echo wrong figures (llama-cpp-python's is off by one for models without BOS) or none, so `is_sound`
compares, at several places of a text, the echoed distribution with the one that the server generates from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from harness.models.openai.client import Client
from harness.types import Completion, Fault, Request

PROBE = "Water boils at 100 degrees and freezes at 0, but the sea needs a colder night."
TOLERANCE = 0.5
"""Natural log units between two computations of one log-probability; quantised kernels differ by batch shape."""
UNSUPPORTED = "this server does not score given texts; ask the suite's generative variant (harness list suites)"


@dataclass(frozen=True)
class Echo:
    """A text as the server tokenises it. Per token: its log-probability (None for the first) and the top ones."""

    tokens: tuple[str, ...]
    logprobs: tuple[float | None, ...]
    tops: tuple[dict[str, float], ...]
    offsets: tuple[int, ...]

    def greedy(self, place: int) -> bool:
        """Whether the token at `place` was the most probable one."""
        own = self.logprobs[place]
        return own is not None and own >= max(self.tops[place].values(), default=own) - 1e-6


async def echo(client: Client, model: str, text: str, top: int = 1, probe: bool = False) -> Echo | Fault:
    """Return the echo of a text."""
    body = {"model": model, "prompt": text, "max_tokens": 1, "temperature": 0.0, "logprobs": top, "echo": True}
    return await client.ask("POST", "/completions", body, lambda answer, _: read_echo(answer, text), probe)


def read_echo(answer: Any, text: str) -> Echo:
    """Return the prompt's part of an echoed answer.

    Raises:
        ValueError, KeyError, TypeError: there are no log-probabilities, or not one per token.
    """
    found = answer["choices"][0]["logprobs"]
    tokens, logprobs, tops = found["tokens"], found["token_logprobs"], found["top_logprobs"]
    offsets = found.get("text_offset") or []
    generated = (answer.get("usage") or {}).get("completion_tokens")
    many = len(tokens) - generated if generated is not None else sum(place < len(text) for place in offsets)
    if not (len(tokens) == len(logprobs) == len(tops) == len(offsets)) or many < 1:
        raise ValueError("not one log-probability per token of the prompt")
    if not any(logprobs[:many]):
        raise ValueError("no log-probabilities of the prompt")
    return Echo(
        tuple(tokens[:many]),
        tuple(None if value is None else float(value) for value in logprobs[:many]),
        tuple(dict(top or {}) for top in tops[:many]),
        tuple(offsets[:many]),
    )


async def is_sound(client: Client, model: str) -> bool | Fault:
    """Return whether the echoed distributions are those of the tokens they stand at.

    Several places of a text are compared with what the server generates after the text cut there; a shift by one
    token must not fit as well. A Fault means that the server could not be asked (not that it refused).
    """
    whole = await echo(client, model, PROBE, top=5, probe=True)
    if isinstance(whole, Fault):
        return _refused(whole)
    places = [p for p in range(2, len(whole.tokens) - 1) if whole.offsets[p] > 0]
    right = shifted = 0
    tested = places[:: max(1, len(places) // 4)][:5]
    for place in tested:
        after = await _generated(client, model, PROBE[: whole.offsets[place]])
        if isinstance(after, Fault):
            return _refused(after)
        right += agree(whole.tops[place], after)
        shifted += agree(whole.tops[place - 1], after) or agree(whole.tops[place + 1], after)
    return len(tested) >= 3 and right == len(tested) and shifted < len(tested)


async def _generated(client: Client, model: str, text: str) -> dict[str, float] | Fault:
    body = {"model": model, "prompt": text, "max_tokens": 1, "temperature": 0.0, "logprobs": 5}
    return await client.ask(
        "POST", "/completions", body, lambda answer, _: dict(answer["choices"][0]["logprobs"]["top_logprobs"][0]), True
    )


def _refused(fault: Fault) -> Fault | bool:
    passing = fault.kind in ("timeout", "unreachable", "disconnected", "http_429", "http_503")
    return fault if passing else False


def agree(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether two lists of top log-probabilities can be one distribution: most tokens shared, each within TOLERANCE."""
    shared = one.keys() & other.keys()
    enough = len(shared) * 2 >= min(len(one), len(other)) > 0
    return enough and all(math.isclose(one[token], other[token], abs_tol=TOLERANCE) for token in shared)


async def choose(client: Client, model: str, request: Request, layout: str) -> Completion | Fault:
    """Return the log-probabilities of the choices: one request for the context and one per choice."""
    if request.messages:
        return Fault("model", "unsupported", f"no chat template on this side of the wire: {UNSUPPORTED}")
    context = request.prompt
    blanks = len(context) - len(context.rstrip())
    moved = context[len(context) - blanks :]
    context = context[: len(context) - blanks]
    before = await echo(client, model, context) if context else None
    if isinstance(before, Fault):
        return before
    start = len(before.tokens) if before else 0
    sums, greedy, counts = [], [], []
    for choice in request.choices:
        whole = await echo(client, model, context + moved + choice)
        if isinstance(whole, Fault):
            return whole
        own = whole.logprobs[start:]
        if not own or any(value is None for value in own):
            return Fault("model", "encoding", f"the server gives no log-probability for {choice!r} after this context")
        sums.append(sum(value for value in own if value is not None))
        greedy.append(all(whole.greedy(place) for place in range(start, len(whole.tokens))))
        counts.append(len(own))
    return Completion(
        choice_logprobs=tuple(sums),
        choice_greedy=tuple(greedy),
        choice_tokens=tuple(counts),
        finish="scored",
        prompt_tokens=start,
        completion_tokens=sum(counts),
        layout=layout,
    )


async def read(client: Client, model: str, request: Request, layout: str) -> Completion | Fault:
    """Return the log-probabilities of a text's tokens, without the first, which the protocol leaves out."""
    if request.messages:
        return Fault("model", "unsupported", f"no chat template on this side of the wire: {UNSUPPORTED}")
    whole = await echo(client, model, request.prompt)
    if isinstance(whole, Fault):
        return whole
    logprobs = tuple(value for value in whole.logprobs if value is not None)
    return Completion(token_logprobs=logprobs, finish="scored", completion_tokens=len(logprobs), layout=layout)
