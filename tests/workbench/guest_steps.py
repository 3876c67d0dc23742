"""Steps for the tests of the workbench; they come in as a guest distribution (`conftest.py` installs it by path)."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.contracts import Step, StepContext
from harness.errors import UsageError
from harness.types import Artifact, Completion, Request


class Write(Step):
    """Writes `text`, and how often it ran into the file `count`."""

    version = "1"

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        with Path(parameters["count"]).open("a", encoding="utf-8") as file:
            file.write("x")
        time.sleep(parameters.get("pause_s", 0.0))
        read = "".join((Path(one.path) / "rows.txt").read_text("utf-8") for one in inputs)
        (context.scratch / "rows.txt").write_text(read + parameters["text"], encoding="utf-8")
        context.progress(1.0, "written")
        return context.scratch / "rows.txt"


class Ask(Step):
    """Asks a model `prompts` questions."""

    version = "1"

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        asked = [Request("generate", f"question {i}", max_tokens=10) for i in range(parameters["prompts"])]
        answers = context.ask(parameters["model"], asked)
        if parameters.get("then") == "break":
            raise RuntimeError("broke after it asked")
        texts = [one.text for one in answers if isinstance(one, Completion)]
        (context.scratch / "rows.txt").write_text("\n".join(texts), encoding="utf-8")
        return context.scratch / "rows.txt"


class Train(Step):
    """Stands for a training: runs alone, spends, and ends as `how` says."""

    version = "1"
    kind = "adapter"
    alone = True

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        print("noise on stdout", file=sys.stdout, flush=True)
        context.spend("seconds", 1.0)
        how = parameters.get("how", "well")
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "raises":
            raise RuntimeError("CUDA error: out of memory")
        if how == "refuses":
            raise UsageError("r = -1", "a rank above 0", "mend the recipe")
        while how == "spends":
            context.spend("seconds", 1.0)
            time.sleep(0.01)
        folder = context.scratch / "adapter"
        folder.mkdir()
        (folder / "pid").write_text(str(os.getpid()))
        return folder
