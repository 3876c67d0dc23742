"""What parts of a model matter, by what runs through them on calibration rows.

    channels   mean |input of down_proj| x ||its column||_2       Wanda's score (Sun et al. 2023, arXiv 2306.11695),
    heads      the same at o_proj, summed over the columns of a     summed over a column: what its going would change
               key-value group's query heads
    layers     1 - cos(block input, block output), mean over tokens: Block Influence (Men et al. 2024, arXiv 2403.03853)

    score(model, "channels", ids).scores       one tensor a layer, of intermediate_size scores >= 0

Rows go through one by one, without padding. Cost: one forward pass over the rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from compress.pruning.plan import Method
from harness.errors import UsageError


@dataclass(frozen=True)
class Importance:
    """What one pass over the rows says."""

    scores: tuple[Any, ...]
    """A float32 tensor a layer, on the CPU: of its channels, of its key-value groups; a scalar for the layer."""
    perplexity: float
    """Of the rows, in the model as it stands."""


def score(model: Any, method: Method, ids: Sequence[Sequence[int]]) -> Importance:
    """Return how much each channel, key-value group or layer matters.

    Raises:
        UsageError: activations that are not finite: nothing can be chosen by them.
    """
    import torch

    layers = list(model.model.layers)
    watches: list[_Flow | _Turned]
    if method == "layers":
        watches = [_Turned() for _ in layers]
        hooks = [one.register_forward_hook(w.see, with_kwargs=True) for one, w in zip(layers, watches, strict=True)]
    else:
        modules = [one.mlp.down_proj if method == "channels" else one.self_attn.o_proj for one in layers]
        parts = 0 if method == "channels" else model.config.num_key_value_heads
        watches = [_Flow(module, parts) for module in modules]
        hooks = [one.register_forward_pre_hook(w.see) for one, w in zip(modules, watches, strict=True)]
    try:
        found = perplexity(model, ids)
        scores = tuple(watch.score().float().cpu() for watch in watches)
    finally:
        for hook in hooks:
            hook.remove()
    if not all(bool(torch.isfinite(one).all()) for one in scores):
        what = "the model's activations on the calibration rows are not finite"
        raise UsageError(what, "a model that answers with numbers", "look at its weights")
    return Importance(scores, found)


def perplexity(model: Any, ids: Sequence[Sequence[int]]) -> float:
    """Return exp(mean negative log-likelihood) of every token of the rows but the first ones."""
    import torch

    total, count = 0.0, 0
    with torch.inference_mode():
        for row in ids:
            tokens = torch.tensor([row], device=model.device)
            logits = model(input_ids=tokens, use_cache=False).logits[0, :-1].float()
            if len(row) > 1:
                total += float(torch.nn.functional.cross_entropy(logits, tokens[0, 1:], reduction="sum"))
                count += len(row) - 1
    return math.exp(min(total / count, 700.0)) if count else math.nan


class _Flow:
    """Mean |input| of a linear layer's columns, times the columns' norms."""

    def __init__(self, module: Any, parts: int) -> None:
        self.module, self.parts, self.total, self.count = module, parts, 0.0, 0

    def see(self, _module: Any, inputs: tuple[Any, ...]) -> None:
        seen = inputs[0].detach().float().abs().flatten(0, -2)  # (tokens, columns)
        self.total, self.count = self.total + seen.sum(0), self.count + seen.shape[0]

    def score(self) -> Any:
        columns = self.total / self.count * self.module.weight.detach().float().norm(dim=0)
        return columns.reshape(self.parts, -1).sum(1) if self.parts else columns


class _Turned:
    """How far a block turns what runs through it."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def see(self, _module: Any, inputs: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        import torch

        before = (inputs[0] if inputs else named["hidden_states"]).detach().float().flatten(0, -2)
        after = (output[0] if isinstance(output, tuple) else output).detach().float().flatten(0, -2)
        self.total = self.total + (1.0 - torch.nn.functional.cosine_similarity(before, after, dim=-1)).sum()
        self.count += before.shape[0]

    def score(self) -> Any:
        return self.total / self.count
