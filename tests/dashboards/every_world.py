"""One small database with all that any page shows, hostile texts among it: the worlds of the single pages, merged."""

from __future__ import annotations

import shutil
from pathlib import Path

import clusters_made
import gates_world
import laps_world
import pytest
import review_rows
import said_runs
import samples_world

from harness.store import Database, reviews


def make(factory: pytest.TempPathFactory) -> Database:
    """Return a database of its own, as `harness eval`, `failures`, `gate`, `improve`, .. would have filled it."""
    path = factory.mktemp("every") / "h.duckdb"
    shutil.copy(clusters_made.refitted(factory)[0].path, path)
    _rename(path, "clusters")  # the samples' world has runs of the same names
    samples_world.make(path)
    gates_world.make(path)
    database = Database(path)
    laps_world.make(database)
    asked = said_runs.samples(12)
    for name, right in (("said-a", 3), ("said-b", 2)):
        texts = [(one, [(float(n % right > 0), f"{said_runs.HOSTILE} {n}")]) for n, one in enumerate(asked)]
        said_runs.store(database, name, texts)
    review_rows.runs_with_texts(database, ["base-essay", "tuned-essay"], 4)
    for mode, runs in (("rate", ["tuned-essay"]), ("compare", ["base-essay", "tuned-essay"])):
        review = reviews.create(database, runs, mode, 4, 2)
        for rater in ("ana", "ben"):
            seat = reviews.join(database, review, rater)
            for item in range(3):
                reviews.rate(database, review, item, seat, 0.5 if mode == "compare" else 5.0 + item)
    return database


def _rename(path: Path, prefix: str) -> None:
    """Give all runs, completions and scores of a database other keys."""
    database = Database(path)
    with database.write() as connection:
        where = "SELECT table_name FROM duckdb_columns() WHERE column_name = 'run_id' AND NOT internal"
        tables = f"SELECT table_name FROM duckdb_tables() WHERE table_name IN ({where})"
        changes = [f"{table} SET run_id = $1 || run_id" for (table,) in connection.execute(tables).fetchall()]
        changes += ["completions SET key = $1 || key", "scores SET key = $1 || key"]
        changes += ["records SET completion_keys = list_transform(completion_keys, lambda key: $1 || key)"]
        changes += ["records SET score_key = $1 || score_key"]
        for change in changes:
            connection.execute(f"UPDATE {change}", [f"{prefix}-"])
