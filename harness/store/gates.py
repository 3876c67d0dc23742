"""Rows of gates, of their checks, and of baselines: appended, never changed.

    gate_id = add(database, verdict, policy="gates.yaml", policy_digest="5e..", exit_code=1, split="all", way="fixed")
    row, checks = verdict(database, gate_id)
    set_baseline(database, "main", "base-1f0c9a77d2");  resolve(database, "main")   ->  "base-1f0c9a77d2"

A file of a schema from before gates, or no file at all, has none of them: reads give an empty list or None. A baseline
is set again by a later row. Cost: one short access each.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import duckdb

from harness.errors import UsageError, nearest
from harness.store import read
from harness.store.connect import Database
from harness.store.rows import now
from harness.store.write import insert
from harness.types import Check, Verdict

_query = partial(read.query, since="gates")
COLUMNS = frozenset({
    "candidate", "model", "model_digest", "reference", "policy", "policy_digest", "policy_text", "outcome",
    "exit_code", "split", "sealed", "way", "loop", "alpha", "note", "decided_at",
})  # fmt: skip
"""Columns of `gates` beside its id (`migrations/003_gates.sql`)."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
"""What a baseline may be called."""


def add(
    database: Database,
    verdict: Verdict,
    guard: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
    **columns: Any,
) -> str:
    """Store a verdict with its checks in one transaction; return its id (`gate-` and ten hex digits).

    `guard` is called inside the transaction before anything is written; when it raises nothing is.
    `columns`: of the table `gates`; candidate, reference, outcome, note and time are the verdict's where not given.

    Raises:
        TypeError: a column that there is not.
    """
    if unknown := sorted(set(columns) - COLUMNS):
        raise TypeError(f"the table gates has no column {unknown[0]!r}")
    gate_id = f"gate-{secrets.token_hex(5)}"
    own = {
        "gate_id": gate_id, "candidate": verdict.candidate, "reference": verdict.baseline, "outcome": verdict.outcome,
        "note": verdict.note, "decided_at": now(),
    }  # fmt: skip
    with database.write() as connection:
        if guard is not None:
            guard(connection)
        insert(connection, "gates", own | columns)
        for place, check in enumerate(verdict.checks):
            insert(connection, "checks", {"gate_id": gate_id, "place": place, **_check_row(check)})
    return gate_id


def verdict(database: Database, gate_id: str) -> tuple[dict[str, Any], tuple[Check, ...]]:
    """Return the row of a gate (by its id or the beginning of it) and its checks in their order.

    Raises:
        UsageError: no such gate, or more than one; tells the nearest.
    """
    known = [row["gate_id"] for row in _query(database, "SELECT gate_id FROM gates")]
    found = [name for name in known if gate_id and name.startswith(gate_id)]
    if len(found) != 1:
        what = f"{gate_id!r} could be {len(found)} gates" if found else f"no gate {gate_id!r}"
        raise UsageError(
            f"{what} in {str(database.path)!r}",
            nearest(gate_id, found or known),
            "type: harness query 'SELECT gate_id, candidate, outcome FROM gates'",
        )
    row = _query(database, "SELECT * FROM gates WHERE gate_id = ?", found)[0]
    checks = _query(database, "SELECT * FROM checks WHERE gate_id = ? ORDER BY place", found)
    return row, tuple(_check_from(check) for check in checks)


def latest(database: Database, count: int | None = None, **columns: Any) -> list[dict[str, Any]]:
    """Return the rows of gates with those values (`loop="repair", policy_digest=".."`), newest first, at most `count`.

    A value of None asks for the rows without one.

    Raises:
        TypeError: a column that there is not.
    """
    if unknown := sorted(set(columns) - COLUMNS):
        raise TypeError(f"the table gates has no column {unknown[0]!r}")
    where = " AND ".join(f"{name} IS NOT DISTINCT FROM ?" for name in columns) or "true"
    limit = "" if count is None else f" LIMIT {int(count)}"
    order = "ORDER BY decided_at DESC, rowid DESC"
    return _query(database, f"SELECT * FROM gates WHERE {where} {order}{limit}", list(columns.values()))


def set_baseline(database: Database, name: str, run_id: str, note: str = "") -> None:
    """Give a run a name that gates and comparisons find it by; the same name again moves it.

    Raises:
        UsageError: a malformed name, one that is a run's id, or no such run.
    """
    run = read.run(database, run_id)
    if not NAME.fullmatch(name):
        what = f"{name!r} cannot be the name of a baseline"
        raise UsageError(what, "letters, digits and . _ - / after a letter or digit", "type: --name main")
    if read.query(database, "SELECT 1 FROM runs WHERE run_id = ?", [name]):
        what = f"{name!r} is the id of a run"
        raise UsageError(what, "a name that is not: it would hide the run", "type: --name main")
    with database.write() as connection:
        insert(connection, "baselines", {"name": name, "run_id": run["run_id"], "note": note, "set_at": now()})


def baselines(database: Database) -> list[dict[str, Any]]:
    """Return the baselines that hold, by name: name, run_id, note, set_at."""
    newest = "row_number() OVER (PARTITION BY name ORDER BY set_at DESC, rowid DESC) = 1"
    return _query(database, f"SELECT name, run_id, note, set_at FROM baselines QUALIFY {newest} ORDER BY name")


def history(database: Database, name: str) -> list[dict[str, Any]]:
    """Return all rows of one baseline, newest first: run_id, note, set_at."""
    order = "ORDER BY set_at DESC, rowid DESC"
    return _query(database, f"SELECT run_id, note, set_at FROM baselines WHERE name = ? {order}", [name])


def baseline(database: Database, name: str) -> str | None:
    """Return the run that a baseline names, or None."""
    found = history(database, name)
    return str(found[0]["run_id"]) if found else None


def resolve(database: Database, named: str) -> str:
    """Return the id of the run that a baseline, an id, a name, a model file or the beginning of an id names.

    Raises:
        UsageError: nothing of that name, or an ambiguous start; tells the nearest.
    """
    if found := baseline(database, named):
        return found
    try:
        return str(read.run(database, named)["run_id"])
    except UsageError as error:
        known = [row["name"] for row in baselines(database)]
        raise UsageError(error.what, _also(error.expected, named, known), error.next) from error


def _also(expected: str, named: str, known: list[str]) -> str:
    return f"{expected}; baselines, {nearest(named, known)}" if known else expected


def _check_row(check: Check) -> dict[str, Any]:
    return dict(vars(check))


def _check_from(row: Mapping[str, Any]) -> Check:
    own = {name: row[name] for name in Check.__dataclass_fields__}
    # Infinities are no JSON: `plain` writes them as text.
    return Check(**own | {"numbers": {name: float(value) for name, value in json.loads(row["numbers"]).items()}})
