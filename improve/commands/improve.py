"""`harness improve RECIPE.yaml`: rounds until the gate passes, the budget is spent, or nothing more is gained."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people, printable


@command
def run(
    recipe: Annotated[str, typer.Argument(help="YAML file, or a recipe that ships with the project: quickstart.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE over the recipe: rounds=1, improve.finetune.steps=50.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what it would do and cost; touch nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Improve a model in rounds: failures of `dev` become training rows, sealed samples decide what is accepted.

    Killed or interrupted, the same command goes on and pays for nothing twice. Exit codes: 0 the gate passes, 1 it does
    not, 2 wrong usage, 3 the budget is spent, 4 a step broke (its log is named), 130 interrupted.
    """
    from harness.store import Database
    from improve import recipe as recipes

    loaded, database = recipes.load(recipe, settings or []), Database.at(db)
    console = people(as_json)
    if plan:
        from improve import plan_table
        from improve.plan import plan as foresee

        foreseen = foresee(loaded, database)
        if as_json:
            emit(plan_table.document(foreseen))
        plan_table.show(console, foreseen)
        return 0
    from rich.markup import escape

    from harness.cli import rounds
    from harness.cli.show import db_option
    from improve.loop import improve

    def tell(line: str) -> None:
        if not quiet:
            console.print(escape(printable(line)))

    # On a terminal evaluations show their bars; on a pipe the loop's own lines are enough.
    ended = improve(loaded, database, tell, quiet or not sys.stderr.isatty())
    shown = rounds.document(ended.rounds, ended.outcome, ended.why)
    if as_json:
        emit(shown)
    rounds.show(console, loaded.loop, shown)
    if ended.rounds and ended.rounds[-1].candidate:
        console.print(f"[dim]next:[/] harness why {escape(loaded.loop)}{escape(db_option(database))}")
    return ended.exit_code
