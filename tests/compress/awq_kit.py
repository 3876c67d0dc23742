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


def loud(folder: Path, source: Path) -> Artifact:
    """Write `source` with loud channels, the same function."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(source)
    plant(model, 0, 4, 32.0)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return Artifact("m1", "model", str(folder), "digest of m1")


def plant(model: Any, seed: int, channels: int, factor: float) -> None:
    """Make channels louder where layers are fed, and the weights that read them quieter by as much."""
    import torch

    dice = random.Random(seed)
    with torch.no_grad():
        for layer in model.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            pairs = [
                (layer.input_layernorm, [attention.q_proj, attention.k_proj, attention.v_proj]),
                (attention.v_proj, [attention.o_proj]),
                (layer.post_attention_layernorm, [mlp.gate_proj, mlp.up_proj]),
                (mlp.up_proj, [mlp.down_proj]),
            ]
            for feeding, reading in pairs:
                loud = dice.sample(range(len(feeding.weight)), channels)
                feeding.weight[loud] *= factor
                for one in reading:
                    one.weight[:, loud] /= factor


def round_to_nearest(model: Any) -> None:
    """Round every layer of the blocks to 4 bits in groups of 128, asymmetric, in place."""
    import torch

    for name, layer in model.named_modules():
        if name.endswith("_proj"):
            groups = layer.weight.data.reshape(len(layer.weight), -1, 128)
            low, high = groups.amin(-1, keepdim=True).clamp(max=0), groups.amax(-1, keepdim=True).clamp(min=0)
            scale = (high - low) / 15
            zero = torch.round(-low / scale)
            rounded = (torch.round(groups / scale + zero).clamp(0, 15) - zero) * scale
            layer.weight.data = rounded.reshape(layer.weight.shape)


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
