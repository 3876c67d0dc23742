"""Section of `bench_gguf.py`: how far log-probabilities move with what is computed together.

Everything is compared with each question alone, through the engine. Activations are rounded on quantised weights, so
that the last bits of attention, which goes through the cache in tiles of 64 cells, decide which way a value is rounded.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import gguf_model
from gguf_clock import ask
from gguf_peers import Logprobs

from harness.models.gguf import GGUF
from harness.types import Request

SMALL = {"n_batch": "256", "n_ubatch": "128"}


def layouts(kind: str, paths: dict[str, Path], asked: Sequence[Request], options: argparse.Namespace) -> None:
    """Print the largest and the mean difference, and the flipped rankings, of each layout."""
    print(f"\n{kind}: {len(asked)} MMLU questions 5-shot, each layout beside each question alone")
    alone, found = in_layouts(paths[kind], asked, options.threads)
    for name, (places, values) in found.items():
        apart, flipped = distances([alone[i] for i in places], values)
        mean = sum(apart) / len(apart)
        print(f"  {name:14} {len(places):5} questions: {max(apart):.4f} at most, {mean:.4f} on average;", end="")
        print(f" {len(flipped)} best choices differ" + (f", by {max(flipped):.4f} at most" if flipped else ""))


def in_layouts(
    path: Path, asked: Sequence[Request], threads: int
) -> tuple[Logprobs, dict[str, tuple[list[int], Logprobs]]]:
    """Return the log-probabilities of each question alone, and by layout the places of questions and theirs."""
    every = list(range(len(asked)))
    orders = {
        "together": every,
        "shuffled": random.Random(1).sample(every, len(every)),
        "every second": every[::2],
        "second half": every[len(every) // 2 :],
    }
    base = {"threads": str(threads), "n_ctx": str(gguf_model.CONTEXT)}
    with GGUF.open(str(path), base) as model:
        alone = [logprobs(model, [request])[0] for request in asked]
        found = {name: (places, logprobs(model, [asked[i] for i in places])) for name, places in orders.items()}
    with GGUF.open(str(path), base | SMALL) as model:
        found["small batches"] = every, logprobs(model, asked)
    return alone, found


def logprobs(model: GGUF, asked: Sequence[Request]) -> Logprobs:
    """Return the log-probabilities of the choices."""
    return [answer.choice_logprobs for answer in ask(model, asked)]


def distances(expected: Logprobs, found: Logprobs) -> tuple[list[float], list[float]]:
    """Return per question the largest difference, and how far apart the choices are that changed places."""
    apart = [max(abs(x - y) for x, y in zip(p, q, strict=True)) for p, q in zip(expected, found, strict=True)]
    gaps = [max(p) - p[max(range(len(q)), key=q.__getitem__)] for p, q in zip(expected, found, strict=True)]
    return apart, [gap for gap in gaps if gap > 0]
