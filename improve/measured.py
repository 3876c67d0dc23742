"""What earlier work took, as the store knows it: by this a plan counts seconds. Nothing is tried out.

    sample_seconds(database, recipe)                 -> {"primer:large": 0.021}      of this base and its candidates
    taken(database, recipe, "improve.finetune", {..})  -> Taken(executions=2, amounts={"seconds": 41.0, ..}, steps=300)

Work counts when a loop on the same base with the same settings did it: then machine and model are taken to be the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness import registry
from harness.store import Database, artifacts, rounds
from harness.store.read import query
from harness.workbench import rows as dataset
from improve.recipe import Recipe

ANOTHER_DRAW = frozenset({"seed", "here", "data", "replay_sha256"})
"""Parameters that do not change what a step costs."""
OF_A_LEARNING = frozenset({"steps", "epochs", "learning_rate", "schedule", "warmup", "alpha", "dropout", "early_stop"})
"""Parameters that do not change what an optimiser step costs."""


@dataclass(frozen=True)
class Taken:
    """What executions of a step took: the dearest of each kind, brought to one size."""

    executions: int
    amounts: Mapping[str, float]
    """`seconds`, and what was booked: `tokens`, `usd`, `gpu_minutes`."""
    steps: int = 0
    """Optimiser steps, of a step that learns."""
    rows: int = 0
    """Rows that came in, of a step that makes rows of rows."""

    def at(self, steps: float, rows: float) -> dict[str, float]:
        """Return the amounts at another size; for fewer rows they are the same, since what is begun is most of it."""
        share = steps / self.steps if self.steps and steps else max(1.0, rows / self.rows) if self.rows else 1.0
        return {what: amount * share for what, amount in self.amounts.items()}


def kin(database: Database, recipe: Recipe) -> list[str]:
    """Return the loops on the same base with the same settings."""
    same = (recipe.model, dict(recipe.settings))
    return sorted(
        {row["loop"] for row in rounds.loops(database) if (row["model"], row["recipe"].get("settings", {})) == same}
    )


def sample_seconds(database: Database, recipe: Recipe) -> dict[str, float]:
    """Return suite -> seconds a record, of the slowest finished run of the base or of a candidate made from it."""
    found = query(
        database,
        "SELECT s.suite, max(s.seconds / s.wanted) AS each FROM run_suites s JOIN runs r USING (run_id)"
        " WHERE r.status = 'done' AND s.seconds > 0 AND (r.model = ? OR list_contains(?::VARCHAR[], r.run_id))"
        " GROUP BY s.suite",
        [recipe.model, _candidates(database, recipe)],
    )
    return {row["suite"]: row["each"] for row in found}


def _candidates(database: Database, recipe: Recipe) -> list[str]:
    return [str(row["run_after"]) for loop in kin(database, recipe) for row in rounds.rows(database, loop)]


def taken(database: Database, recipe: Recipe, step: str, parameters: Mapping[str, Any]) -> Taken | None:
    """Return what executions of a step with such parameters took; None where none went through."""
    made = registry.step(step)
    learns, curates = made.kind == "adapter", made.kind == "dataset" and "dataset" in made.takes
    left_out = ANOTHER_DRAW | (OF_A_LEARNING if learns else frozenset())
    loops = set(kin(database, recipe))
    found = [
        row
        for row in artifacts.executions(database)
        if row["step"] == step and row["loop"] in loops and row["artifact_id"] is not None
        and _plain(json.loads(row["parameters"]), left_out) == _plain(parameters, left_out)
    ]  # fmt: skip
    if not found:
        return None
    sizes = [_steps(database, row) if learns else _rows(database, row) if curates else 0 for row in found]
    most, amounts = max(sizes), dict[str, float]()
    for row, size in zip(found, sizes, strict=True):
        share = most / size if size else 1.0
        for what, amount in _booked(database, row["step_key"], row["seconds"]).items():
            amounts[what] = max(amounts.get(what, 0.0), amount * share)
    return Taken(len(found), amounts, most if learns else 0, most if curates else 0)


def _plain(parameters: Mapping[str, Any], left_out: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in left_out}


def _steps(database: Database, row: Mapping[str, Any]) -> int:
    sql = "SELECT max(step) AS steps FROM curves WHERE step_key = ? AND curve = 'loss'"
    found = query(database, sql, [row["step_key"]], since="curves")
    return int(found[0]["steps"] or 0) if found else 0


def _rows(database: Database, row: Mapping[str, Any]) -> int:
    """Return how many rows came in, as the dataset's report says; 0 where it is gone."""
    made = artifacts.artifact(database, row["artifact_id"])
    path = database.folder / (made.path if made else "") / dataset.REPORT
    return int(json.loads(path.read_text(encoding="utf-8"))["in"]) if path.is_file() else 0


def _booked(database: Database, step_key: str, seconds: float) -> dict[str, float]:
    sql = "SELECT what, sum(amount) AS amount FROM spendings WHERE step_key = ? GROUP BY what ORDER BY what"
    found = {row["what"]: row["amount"] for row in query(database, sql, [step_key], since="spendings")}
    # Answers that came at the same time are booked with their seconds each.
    return {**found, "seconds": max(seconds, found.get("seconds", 0.0))}
