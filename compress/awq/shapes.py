"""What AWQ to 4 bits in groups of 128 can work on, told from a config.json alone: no torch, no weights.

    check_shapes({"architectures": ["LlamaForCausalLM"], "hidden_size": 896, ..})     -> ()
    check_shapes({"hidden_size": 320, ..})     -> UsageError: rows of 320 weights, from hidden_size, in groups of 128
    check_shapes({"num_attention_heads": 32, "num_key_value_heads": 8, ..})
      -> ("v_proj -> o_proj: 8 key-value heads serve 32 heads, so that no scale of one fits the other",)

A group is 128 weights that share a scale along a row, which is as long as what the layer reads. Which layer feeds which
is known by architecture: the names are read from llm-compressor's own registry without importing it (8 ms against 8 s).
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import MissingPackage, UsageError, nearest

GROUP = 128
"""Weights that share a scale and a zero point."""
COLUMNS = ("hidden_size", "intermediate_size")
"""Keys of a configuration that are the length of some layer's rows; the attention's output has its own."""
OTHER_PARTS = {
    "vision_config": "pictures",
    "audio_config": "sounds",
    "num_experts": "experts",
    "num_local_experts": "experts",
    "n_routed_experts": "experts",
    "q_lora_rank": "latent attention",
}
"""Keys of models with parts that this was not tried on -> what they have."""
LAYERS = {"full_attention", "sliding_attention"}
"""Kinds of layers that it was made for, where a configuration names them (`layer_types`)."""
REGISTRIES = {"mappings.py": "AWQ_MAPPING_REGISTRY", "dynamic_mappings.py": "AWQ_DYNAMIC_MAPPING_REGISTRY"}
ROOM = Path("modifiers", "transform", "awq")


def check_shapes(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the pairs of layers that will not be smoothed, each with the reason.

    Raises:
        UsageError: quantised already, an unknown architecture, parts that are not supported, rows that are no multiple
            of 128. MissingPackage: llm-compressor is not installed.
    """
    if method := (config.get("quantization_config") or {}).get("quant_method"):
        what = f"the weights are quantised already ({method})"
        raise UsageError(what, "float weights: what was rounded is not rounded again", "name the original model")
    _known((config.get("architectures") or [""])[0])
    _plain(config)
    for key, width in _columns(config):
        if width % GROUP:
            near = f"{width // GROUP * GROUP} or {-(-width // GROUP) * GROUP}"
            raise UsageError(
                f"rows of {width} weights, from {key}, cannot be cut into groups of {GROUP}",
                f"a multiple of {GROUP}, such as {near}",
                "use compress.gguf with quant: Q4_0 or Q8_0 (groups of 32), or another model",
            )
    heads, shared = _heads(config)
    if heads == shared:
        return ()
    return (f"v_proj -> o_proj: {shared} key-value heads serve {heads} heads, so that no scale of one fits the other",)


def architectures() -> frozenset[str]:
    """Return the architectures for which the installed llm-compressor knows which layer feeds which.

    Raises:
        MissingPackage: it is not installed.
    """
    found = importlib.util.find_spec("llmcompressor")
    if found is None or not found.submodule_search_locations:
        raise MissingPackage("llmcompressor", "AWQ", "compress")
    room = Path(found.submodule_search_locations[0]) / ROOM
    return frozenset(name for file, registry in REGISTRIES.items() for name in _keys(room / file, registry))


def _keys(file: Path, registry: str) -> Iterator[str]:
    """Yield the keys of a dict literal in a Python file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.value, ast.Dict)
            and ast.unparse(node.target) == registry
        ):
            yield from (ast.literal_eval(key) for key in node.value.keys if key is not None)


def _known(architecture: str) -> None:
    known = architectures()
    if architecture not in known:
        raise UsageError(
            f"AWQ knows nothing of the architecture {architecture!r}",
            nearest(architecture, known),
            "use compress.gguf, or another model",
        )


def _plain(config: Mapping[str, Any]) -> None:
    parts = [f"{what} ({key})" for key, what in OTHER_PARTS.items() if config.get(key)]
    parts += sorted({str(one) for one in config.get("layer_types") or ()} - LAYERS)
    if parts:
        raise UsageError(
            f"a model with {parts[0]} is not quantised by compress.awq",
            "a dense model of text",
            "use compress.gguf, where llama.cpp's converter decides",
        )


def _columns(config: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield (key, length of a row) for every kind of layer that is rounded."""
    for key in COLUMNS:
        if isinstance(config.get(key), int):
            yield key, config[key]
    heads, _ = _heads(config)
    if heads and isinstance(config.get("head_dim"), int):
        yield "num_attention_heads x head_dim", heads * config["head_dim"]


def _heads(config: Mapping[str, Any]) -> tuple[int, int]:
    """Return (attention heads, key-value heads); (0, 0) where the configuration names none."""
    heads = config.get("num_attention_heads") or 0
    return heads, config.get("num_key_value_heads") or heads
