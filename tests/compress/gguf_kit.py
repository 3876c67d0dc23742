"""What the tests of GGUF steps share: a scratch folder for a step, a model's folder without its GGUF, rows."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from harness import registry
from harness.contracts import StepContext
from harness.types import Artifact, Completion, Fault, Request
from harness.workbench import rows


class Scratch(StepContext):
    def __init__(self, scratch: Path) -> None:
        scratch.mkdir(parents=True)
        self.scratch = scratch

    def ask(self, model: str, requests: Sequence[Request]) -> list[Completion | Fault]:
        raise NotImplementedError

    def spend(self, what: str, amount: float) -> None: ...

    def progress(self, done: float, note: str = "") -> None: ...

    def measure(self, step: int, values: Mapping[str, float]) -> None: ...


def float_copy(tiny_folder: Path, target: Path) -> Path:
    """Return a folder with what transformers reads of `tiny`, and nothing else."""
    target.mkdir(parents=True)
    for one in tiny_folder.iterdir():
        if one.is_file() and one.suffix != ".gguf" and one.name not in ("run.json", "README.md"):
            (target / one.name).symlink_to(one.resolve())
    return target


def changed(source: Path, target: Path, change: Mapping[str, Any]) -> Path:
    """Return a copy of a model whose weights named in `change` went through a function."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, target)
    (target / "model.safetensors").unlink()
    tensors = load_file(source / "model.safetensors")
    made = {name: change[name](one).contiguous() if name in change else one for name, one in tensors.items()}
    save_file(made, target / "model.safetensors", metadata={"format": "pt"})
    return target


def practice(folder: Path, count: int = 40) -> Artifact:
    """Return a dataset of practice rows of primer."""
    drawn = islice(registry.suite("primer").practice(99, count), count)
    found = [{"prompt": one.prompt, "completion": one.target} for one in drawn]
    return Artifact("d1", "dataset", str(rows.write(folder, "compress.draw", found, (), count)), "of d1")


def done(name: str, scratch: Path, inputs: Sequence[Artifact], **parameters: Any) -> Path:
    """Return what a step makes."""
    return registry.step(name).run(inputs, parameters, Scratch(scratch))


def model(folder: Path) -> Artifact:
    return Artifact("m1", "model", str(folder), "of m1")
