"""The model that is trained on: found among the inputs or by its spec, loaded once, on the CPU.

    place = locate(inputs, "hf:org/name")      -> where it lies
    base = load(place, parameters)             -> weights, tokenizer, digest, context

The trainer moves the weights to the device of its process, so that several processes (accelerate) each take their own.
Nothing is trained on a GGUF: its weights are rounded.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import MissingPackage, UsageError
from harness.models.hf.loading import HFSettings, Loaded
from harness.models.hf.loading import load as load_hf
from harness.types import Artifact
from improve.training.parameters import Finetune


@dataclass(frozen=True)
class Device:
    """Where and in which arithmetic a training runs."""

    use_cpu: bool
    dtype: str
    """`float32` or `bfloat16`."""


def one(inputs: Sequence[Artifact], kind: str, step: str, needed: bool = True) -> Artifact | None:
    """Return the only input of a kind.

    Raises:
        UsageError: there are several, or none where one is needed.
    """
    found = [artifact for artifact in inputs if artifact.kind == kind]
    if len(found) > 1 or (needed and not found):
        given = ", ".join(artifact.kind for artifact in inputs) or "nothing"
        raise UsageError(f"{step} was given {given}", f"exactly one {kind}", "look at the inputs in the recipe")
    return found[0] if found else None


def device(parameters: Finetune) -> Device:
    """Return where to train.

    Raises:
        UsageError: several accelerators in one process, or one is wanted and not there.
        MissingPackage: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingPackage("torch", "a training", "train") from error
    found = torch.accelerator.is_available()
    if parameters.use_cpu is False and not found:
        raise UsageError("use_cpu: false, and there is no accelerator", "one that torch sees", "leave use_cpu out")
    use_cpu = parameters.use_cpu if parameters.use_cpu is not None else not found
    if not use_cpu and torch.cuda.device_count() > 1 and "LOCAL_RANK" not in os.environ:
        what = f"{torch.cuda.device_count()} GPUs are visible to one process"
        raise UsageError(what, "one, or one process for each", "set CUDA_VISIBLE_DEVICES=0, or use accelerate launch")
    able = not use_cpu and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    automatic = "bfloat16" if able else "float32"
    return Device(use_cpu, automatic if parameters.precision == "auto" else parameters.precision)


def load(place: str, parameters: Finetune, where: Device) -> Loaded:
    """Return the base at `place`.

    Raises:
        UsageError: not found, unreadable, already quantised. InfrastructureError: the hub cannot be reached.
        MissingPackage: transformers, or bitsandbytes where it is to be quantised.
    """
    if parameters.quantised and importlib.util.find_spec("bitsandbytes") is None:
        raise MissingPackage("bitsandbytes", "quantised: true (QLoRA)", "qlora")
    options = HFSettings(dtype=where.dtype, device="cpu", revision=parameters.revision)  # type: ignore[arg-type]
    loaded = load_hf(place, options)
    if getattr(loaded.model.config, "quantization_config", None):
        what = f"the base {place!r} is quantised already"
        raise UsageError(what, "its original weights: an adapter cannot be merged into rounded ones", "name them")
    if parameters.quantised:
        loaded = replace(loaded, model=None)  # gone before it comes a second time
        loaded = replace(loaded, model=_in_four_bits(place, parameters, where))
    return loaded


def _in_four_bits(place: str, parameters: Finetune, where: Device) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    quantisation = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, where.dtype),
    )
    device_map = {"": "cpu" if where.use_cpu else int(os.environ.get("LOCAL_RANK", "0"))}
    model = AutoModelForCausalLM.from_pretrained(
        place, quantization_config=quantisation, device_map=device_map, revision=parameters.revision
    )
    if where.use_cpu:
        keep_gradients(model)
    return model


def keep_gradients(model: Any) -> None:
    """Keep the 4-bit layers of a model on the CPU in training mode, whatever is asked of the model.

    In evaluation mode bitsandbytes (0.50) repacks their weights for a kernel that has no gradient, for good: after the
    first look at the rows held out a training would go on with gradients that are wrong, and only a warning says so.
    """
    for module in model.modules():
        if type(module).__name__ == "Linear4bit":
            module.train(True)
            module.train = lambda mode=True, itself=module: itself


def end_tokens(loaded: Loaded) -> frozenset[int]:
    """Return every token that ends an answer: the tokenizer's EOS and those that the checkpoint declares."""
    found = {loaded.tokenizer.eos_token_id}
    for config in (loaded.model.config, loaded.model.generation_config):
        ids = getattr(config, "eos_token_id", None)
        found |= set(ids) if isinstance(ids, list | tuple) else {ids}
    return frozenset(i for i in found if i is not None)
