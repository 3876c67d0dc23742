"""Views of the database as CSV or Parquet files, written by DuckDB itself from a read-only access.

    write(database, Path("out"), "parquet")                  -> [out/results.parquet, out/totals.parquet, ..]
    write(database, Path("out"), "csv", "tiny-0a76b1c2d3")   rows of that run alone

Parquet holds every text as it was said. A CSV is opened by spreadsheets, to which `=cmd()` is a formula: a text that
begins with one of `FORMULA` (the wide ones count in East Asia) or with an apostrophe gets an apostrophe in front. Take
one away from texts that begin with it, and they are what they were; numbers are numbers.

Sources: DuckDB's COPY; OWASP, "CSV Injection". Cost: two million records are ten seconds of Parquet; writers wait in
turn meanwhile.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dashboards.export.beside import beside
from harness.store import Database

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Kind = Literal["csv", "parquet"]
OPTIONS = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd"}
VIEWS = {
    "runs": "run_id", "run_suites": "run_id", "results": "run_id", "totals": "run_id", "modes": "run_id",
    "gates": "candidate", "checks": "", "speeds": "",
}  # fmt: skip
"""View or table -> the column that holds a run; empty: it is left out where one run is asked for."""
FORMULA = "=+-@\t\r\n＝＋－＠"
"""What a spreadsheet takes for the beginning of a formula."""


def write(database: Database, folder: Path, kind: Kind, run_id: str = "") -> list[Path]:
    """Write a file a view into a folder, which is made; return the files. `run_id`: rows of that run alone.

    What an older schema lacks is left out.

    Raises:
        UsageError: there is no database. InfrastructureError: the disk refuses.
    """
    found = []
    with database.read() as connection:
        there = {name for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()}
        for view, column in VIEWS.items():
            if view not in there or (run_id and not column):
                continue
            where = f" WHERE {column} = {_literal(run_id)}" if run_id else ""
            columns = _harmless(connection, view) if kind == "csv" else "*"
            with beside(folder / f"{view}.{kind}") as part:
                target = f"{_literal(str(part))} ({OPTIONS[kind]})"
                connection.execute(f"COPY (SELECT {columns} FROM {view}{where}) TO {target}")
            found.append(folder / f"{view}.{kind}")
    return found


def _harmless(connection: DuckDBPyConnection, view: str) -> str:
    """Return the columns of a view, texts with the apostrophe that keeps spreadsheets from running them."""
    shown = []
    for name, type_, *_ in connection.execute(f"DESCRIBE {view}").fetchall():
        quoted = f'"{name}"'
        begins = f"contains({_literal(FORMULA)} || '''', {quoted}[1])"
        harmless = f"if(length({quoted}) > 0 AND {begins}, '''' || {quoted}, {quoted}) AS {quoted}"
        shown.append(harmless if type_ == "VARCHAR" else quoted)
    return ", ".join(shown)


def _literal(value: str) -> str:
    """Return a text as SQL's literal: COPY takes no parameters."""
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
