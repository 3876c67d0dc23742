"""Sets single weights to zero, by llm-compressor's Wanda and SparseGPT: the shapes stay as they are.

    sparsify(model, tokenizer, ids, "wanda", 0.5, "2:4")     -> Sparsity(weights=786432, zeros=393216)

Zeros are stored like any other number: neither a folder nor a GGUF gets smaller or faster by them. A later lossless
coder cashes them in, where they survive (Q8_0, Q6_K, bf16; not Q4_K or Q5_K, whose zero point moves). Training
afterwards, an adapter's merge too, fills them again. The output layer and the embeddings stay dense.
Sources: Sun et al. 2023 (arXiv 2306.11695), Frantar and Alistarh 2023 (arXiv 2301.00774). Cost: two forward passes over
the rows, layer by layer; SparseGPT also inverts a matrix of (columns x columns) a linear layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from compress import oneshot
from harness.errors import InfrastructureError

Method = Literal["wanda", "sparsegpt"]
Pattern = Literal["unstructured", "2:4"]
MASKS = {"unstructured": "0:0", "2:4": "2:4"}
SHORT = 0.02
"""Fewer zeros than asked are a failure beyond this share: rows of a few columns round down."""


@dataclass(frozen=True)
class Sparsity:
    """Weights of the linear layers inside the blocks."""

    weights: int
    zeros: int

    @property
    def share(self) -> float:
        """In [0, 1]."""
        return self.zeros / self.weights if self.weights else 0.0


def sparsify(
    model: Any, tokenizer: Any, ids: Sequence[Sequence[int]], method: Method, share: float, pattern: Pattern
) -> Sparsity:
    """Zero the `share` of weights, in (0, 1), of each linear layer that matter least, in place; return what is zero.

    What was zero before counts, and stays zero where no layer has more of it than is asked. SparseGPT moves the other
    weights of a row too.

    Raises:
        InfrastructureError: fewer zeros than asked. MissingPackage: llm-compressor is not installed.
    """
    options: dict[str, Any] = {
        "sparsity": share, "mask_structure": MASKS[pattern], "targets": ["Linear"], "ignore": ["re:.*lm_head"],
    }  # fmt: skip
    fullest = max(float((one == 0).float().mean()) for one in _linear(model))
    with oneshot.quiet():
        from llmcompressor.modifiers.pruning import SparseGPTModifier, WandaPruningModifier

        if method == "wanda":
            modifier = WandaPruningModifier(**options)
        else:
            # Else it fills old zeros again; it breaks off where a layer has more of them than are asked.
            modifier = SparseGPTModifier(**options, preserve_sparsity_mask=0 < fullest <= share)
    oneshot.oneshot(model, tokenizer, [modifier], ids)
    found = sparsity(model)
    if found.share < share - SHORT:
        what = f"{method} left {found.share:.3f} of the weights at zero, {share:g} were asked"
        raise InfrastructureError(what, "as many zeros as asked", "look at the weights of the model that it was given")
    return found


def sparsity(model: Any) -> Sparsity:
    """Return how many weights of the linear layers inside the blocks are zero."""
    linear = _linear(model)
    return Sparsity(sum(one.numel() for one in linear), sum(int((one == 0).sum()) for one in linear))


def _linear(model: Any) -> list[Any]:
    import torch

    return [module.weight for module in model.model.layers.modules() if isinstance(module, torch.nn.Linear)]
