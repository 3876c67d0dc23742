"""`harness baseline set|list|show`: names for the runs that others are held against."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people, plain_table, printable
from harness.errors import UsageError, nearest

ACTIONS = ("set", "list", "show")


@command
def run(
    action: Annotated[str, typer.Argument(help="set, list or show.")],
    named: Annotated[
        str, typer.Argument(metavar="[RUN|NAME]", help="set: a run; show: a baseline.", show_default=False)
    ] = "",
    name: Annotated[str, typer.Option("--name", help="set: what the baseline is called.")] = "",
    note: Annotated[str, typer.Option("--note", help="set: why this run.")] = "",
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Name the runs that gates and comparisons hold others against: harness baseline set RUN --name main.

    The same name again moves the baseline to another run; `show` lists where it stood before.
    """
    from harness.store import Database, gates

    if action not in ACTIONS:
        what = f"harness baseline {action!r} is nothing to do"
        raise UsageError(what, nearest(action, ACTIONS), "type: harness baseline list")
    if action != "list" and not named:
        line = "set RUN --name main" if action == "set" else "show main"
        raise UsageError(f"harness baseline {action} of what?", "a run or a name", f"type: harness baseline {line}")
    database = Database.at(db)
    if action == "set":
        rows = _set(database, named, name, note)
    else:
        rows = gates.baselines(database) if action == "list" else _show(database, named)
    if as_json:
        emit(rows)
        return
    _print(rows)


def _set(database: Any, named: str, name: str, note: str) -> list[dict[str, Any]]:
    from harness.store import gates

    if not name:
        what, line = "a baseline needs a name", f"type: harness baseline set {named} --name main"
        raise UsageError(what, "--name NAME", line)
    gates.set_baseline(database, name, gates.resolve(database, named), note)
    return [row for row in gates.baselines(database) if row["name"] == name]


def _show(database: Any, name: str) -> list[dict[str, Any]]:
    """Return the run that a baseline names and those it named before, newest first."""
    from harness.store import gates

    if found := gates.history(database, name):
        return [{"name": name, **row} for row in found]
    known = [row["name"] for row in gates.baselines(database)]
    line = "type: harness baseline list" if known else f"type: harness baseline set RUN --name {name}"
    raise UsageError(f"no baseline {name!r} in {str(database.path)!r}", nearest(name, known), line)


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.markup import escape

    console = people(False)
    if not rows:
        console.print("no baselines yet: harness baseline set RUN --name main")
        return
    table = plain_table("name", "run", "set (UTC)", "note")
    for row in rows:
        cells = (row["name"], row["run_id"], f"{row['set_at']:%Y-%m-%d %H:%M}", row["note"])
        table.add_row(*(escape(printable(cell)) for cell in cells))
    console.print(table)
