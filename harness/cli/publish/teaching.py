"""What a model was taught on, read from the reports of the datasets above it: counts, never a row.

teaching(database, artifact)
  -> Teaching(steps=({"step": "improve.generate", "in": 800, "out": 800, "dropped": {}}, ..),
              causes={"0520fb..": 103, ..}, against={"primer": 625, ..}, near={}, teachers=())
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.store import Database, artifacts
from harness.types import Artifact


@dataclass(frozen=True)
class Teaching:
    """The datasets above a model."""

    steps: tuple[Mapping[str, Any], ...] = ()
    """What each step was given, passed on and dropped, the first step first."""
    causes: Mapping[str, int] = field(default_factory=dict)
    """Cause -> rows of the dataset that it was trained on; an empty cause: rows made for none (replay)."""
    against: Mapping[str, int] = field(default_factory=dict)
    """Suite -> samples that no row repeats."""
    near: Mapping[str, int] = field(default_factory=dict)
    """Suite -> rows that were taken out because they repeated one."""
    teachers: tuple[str, ...] = ()
    """Models that were asked for rows; where they are served is left out."""


def teaching(database: Database, artifact: Artifact | None) -> Teaching:
    """Return what the datasets above an artifact report."""
    datasets = [one for one in _above(database, artifact) if one.kind == "dataset"]
    steps, near, teachers = [], Counter[str](), []
    against: dict[str, int] = {}
    for one in reversed(datasets):
        told = _report(database, one)
        if "in" in told and "out" in told:
            steps.append({key: told.get(key) for key in ("step", "in", "out", "dropped")})
        near.update({suite: count for suite, count in told.get("near", {}).items() if isinstance(count, int)})
        samples = told.get("against", {}).get("samples", {})
        against |= samples if isinstance(samples, Mapping) else {}
        if teacher := told.get("parameters", {}).get("teacher"):
            teachers.append(str(teacher).partition("@")[0])
    causes = _causes(database, datasets[0]) if datasets else {}
    return Teaching(tuple(steps), causes, against, dict(near), tuple(dict.fromkeys(teachers)))


def _above(database: Database, artifact: Artifact | None) -> list[Artifact]:
    """Return an artifact and all above it, the nearest first."""
    known = {one.id: one for one in artifacts.every(database)}
    found, seen = [artifact] if artifact else [], set[str]()
    for one in found:
        above = [known[name] for name in one.parents if name in known and name not in seen]
        seen |= {parent.id for parent in above}
        found += above
    return found


def _report(database: Database, dataset: Artifact) -> dict[str, Any]:
    try:
        found = json.loads((database.folder / dataset.path / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _causes(database: Database, dataset: Artifact) -> dict[str, int]:
    counts = Counter[str]()
    try:
        with (database.folder / dataset.path / "rows.jsonl").open(encoding="utf-8") as lines:
            counts.update(str(json.loads(line).get("cause") or "") for line in lines if line.strip())
    except (OSError, ValueError):
        return {}
    return dict(counts.most_common())
