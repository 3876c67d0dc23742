"""Improvement loops and their rounds: what a loop asks when it is started again, and what people and dashboards read.

    begin(database, "quickstart", 1, model="tiny", run_before="tiny-0a76..", verdict_before="FAIL", ..)
    note(database, "quickstart", 1, candidate="4c1d..", accepted=True, why="..")
    rounds(database, "quickstart")       -> (Round(1, "tiny", "FAIL", rows=2400, candidate="4c1d..", accepted=True),)

A round is one row, filled in as it goes: what is NULL was not come to. Cost: one short access each.
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
from harness.types import Round

JSON_COLUMNS = ("causes", "decision", "spent_before", "cost")
_query = partial(read.query, since="rounds")


def start(database: Database, loop: str, recipe: Mapping[str, Any], recipe_digest: str, model: str) -> None:
    """Store that a loop is started (again)."""
    row = {"loop": loop, "recipe": recipe, "recipe_digest": recipe_digest, "model": model, "started_at": now()}
    with database.write() as connection:
        insert(connection, "loops", row)


def finish(database: Database, loop: str, outcome: str, why: str) -> None:
    """Store how the latest start of a loop ended."""
    latest = "started_at = (SELECT max(started_at) FROM loops WHERE loop = $loop)"
    values = {"outcome": outcome, "why": why, "finished_at": now()}
    with database.write() as connection:
        update(connection, "loops", values, f"loop = $loop AND {latest}", {"loop": loop})


def loops(database: Database, loop: str | None = None) -> list[dict[str, Any]]:
    """Return the starts of loops (of one), the oldest first, recipes parsed."""
    found = _query(database, "SELECT * FROM loops WHERE ? IS NULL OR loop = ? ORDER BY started_at", [loop, loop])
    return [{**row, "recipe": json.loads(row["recipe"])} for row in found]


def begin(database: Database, loop: str, number: int, **columns: Any) -> None:
    """Store a round that begins, unless it is there. `columns`: of `migrations/008_rounds.sql`."""
    with database.write() as connection:
        asked = "SELECT 1 FROM rounds WHERE loop = ? AND number = ?"
        if not connection.execute(asked, [loop, number]).fetchall():
            insert(connection, "rounds", {"loop": loop, "number": number, **columns, "started_at": now()})


def note(database: Database, loop: str, number: int, **columns: Any) -> None:
    """Fill in columns of a round."""
    with database.write() as connection:
        update(connection, "rounds", columns, "loop = $loop AND number = $number", {"loop": loop, "number": number})


def rows(database: Database, loop: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of rounds (of a loop) in their order, JSON parsed."""
    sql = "SELECT * FROM rounds WHERE ? IS NULL OR loop = ? ORDER BY loop, number"
    found = _query(database, sql, [loop, loop])
    return [{k: json.loads(v) if k in JSON_COLUMNS and v else v for k, v in row.items()} for row in found]


def rounds(database: Database, loop: str) -> tuple[Round, ...]:
    """Return the rounds of a loop in their order."""
    return tuple(map(round_of, rows(database, loop)))


def round_of(row: Mapping[str, Any]) -> Round:
    """Return a row of `rounds` as the noun."""
    return Round(
        row["number"], row["model"], row["verdict_before"], row["rows"] or 0, row["candidate"] or "",
        row["verdict_after"], row["accepted"], row["cost"] or {}, row["why"] or "",
    )  # fmt: skip
