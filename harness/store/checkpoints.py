"""Rows of checkpoints: what was judged, under which conditions, and what came of it. Appended, never changed.

add(database, folder="out", path="out/checkpoint-10", step=10, digest="5e..", conditions="c1..", outcome="PASS", ..)
known(database, "c1..")["5e.."]["outcome"]      ->  "PASS"
"""

from __future__ import annotations

from typing import Any

from harness.store.connect import Database
from harness.store.read import query
from harness.store.rows import now
from harness.store.write import insert

COLUMNS = (
    "folder", "path", "kind", "step", "digest", "conditions", "run_id", "gate_id", "outcome", "exit_code", "error",
)  # fmt: skip


def add(database: Database, **columns: Any) -> None:
    """Store what became of a checkpoint.

    Raises:
        TypeError: a column that there is not.
    """
    if unknown := sorted(set(columns) - set(COLUMNS)):
        raise TypeError(f"the table checkpoints has no column {unknown[0]!r}")
    with database.write() as connection:
        insert(connection, "checkpoints", {**columns, "judged_at": now()})


def known(database: Database, conditions: str) -> dict[str, dict[str, Any]]:
    """Return digest -> row of all that was judged under these conditions; nothing in a file from before checkpoints."""
    sql = "SELECT * FROM checkpoints WHERE conditions = ? ORDER BY judged_at, rowid"
    found = query(database, sql, [conditions], since="checkpoints")
    return {row["digest"]: row for row in found}
