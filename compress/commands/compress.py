"""`harness compress MODEL --recipe RECIPE`: makes a model small, stage by stage, and says what each stage cost."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people, plain_table, printable

SHOWN = ("num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads")


@command
def run(
    model: Annotated[str, typer.Argument(help="hf:NAME, a folder with config.json, tiny: float weights.")],
    recipe: Annotated[str, typer.Option("--recipe", help="YAML file, or one that ships: quickstart.")],
    name: Annotated[str, typer.Option("--name", help="Of this compression; default: the recipe's and model's.")] = "",
    plan: Annotated[bool, typer.Option("--plan", help="Say what every stage would make; touch nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Make a model small in stages, each evaluated, gated, measured against the model before it, and kept or undone.

    Killed or interrupted, the same command goes on. Exit codes: 0 all stages are kept and the gate passes, 1 a stage
    was undone or the gate fails, 2 wrong usage, 3 the gate is not sure or the budget is spent, 4 a step broke.
    """
    from compress import recipe as recipes
    from compress import soundness
    from harness.store import Database

    loaded, database, console = recipes.load(recipe, name), Database.at(db), people(as_json)
    foreseen = soundness.check(loaded, model, loaded.recipe.settings)
    if plan:
        shown = [{"stage": one.label, **{key: one.config.get(key) for key in SHOWN}} for one in foreseen]
        if as_json:
            emit({"model": model, "stages": shown})
        _show(console, model, shown)
        return 0
    from rich.markup import escape

    from compress import scores, stage_table
    from compress.compression import compress

    def tell(line: str) -> None:
        if not quiet:
            console.print(escape(printable(line)))

    ended = compress(loaded, model, database, tell, quiet or not sys.stderr.isatty())
    rows, base = scores.compression(database, ended.name)
    if as_json:
        emit({"name": ended.name, "why": ended.why, **stage_table.document(rows, base)})
    stage_table.show(console, rows, base)
    console.print(f"{ended.outcome}: {escape(printable(ended.why))}")
    return ended.exit_code


def _show(console: Any, model: str, shown: list[dict[str, Any]]) -> None:
    from rich.markup import escape

    table = plain_table("stage", *(key.removeprefix("num_") for key in SHOWN), right=())
    console.print(escape(printable(model)))
    for one in shown:
        table.add_row(*(escape(printable("" if value is None else str(value))) for value in one.values()))
    console.print(table)
