"""What a loop would do and cost, before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness import registry
from harness.store import Database
from improve.recipe import Loaded


@dataclass(frozen=True)
class Line:
    """One step of a round."""

    step: str
    estimate: dict[str, float]


def plan(loaded: Loaded, database: Database) -> list[Line]:
    """Return a line a step."""
    return [Line(one.name, dict(registry.step(one.name).estimate(one.parameters))) for one in loaded.recipe.stages]


def document(lines: list[Line]) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {"steps": [vars(line) for line in lines]}


def show(console: Any, lines: list[Line]) -> None:
    """Print the plan."""
    for line in lines:
        console.print(f"{line.step}: {line.estimate}")
