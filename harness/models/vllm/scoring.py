"""Log-probabilities of given tokens over vLLM's protocol: its extension `prompt_logprobs`, and /tokenize.

    POST /v1/completions {"prompt": [1, 15, 9], "max_tokens": 1, "prompt_logprobs": 1}
      -> choices[0].prompt_logprobs: [null, {"15": {"logprob": -1.2, "rank": 2}, "3": {..}}, {"9": {..}}]

Each entry holds the prompt's own token, and the most probable one where that is another. The boundary of context and
continuation is found by lm-eval's token rule with the server's tokenizer. Choices of one token each need one request
only: the log-probabilities of the token generated after the context, where the server reports all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from harness.models.hf.scoring import Scored, Span
from harness.models.openai.client import Client
from harness.models.openai.wire import as_dict
from harness.types import Fault, Request

T = TypeVar("T")
TOP = 20
"""Log-probabilities per generated token that a server gives by default at most."""


class Refused(Exception):
    """A fault on the way; carried up to the request."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Tokens:
    """The server's tokenizer and its scores of token lists. `n_ctx`: its context length in tokens."""

    def __init__(self, client: Client, model: str, n_ctx: int) -> None:
        self.client, self.model, self.n_ctx = client, model, n_ctx
        self.root = client.base_url.removesuffix("/v1")
        self.bos: tuple[int, ...] | None = None
        self.bos_text = ""

    async def encode(self, text: str, special: bool = True) -> list[int]:
        """Return the tokens of a text, with a BOS as the tokenizer adds it, unless the text begins with it."""
        if special and self.bos is None:
            await self._learn_bos()
        special = special and not (self.bos_text and text.startswith(self.bos_text))
        body = {"model": self.model, "prompt": text, "add_special_tokens": special}
        return await self._ask("/tokenize", body, lambda answer: [int(token) for token in answer["tokens"]])

    async def encode_chat(self, request: Request) -> list[int]:
        """Return the tokens of messages as the server's chat template writes them."""
        prefill = request.messages[-1].role == "assistant"
        body = {
            "model": self.model,
            "messages": [as_dict(message) for message in request.messages],
            "tools": [dict(tool) for tool in request.tools] or None,
            "add_generation_prompt": not prefill,
            "continue_final_message": prefill,
        }
        return await self._ask("/tokenize", body, lambda answer: [int(token) for token in answer["tokens"]])

    async def choice_spans(self, request: Request) -> list[Span]:
        """Return one span per choice by the token rule. In chat form a choice is encoded by itself."""
        found = []
        if request.messages:
            before = await self.encode_chat(request)
            pairs = [(before, await self.encode(choice, special=False)) for choice in request.choices]
        else:
            pairs = await self._pairs(request.prompt, request.choices)
        for choice, (context, after) in zip(request.choices, pairs, strict=True):
            if not context or not after:
                raise Refused(Fault("model", "encoding", f"the choice {choice!r} has no tokens of its own"))
            whole = tuple(context + after)
            # One place is for the token that the protocol makes us generate.
            kept = whole[-(self.n_ctx - 1) :]
            if len(after) >= len(kept):
                raise Refused(
                    Fault("model", "context_overflow", f"the choice has {len(after)} tokens, n_ctx {self.n_ctx}")
                )
            found.append(Span(kept, len(after), len(whole) - len(kept)))
        return found

    async def _pairs(self, context: str, choices: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        if not context:
            bare = [await self.encode(choice, special=False) for choice in choices]
            if not self.bos:
                await self._learn_bos()
            bos = list(self.bos or ())
            return [(ids[:1], ids[1:]) if bos and ids[:1] == bos else (bos, ids) for ids in bare]
        blanks = len(context) - len(context.rstrip())
        stem, moved = context[: len(context) - blanks], context[len(context) - blanks :]
        before = await self.encode(stem)
        return [(before, (await self.encode(stem + moved + choice))[len(before) :]) for choice in choices]

    async def score(self, spans: Sequence[Span]) -> list[Scored]:
        """Return the log-probabilities of each span."""
        known = await self._next_tokens(spans)
        return [known[place] or await self._prompt_logprobs(span) for place, span in enumerate(spans)]

    async def _next_tokens(self, spans: Sequence[Span]) -> list[Scored | None]:
        """Return what one generated token's log-probabilities tell: for choices of one token after one context."""
        nothing: list[Scored | None] = [None] * len(spans)
        if len(spans) < 2 or len({span.inputs for span in spans}) > 1 or any(span.scored != 1 for span in spans):
            return nothing
        body = self._body(spans[0].inputs) | {"logprobs": TOP, "return_tokens_as_token_ids": True}
        try:
            top = await self._ask(
                self.client.base_url + "/completions",
                body,
                lambda a: dict(a["choices"][0]["logprobs"]["top_logprobs"][0]),
            )
        except Refused as refused:
            if refused.fault.kind not in ("http_400", "http_422", "bad_response"):
                raise
            return nothing
        best = max(top.values())
        names = [f"token_id:{span.tokens[-1]}" for span in spans]
        return [Scored((float(top[n]),), (top[n] >= best,)) if n in top else None for n in names]

    async def _prompt_logprobs(self, span: Span) -> Scored:
        body = self._body(span.tokens) | {"prompt_logprobs": 1}
        return await self._ask(self.client.base_url + "/completions", body, lambda answer: read_span(answer, span))

    async def read_text(self, tokens: Sequence[int]) -> list[Scored]:
        """Return the log-probabilities of all tokens but the first, in windows that fit."""
        found, done = [], 1
        while done < len(tokens):
            end = min(done + self.n_ctx - 2, len(tokens))
            window = tuple(tokens[max(0, end - self.n_ctx + 1) : end])
            found.append(await self._prompt_logprobs(Span(window, end - done)))
            done = end
        return found

    def _body(self, tokens: Sequence[int]) -> dict[str, Any]:
        return {"model": self.model, "prompt": list(tokens), "max_tokens": 1, "temperature": 0.0}

    async def _learn_bos(self) -> None:
        body = {"model": self.model, "prompt": "", "add_special_tokens": True}
        bos = await self._ask("/tokenize", body, lambda answer: tuple(int(token) for token in answer["tokens"]))
        if bos:
            body = {"model": self.model, "tokens": list(bos)}
            self.bos_text = await self._ask("/detokenize", body, lambda answer: str(answer["prompt"]))
        self.bos = bos

    async def _ask(self, url: str, body: Any, read: Callable[[Any], T]) -> T:
        url = url if url.startswith("http") else self.root + url
        found = await self.client.ask("POST", url, body, lambda answer, _: read(answer))
        if isinstance(found, Fault):
            raise Refused(found)
        return found


def read_span(answer: Any, span: Span) -> Scored:
    """Return the scored tokens of an answer with `prompt_logprobs`.

    Raises:
        ValueError, KeyError, TypeError: not one entry per token, or one without its own token.
    """
    choice = answer["choices"][0]
    entries = choice.get("prompt_logprobs") or answer.get("prompt_logprobs")
    if not isinstance(entries, list) or len(entries) != len(span.tokens):
        raise ValueError(f"not one prompt log-probability per token ({len(span.tokens)})")
    logprobs, greedy = [], []
    for token, entry in zip(span.tokens[-span.scored :], entries[-span.scored :], strict=True):
        own = float(entry[str(token)]["logprob"])
        logprobs.append(own)
        greedy.append(own >= max(float(other["logprob"]) for other in entry.values()))
    return Scored(tuple(logprobs), tuple(greedy))
