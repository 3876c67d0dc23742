"""Rows of artifacts, of steps done, and of what they cost: appended, never changed.

add(database, artifact);  artifact(database, "3f9a..")
add_step(database, key, step="improve.dedup", .., artifact_id="3f9a..");  done(database, key)  ->  Artifact or None
book(database, "nightly", key, "usd", 0.02);  spent(database, "nightly")  ->  {"usd": 0.02}

A file of a schema from before steps has none of them. Cost: one short access each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from harness.store.connect import Database
from harness.store.read import query
from harness.store.rows import now, plain
from harness.types import Artifact

FIELDS = "a.artifact_id, a.kind, a.path, a.digest, a.parents, a.made_by"


def add(database: Database, artifact: Artifact) -> None:
    """Store an artifact's row, unless it is there."""
    with database.write() as connection:
        if not connection.execute("SELECT 1 FROM artifacts WHERE artifact_id = ?", [artifact.id]).fetchall():
            connection.execute(
                "INSERT INTO artifacts BY NAME SELECT ? AS artifact_id, ? AS kind, ? AS path, ? AS digest,"
                " ? AS parents, ?::JSON AS made_by, ? AS made_at",
                [
                    artifact.id, artifact.kind, artifact.path, artifact.digest, list(artifact.parents),
                    plain(artifact.made_by), now(),
                ],
            )  # fmt: skip


def artifact(database: Database, artifact_id: str) -> Artifact | None:
    """Return an artifact by its id."""
    found = query(database, f"SELECT {FIELDS} FROM artifacts a WHERE a.artifact_id = ?", [artifact_id])
    return _artifact(found[0]) if found else None


def done(database: Database, step_key: str) -> Artifact | None:
    """Return what a step made when it was done before."""
    if not _has(database, "steps"):
        return None
    found = query(
        database,
        f"SELECT {FIELDS} FROM steps s JOIN artifacts a USING (artifact_id) WHERE s.step_key = ?"
        " ORDER BY s.finished_at DESC LIMIT 1",
        [step_key],
    )
    return _artifact(found[0]) if found else None


def add_step(database: Database, step_key: str, **columns: Any) -> None:
    """Store one execution. `columns`: of the table `steps` (`migrations/006_steps.sql`)."""
    values = {"step_key": step_key, **columns, "finished_at": now()}
    casts = {"parameters": "?::JSON"}
    with database.write() as connection:
        _insert(connection, "steps", values, casts)


def executions(database: Database, loop: str | None = None) -> list[dict[str, Any]]:
    """Return the executions (of a loop), the oldest first."""
    if not _has(database, "steps"):
        return []
    return query(database, "SELECT * FROM steps WHERE ? IS NULL OR loop = ? ORDER BY finished_at", [loop, loop])


def book(database: Database, loop: str, step_key: str, what: str, amount: float) -> None:
    """Store a cost."""
    row = {"loop": loop, "step_key": step_key, "what": what, "amount": amount, "spent_at": now()}
    with database.write() as connection:
        _insert(connection, "spendings", row, {})


def spent(database: Database, loop: str) -> dict[str, float]:
    """Return the sums of a loop's costs by kind."""
    if not _has(database, "spendings"):
        return {}
    found = query(database, "SELECT what, sum(amount) AS amount FROM spendings WHERE loop = ? GROUP BY ALL", [loop])
    return {row["what"]: row["amount"] for row in sorted(found, key=lambda row: str(row["what"]))}


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, row: Mapping[str, Any], casts: Mapping[str, str]
) -> None:
    columns = ", ".join(f"{casts.get(name, '?')} AS {name}" for name in row)
    values = [plain(value) if name in casts else _listed(value) for name, value in row.items()]
    connection.execute(f"INSERT INTO {table} BY NAME SELECT {columns}", values)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _artifact(row: Mapping[str, Any]) -> Artifact:
    made_by = json.loads(row["made_by"]) if isinstance(row["made_by"], str) else row["made_by"]
    return Artifact(row["artifact_id"], row["kind"], row["path"], row["digest"], tuple(row["parents"]), made_by or {})


def _has(database: Database, table: str) -> bool:
    return bool(query(database, "SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]))
