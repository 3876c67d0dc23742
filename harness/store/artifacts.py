"""Rows of artifacts, of steps done, and of what they cost: appended, never changed.

add(database, artifact);  artifact(database, "3f9a..")
add_step(database, key, step="improve.dedup", .., artifact_id="3f9a..");  done(database, key)  ->  Artifact or None
book(database, "nightly", key, "usd", 0.02);  spent(database, "nightly")  ->  {"usd": 0.02}

A file of a schema from before steps has none of them. Cost: one short access each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.store.connect import Database
from harness.store.read import query
from harness.store.rows import now
from harness.store.write import insert
from harness.types import Artifact

FIELDS = "a.artifact_id, a.kind, a.path, a.digest, a.parents, a.made_by"


def add(database: Database, artifact: Artifact) -> None:
    """Store an artifact's row, unless it is there."""
    with database.write() as connection:
        if not connection.execute("SELECT 1 FROM artifacts WHERE artifact_id = ?", [artifact.id]).fetchall():
            row = {
                "artifact_id": artifact.id, "kind": artifact.kind, "path": artifact.path, "digest": artifact.digest,
                "parents": artifact.parents, "made_by": artifact.made_by, "made_at": now(),
            }  # fmt: skip
            insert(connection, "artifacts", row)


def artifact(database: Database, artifact_id: str) -> Artifact | None:
    """Return an artifact by its id."""
    found = query(database, f"SELECT {FIELDS} FROM artifacts a WHERE a.artifact_id = ?", [artifact_id])
    return _artifact(found[0]) if found else None


def every(database: Database) -> list[Artifact]:
    """Return all artifacts, the oldest first."""
    found = query(database, f"SELECT {FIELDS} FROM artifacts a ORDER BY a.made_at, a.artifact_id")
    return [_artifact(row) for row in found]


def done(database: Database, step_key: str) -> Artifact | None:
    """Return what a step made when it was done before."""
    found = query(
        database,
        f"SELECT {FIELDS} FROM steps s JOIN artifacts a USING (artifact_id) WHERE s.step_key = ?"
        " ORDER BY s.finished_at DESC LIMIT 1",
        [step_key],
        since="steps",
    )
    return _artifact(found[0]) if found else None


def add_step(database: Database, step_key: str, **columns: Any) -> None:
    """Store one execution. `columns`: of the table `steps` (`migrations/006_steps.sql`)."""
    with database.write() as connection:
        insert(connection, "steps", {"step_key": step_key, **columns, "finished_at": now()})


def executions(database: Database, loop: str | None = None) -> list[dict[str, Any]]:
    """Return the executions (of a loop), the oldest first."""
    sql = "SELECT * FROM steps WHERE ? IS NULL OR loop = ? ORDER BY finished_at"
    return query(database, sql, [loop, loop], since="steps")


def book(database: Database, loop: str, step_key: str, what: str, amount: float) -> None:
    """Store a cost."""
    row = {"loop": loop, "step_key": step_key, "what": what, "amount": amount, "spent_at": now()}
    with database.write() as connection:
        insert(connection, "spendings", row)


def spent(database: Database, loop: str) -> dict[str, float]:
    """Return the sums of a loop's costs by kind."""
    sql = "SELECT what, sum(amount) AS amount FROM spendings WHERE loop = ? GROUP BY ALL"
    found = query(database, sql, [loop], since="spendings")
    return {row["what"]: row["amount"] for row in sorted(found, key=lambda row: str(row["what"]))}


def _artifact(row: Mapping[str, Any]) -> Artifact:
    made_by = json.loads(row["made_by"]) if isinstance(row["made_by"], str) else row["made_by"]
    return Artifact(row["artifact_id"], row["kind"], row["path"], row["digest"], tuple(row["parents"]), made_by or {})
