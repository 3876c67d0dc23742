"""A model around weights that a training is using: they are lent for a while and given back as they were.

    with borrowed(model, tokenizer, "training:out/step-30", {"batch_size": "16"}) as served:
        dict(served.answer([Request("generate", prompt="2 + 2 =")]))

Nothing is copied and nothing reloaded. Inside, modules are in evaluation mode (no dropout, no gradient checkpointing);
afterwards each module has the mode it had, and the random numbers of torch (all devices), numpy and Python go on where
they were: a training is bit for bit the one it would have been (`tests/watch/test_callback.py`). The weights must be
whole in this process: sharded ones (FSDP, ZeRO-3) are not. A forward pass that accelerate has wrapped in autocast stays
so, which the engine's `dtype` says. Cost of the digest: one pass over the weights, through the CPU.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from harness.config import read_settings
from harness.hashing import canonical
from harness.models.hf import HF
from harness.models.hf.loading import HFSettings, Loaded, context_length


@contextmanager
def borrowed(model: Any, tokenizer: Any, spec: str, settings: Mapping[str, str]) -> Iterator[HF]:
    """Yield an `hf` model around `model`; of `settings` batch_size, n_ctx and reasoning have a meaning here."""
    import torch

    options = read_settings(settings, HFSettings)
    model = unwrapped(model)
    modes = [(module, module.training) for module in model.modules()]
    generation = model.generation_config
    with randomness():
        try:
            model.eval()
            dtype = str(model.dtype).removeprefix("torch.") + (
                " autocast" if hasattr(model, "_original_forward") else ""
            )
            n_ctx = options.n_ctx or context_length(model.config, tokenizer)
            name = weights_sha256(model, tokenizer)
            yield HF(spec, Loaded(model, tokenizer, name, n_ctx, str(model.device), dtype), options)
        finally:
            model.generation_config = generation
            for module, training in modes:
                module.training = training
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def unwrapped(model: Any) -> Any:
    """Return the transformers model inside wrappers: compiled, data parallel, PEFT (whose layers stay in it)."""
    for wrapper in ("_orig_mod", "module"):
        model = getattr(model, wrapper, model)
    return model.get_base_model() if hasattr(model, "peft_config") and hasattr(model, "get_base_model") else model


def weights_sha256(model: Any, tokenizer: Any) -> str:
    """Return the SHA-256 of all that determines answers: every tensor, both configurations, adapters, the tokenizer."""
    import hashlib

    import torch

    hasher = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        hasher.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\n".encode())
        whole = tensor.detach().to("cpu").contiguous()
        hasher.update(whole.reshape(-1).view(torch.uint8).numpy().data if whole.numel() else b"")
    adapters = {name: config.to_dict() for name, config in getattr(model, "peft_config", {}).items()}
    backend = getattr(tokenizer, "backend_tokenizer", None)
    words = backend.to_str() if backend is not None else canonical(tokenizer.get_vocab())
    for part in (model.config.to_json_string(use_diff=False), repr(sorted(adapters.items())), words):
        hasher.update(f"{part}\0".encode("utf-8", "surrogatepass"))
    hasher.update(str(getattr(tokenizer, "chat_template", None)).encode("utf-8", "surrogatepass"))
    return hasher.hexdigest()


@contextmanager
def randomness() -> Iterator[None]:
    """Put back the state of every global generator of random numbers."""
    import numpy as np
    import torch

    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=list(range(torch.cuda.device_count()))):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
