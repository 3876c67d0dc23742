"""Rows in the files of datasets: found by a word that their line must hold, so that few lines are parsed.

stage(world, dataset, Want("4d26..", lambda row: row["id"] == "4d26.."))
  -> Stage(dataset, kept=0, dropped={"near": 1}, ..)        what that step made of the rows wanted

Cost: about 1 GB/s, and 10 us for each line that holds the word. Of many rows only ids are kept, and a few whole.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.types import Artifact
from harness.workbench.rows import DROPPED, ROWS, Row
from improve.lineage.world import World


@dataclass(frozen=True)
class Want:
    """Which rows are looked for."""

    word: str
    """Their lines hold it."""
    holds: Callable[[Row], bool]


EVERY = Want("", lambda _: True)


@dataclass
class Stage:
    """What a step made of the rows wanted."""

    dataset: Artifact
    ids: list[str] = field(default_factory=list)
    """Of those that it kept."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Those that it took out, by reason."""
    lost: set[str] = field(default_factory=set)
    """Their ids."""
    kept_rows: list[Row] = field(default_factory=list)
    dropped_rows: list[Row] = field(default_factory=list)
    """The first few."""
    gone: str = ""
    """Why it cannot be read."""

    @property
    def step(self) -> str:
        """Name of the step."""
        return str(self.dataset.made_by.get("step", "?"))

    @property
    def seen(self) -> int:
        """Rows wanted that came to this step."""
        return len(self.ids) + self.dropped.total()


def stage(world: World, dataset: Artifact, want: Want) -> Stage:
    """Return what became of the rows wanted in one dataset."""
    found, place = Stage(dataset), world.place(dataset)
    if place is None:
        found.gone = f"its folder {dataset.path!r} is gone"
        return found
    try:
        for row in _matching(place / ROWS, want):
            found.ids.append(str(row["id"]))
            found.kept_rows += [row] if len(found.kept_rows) < max(1, world.rows) else []
        for row in _matching(place / DROPPED, want):
            found.dropped[reason(row)] += 1
            found.lost.add(str(row["id"]))
            found.dropped_rows += [row] if len(found.dropped_rows) < max(1, world.rows) else []
    except (OSError, ValueError) as error:
        found.gone = f"its rows cannot be read: {error}"
    return found


def reason(row: Row) -> str:
    """Return the word for which a row was dropped; a training's list says it alone."""
    told = row.get("dropped")
    return str(told.get("reason", "?")) if isinstance(told, Mapping) else str(told)


def ids(world: World, start: str, most: int) -> list[str]:
    """Return the ids of rows that begin with `start`, sorted, at most `most`: of all datasets."""
    found: set[str] = set()
    want = Want(start, lambda row: str(row["id"]).startswith(start))
    for dataset in datasets(world):
        place = world.place(dataset)
        for path in (place / ROWS, place / DROPPED) if place else ():
            try:
                for row in _matching(path, want):
                    found.add(str(row["id"]))
                    if len(found) == most:
                        return sorted(found)
            except (OSError, ValueError):
                continue  # a walk says so; here others may know the row
    return sorted(found)


def datasets(world: World) -> list[Artifact]:
    """Return all datasets, the oldest first."""
    return [one for one in world.artifacts.values() if one.kind == "dataset"]


def order(world: World, dataset: Artifact) -> list[str]:
    """Return the ids of all rows of a dataset in their order; nothing where they cannot be read."""
    place = world.place(dataset)
    try:
        return [str(row["id"]) for row in _matching(place / ROWS, EVERY)] if place else []
    except (OSError, ValueError):
        return []


def lines(path: Path) -> list[dict[str, Any]]:
    """Return all rows of a file; nothing where there is none that can be read."""
    try:
        return list(_matching(path, EVERY))
    except (OSError, ValueError):
        return []


def _matching(path: Path, want: Want) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    # What is not ASCII may stand there as it is or escaped.
    word = want.word.encode() if want.word.isascii() else b""
    with path.open("rb") as stream:
        for line in stream:
            if word in line and line.strip():
                row = json.loads(line)
                if isinstance(row, dict) and "id" in row and want.holds(row):
                    yield row
