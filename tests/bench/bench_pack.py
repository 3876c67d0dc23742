"""What packing without loss gains, by kind of weights: the section "Packing" of docs/compression.md.

    python tests/bench/bench_pack.py [--write] [--seeds 1]

`tiny` (trained, a million weights) as F16, as a folder of BF16 and as K-quants, dense and with the smaller half of
every matrix in its blocks set to zero before; and `wide`, an untrained Llama of matrices twice as wide (two million
weights drawn from Student's t with 5 degrees of freedom), as K-quants. Cost: a minute on two quiet cores.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import zstandard
from transformers import AutoConfig, AutoTokenizer, LlamaForCausalLM

from compress.packing import planes, writing
from harness.models import convert, tiny

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compression.md"
QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M")
DICTIONARY = 16 << 10
"""Bytes of a dictionary; samples of 1 KiB."""
HEAD = "| weights | zeros | kind | MB | zstd-3 | zstd-19 | planes, zstd-19 |\n|---|--:|---|--:|--:|--:|--:|\n"


def main() -> None:
    """Print the tables; with --write, put them into the page."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--write", action="store_true")
    reading.add_argument("--seeds", type=int, default=1)
    told = reading.parse_args()
    cells: dict[tuple[str, str, str], list[list[float]]] = {}
    spent: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        for name, zeros, kind, path in files(Path(place), told.seeds):
            row, seconds = measured(path)
            cells.setdefault((name, zeros, kind), []).append(row)
            for what, value in seconds.items():
                spent.setdefault(what, []).append(value)
            print(name, zeros, kind, [round(value, 4) for value in row], file=sys.stderr, flush=True)
        spoken = dictionaries(Path(place))
    lines = [line(*key, rows) for key, rows in cells.items()]
    times = ", ".join(f"{what} {statistics.median(values):.3f}" for what, values in spent.items())
    text = f"{HEAD}{''.join(lines)}\nCPU seconds per MB, median: {times}.\n\n{spoken}"
    print(text)
    if told.write:
        page = PAGE.read_text(encoding="utf-8")
        between = re.compile(r"(<!-- PACKING -->\n).*?(<!-- /PACKING -->)", re.S)
        assert between.search(page), "no <!-- PACKING --> in the page"
        PAGE.write_text(between.sub(lambda found: f"{found[1]}{text}{found[2]}", page), encoding="utf-8")


def files(place: Path, seeds: int) -> Iterator[tuple[str, str, str, Path]]:
    """Yield (weights, zeros, kind, file) of every model."""
    for seed in [*range(seeds), None]:
        for share in (0.0, 0.5):
            name, zeros = ("wide" if seed is None else "tiny"), f"{share:.0%}"
            folder = place / f"{name}-{seed}-{share}"
            model = wide() if seed is None else LlamaForCausalLM.from_pretrained(tiny.folder(seed))
            AutoTokenizer.from_pretrained(tiny.folder(seed or 0)).save_pretrained(folder)
            sparse(model, share).save_pretrained(folder)
            plain = convert.hf_to_gguf(folder, folder / "f16.gguf")
            model.to(torch.bfloat16).save_pretrained(folder)
            if seed is not None:
                yield name, zeros, "BF16, folder", folder / "model.safetensors"
                yield name, zeros, "F16", plain
            for quant in QUANTS:
                yield name, zeros, quant, convert.quantize(plain, folder / f"{quant}.gguf", quant)


def wide() -> LlamaForCausalLM:
    """Return an untrained Llama of a layer of wide matrices."""
    config = AutoConfig.from_pretrained(tiny.folder(0))
    config.update({"hidden_size": 512, "intermediate_size": 512, "num_hidden_layers": 1, "head_dim": 64})
    config.update({"num_attention_heads": 8, "num_key_value_heads": 8})
    model = LlamaForCausalLM(config)
    torch.manual_seed(0)
    heavy = torch.distributions.StudentT(5.0)
    for weights in model.parameters():
        if weights.ndim == 2:
            weights.data = heavy.sample(weights.shape) * 0.02
    return model


def sparse(model: Any, share: float) -> Any:
    """Set the smaller share of every matrix inside the blocks to zero."""
    for name, weights in model.named_parameters():
        if share and weights.ndim == 2 and "layers." in name:
            size = weights.data.abs()
            weights.data[size <= size.flatten().kthvalue(int(share * size.numel())).values] = 0
    return model


def measured(path: Path) -> tuple[list[float], dict[str, float]]:
    """Return ([MB, ratio by zstd-3, zstd-19, planes and zstd-19], CPU seconds per MB of each work)."""
    content, runs = path.read_bytes(), planes.runs(path)
    seconds: dict[str, float] = {}

    def spent(what: str, started: float) -> None:
        seconds[what] = (time.process_time() - started) / len(content) * 1e6

    started, apart, at = time.process_time(), [], 0
    for length, stride in planes.pieces(runs):
        apart.append(planes.split(content[at : at + length], stride))
        at += length
    spent("planes", started)
    ratios = []
    for name, level, what in (("zstd-3", 3, content), ("zstd-19", 19, content), ("", 19, b"".join(apart))):
        started = time.process_time()
        packed = writing.compressor(level, len(what)).compress(what)
        spent(name or "planes, zstd-19", started)
        ratios.append(len(content) / len(packed))
    started = time.process_time()
    assert zstandard.ZstdDecompressor().decompress(packed) == b"".join(apart)
    spent("unpacking", started)
    return [len(content) / 1e6, *ratios], seconds


def line(name: str, zeros: str, kind: str, rows: Sequence[Sequence[float]]) -> str:
    """Return a row of the table: means over seeds, and how far they spread."""
    cells = [f"{statistics.mean(column):.1f}" for column in [[row[0] for row in rows]]]
    for column in list(zip(*rows, strict=True))[1:]:
        spread = (max(column) - min(column)) / 2
        cells.append(f"{statistics.mean(column):.3f}" + (f" ± {spread:.3f}" if len(column) > 1 else ""))
    return f"| {name} | {zeros} | {kind} | {' | '.join(cells)} |\n"


def dictionaries(place: Path) -> str:
    """Return what a dictionary gains on the tensors and on the metadata of one file, its own size counted."""
    found = []
    path = place / "tiny-0-0.0" / "Q5_K_M.gguf"
    content, runs = path.read_bytes(), planes.runs(path)
    for what, part in (("tensors", content[runs[0].length :]), ("metadata", content[: runs[0].length])):
        samples = [part[at : at + 1024] for at in range(0, len(part), 1024)]
        trained = zstandard.train_dictionary(min(DICTIONARY, len(part) // 4), samples)
        plain = len(writing.compressor(19, len(part)).compress(part))
        with_it = len(zstandard.ZstdCompressor(level=19, dict_data=trained, write_checksum=True).compress(part))
        its = len(trained.as_bytes())
        found.append(f"{what} of {len(part):,} bytes: {plain:,} without, {with_it:,} and {its:,} of dictionary")
    return "A dictionary trained on the file itself (tiny of seed 0, Q5_K_M), zstd-19; " + "; ".join(found) + ".\n"


if __name__ == "__main__":
    main()
