"""`harness why ID`: where a row, sample, cause, call, run, gate, artifact or round came from, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people


@command
def run(
    named: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Of a training row, sample, cause, call, run, gate or artifact, or its beginning; a sample's or run's "
            "name; LOOP or LOOP/ROUND.",
        ),
    ],
    rows: Annotated[int, typer.Option("--rows", min=0, help="How many rows to name, where there are more.")] = 5,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Walk both ways: gate, failure, cause, teacher's call, row, verdict of each check, training, checkpoint, score."""
    from harness.store import Database
    from improve.lineage.show import show
    from improve.lineage.walks import why

    walk = why(Database.at(db), named, rows)
    if as_json:
        emit(walk.document())
        return
    show(people(False), walk)
