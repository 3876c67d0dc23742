"""A policy that an untrained model fails, and a watch in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.runner.progress import Meter
from harness.store import Database
from harness.watch.conditions import conditions
from harness.watch.watch import Watch

GATES = """
defaults: {min_items: 5}
evaluate: {limit: 10, max_tokens: 4}
sandbox: {min_level: weak}
suites:
  primer: {absolute: {min: 0.5, mode: point}}
"""


@pytest.fixture
def gates_yaml(tmp_path: Path) -> Path:
    path = tmp_path / "gates.yaml"
    path.write_text(GATES)
    return path


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "h.duckdb")


@pytest.fixture
def watching(gates_yaml: Path, database: Database) -> Callable[..., Watch]:
    """Return watching(folder, settle_s, meter, base=..): a new watch, with a memory of its own."""

    def begin(folder: Path, settle_s: float = 0.0, meter: Meter | None = None, **given: str) -> Watch:
        return Watch(folder, conditions(database, str(gates_yaml), str(folder), **given), settle_s, meter)

    return begin
