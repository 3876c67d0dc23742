"""`harness report`: what the database says, as files that need no dashboard.

A command of this wing and no option of `harness export`, which publishes a model: the report draws the dashboard's
charts of the dashboard's queries, and the hall, where `export` lives, imports no wing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people
from harness.errors import InfrastructureError, UsageError


@command
def run(
    named: Annotated[str, typer.Argument(metavar="[RUN]", help="Run: id, name, or beginning of an id.")] = "",
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="The whole database as one page, figures within it.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="DIR", help="Results, counts, gates; of RUN where one is named.")
    ] = None,
    parquet: Annotated[Path | None, typer.Option("--parquet", metavar="DIR", help="The same as Parquet.")] = None,
    lm_eval: Annotated[
        Path | None, typer.Option("--lm-eval", metavar="FILE", help="RUN as the results JSON of lm-eval.")
    ] = None,
    model_card: Annotated[
        Path | None, typer.Option("--model-card", metavar="FILE", help="RUN's results for a card on the hub.")
    ] = None,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a static HTML report, CSV, Parquet, lm-eval's results or a model card's: files that need no dashboard.

    The page has no script and fetches nothing. Of models that a loop made, lm-eval's and the card's scores are those of
    the split test alone. Exit codes: 0 done, 2 wrong usage, 4 the disk refuses.
    """
    from harness.store import Database, read

    database = Database.at(db)
    wanted = {"--html": html, "--csv": csv, "--parquet": parquet, "--lm-eval": lm_eval, "--model-card": model_card}
    if not any(wanted.values()):
        raise UsageError("what to write?", ", ".join(wanted), "type: harness report --html report.html")
    if (lm_eval or model_card) and not named:
        raise UsageError("of which run?", "a run", "type: harness list runs")
    with database.read():  # says in its own words that there is none
        pass
    run_id = str(read.run(database, named)["run_id"]) if named else ""
    written: list[Path] = []
    for option, place in wanted.items():
        if place is not None:
            written += _write(database, option, place, run_id)
    if as_json:
        emit({"written": [str(path) for path in written], "run_id": run_id or None})
    for path in written:
        people(as_json).print(f"written: {path}", markup=False)


def _write(database: Any, option: str, place: Path, run_id: str) -> list[Path]:
    """Write what an option asks for; return the files."""
    from dashboards.export import formats, report, tables

    try:
        if option == "--html":
            report.write(database, place)
        elif option == "--csv":
            return tables.write(database, place, "csv", run_id)
        elif option == "--parquet":
            return tables.write(database, place, "parquet", run_id)
        elif option == "--lm-eval":
            text = json.dumps(formats.lm_eval(database, run_id), ensure_ascii=False, indent=2, default=str)
            place.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        else:
            place.write_text(formats.model_card(database, run_id), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        what = f"cannot write {str(place)!r}: {error.strerror or error}"
        raise InfrastructureError(what, "a folder that you may write in", f"type: {option} another place") from error
    return [place]
