"""Steps for the tests of whole loops: a training that takes no time, and what may go wrong."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from harness.contracts import Step, StepContext
from harness.types import Artifact
from harness.workbench import rows as dataset
from harness.workbench.rows import Dropped


class Pick(Step):
    """Stands for a training, in a process of its own: the model it makes is a file of its parameters, one a round."""

    version = "1"
    kind: ClassVar = "model"
    takes: ClassVar = ("dataset",)
    seeded: ClassVar = True
    alone: ClassVar = True

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        for _ in range(int(parameters.get("seconds", 0))):
            time.sleep(float(parameters.get("slow", 0.0)))
            context.spend("seconds", 1.0)
        folder = context.scratch / "picked"
        folder.mkdir()
        files = parameters["gguf"]
        shutil.copy(files[parameters["seed"] % len(files)], folder / "model.gguf")
        return folder


class Refuse(Step):
    """Drops every row."""

    version = "1"
    kind: ClassVar = "dataset"

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        rows = dataset.all_of(inputs, "guest.refuse")
        dropped = [Dropped(row, "refused", {}) for row in rows]
        return dataset.write(context.scratch / "rows", "guest.refuse", [], dropped, len(rows))


class Trip(Step):
    """Hands rows on, or breaks while the file `over` is there. With `fill` it fills the disk first."""

    version = "1"
    kind: ClassVar = "dataset"

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        rows = dataset.all_of(inputs, "guest.trip")
        over = Path(parameters["over"])
        if over.exists():
            (context.scratch / "half").write_bytes(b"x" * int(parameters.get("fill", 0)))
            raise RuntimeError(f"tripped over {over.name}")
        return dataset.write(context.scratch / "rows", "guest.trip", rows, [], len(rows))
