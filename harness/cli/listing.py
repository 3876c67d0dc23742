"""`harness list suites|models|steps|runs|loops|compressions`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people, plain_table, printable
from harness.errors import UsageError, nearest

KINDS = ("suites", "models", "steps", "runs", "loops", "compressions")
WIDE, WIDE_ONLY = 130, ("what", "version")
"""Columns of a terminal from which these are shown too; on a pipe nothing is left out or cut."""
LONGEST = 1000


@command
def run(
    kind: Annotated[str, typer.Argument(help="suites, models, steps, runs, loops or compressions.")],
    data: Annotated[str | None, typer.Option(help="Data folder that suites look into. Default: HARNESS_DATA.")] = None,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List what there is."""
    if kind not in KINDS:
        raise UsageError(f"nothing to list under {kind!r}", nearest(kind, KINDS), "type: harness list suites")
    listed: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "suites": lambda: suites(data), "models": models, "steps": steps, "runs": lambda: runs(db),
        "loops": lambda: loops(db), "compressions": lambda: compressions(db),
    }  # fmt: skip
    rows = listed[kind]()
    if as_json:
        emit(rows)
        return
    from rich.markup import escape

    console = people(False)
    if not rows:
        console.print(f"no {kind} yet")
        return
    columns = [name for name in rows[0] if console.width >= WIDE or name not in WIDE_ONLY]
    if not console.is_terminal:
        console.width = LONGEST
    table = plain_table(*columns, right={"samples", "faults", "rounds", "accepted", "stages", "kept"})
    for row in rows:
        cells = (row[name] if row[name] is not None else "" for name in columns)
        table.add_row(*(escape(printable(str(cell))) for cell in cells))
    console.print(table)


def suites(data_dir: str | None = None) -> list[dict[str, Any]]:
    """Return all suites, variants included: samples, primary metric, licence, where their rows would come from."""
    from harness import data, registry

    folder = data.folder(data_dir)
    found = []
    for name in registry.all_suites():
        suite = registry.suite(name)
        doc = suite.variants.get(suite.variant) or first_line(type(suite).__module__)
        found.append(
            {
                "suite": name,
                "samples": suite.size or None,
                "metric": suite.metrics[0].name,
                "version": suite.version,
                "licence": suite.licence,
                "rows from": data.where(suite, folder),
                "what": doc,
            }
        )
    for name, doc in registry.open_suites().items():
        found.append(dict.fromkeys(("suite", "samples", "metric", "version", "licence", "rows from")) | {"what": doc})
        found[-1]["suite"] = name
    return found


def models() -> list[dict[str, Any]]:
    """Return the prefixes of models with the first line of their files; nothing of them is imported."""
    from harness import registry

    return [{"prefix": name, "what": _first_line_of_file(name)} for name in registry.names("models")]


def steps() -> list[dict[str, Any]]:
    """Return the names of all steps."""
    from harness import registry

    return [{"step": name} for name in registry.names("steps")]


def runs(db: str | None) -> list[dict[str, Any]]:
    """Return all runs, latest first."""
    from harness.store import Database, read

    return [
        {
            "run": row["run_id"],
            "status": row["status"],
            "records": f"{row['records']}/{row['wanted']}",
            "faults": row["faults"],
            "started": str(row["started_at"])[:16],
            "name": row["name"],
            "suites": ", ".join(row["suites"] or []),
            "model": row["model"],
        }
        for row in read.runs(Database.at(db))
    ]


def loops(db: str | None) -> list[dict[str, Any]]:
    """Return all improvement loops, latest first: how the latest start of each ended, and how many rounds it has."""
    from harness.store import Database, rounds

    database = Database.at(db)
    return _started("loop", rounds.loops(database), "rounds", rounds.rows(database), "accepted")


def compressions(db: str | None) -> list[dict[str, Any]]:
    """Return all compressions, latest first: how the latest start of each ended, and how many stages it has."""
    from harness.store import Database, stages

    database = Database.at(db)
    return _started("compression", stages.compressions(database), "stages", stages.rows(database), "kept")


def _started(
    what: str, starts: list[dict[str, Any]], parts: str, made: list[dict[str, Any]], good: str
) -> list[dict[str, Any]]:
    """Return a row for each name under which something was started, with the number of its parts and the good ones."""
    latest = {row[what]: row for row in starts}
    return [
        {
            what: name,
            "outcome": row["outcome"],
            parts: sum(one[what] == name for one in made),
            good: sum(bool(one[good]) for one in made if one[what] == name),
            "started": str(row["started_at"])[:16],
            "model": row["model"],
            "why": row["why"],
        }
        for name, row in sorted(latest.items(), key=lambda one: one[1]["started_at"], reverse=True)
    ]


def first_line(module: str) -> str:
    """Return the first line of an imported module's docstring."""
    import sys

    return (inspect.getdoc(sys.modules[module]) or "").split("\n")[0]


def _first_line_of_file(name: str) -> str:
    from harness import registry

    folder = registry.ROOT / "harness" / "models"
    path = next((p for p in (folder / f"{name}.py", folder / name / "__init__.py") if p.exists()), None)
    if path is None:
        return "from another distribution"
    return path.read_text(encoding="utf-8").lstrip().removeprefix('"""').split("\n")[0].removesuffix('"""')
