"""Appends: completions, scores and records are buffered for a moment and written in one short transaction.

A flush happens when `FLUSH_ROWS` rows wait or `FLUSH_S` seconds passed, and at the end: kill -9 loses at most that
much, and what is lost is asked again, never half-stored. What is stored already is left out by key, so that two
processes that ask the same question store one row.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

import duckdb

from harness.hashing import canonical
from harness.store.connect import Database
from harness.store.rows import arrow_schema, clean, completion_row, now, plain, record_row, sample_row, score_row
from harness.types import Completion, Record, Request, Run, Sample

FLUSH_ROWS = 512
FLUSH_S = 1.0

KEYS: Mapping[str, tuple[str | None, str]] = {
    "samples": ("suite", "digest"),
    "heads": (None, "key"),
    "completions": ("model_digest", "key"),
    "scores": ("scorer_key", "key"),
}
"""How a row that is stored already is recognised: its key, and the column that narrows the search to few row groups."""


class Journal:
    """Buffer before the database. One per process and run; used from one thread."""

    def __init__(self, database: Database, run_id: str) -> None:
        self.database, self.run_id = database, run_id
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._keys: dict[str, set[str]] = {}
        self._replaced: list[tuple[str, str, int]] = []
        self._since = time.monotonic()
        self.pending: dict[str, Completion] = {}
        """Completions of this buffer by key: asked, not yet stored."""

    def add_completion(self, key: str, request: Request, completion: Completion, model_digest: str) -> None:
        """Keep what a model said, under the key of all that determines it."""
        row, head = completion_row(key, request, completion, model_digest, self.run_id)
        self._add("completions", row, key)
        if head:
            self._add("heads", head, head["key"])
        self.pending[key] = completion

    def add_record(self, record: Record, sample_digest: str, score_key: str, scorer_key: str, replaces: bool) -> None:
        """Keep a record and its score. `replaces`: an older fault of the same sample and attempt gives way."""
        if record.score is not None:
            self._add("scores", score_row(score_key, record.suite, scorer_key, record.score), score_key)
        row = record_row(record, sample_digest, score_key if record.score is not None else None)
        self._rows.setdefault("records", []).append(row)
        if replaces:
            self._replaced.append((record.suite, record.sample_id, record.attempt))

    def _add(self, table: str, row: dict[str, Any], key: str) -> None:
        known = self._keys.setdefault(table, set())
        if key not in known:
            known.add(key)
            self._rows.setdefault(table, []).append(row)

    @property
    def due(self) -> bool:
        """Whether enough waits, or for long enough, to be written."""
        waiting = sum(map(len, self._rows.values()))
        return waiting >= FLUSH_ROWS or (waiting > 0 and time.monotonic() - self._since >= FLUSH_S)

    def flush(self) -> None:
        """Write everything that waits in one transaction; on an error the buffer is kept and nothing is written."""
        if any(self._rows.values()):
            with self.database.write() as connection:
                for suite, sample_id, attempt in self._replaced:
                    connection.execute(
                        "DELETE FROM records WHERE run_id = ? AND suite = ? AND sample_id = ? AND attempt = ?"
                        " AND fault_boundary IS NOT NULL",
                        [self.run_id, suite, sample_id, attempt],
                    )
                for table, rows in self._rows.items():
                    append(connection, table, rows)
        self._rows, self._keys, self._replaced, self.pending = {}, {}, [], {}
        self._since = time.monotonic()


def append(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows through Arrow (3-5 times as fast as executemany), leaving out those stored already."""
    import pyarrow as pa

    if table in KEYS:
        rows = _unknown(connection, table, rows)
    if not rows:
        return
    connection.register("batch", pa.Table.from_pylist(rows, schema=arrow_schema(table)))
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM batch")
    connection.unregister("batch")


def _unknown(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows whose keys are not stored.

    The batch is the small side of the join and the narrowing values are literals: written as one INSERT with NOT
    EXISTS, DuckDB builds its hash table from the big side, which took two seconds at ten million rows.
    """
    import pyarrow as pa

    narrow, key = KEYS[table]
    connection.register("batch", pa.table({"key": pa.array([row[key] for row in rows], pa.string())}))
    values = sorted({row[narrow] for row in rows}) if narrow else []
    where = f" WHERE t.{narrow} IN ({', '.join('?' * len(values))})" if narrow else ""
    known = {
        found[0]
        for found in connection.execute(
            f"SELECT t.{key} FROM {table} t SEMI JOIN batch b ON t.{key} = b.key{where}", values
        ).fetchall()
    }
    connection.unregister("batch")
    return [row for row in rows if row[key] not in known]


def insert(connection: duckdb.DuckDBPyConnection, table: str, row: Mapping[str, Any]) -> None:
    """Insert one row: mappings as JSON, text without what a database refuses. For tables that grow by few rows."""
    columns = ", ".join(f"{'?::JSON' if isinstance(value, Mapping) else '?'} AS {name}" for name, value in row.items())
    connection.execute(f"INSERT INTO {table} BY NAME SELECT {columns}", [_tidy(value) for value in row.values()])


def update(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    values: Mapping[str, Any],
    where: str,
    parameters: Mapping[str, Any],
) -> None:
    """Change columns of rows; values as in `insert`. `where` names its `parameters` ($loop)."""
    sets = ", ".join(f"{name} = ${name}_{'::JSON' if isinstance(v, Mapping) else ''}" for name, v in values.items())
    given = {f"{name}_": _tidy(value) for name, value in values.items()}
    connection.execute(f"UPDATE {table} SET {sets} WHERE {where}", {**given, **parameters})


def _tidy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_tidy(part) for part in value]
    return clean(value) if isinstance(value, str) else value


def add_samples(database: Database, samples: Iterable[Sample], chunk: int = 20_000) -> None:
    """Store samples, each content once."""
    rows = [sample_row(sample) for sample in samples]
    for start in range(0, len(rows), chunk):
        with database.write() as connection:
            append(connection, "samples", rows[start : start + chunk])


def add_run(
    database: Database,
    run: Run,
    identity: str,
    first_attempt: int,
    facts: Mapping[str, Any],
    suites: Iterable[Mapping[str, Any]],
) -> None:
    """Store a run and what it wants of each suite. `facts`: model_facts, engine, host (JSON data each)."""
    with database.write() as connection:
        connection.execute(
            "INSERT INTO runs BY NAME SELECT ? AS run_id, ? AS name, ? AS model, ? AS model_digest,"
            " ?::JSON AS model_facts, ?::JSON AS engine, ?::JSON AS config, ? AS identity, ? AS first_attempt,"
            " ?::JSON AS host, ?::TIMESTAMP AS started_at, ? AS status",
            [
                run.id,
                run.name,
                run.model,
                run.model_digest,
                *(canonical(facts[name]) for name in ("model_facts", "engine")),
                canonical(run.config),
                identity,
                first_attempt,
                canonical(facts["host"]),
                run.started_at,
                run.status,
            ],
        )
        for wanted in suites:
            columns = ", ".join(f"? AS {name}" for name in wanted)
            values = [json.dumps(v) if isinstance(v, list | dict) else v for v in wanted.values()]
            connection.execute(
                f"INSERT INTO run_suites BY NAME SELECT ? AS run_id, 0.0 AS seconds, {columns}", [run.id, *values]
            )


def set_status(database: Database, run_id: str, status: str, note: str = "") -> None:
    """Note how a run stands (`types.Run.status`); `finished_at` is set unless it is running."""
    with database.write() as connection:
        connection.execute(
            "UPDATE runs SET status = ?, note = ?, finished_at = ? WHERE run_id = ?",
            [status, note, None if status == "running" else now(), run_id],
        )


def add_seconds(database: Database, run_id: str, suite: str, seconds: float) -> None:
    """Add wall seconds that a suite of a run took in this call."""
    with database.write() as connection:
        connection.execute(
            "UPDATE run_suites SET seconds = seconds + ? WHERE run_id = ? AND suite = ?", [seconds, run_id, suite]
        )
