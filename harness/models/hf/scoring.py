"""Log-probabilities of given tokens: `choose` and `read`.

One forward pass per distinct input: choices of one token each share theirs (their inputs are the same context), as
HFLM's logits cache does. Rows are padded on the right, where causal attention cannot see, and the softmax is taken in
float32 over the rows that are needed only, so that a long few-shot prompt costs no (tokens x vocabulary) array.

    Span((1, 15, 9, 7), scored=1)   7 is scored after 1, 15, 9
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.models.hf.codec import Codec
from harness.types import Completion, Request


@dataclass(frozen=True)
class Span:
    """Tokens of which the last `scored` are scored; `cut` were dropped from the left."""

    tokens: tuple[int, ...]
    scored: int
    cut: int = 0

    @property
    def inputs(self) -> tuple[int, ...]:
        """What the model reads: all but the last."""
        return self.tokens[:-1]


@dataclass(frozen=True)
class Scored:
    """Per scored token: natural log-probability, and whether it was the most probable one."""

    logprobs: tuple[float, ...]
    greedy: tuple[bool, ...]


def choice_spans(codec: Codec, request: Request, n_ctx: int) -> list[Span]:
    """Return one span per choice; a context too long for `n_ctx` is cut from the left.

    Raises:
        ValueError: a choice has no tokens of its own, or more than fit.
    """
    context, plain = codec.context(request)
    found = []
    for choice in request.choices:
        before, after = codec.pair(context, choice, plain)
        if not after or not before:
            raise ValueError(f"the choice {choice!r} has no tokens of its own after this context")
        if len(after) > n_ctx:
            raise ValueError(f"the choice has {len(after)} tokens, the context length is {n_ctx}")
        whole = tuple(before + after)
        kept = whole[-(n_ctx + 1) :]
        found.append(Span(kept, len(after), len(whole) - len(kept)))
    return found


def text_spans(codec: Codec, request: Request, n_ctx: int) -> list[Span]:
    """Return the windows that score every token of a text but the first, each once (lm-eval's rolling windows)."""
    context, plain = codec.context(request)
    tokens = tuple(codec.encode(context, plain))
    found, done = [], 1
    while done < len(tokens):
        end = min(done + n_ctx, len(tokens))
        # The last window reaches back, so that its tokens see a full context.
        found.append(Span(tokens[max(0, end - n_ctx - 1) : end], end - done))
        done = end
    return found


def score(model: Any, spans: Sequence[Span], width: int, device: str, keeps: bool) -> list[Scored]:
    """Return the log-probabilities of each span, `width` distinct inputs per forward pass.

    `keeps`: whether the model's forward knows `logits_to_keep`.
    """
    sharing: dict[tuple[int, ...], list[int]] = {}
    for place, span in enumerate(spans):
        sharing.setdefault(span.inputs, []).append(place)
    order = sorted(sharing, key=lambda ids: (-len(ids), ids))
    found: dict[int, Scored] = {}
    for start in range(0, len(order), width):
        batch = [(ids, [(place, spans[place]) for place in sharing[ids]]) for ids in order[start : start + width]]
        found.update(_forward(model, batch, device, keeps))
    return [found[place] for place in range(len(spans))]


Row = tuple[tuple[int, ...], list[tuple[int, Span]]]
"""Input tokens, and the (place, span) pairs that share them."""


def _forward(model: Any, batch: list[Row], device: str, keeps: bool) -> dict[int, Scored]:
    import torch

    longest = len(batch[0][0])
    ids = torch.zeros((len(batch), longest), dtype=torch.long)
    for row, (tokens, _) in enumerate(batch):
        ids[row, : len(tokens)] = torch.tensor(tokens)
    needed = [max(span.scored for _, span in sharers) for _, sharers in batch]
    first = min(len(tokens) - many for (tokens, _), many in zip(batch, needed, strict=True)) if keeps else 0
    options = {"logits_to_keep": longest - first} if keeps else {}
    found = {}
    with torch.inference_mode():
        logits = model(ids.to(device), use_cache=False, **options).logits  # (rows, longest - first, vocabulary)
        for row, ((tokens, sharers), many) in enumerate(zip(batch, needed, strict=True)):
            end = len(tokens) - first
            logprobs = torch.log_softmax(logits[row, end - many : end].float(), dim=-1)  # (many, vocabulary)
            found.update({place: _gather(logprobs[many - span.scored :], span) for place, span in sharers})
    return found


def _gather(logprobs: Any, span: Span) -> Scored:
    import torch

    targets = torch.tensor(span.tokens[-span.scored :], device=logprobs.device)
    picked = logprobs.gather(1, targets[:, None])[:, 0]
    return Scored(tuple(picked.double().tolist()), tuple((logprobs.argmax(dim=1) == targets).tolist()))


def chosen(
    request: Request, spans: Sequence[Span], scored: Sequence[Scored], seconds: float, layout: str
) -> Completion:
    """Return the completion of a `choose` request."""
    return Completion(
        choice_logprobs=tuple(sum(one.logprobs) for one in scored),
        choice_greedy=tuple(all(one.greedy) for one in scored),
        choice_tokens=tuple(span.scored for span in spans),
        finish="scored",
        form=request.form,
        prompt_tokens=max((len(span.tokens) - span.scored for span in spans), default=0),
        completion_tokens=sum(span.scored for span in spans),
        cut_tokens=max((span.cut for span in spans), default=0),
        seconds=seconds,
        layout=layout,
    )


def read(request: Request, scored: Sequence[Scored], seconds: float, layout: str) -> Completion:
    """Return the completion of a `read` request."""
    logprobs = tuple(value for one in scored for value in one.logprobs)
    return Completion(
        token_logprobs=logprobs,
        finish="scored",
        form=request.form,
        completion_tokens=len(logprobs),
        seconds=seconds,
        layout=layout,
    )
