"""Small random models of every architecture that is cut, with parts that do nothing; a step's surroundings."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import registry
from harness.contracts import StepContext
from harness.models.threads import wait_politely
from harness.types import Artifact, Completion, Fault, Request

wait_politely(os.environ)  # before torch is loaded

KINDS = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3"}
SIZES = {
    "hidden_size": 64, "intermediate_size": 512, "num_hidden_layers": 3, "num_attention_heads": 8,
    "num_key_value_heads": 4, "vocab_size": 96, "max_position_embeddings": 64, "tie_word_embeddings": True,
}  # fmt: skip
IDS = [[(7 * row + 3 * i * i) % 96 for i in range(12 + row)] for row in range(4)]


def model(kind: str, seed: int = 0, **sizes: Any) -> Any:
    """Return a random model; biases, where there are any, are random too."""
    import torch
    import transformers

    extra = {"attention_bias": True, "mlp_bias": True} if kind == "llama" else {}
    config = getattr(transformers, f"{KINDS[kind]}Config")(**{**SIZES, "head_dim": 64, **extra, **sizes})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = getattr(transformers, f"{KINDS[kind]}ForCausalLM")(config)
        for name, parameter in made.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.1)
            elif "layers" in name and parameter.dim() == 2:
                parameter.data *= 4
    return made.eval()


def logits(one: Any) -> Any:
    """Return the logits of the last row."""
    import torch

    with torch.inference_mode():
        return one(input_ids=torch.tensor(IDS[-1:])).logits


def shelved(folder: Path, rows: int = 16) -> Artifact:
    """Return a dataset of practice rows."""
    folder.mkdir()
    drawn = registry.suite("primer").practice(7, rows)
    lines = [json.dumps({"id": str(i), "prompt": p.prompt, "completion": p.target}) for i, p in enumerate(drawn)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    return Artifact("d1", "dataset", str(folder), "of d1")


def pruned(model: Path, data: Artifact, scratch: Path, **parameters: Any) -> tuple[Path, dict[str, Any]]:
    """Return what the step makes of a folder, and its run record."""
    inputs = [Artifact("m1", "model", str(model), "of m1"), data]
    folder = registry.step("compress.prune").run(inputs, parameters, Scratch(scratch))
    return folder, json.loads((folder / "run.json").read_text())


class Scratch(StepContext):
    """A folder, and nobody who listens."""

    def __init__(self, scratch: Path) -> None:
        scratch.mkdir()
        self.scratch = scratch

    def ask(self, model: str, requests: Sequence[Request]) -> list[Completion | Fault]:
        raise NotImplementedError

    def spend(self, what: str, amount: float) -> None: ...

    def progress(self, done: float, note: str = "") -> None: ...
