"""Whether two models are one: the same greedy texts, the same log-probabilities of known answers.

    found = agreement(adapter, merged, rows, max_tokens=48)
    found.same_texts, found.nats          -> 16, 3.1e-06
    found.holds("float32")                -> True

Both are asked through the same `Model` interface that evaluations use, so what is compared is what will be scored, in
whatever engine serves it. `nats` is the greatest difference of a row's mean log-probability per token. Rounding may
turn a near tie of two tokens: of 16-bit weights one text in eight may differ, of float32 one in sixteen. A GGUF is held
to float16 whatever its weights: llama.cpp keeps its cache in 16 bits (1.7e-4 nats were measured on 32-bit weights).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.contracts import Model
from harness.errors import InfrastructureError
from harness.types import Completion, Fault, Request
from improve.training.rows import Row, request

NATS = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 1e-1}
"""Greatest difference per token; float32 sums differ by 1e-5, and each halving of digits costs what it costs."""
OTHER = {"float32": 1 / 16, "float16": 1 / 8, "bfloat16": 1 / 8}
"""Greatest share of texts that may differ."""


@dataclass(frozen=True)
class Agreement:
    """How far two models agree."""

    rows: int
    same_texts: int
    nats: float
    """Greatest difference of mean log-probability per token over the rows."""
    other: str = ""
    """The first prompt whose texts differ, with both."""

    def holds(self, dtype: str) -> bool:
        """Whether the two are the same model in the precision `dtype`."""
        return self.nats <= NATS[dtype] and self.rows - self.same_texts <= OTHER[dtype] * self.rows


def agreement(first: Model, second: Model, rows: Sequence[Row], max_tokens: int) -> Agreement:
    """Ask both models the rows' prompts and their known answers.

    Raises:
        InfrastructureError: one of them gave no answer.
    """
    asked = [(replace(found, max_tokens=max_tokens), answer) for found, answer in map(request, rows)]
    wanted = [generate for generate, _ in asked]
    wanted += [replace(one, kind="choose", choices=(answer,)) for one, answer in asked]
    here, there = _answers(first, wanted), _answers(second, wanted)
    count = len(rows)
    different = [i for i in range(count) if here[i].text != there[i].text]
    shown = ""
    if different:
        i = different[0]
        shown = f"{wanted[i].prompt[-80:]!r}: {here[i].text[:80]!r} and {there[i].text[:80]!r}"
    pairs = zip(here[count:], there[count:], strict=True)
    nats = max(abs(a.choice_logprobs[0] - b.choice_logprobs[0]) / max(1, a.choice_tokens[0]) for a, b in pairs)
    return Agreement(count, count - len(different), nats, shown)


def _answers(model: Model, wanted: Sequence[Request]) -> list[Completion]:
    found: dict[int, Completion] = {}
    for index, answer in model.answer(wanted):
        if isinstance(answer, Fault):
            what = f"{model.spec!r} gave no answer: {answer.message}"
            raise InfrastructureError(what, "an answer to every prompt", "try shorter rows, or fewer prompts")
        found[index] = answer
    return [found[index] for index in range(len(wanted))]
