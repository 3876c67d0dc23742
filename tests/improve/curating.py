"""A context for steps and datasets of rows, for the tests of curation."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness import registry
from harness.contracts import StepContext
from harness.types import Artifact, Completion, Fault, Request
from harness.workbench import rows as dataset


class Bench(StepContext):
    """What a step may use; `teacher` answers."""

    def __init__(self, scratch: Path, teacher: Callable[[Request], Completion | Fault] | None = None) -> None:
        self.scratch, self.cache, self.teacher = scratch, scratch.parent / "cache", teacher
        self.asked: list[Request] = []
        self.notes: list[str] = []

    def ask(self, model: str, requests: Sequence[Request]) -> list[Completion | Fault]:
        assert self.teacher is not None
        self.asked += requests
        return [self.teacher(one) for one in requests]

    def spend(self, what: str, amount: float) -> None:
        raise AssertionError("curation costs nothing by itself")

    def progress(self, done: float, note: str = "") -> None:
        assert 0.0 <= done <= 1.0
        self.notes.append(note)


def stored(folder: Path, rows: Sequence[dict[str, Any]]) -> Artifact:
    """Return a dataset artifact of rows."""
    dataset.write(folder, "test", rows, [], len(rows))
    return Artifact(folder.name, "dataset", str(folder), "0" * 32)


def done(step: str, place: Path, inputs: Sequence[Artifact], answers: Any = None, **parameters: Any) -> Any:
    """Run a step; return (rows, dropped, report, folder)."""
    scratch = place / f"scratch-{len(list(place.iterdir()))}"
    scratch.mkdir()
    out = registry.step(step).run(inputs, parameters, Bench(scratch, answers))
    read = [
        [json.loads(line) for line in (out / name).read_text().split("\n") if line]
        for name in ("rows.jsonl", "dropped.jsonl")
    ]
    return *read, json.loads((out / "report.json").read_text()), out
