"""What tests of rows and recovery share: a context that remembers, and datasets on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.contracts import StepContext
from harness.hashing import digest
from harness.models.threads import wait_politely
from harness.types import Artifact, Completion, Fault, Request
from harness.workbench import rows

# Before torch is loaded: beside other jobs, threads that spin made a training a hundred times slower.
wait_politely(os.environ)


class Remembering(StepContext):
    """Keeps what a step reports."""

    def __init__(self, scratch: Path, cache: Path | None = None) -> None:
        scratch.mkdir(parents=True)
        self.scratch, self.cache = scratch, cache
        self.spent: list[tuple[str, float]] = []
        self.points: list[tuple[int, dict[str, float]]] = []
        self.notes: list[tuple[float, str]] = []

    def ask(self, model: str, requests: Sequence[Request]) -> list[Completion | Fault]:
        raise NotImplementedError

    def spend(self, what: str, amount: float) -> None:
        self.spent.append((what, amount))

    def progress(self, done: float, note: str = "") -> None:
        self.notes.append((done, note))

    def measure(self, step: int, values: Mapping[str, float]) -> None:
        self.points.append((step, dict(values)))


def dataset(folder: Path, lines: Sequence[Mapping[str, Any]]) -> Artifact:
    named = [{"id": rows.row_id(line), **line} for line in lines]
    return Artifact(folder.name, "dataset", str(rows.write(folder, "test", named, (), len(lines))), digest(list(lines)))


def random_model(folder: Path, seed: int = 3) -> Artifact:
    """Write a Llama of 50,000 random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from harness.models.tiny.tokenizer import train

    text = "Q: A: one two three river door red blue house after 0 1 2 3 4 5 6 7 8 9 yes no\n"
    words = train((text for _ in range(20)), 300, 128)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=128, bos_token_id=0, eos_token_id=1, pad_token_id=2,
        initializer_range=0.1, tie_word_embeddings=True,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return Artifact(folder.name, "model", str(folder), f"weights of seed {seed}")
