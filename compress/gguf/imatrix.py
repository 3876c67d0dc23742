"""The importance matrix of llama.cpp: how much each input column of each weight is used, over calibration text.

    used = gather(loaded, token_ids)      -> {"model.layers.0.self_attn.q_proj": array([0.31, 2.7, ..], float32), ..}
    named(loaded, folder, used)           -> {"blk.0.attn_q.weight": array([0.31, 2.7, ..], float32), ..}, []

The importance of a column is the mean of x^2 over all tokens that reached it (llama.cpp's tools/imatrix): the
quantiser then weighs the squared error of that column's weights by it. llama.cpp knows tensors by its own names, and
some architectures are stored in another order; so each weight is sent through the model's converter as a probe that
holds the number of its column everywhere, and what comes out says under which names, and in which order, the columns
are. That holds for transposed and for split weights too. Not covered: experts that are one tensor for all (they are
no linear layers in transformers), for which llama.cpp goes without.
Cost: one forward pass over the text, and a pass over the shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.convert import quiet
from harness.models.convert_bundle import bundled
from harness.models.convert_lora import converter
from harness.models.hf.loading import Loaded

LEAST = 1e-6
"""Of the mean importance: what a column that was never used counts. Blocks of nothing but zeros have no scale."""
Importance = dict[str, NDArray[np.float32]]


def gather(loaded: Loaded, sequences: Sequence[Sequence[int]]) -> Importance:
    """Return the mean of x^2 per input column of every linear layer, by the layer's name in the model."""
    import torch

    sums: dict[str, Any] = {}
    counts: dict[str, int] = {}
    with _listening(loaded.model, sums, counts), torch.inference_mode():
        for ids in sequences:
            loaded.model(torch.tensor([list(ids)], device=loaded.device), use_cache=False)
    return {name: (sums[name] / counts[name]).float().cpu().numpy() for name in sums}


def named(loaded: Loaded, folder: Path, found: Importance) -> tuple[Importance, list[str]]:
    """Return (the importance by the names and in the column order of the GGUF, layers that have no place there)."""
    import torch

    modules = dict(loaded.model.named_modules())
    tied = bool(getattr(loaded.model.config, "tie_word_embeddings", False))
    placed: Importance = {}
    lost = []
    with bundled() as conversion, quiet():
        model = converter(conversion, folder)
        for module, values in found.items():
            weight = modules[module].weight
            numbers = torch.arange(len(values), dtype=torch.float32)
            probe = (numbers if _columns(modules[module]) else numbers[:, None]).expand(weight.shape)
            tensors = _converted(model, module, probe)
            orders = [(name, order) for name, one in tensors if (order := _order(one, len(values))) is not None]
            for name, order in orders:
                # Tied: one tensor is both, and llama.cpp knows it by the embedding's name.
                key = "token_embd.weight" if tied and name == "output.weight" else name
                placed[key] = _floored(values)[order]
            lost += [] if orders else [module]
    return placed, lost


def _columns(module: Any) -> bool:
    """Return whether the inputs of a layer are the columns of its weight (of GPT-2's Conv1D they are the rows)."""
    return hasattr(module, "in_features")


@contextmanager
def _listening(model: Any, sums: dict[str, Any], counts: dict[str, int]) -> Iterator[None]:
    import torch
    from transformers.pytorch_utils import Conv1D

    def hook(name: str) -> Any:
        def add(_: Any, given: tuple[Any, ...]) -> None:
            rows = given[0].detach().reshape(-1, given[0].shape[-1])
            squares = rows.double().square().sum(0)
            sums[name] = sums[name] + squares if name in sums else squares
            counts[name] = counts.get(name, 0) + len(rows)

        return add

    linear = [(name, one) for name, one in model.named_modules() if isinstance(one, torch.nn.Linear | Conv1D)]
    handles = [one.register_forward_pre_hook(hook(name)) for name, one in linear]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _converted(model: Any, module: str, probe: Any) -> list[tuple[str, Any]]:
    """Return what the converter makes of a weight; nothing where it knows none of that name."""
    kept = model.filter_tensors((f"{module}.weight", lambda: probe))
    if kept is None:
        return []
    layer = re.search(r"\.(\d+)\.", kept[0])
    try:
        return [
            (str(name), one) for name, one in model.modify_tensors(probe, kept[0], int(layer[1]) if layer else None)
        ]
    except (ValueError, KeyError, AssertionError, RuntimeError, NotImplementedError):
        return []


def _order(tensor: Any, columns: int) -> NDArray[np.int64] | None:
    """Return which column of the source each column of a converted probe is; None where its rows do not agree."""
    if tensor.dim() != 2 or tensor.shape[1] != columns:
        return None
    first = tensor[0]
    if not bool((tensor == first).all()) or sorted(first.tolist()) != list(range(columns)):
        return None
    return first.long().numpy()  # type: ignore[no-any-return]


def _floored(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(values, LEAST * max(float(values.mean()), 1e-30)).astype(np.float32)
