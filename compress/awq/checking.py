"""What must hold of the two folders before they count: opened again, through transformers, on rows kept aside.

    found = compare(source, folder, probes)
    found.smoothing                  1e-12 nats: float weights with scales against the model that was given
    found.divergence, found.top1     0.03 nats, 0.96: packed weights against the float ones
    found.steps                      0.5: of a rounding step, how far a packed weight lies from its float one at most

Three promises, each an error where it breaks: the float folder answers as the source does, up to rounding in its dtype
(`SMOOTHING`); every packed weight lies within half a rounding step of the float weight it was made of; the packed
model is no further than `BROKEN` from the float one. Whether that is good enough is the gate's to say. Divergence:
Kullback-Leibler, in nats, full vocabulary, mean over positions. Cost: three models in turn over 8 rows of at most 128
tokens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import InfrastructureError
from harness.models.hf.loading import HFSettings, load
from harness.workbench.candidate import INT4

TOKENS = 128
"""Of a row at most: what is compared lies in memory, positions times vocabulary."""
SMOOTHING = {"float32": 1e-6, "float16": 1e-3, "bfloat16": 1e-2}
"""Nats between the model that was given and the float weights with scales, by dtype."""
BROKEN = 1.0
"""Nats between packed and float weights above which it is no rounding any more."""
STEP = 0.75
"""Rounding steps between a packed weight and its float one at most: half of one, and what 16-bit scales add."""


@dataclass(frozen=True)
class Agreement:
    """How near the two folders are to the source and to one another."""

    positions: int
    smoothing: float
    """Nats between the source and the float folder."""
    divergence: float
    """Nats between the float folder and the packed one."""
    divergence_error: float
    """Standard error of it, over rows."""
    top1: float
    """Share of positions at which both say the same token."""
    steps: float
    """Greatest distance of a packed weight from its float one, in rounding steps."""


def log_probabilities(model: Any, probes: Sequence[Sequence[int]]) -> list[Any]:
    """Return for each row the natural log-probabilities of every next token: float32, (tokens, vocabulary)."""
    import torch

    found = []
    with torch.inference_mode():
        for ids in probes:
            rows = torch.tensor([ids[:TOKENS]], device=model.device)
            found.append(torch.log_softmax(model(input_ids=rows).logits[0].float(), dim=-1).cpu())
    return found


def compare(source: Sequence[Any], folder: Path, probes: Sequence[Sequence[int]]) -> Agreement:
    """Return the agreement of both folders. `source`: `log_probabilities` of the model that was given.

    Raises:
        InfrastructureError: a promise is broken, or a folder cannot be opened.
    """
    _refuse_config(folder)
    floats = load(str(folder), HFSettings())
    said = log_probabilities(floats.model, probes)
    packed = load(str(folder / INT4), HFSettings())
    says = log_probabilities(packed.model, probes)
    rows = [(_divergence(a, b), a, b) for a, b in zip(said, says, strict=True)]
    means = [float(one.mean()) for one, _, _ in rows]
    mean = sum(means) / len(means)
    found = Agreement(
        positions=sum(len(one) for one, _, _ in rows),
        smoothing=_mean([_divergence(a, b) for a, b in zip(source, said, strict=True)]),
        divergence=_mean([one for one, _, _ in rows]),
        divergence_error=(sum((one - mean) ** 2 for one in means) / max(1, len(means) - 1) / len(means)) ** 0.5,
        top1=_mean([(a.argmax(-1) == b.argmax(-1)).double() for _, a, b in rows]),
        steps=_steps(floats.model, packed.model),
    )
    _refuse_broken(found, floats.dtype)
    return found


def _divergence(p: Any, q: Any) -> Any:
    """Return KL(p || q) at each position, from log-probabilities, in float64."""
    p = p.double()
    return (p.exp() * (p - q.double())).sum(-1)


def _mean(rows: Sequence[Any]) -> float:
    return float(sum(one.sum() for one in rows) / sum(len(one) for one in rows))


def _steps(floats: Any, packed: Any) -> float:
    """Return the greatest distance of a packed weight from its float one, in steps of its group."""
    modules, greatest = dict(floats.named_modules()), 0.0
    for name, layer in packed.named_modules():
        scale = getattr(layer, "weight_scale", None)
        if scale is None:
            continue
        rounded = layer.weight.detach().float()  # (rows, columns)
        apart = (rounded - modules[name].weight.detach().float()).abs()
        steps = apart.reshape(*scale.shape, -1) / scale.detach().float().unsqueeze(-1)
        greatest = max(greatest, float(steps.max()))
    return greatest


def _refuse_config(folder: Path) -> None:
    """Hold the packed folder's configuration to what vLLM and transformers dispatch on."""
    told = json.loads((folder / INT4 / "config.json").read_text(encoding="utf-8")).get("quantization_config") or {}
    groups = list((told.get("config_groups") or {}).values())
    weights = groups[0].get("weights") or {} if len(groups) == 1 else {}
    found = {key: weights.get(key) for key in ("num_bits", "group_size", "strategy", "symmetric", "type", "dynamic")}
    found |= {key: told.get(key) for key in ("quant_method", "format", "quantization_status")}
    wanted = {
        "num_bits": 4, "group_size": 128, "strategy": "group", "symmetric": False, "type": "int", "dynamic": False,
        "quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed",
    }  # fmt: skip
    if found != wanted or "lm_head" not in told.get("ignore", ()):
        other = {key: value for key, value in found.items() if value != wanted[key]} or {"ignore": told.get("ignore")}
        what = f"the packed weights' config.json says {other}"
        raise InfrastructureError(
            what, "4 bits in groups of 128, pack-quantized", "is another llm-compressor installed?"
        )


def _refuse_broken(found: Agreement, dtype: str) -> None:
    figures = ", ".join(f"{key} {value:.3g}" for key, value in asdict(found).items())
    if not found.smoothing <= SMOOTHING.get(dtype, max(SMOOTHING.values())):
        what = f"the float weights with AWQ's scales answer otherwise than the model that was given: {figures}"
        raise InfrastructureError(what, f"at most {SMOOTHING[dtype]:g} nats in {dtype}", "say what model it is")
    if not (found.steps <= STEP and found.divergence <= BROKEN):
        what = f"the packed weights are no rounding of the float ones: {figures}"
        raise InfrastructureError(what, f"at most {STEP:g} steps and {BROKEN:g} nats", "say what model it is")
