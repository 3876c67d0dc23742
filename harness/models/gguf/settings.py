"""The options of a `gguf:` model (`--set key=value`) and the defaults that the machine and the file's header decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from harness.config import Settings
from harness.models.gguf.machine import available_bytes as available_bytes
from harness.models.gguf.machine import usable_cores as usable_cores

DEFAULT_CTX = 4096
KV_BYTES = {"f32": 4.0, "f16": 2.0, "q8_0": 34 / 32}
PAD_ROWS = 64
"""Cells kept free for the rows that fill small batches up (see `context.py`)."""
POOL_BYTES = 1 << 30
"""The cache may always be this large, and a quarter of the free memory."""


class GGUFSettings(Settings):
    """Options of the in-process engine. 0 means: decided from the machine and the file."""

    n_ctx: int = Field(default=0, ge=0)
    """Tokens that one request may fill; 0: the model's, at most 4096."""
    n_batch: int = Field(default=2048, ge=64)
    """Most rows handed to llama.cpp at once."""
    n_ubatch: int = Field(default=512, ge=64)
    """Most rows computed at once; divides `n_batch`."""
    threads: int = Field(default=0, ge=0)
    """0: the cores that this process may use."""
    width: int = Field(default=48, ge=1, le=63)
    """Texts generated side by side, at most; fewer where the memory for their caches is short. Steps of a 125M Q5_K_M
    model, two cores: 8 give 1.8 times the tokens of one text alone, 16 give 3.1, 32 give 3.5, 48 and 63 give 4.1."""
    gpu_layers: int = Field(default=-1, ge=-1)
    """Layers on the GPU, where the installed build has one; -1: all."""
    flash_attn: Literal["auto", "on", "off"] = "auto"
    kv_type: Literal["f16", "f32", "q8_0"] = "f16"
    reasoning: str = "auto"
    """`auto` (markers found in the template), `off`, or `START,END`."""
    layout: Literal["fixed", "free"] = "fixed"
    """`fixed` fills small batches up, so that results depend less (texts: not at all) on what is computed together."""
    adapter: str = ""
    """LoRA adapters: `FILE.gguf` or a folder of PEFT, each with `@SCALE` if not 1, with commas between."""
    kv_cells: int = Field(default=0, ge=0)
    """Tokens that the cache holds for all requests under way; 0: what a quarter of the free memory holds."""
    memory: Literal["check", "unchecked"] = "check"
    """`check` refuses a model that will not fit in memory, before it is loaded (`memory.py`)."""

    @model_validator(mode="after")
    def _fits(self) -> GGUFSettings:
        if self.n_batch % self.n_ubatch:
            raise ValueError(f"n_batch must be a multiple of n_ubatch ({self.n_ubatch})")
        if self.reasoning not in ("auto", "off") and not all(self.reasoning.partition(",")):
            raise ValueError("reasoning must be auto, off or START,END")
        if self.kv_type == "q8_0" and self.flash_attn == "off":
            raise ValueError("kv_type=q8_0 needs flash attention")
        return self


def context_length(values: Mapping[str, Any], asked: int) -> int:
    """Return the tokens that one request may fill."""
    trained = values.get(f"{values.get('general.architecture')}.context_length")
    return asked or min(trained if isinstance(trained, int) and trained > 0 else DEFAULT_CTX, DEFAULT_CTX)


def pool_cells(values: Mapping[str, Any], settings: GGUFSettings, wanted: int) -> int:
    """Return how many of the `wanted` tokens the key-value cache may hold."""
    if settings.kv_cells:
        return min(wanted, settings.kv_cells)
    allowed = max(POOL_BYTES, (available_bytes() or 0) // 4)
    return min(wanted, int(allowed / cell_bytes(values, KV_BYTES[settings.kv_type])))


def cell_bytes(values: Mapping[str, Any], element_bytes: float) -> float:
    """Return the bytes that one token takes in the cache, over all layers."""

    def number(key: str, otherwise: int) -> int:
        value = values.get(f"{values.get('general.architecture')}.{key}", otherwise)
        value = max(value, default=0) if isinstance(value, list) else value
        return value if isinstance(value, int) and value > 0 else otherwise

    heads = number("attention.head_count", 1)
    head = number("attention.key_length", number("embedding_length", 4096) // heads)
    return number("block_count", 32) * 2 * head * number("attention.head_count_kv", heads) * element_bytes
