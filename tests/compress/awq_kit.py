"""What tests of AWQ share: models and rows, the step run on them, packed integers read by hand."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

from rows_kit import Remembering, dataset

from harness import registry
from harness.types import Artifact

TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"


def practice(folder: Path, count: int = 24) -> Artifact:
    """Return practice rows of `primer` as a dataset."""
    rows = itertools.islice(registry.suite("primer").practice(5, count), count)
    return dataset(folder, [{"prompt": row.prompt, "completion": row.target} for row in rows])


def talks(folder: Path, count: int = 16) -> Artifact:
    """Return small conversations as a dataset."""
    dice = random.Random(2)
    words = ["red", "blue", "river", "door", "house", "one", "two"]
    asked = [" ".join(dice.choices(words, k=6)) for _ in range(count)]
    turns = [[{"role": "user", "content": one}, {"role": "assistant", "content": one[::-1]}] for one in asked]
    return dataset(folder, [{"messages": one} for one in turns])


def model_with_shared_heads(folder: Path) -> Artifact:
    """Write a random Llama in bfloat16: two key-value heads for four, and a chat template."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from harness.models.tiny.tokenizer import train

    words = train(("user: assistant: red blue river door house one two\n" for _ in range(20)), 300, 128)
    words.chat_template = TEMPLATE
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=128, intermediate_size=256, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, bos_token_id=0, eos_token_id=1, initializer_range=0.1,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    words.save_pretrained(folder)
    return Artifact(folder.name, "model", str(folder), "digest of it")


def quantized(scratch: Path, model: Artifact, data: Artifact, **parameters: int) -> Path:
    """Return the folder that `compress.awq` makes."""
    return registry.step("compress.awq").run([model, data], parameters, Remembering(scratch))


def told(folder: Path, name: str = "config.json") -> dict[str, Any]:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def unpacked(packed: Any, axis: int) -> Any:
    """Return the 4-bit integers of int32 words, the lowest bits first, along `axis`."""
    import numpy as np

    words = np.moveaxis(packed.numpy().view(np.uint32), axis, -1)
    nibbles = (words[..., None] >> np.arange(0, 32, 4, dtype=np.uint32)) & 15
    return np.moveaxis(nibbles.reshape(*words.shape[:-1], -1), -1, axis).astype(np.int64)
