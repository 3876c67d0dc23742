"""Compressions and their stages: what one asks when it is started again, and what people and dashboards read.

    begin(database, "quickstart", 1, step="compress.prune", before="4c1d..", run_before="tiny-0a76..")
    note(database, "quickstart", 1, artifact_id="9f..", verdict="PASS", kept=True)
    rows(database, "quickstart")         -> [{"number": 1, "step": "compress.prune", "kept": True, ..}]

A stage is one row, filled in as it goes: what is NULL was not come to. Cost: one short access each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from harness.store import read
from harness.store.connect import Database
from harness.store.rows import now
from harness.store.write import insert, update

JSON_COLUMNS = ("parameters", "measures", "damage", "recipe")
LATEST = "compression = $name AND started_at = (SELECT max(started_at) FROM compressions WHERE compression = $name)"
_query = partial(read.query, since="stages")


def start(database: Database, name: str, recipe: Mapping[str, Any], recipe_digest: str, model: str) -> None:
    """Store that a compression is started (again)."""
    row = {"compression": name, "recipe": recipe, "recipe_digest": recipe_digest, "model": model, "started_at": now()}
    with database.write() as connection:
        insert(connection, "compressions", row)


def tell(database: Database, name: str, **columns: Any) -> None:
    """Fill in columns of the latest start of a compression."""
    with database.write() as connection:
        update(connection, "compressions", columns, LATEST, {"name": name})


def finish(database: Database, name: str, outcome: str, why: str) -> None:
    """Store how the latest start of a compression ended."""
    tell(database, name, outcome=outcome, why=why, finished_at=now())


def compressions(database: Database, name: str | None = None) -> list[dict[str, Any]]:
    """Return the starts of compressions (of one), the oldest first, JSON parsed."""
    sql = "SELECT * FROM compressions WHERE ? IS NULL OR compression = ? ORDER BY started_at"
    return list(map(_parsed, _query(database, sql, [name, name])))


def begin(database: Database, name: str, number: int, **columns: Any) -> None:
    """Store a stage that begins, unless it is there. `columns`: of `migrations/009_stages.sql`."""
    with database.write() as connection:
        asked = "SELECT 1 FROM stages WHERE compression = ? AND number = ?"
        if not connection.execute(asked, [name, number]).fetchall():
            insert(connection, "stages", {"compression": name, "number": number, **columns, "started_at": now()})


def note(database: Database, name: str, number: int, **columns: Any) -> None:
    """Fill in columns of a stage."""
    with database.write() as connection:
        update(
            connection, "stages", columns, "compression = $name AND number = $number", {"name": name, "number": number}
        )


def rows(database: Database, name: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of stages (of a compression) in their order, JSON parsed."""
    sql = "SELECT * FROM stages WHERE ? IS NULL OR compression = ? ORDER BY compression, number"
    return list(map(_parsed, _query(database, sql, [name, name])))


def _parsed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: json.loads(value) if key in JSON_COLUMNS and value else value for key, value in row.items()}
