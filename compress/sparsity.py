"""Zeros of a sparse model that a merged adapter filled: set to zero again, and what that costs.

    kept("sparse folder", merged, probes.jsonl, "float32")
      -> {"share": 0.5, "restored": 524288, "rows": 16, "same_texts": 14, "apart": 0.02, "written": 0.0,
          "nats": {"before": 0.61, "merged": 0.32, "kept": 0.41}}

Weights of linear layers that were exactly zero are the model's mask. Training does not know of it, so a part of what
was learned goes with it. `same_texts` and `apart` say how far the kept model is from the merged one, in greedy texts
and in the greatest difference of a known answer's log-probability per token; `nats` is the mean negative log-likelihood
of these answers, which tells what was kept of the recovery; `written` is the distance of what a reader of the folder
gets from what was written, as good as nothing. Cost: the model twice in memory, a few texts from each of four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import registry
from harness.contracts import Model
from harness.errors import InfrastructureError
from harness.models.hf.borrowed import borrowed
from harness.models.hf.loading import HFSettings, load, unmap
from harness.types import Completion, Fault
from harness.workbench import rows as dataset
from harness.workbench.rows import Row

SPARSE = 0.05
"""Share of exact zeros from which they are a mask: dense weights have next to none."""
PROBES, TOKENS = 16, 48
"""Rows that are compared, and tokens of their texts."""
NATS = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 1e-1}
"""Greatest distance per token of two copies of one model."""
Answer = tuple[str, float]
"""Greedy text to a prompt; log-probability of the known answer per token."""


def kept(before: str, merged: Path, probes: Path, dtype: str) -> dict[str, Any]:
    """Set to zero in the folder `merged` what was zero in the model `before`; return what that did.

    Where no more than `SPARSE` of the linear weights were zero nothing is done, and `restored` is 0.

    Raises:
        InfrastructureError: what was written is another model.
    """
    masks, share = _masks(before)
    if share <= SPARSE:
        return {"share": share, "restored": 0}
    rows = dataset.at(probes)[:PROBES]
    options = {"device": "cpu", "dtype": dtype}
    asked = [_asked(f"hf:{place}", options, rows) for place in (before, merged)]
    restored, own = _masked(merged, masks, options, rows)
    written = _asked(f"hf:{merged}", options, rows)
    found: dict[str, Any] = {
        "share": share, "restored": restored, "rows": len(rows),
        "same_texts": sum(a[0] == b[0] for a, b in zip(asked[1], written, strict=True)),
        "apart": _apart(asked[1], written), "written": _apart(own, written),
        "nats": dict(zip(("before", "merged", "kept"), map(_nats, (*asked, written)), strict=True)),
    }  # fmt: skip
    if found["written"] > NATS[dtype]:
        what = f"the model in {str(merged)!r} is {found['written']:.2g} nats per token from the one that was written"
        raise InfrastructureError(what, f"at most {NATS[dtype]:g}", "look at the disk")
    return found


def _masks(place: str) -> tuple[dict[str, Any], float]:
    """Return (name of a linear layer -> where its weights are zero, share of zeros among all linear weights)."""
    import torch

    model = load(place, HFSettings(device="cpu")).model
    head = model.get_output_embeddings()
    linear = {n: one for n, one in model.named_modules() if isinstance(one, torch.nn.Linear) and one is not head}
    masks = {name: one.weight.detach() == 0 for name, one in linear.items()}
    total = sum(mask.numel() for mask in masks.values())
    zeros = {name: int(mask.sum()) for name, mask in masks.items()}
    return {name: mask for name, mask in masks.items() if zeros[name]}, sum(zeros.values()) / max(1, total)


def _masked(
    folder: Path, masks: dict[str, Any], options: dict[str, str], rows: Sequence[Row]
) -> tuple[int, list[Answer]]:
    """Write the masked weights over those in the folder; return how many weights that changed, and its answers."""
    loaded = load(str(folder), HFSettings(**options))  # type: ignore[arg-type]
    unmap(loaded.model)
    modules, restored = dict(loaded.model.named_modules()), 0
    for name, mask in masks.items():
        weight = modules[name].weight.data
        restored += int((weight[mask] != 0).sum())
        weight[mask] = 0
    loaded.model.save_pretrained(str(folder), safe_serialization=True)
    with borrowed(loaded.model, loaded.tokenizer, f"hf:{folder}", {}) as model:
        return restored, _answers(model, rows)


def _asked(spec: str, options: dict[str, str], rows: Sequence[Row]) -> list[Answer]:
    with registry.open_model(spec, options) as model:
        return _answers(model, rows)


def _answers(model: Model, rows: Sequence[Row]) -> list[Answer]:
    asked = [(replace(request, max_tokens=TOKENS), answer) for request, answer in map(dataset.request, rows)]
    wanted = [request for request, _ in asked]
    wanted += [replace(request, kind="choose", choices=(answer,)) for request, answer in asked]
    found: dict[int, Completion] = {}
    for place, said in model.answer(wanted):
        if isinstance(said, Fault):
            what = f"{model.spec!r} gave no answer: {said.message}"
            raise InfrastructureError(what, "an answer to every prompt", "try shorter rows")
        found[place] = said
    known = [found[len(rows) + place] for place in range(len(rows))]
    return [(found[i].text, one.choice_logprobs[0] / one.choice_tokens[0]) for i, one in enumerate(known)]


def _apart(first: Sequence[Answer], second: Sequence[Answer]) -> float:
    return max(abs(a[1] - b[1]) for a, b in zip(first, second, strict=True))


def _nats(found: Sequence[Answer]) -> float:
    return -sum(value for _, value in found) / len(found)
