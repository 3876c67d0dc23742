"""Everything that a walk looks at, read once: artifacts and who descends from whom, rounds, runs, files of datasets.

world = World(Database.at())
world.parents(adapter)      -> [base model, dataset]
world.rounds_with("4c1d..") -> rows of the rounds that made or used the artifact

A database from before steps or rounds has none of them; an artifact whose folder is gone is known by its row alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import InfrastructureError
from harness.store import Database, artifacts, failures, read
from harness.store import rounds as rounds_rows
from harness.types import Artifact
from harness.workbench.shelf import folder_of

RoundRow = dict[str, Any]
"""A row of the table `rounds`."""


class World:
    """A database and the shelf beside it. `rows`: how many rows walks name."""

    def __init__(self, database: Database, rows: int = 5) -> None:
        self.database, self.rows = database, rows
        self._seen: dict[tuple[Any, ...], Any] = {}

    @cached_property
    def artifacts(self) -> dict[str, Artifact]:
        """All artifacts by id, the oldest first."""
        return {one.id: one for one in artifacts.every(self.database)}

    @cached_property
    def rounds(self) -> list[RoundRow]:
        """All rounds, the oldest first."""
        return sorted(rounds_rows.rows(self.database), key=lambda row: row["started_at"])

    @cached_property
    def loops(self) -> list[dict[str, Any]]:
        """All starts of loops, the oldest first."""
        return rounds_rows.loops(self.database)

    @cached_property
    def executions(self) -> list[dict[str, Any]]:
        """All executions of steps."""
        return artifacts.executions(self.database)

    @cached_property
    def _children(self) -> dict[str, list[Artifact]]:
        found: dict[str, list[Artifact]] = defaultdict(list)
        for one in self.artifacts.values():
            for parent in dict.fromkeys(one.parents):
                found[parent].append(one)
        return found

    @cached_property
    def named(self) -> dict[str, str]:
        """Names that people gave to causes."""
        return failures.names(self.database)

    @cached_property
    def runs(self) -> dict[str, dict[str, Any]]:
        """Runs by id, the oldest first: model, status, name."""
        sql = "SELECT run_id, name, model, model_digest, status, started_at FROM runs ORDER BY started_at, run_id"
        return {row["run_id"]: row for row in read.query(self.database, sql)}

    def children(self, artifact_id: str) -> list[Artifact]:
        """Return what was made of an artifact."""
        return self._children.get(artifact_id, [])

    def parents(self, artifact: Artifact) -> list[Artifact]:
        """Return what an artifact was made of, as far as it is known here."""
        return [self.artifacts[one] for one in artifact.parents if one in self.artifacts]

    def of_round(self, row: RoundRow) -> list[Artifact]:
        """Return what the steps of a round made, in order."""
        return [self.artifacts[one] for one in row["artifacts"] or () if one in self.artifacts]

    def rounds_with(self, artifact_id: str) -> list[RoundRow]:
        """Return the rounds that an artifact is of: their report, or made by their steps."""
        return [row for row in self.rounds if artifact_id == row["report"] or artifact_id in (row["artifacts"] or ())]

    def opened(self, run_id: str) -> Artifact | None:
        """Return the artifact that a run opened: its round's candidate, what lies at the model's path, or the base."""
        spec = str(self.runs[run_id]["model"])
        candidates = {row["candidate"] for row in self.rounds if row["run_after"] == run_id}
        for one in self.artifacts.values():
            if one.id in candidates or (one.kind in ("model", "adapter") and one.id in spec.split("/")):
                return one
        bases = [one for one in self.artifacts.values() if one.made_by.get("base") == spec]
        return bases[0] if len(bases) == 1 else None

    def place(self, artifact: Artifact) -> Path | None:
        """Return the folder of an artifact, None where it is gone."""
        try:
            return folder_of(self.database, artifact)
        except (InfrastructureError, OSError):
            return None

    def told(self, artifact: Artifact, name: str = "report.json") -> dict[str, Any]:
        """Return a JSON file in an artifact's folder; {} where there is none that can be read."""
        place = self.place(artifact)
        try:
            found = json.loads((place / name).read_text(encoding="utf-8")) if place else {}
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def once(self, key: tuple[Any, ...], read_it: Callable[[], Any]) -> Any:
        """Return what `read_it` returns; asked for the same key again, it is not read again."""
        if key not in self._seen:
            self._seen[key] = read_it()
        return self._seen[key]


def loop_name(row: RoundRow) -> str:
    """Return how a round is called: `quickstart/1`."""
    return f"{row['loop']}/{row['number']}"
