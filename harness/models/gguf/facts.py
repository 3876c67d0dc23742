"""What reports say about a loaded GGUF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.models.gguf.context import Context
from harness.models.gguf.header import Header


def describe(context: Context, header: Header, size_bytes: int) -> Mapping[str, Any]:
    """Return parameters, size_bytes, quantisation, lengths, vocabulary, and `warnings` where there are any."""
    llama, values = context.llama, header.values
    kind = llama.llama_ftype_name(llama.llama_model_ftype(context.model)) or b"unknown"
    facts = {
        "architecture": values.get("general.architecture"),
        "name": values.get("general.name"),
        "parameters": llama.llama_model_n_params(context.model),
        "size_bytes": size_bytes,
        "quantisation": kind.decode(),
        "context_length": llama.llama_model_n_ctx_train(context.model),
        "n_ctx": context.n_ctx,
        "kv_cells": context.cells,
        "vocabulary": context.vocabulary.size,
        "threads": context.threads,
        "shared_prefixes": context.shares,
    }
    warnings = [*_memory_warning(size_bytes), *_length_warning(context.n_ctx, facts["context_length"])]
    return {**facts, "warnings": warnings} if warnings else facts


def _memory_warning(size_bytes: int) -> list[str]:
    """The file is mapped, so too little memory is no error, only slow: it is read again and again."""
    free = available_bytes()
    if free is None or size_bytes <= free:
        return []
    return [f"the model has {size_bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB of memory are free: expect it to be slow"]


def _length_warning(n_ctx: int, trained: int) -> list[str]:
    if not 0 < trained < n_ctx:
        return []
    return [f"n_ctx={n_ctx} is longer than the {trained} tokens that the model was trained for"]


def available_bytes() -> int | None:
    """Return the memory that a new process could use (Linux), or None where it is not known."""
    try:
        text = Path("/proc/meminfo").read_text("ascii")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None
