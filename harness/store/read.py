"""Answers questions of the database: short read-only accesses, rows as nouns or plain mappings."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import duckdb

from harness.errors import UsageError, nearest
from harness.store.connect import Database
from harness.store.rows import TABLES, completion_from, score_from
from harness.types import Completion, Score


def rows(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: list[Any] | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a query as mappings."""
    result = connection.execute(query, parameters or [])
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def query(database: Database, sql: str, parameters: list[Any] | None = None, since: str = "") -> list[dict[str, Any]]:
    """Return the rows of a query in an access of its own; nothing when there is no database yet.

    `since`: a table that later schemas brought; nothing, too, in a file from before it.
    """
    if not database.exists:
        return []
    with database.read() as connection:
        if since and not rows(connection, "SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [since]):
            return []
        return rows(connection, sql, parameters)


def completions(database: Database, keys: Collection[str], model_digest: str) -> dict[str, Completion]:
    """Return the stored ones of the completions `keys`, by key."""
    import pyarrow as pa

    if not keys or not database.exists:
        return {}
    names = ", ".join(f"c.{name}" for name in TABLES["completions"])
    with database.read() as connection:
        connection.register("wanted", pa.table({"key": pa.array(list(keys), pa.string())}))
        found = rows(
            connection,
            f"SELECT {names} FROM completions c SEMI JOIN wanted w ON c.key = w.key WHERE c.model_digest = ?",
            [model_digest],
        )
        connection.unregister("wanted")
    return {row["key"]: completion_from(row) for row in found}


def scores(database: Database, keys: Collection[str], scorer_key: str) -> dict[str, Score]:
    """Return the stored ones of the scores `keys` of one scorer (suite, version and configuration), by key."""
    import pyarrow as pa

    if not keys or not database.exists:
        return {}
    with database.read() as connection:
        connection.register("wanted", pa.table({"key": pa.array(list(keys), pa.string())}))
        found = rows(
            connection,
            "SELECT s.key, measures, mode, answer, detail FROM scores s SEMI JOIN wanted w ON s.key = w.key"
            " WHERE s.scorer_key = ?",
            [scorer_key],
        )
        connection.unregister("wanted")
    return {row["key"]: score_from(row) for row in found}


def recorded(database: Database, run_id: str, suite: str) -> dict[tuple[str, int], bool]:
    """Return (sample id, attempt) -> whether it has a score, of all records of a run's suite."""
    found = query(
        database,
        "SELECT sample_id, attempt, score_key IS NOT NULL AS scored FROM records WHERE run_id = ? AND suite = ?",
        [run_id, suite],
    )
    return {(row["sample_id"], row["attempt"]): row["scored"] for row in found}


def runs_of(database: Database, identity: str) -> list[dict[str, Any]]:
    """Return the runs of one identity, the latest attempts last."""
    return query(
        database,
        "SELECT run_id, first_attempt, status FROM runs WHERE identity = ? ORDER BY first_attempt",
        [identity],
    )


def next_attempt(database: Database, model: str) -> int:
    """Return the first attempt number that no run of `model` (digest, or spec of a hosted one) has used."""
    used = "first_attempt + (config->>'samples')::INTEGER"
    found = query(database, f"SELECT coalesce(max({used}), 0) AS n FROM runs WHERE config->>'model' = ?", [model])
    return int(found[0]["n"]) if found else 0


def runs(database: Database) -> list[dict[str, Any]]:
    """Return all runs, latest first, with records, faults and wanted counts."""
    return query(
        database,
        "SELECT run_id, name, model, status, started_at, finished_at,"
        " (SELECT list(suite ORDER BY suite) FROM run_suites s WHERE s.run_id = r.run_id) AS suites,"
        " (SELECT sum(wanted) FROM run_suites s WHERE s.run_id = r.run_id) AS wanted,"
        " count(x.run_id) AS records, count(x.fault_boundary) AS faults"
        " FROM runs r LEFT JOIN records x USING (run_id) GROUP BY ALL ORDER BY started_at DESC, run_id",
    )


def run(database: Database, named: str) -> dict[str, Any]:
    """Return the run with that id, the latest of that name or model file, or the one whose id begins so.

    Raises:
        UsageError: no such run, or an ambiguous start; names the nearest.
    """
    with database.read() as connection:
        known = rows(connection, "SELECT * FROM runs ORDER BY started_at DESC")
    exact = [r for r in known if named in (r["run_id"], r["name"], r["run_id"].rpartition("-")[0])]
    found = exact[:1] or [r for r in known if named and r["run_id"].startswith(named)]
    if len(found) != 1:
        what = f"no run {named!r}" if not found else f"{named!r} could be {len(found)} runs"
        names = [r["run_id"] for r in (found or known)]
        raise UsageError(f"{what} in {str(database.path)!r}", nearest(named, names), "type: harness list runs")
    return {k: json.loads(v) if k in ("model_facts", "engine", "config", "host") else v for k, v in found[0].items()}


def run_suites(database: Database, run_id: str, suites: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return suite -> what a run wants of it, with `metrics` parsed, sorted; of `suites` where given.

    Raises:
        UsageError: one of `suites` is none of the run's; tells the nearest.
    """
    found = query(database, "SELECT * FROM run_suites WHERE run_id = ? ORDER BY suite", [run_id])
    known = {row["suite"]: {**row, "metrics": json.loads(row["metrics"])} for row in found}
    if lacking := sorted(set(suites or ()) - set(known)):
        what = f"run {run_id!r} has no suite {lacking[0]!r}"
        raise UsageError(what, nearest(lacking[0], known), f"type: harness show {run_id}")
    return {name: row for name, row in known.items() if suites is None or name in suites}
