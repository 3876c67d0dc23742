"""Views of the database as CSV or Parquet files, written by DuckDB itself from a read-only access.

    write(database, Path("out"), "parquet")                  -> [out/results.parquet, out/totals.parquet, ..]
    write(database, Path("out"), "csv", "tiny-0a76b1c2d3")   rows of that run alone

A text of a model stands in a file as it was said: what opens a CSV may take `=..` for a formula. Source: DuckDB's COPY.
Cost: two million records are ten seconds of Parquet; writers wait in turn meanwhile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from harness.errors import InfrastructureError
from harness.store import Database

Kind = Literal["csv", "parquet"]
OPTIONS = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd"}
VIEWS = {
    "runs": "run_id", "run_suites": "run_id", "results": "run_id", "totals": "run_id", "modes": "run_id",
    "gates": "candidate", "checks": "", "speeds": "",
}  # fmt: skip
"""View or table -> the column that holds a run; empty: it is left out where one run is asked for."""


def write(database: Database, folder: Path, kind: Kind, run_id: str = "") -> list[Path]:
    """Write a file a view into a folder, which is made; return the files. `run_id`: rows of that run alone.

    What an older schema lacks is left out. Each file is written beside its place and renamed.

    Raises:
        UsageError: there is no database. InfrastructureError: the disk refuses.
    """
    import duckdb

    found = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with database.read() as connection:
            there = {
                name for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
            }
            for view, column in VIEWS.items():
                if view in there and (column or not run_id):
                    path = folder / f"{view}.{kind}"
                    _copy(connection, f"SELECT * FROM {view}", column if run_id else "", run_id, path, OPTIONS[kind])
                    found.append(path)
    except (OSError, duckdb.IOException) as error:
        what = f"cannot write to {str(folder)!r}: {str(error).splitlines()[0]}"
        raise InfrastructureError(
            what, "a folder that you may write in", f"type: --{kind} /some/other/folder"
        ) from error
    return found


def _copy(connection: object, sql: str, column: str, run_id: str, path: Path, options: str) -> None:
    import duckdb

    assert isinstance(connection, duckdb.DuckDBPyConnection)
    if column:
        sql += f" WHERE {column} = {_literal(run_id)}"
    beside = path.with_name(f".{path.name}.part")
    connection.execute(f"COPY ({sql}) TO {_literal(str(beside))} ({options})")
    beside.replace(path)


def _literal(value: str) -> str:
    """Return a text as SQL's literal: COPY takes no parameters."""
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
