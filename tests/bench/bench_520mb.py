"""What is left of a real model after each stage of the recipe `520mb`, in bytes: from its config.json alone.

    python tests/bench/bench_520mb.py --write

Widths after cuts are those of `compress.pruning.plan`. Which type llama.cpp gives each tensor is not looked up but
asked: a random model of as many layers, heads and key-value groups, 256 wide, is quantised by it, and its types are put
on the real shapes. zstd ratios are those of reference measurements on synthetic heavy-tailed weights, dense. No
weights, no GPU; about a minute on two cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from compress.pruning.plan import plan  # noqa: E402
from compress.recipe import load  # noqa: E402

PAGE, MARK = ROOT / "docs" / "compression.md", "520MB"
GOAL = 520e6
COMMON = {"model_type": "llama", "head_dim": 128}
BASES: Mapping[str, Mapping[str, Any]] = {
    "Yi-1.5-6B-Chat": {
        **COMMON, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 4, "vocab_size": 64000, "tie_word_embeddings": False,
    },
    "H2O-Danube3-4B": {
        **COMMON, "hidden_size": 3840, "intermediate_size": 10240, "num_hidden_layers": 24, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 32000, "tie_word_embeddings": False, "head_dim": 120,
    },
    "Qwen3-4B": {
        **COMMON, "model_type": "qwen3", "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 151936, "tie_word_embeddings": True,
    },
}  # fmt: skip
"""Shapes, from the config.json that each is published with; all three Apache-2.0."""
QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
ZSTD: Mapping[str, float] = {"Q8_0": 1.065, "Q6_K": 1.009, "Q5_K_M": 1.004, "Q4_K_M": 1.028}
"""zstd -19 on dense weights; of the others none is known: taken for 1."""
AWQ_BITS = 4 + (16 + 4) / 128
"""4 bits, and a scale of 16 and a zero point of 4 for each group of 128."""
CUTS = ((0.0, 0.0), (0.25, 0.0), (0.5, 0.0), (0.65, 0.0), (0.65, 0.28), (0.75, 0.5), (0.9, 0.75))
"""Shares of (channels, layers)."""


@dataclass(frozen=True)
class Tensor:
    """A matrix. `kind`: by its name in a GGUF; `layer`: -1 outside the blocks."""

    kind: str
    layer: int
    weights: int


def tensors(config: Mapping[str, Any]) -> Iterator[Tensor]:
    """Yield the matrices of a Llama-like model."""
    hidden, wide, layers = (config[key] for key in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    queries = config["num_attention_heads"] * config["head_dim"]
    groups = config["num_key_value_heads"] * config["head_dim"]
    yield Tensor("token_embd", -1, config["vocab_size"] * hidden)
    if not config["tie_word_embeddings"]:
        yield Tensor("output", -1, config["vocab_size"] * hidden)
    for layer in range(layers):
        for kind, columns in (("attn_q", queries), ("attn_output", queries), ("attn_k", groups), ("attn_v", groups)):
            yield Tensor(kind, layer, hidden * columns)
        for kind in ("ffn_gate", "ffn_up", "ffn_down"):
            yield Tensor(kind, layer, hidden * wide)


def weights(config: Mapping[str, Any], blocks: bool = False) -> int:
    """Return how many weights the matrices (of the blocks alone) hold."""
    return sum(one.weights for one in tensors(config) if one.layer >= 0 or not blocks)


def cut(config: Mapping[str, Any], channels: float, layers: float) -> Mapping[str, Any]:
    """Return the config.json after both cuts."""
    for method, share in (("layers", layers), ("channels", channels)):
        if share:
            config = plan(config, method, share).config  # type: ignore[arg-type]
    return config


def gguf_bytes(config: Mapping[str, Any], quant: str, outside: bool = False) -> float:
    """Return the bytes of all matrices (of those outside the blocks alone) at a quant."""
    import gguf

    found = types(
        config["num_hidden_layers"], config["num_attention_heads"], config["num_key_value_heads"],
        config["tie_word_embeddings"], quant,
    )  # fmt: skip
    size = 0.0
    for one in tensors(config):
        if one.layer < 0 or not outside:
            block, width = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[found[one.kind, one.layer]]]
            size += one.weights / block * width
    return size


@cache
def types(layers: int, heads: int, groups: int, tied: bool, quant: str) -> Mapping[tuple[str, int], str]:
    """Return (kind, layer) -> the type that llama.cpp gives it."""
    import gguf

    from harness.models.convert import quantize

    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.gguf", Path(folder) / "small.gguf"
        random_model(plain, layers, heads, groups, tied)
        quantize(plain, small, quant, threads=2)
        found = {}
        for tensor in gguf.GGUFReader(small).tensors:
            parts = tensor.name.split(".")
            found[parts[-2], int(parts[1]) if parts[0] == "blk" else -1] = tensor.tensor_type.name
    return found


def random_model(path: Path, layers: int, heads: int, groups: int, tied: bool, width: int = 256) -> None:
    """Write a GGUF of random weights, without a tokenizer: enough for llama.cpp to quantise."""
    import gguf
    import numpy as np

    writer, draw = gguf.GGUFWriter(str(path), "llama"), np.random.default_rng(0)
    writer.add_block_count(layers)
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(width)
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(width)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    shape = {"hidden_size": width, "intermediate_size": width, "num_hidden_layers": layers, "vocab_size": width}
    shape |= {"num_attention_heads": heads, "num_key_value_heads": groups, "head_dim": width // heads}
    narrow = width * groups // heads
    for one in tensors({**shape, "tie_word_embeddings": tied}):
        rows = narrow if one.kind in ("attn_k", "attn_v") else width
        name = f"blk.{one.layer}.{one.kind}.weight" if one.layer >= 0 else f"{one.kind}.weight"
        writer.add_tensor(name, draw.standard_normal((rows, width)).astype(np.float16))
    norms = [f"blk.{layer}.{kind}_norm.weight" for layer in range(layers) for kind in ("attn", "ffn")]
    for name in ("output_norm.weight", *norms):
        writer.add_tensor(name, np.ones(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def stages() -> Iterator[tuple[str, Mapping[str, Any], float]]:
    """Yield (stage, config, bytes) of the recipe, as it stands in the file."""
    config = BASES["Yi-1.5-6B-Chat"]
    yield "as published, bf16", config, weights(config) * 2
    for group in load("520mb").recipe.groups:
        step = group.steps[0]
        if step.name == "compress.prune":
            config = plan(config, step.parameters["method"], group.share or 0.0).config
            yield f"{group.label} {group.share:.0%}, bf16", config, weights(config) * 2
        elif step.name == "compress.awq":
            outside = weights(config) - weights(config, blocks=True)
            yield "compress.awq (int4, for vLLM)", config, weights(config, True) * AWQ_BITS / 8 + outside * 2
        elif step.name.startswith("compress.gguf"):
            quant = step.parameters["quant"]
            yield f"{step.name} {quant}", config, gguf_bytes(config, quant)
        elif step.name == "compress.pack":
            yield f"{step.name} (zstd {ZSTD[quant]})", config, gguf_bytes(config, quant) / ZSTD[quant]


def needed(config: Mapping[str, Any], quant: str, goal: float) -> float | None:
    """Return the share of the blocks' weights that must go for `goal` bytes; None where all are not enough."""
    outside = gguf_bytes(config, quant, outside=True)
    left = goal * ZSTD.get(quant, 1.0) - outside
    inside = gguf_bytes(config, quant) - outside
    return None if left <= 0 else max(0.0, 1.0 - left / inside)


def report() -> Iterator[str]:
    """Yield the lines of the section."""
    base = BASES["Yi-1.5-6B-Chat"]
    whole, blocks = weights(base) * 2, weights(base, True)
    yield "The recipe, stage by stage, on Yi-1.5-6B-Chat (MB are 10^6 bytes; recovery changes no size):\n"
    yield "| stage | layers | channels | weights | of the blocks' | size, MB | times smaller |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for stage, config, size in stages():
        left = weights(config, True) / blocks
        yield (
            f"| {stage} | {config['num_hidden_layers']} | {config['intermediate_size']:,} |"
            f" {weights(config) / 1e9:.2f} B | {left:.1%} | {size / 1e6:,.0f} | {whole / size:.1f} |"
        )
    yield "\nSizes of other cuts of it, packed, MB:\n"
    yield "| channels gone | layers gone | blocks' weights gone |" + "".join(f" {quant} |" for quant in QUANTS)
    yield "|---:|---:|---:|" + "---:|" * len(QUANTS)
    for channels, layers in CUTS:
        config = cut(base, channels, layers)
        sizes = (gguf_bytes(config, quant) / ZSTD.get(quant, 1.0) / 1e6 for quant in QUANTS)
        gone = 1 - weights(config, True) / blocks
        yield f"| {channels:.0%} | {layers:.0%} | {gone:.1%} |" + "".join(f" {size:,.0f} |" for size in sizes)
    yield "\nWhat must go of the blocks' weights for 520 MB, packed, the vocabulary left as it is:\n"
    head = "| base | bf16, MB | after the plan, MB | of it embeddings and output, MB |"
    yield head + "".join(f" {quant} |" for quant in QUANTS[1:])
    yield "|---|---:|---:|---:|" + "---:|" * len(QUANTS[1:])
    for name, config in BASES.items():
        shares = (needed(config, quant, GOAL) for quant in QUANTS[1:])
        cells = "".join(" no share is enough |" if share is None else f" {share:.1%} |" for share in shares)
        sizes = (gguf_bytes(cut(config, 0.65, 0.28), "Q5_K_M", outside) / ZSTD["Q5_K_M"] for outside in (False, True))
        told = "".join(f" {size / 1e6:,.0f} |" for size in (weights(config) * 2, *sizes))
        yield f"| {name} |{told}{cells}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="replace the section's figures in docs/compression.md")
    told = "\n".join(report())
    print(told)
    if parser.parse_args().write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(f"<!-- {MARK} -->\n")
        _, after = rest.split(f"<!-- /{MARK} -->")
        PAGE.write_text(f"{before}<!-- {MARK} -->\n{told}\n<!-- /{MARK} -->{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
