"""What tests of training share: a context that remembers, small random models, datasets on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.contracts import StepContext
from harness.hashing import digest
from harness.models.threads import wait_politely
from harness.types import Artifact, Completion, Fault, Request

# Before torch is loaded: beside other jobs, threads that spin made a training a hundred times slower.
wait_politely(os.environ)
WORDS = ["red", "blue", "one", "two", "three", "door", "river", "house", "runs", "yes", "no"]
TEMPLATE = (
    "<s>{% for m in messages %}[{{ m.role }}]{{ m.content }}{% if m.role == 'assistant' %}</s>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)


class Remembering(StepContext):
    """Keeps what a step reports."""

    def __init__(self, scratch: Path) -> None:
        scratch.mkdir(parents=True)
        self.scratch = scratch
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

    def curve(self, name: str) -> list[float]:
        return [values[name] for _, values in self.points if name in values]


def rows(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Return rows that ask for the word after a word."""
    found = []
    for i in range(first, first + count):
        start, word = i // len(WORDS), i % len(WORDS)
        prompt = f"Q: {start} after {WORDS[word]}\nA:"
        found.append({"prompt": prompt, "completion": f" {WORDS[(word + 1) % len(WORDS)]}"})
    return [{"id": digest(row), **row} for row in found]


def dataset(folder: Path, lines: Sequence[Mapping[str, Any]]) -> Artifact:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return Artifact(folder.name, "dataset", str(folder), digest(list(lines)))


def tokenizer(template: bool = False) -> Any:
    from harness.models.tiny.tokenizer import train

    found = train((row["prompt"] + row["completion"] for row in rows(200)), 400, 128)
    if template:
        found.chat_template = TEMPLATE
    return found


def random_model(folder: Path, seed: int = 3, template: bool = False) -> Artifact:
    """Write a Llama of 50,000 random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    words = tokenizer(template)
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
