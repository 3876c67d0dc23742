"""One run of llm-compressor's AWQ gives two folders: float weights with the scales folded in, and those, packed.

    found = quantize(loaded, ids, Path("awq"))
    awq/         model.safetensors, config.json, tokenizer ..          float, as before but for the scales
    awq/int4/    the same with weight_packed, weight_scale, ..         compressed-tensors, for vLLM and transformers
    found[0]     Smoothed("model.layers.0.input_layernorm", before=3.1e-4, after=1.2e-4)

AWQ (arXiv 2306.00978) multiplies the inputs that a layer reads loudest by s and what feeds them by 1/s: the function is
the same, and those inputs' weights lose less when they are rounded. For each pair s = mean|x|^a / mean|w|^(1-a) is
chosen by a grid over a, 0 (nothing done) included, to the least mean square error of the block's output. Rounding:
4 bits, asymmetric, groups of 128, the lm_head left out. Cost: 20 forward passes of every block over the rows;
64 short rows take `tiny` 7 s on one core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compress.oneshot import oneshot, quiet
from harness.models.hf.loading import Loaded
from harness.workbench.candidate import INT4

SCHEME = "W4A16_ASYM"
IGNORED = "lm_head"
GRID = 20
"""Exponents that are tried for each pair."""
OF_MAKER = "recipe.yaml"
"""What llm-compressor leaves beside the weights; run.json says it all."""


@dataclass(frozen=True)
class Smoothed:
    """A layer whose output was scaled, and the mean square error of the rounded block behind it, without and with."""

    layer: str
    before: float
    after: float


def quantize(loaded: Loaded, ids: Sequence[Sequence[int]], folder: Path) -> tuple[Smoothed, ...]:
    """Write both folders and return what was smoothed; `loaded` holds the packed weights afterwards.

    Raises:
        MissingPackage: llm-compressor is not installed.
    """
    model, tokenizer = loaded.model, loaded.tokenizer
    names = frozenset(model.state_dict())
    with quiet():
        awq, rounding = _modifiers()
    oneshot(model, tokenizer, [awq, rounding], ids)
    with quiet():
        _save_float(model, names, folder)
        # Put on the object by llm-compressor: packs in memory what is in memory, then writes it.
        model.save_pretrained(folder / INT4, save_compressed=True)
    for place in (folder, folder / INT4):
        tokenizer.save_pretrained(place)
    (folder / INT4 / OF_MAKER).unlink(missing_ok=True)
    return tuple(awq.noted)


def _modifiers() -> tuple[Any, Any]:
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from llmcompressor.modifiers.transform.awq import AWQModifier

    noted: list[Smoothed] = []

    class Noting(AWQModifier):  # type: ignore[misc]
        """Keeps the errors that it forgets in the end."""

        @property
        def noted(self) -> list[Smoothed]:
            return noted

        def on_finalize(self, state: Any, **options: Any) -> bool:
            for one in self._error_metrics:
                noted.append(Smoothed(one["layer_name"], one["initial_error"], one["best_error"]))
            return bool(super().on_finalize(state, **options))

    awq = Noting(duo_scaling=True, n_grid=GRID)
    return awq, QuantizationModifier(targets=["Linear"], ignore=[IGNORED], scheme=SCHEME)


def _save_float(model: Any, names: frozenset[str], folder: Path) -> None:
    """Write the weights as they were before rounding: of the rounding the model only holds scales and zero points."""
    weights: Mapping[str, Any] = {name: tensor for name, tensor in model.state_dict().items() if name in names}
    type(model).save_pretrained(model, folder, state_dict=weights)
