"""`harness export`: what the database says as files that need no dashboard, and a model to the hub.

    harness export --html                                    export/report.html, of the whole database
    harness export --html --figures --csv --to friday        friday/report.html, friday/figures/*.svg and *.png, ..
    harness export tuned-9c21 --lm-eval --model-card         results of one run, as others read them
    harness export nightly --hub org/name                    a model, see `harness.cli.export`

The verb is this wing's, since the report draws the dashboard's charts; publishing is the hall's, which imports no wing.
A file appears whole or not at all, and takes the place of one of that name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people
from harness.errors import UsageError

FILES, HUB = "Results as files", "A model to the hub"
KINDS = ("--html", "--figures", "--csv", "--parquet", "--lm-eval", "--model-card")


def _flag(text: str, panel: str = FILES, name: str = "") -> Any:
    return typer.Option(*([name] if name else []), help=text, rich_help_panel=panel)


@command
def run(
    named: Annotated[
        str, typer.Argument(metavar="[RUN|MODEL]", help="A run (id, name, beginning of an id); with --hub a model.")
    ] = "",
    html: Annotated[bool, _flag("The database as one page, figures within it: report.html.", name="--html")] = False,
    figures: Annotated[bool, _flag("Its figures: figures/*.svg, and *.png twice as fine.", name="--figures")] = False,
    csv: Annotated[bool, _flag("Results, counts, gates: csv/*.csv; of RUN where one is named.", name="--csv")] = False,
    parquet: Annotated[bool, _flag("The same with their types: parquet/*.parquet.", name="--parquet")] = False,
    lm_eval: Annotated[bool, _flag("RUN as lm-eval writes it: MODEL/results_DATE.json.", name="--lm-eval")] = False,
    model_card: Annotated[bool, _flag("RUN's results for a card: model-card.md.", name="--model-card")] = False,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where files go.", rich_help_panel=FILES)] = Path("export"),
    hub: Annotated[
        str, typer.Option(metavar="ORG/NAME", help="Upload MODEL to this repository.", rich_help_panel=HUB)
    ] = "",
    public: Annotated[bool, typer.Option("--public/--private", help="Who may see it.", rich_help_panel=HUB)] = False,
    plan: Annotated[bool, _flag("Say what would be uploaded; touch nothing.", HUB, "--plan")] = False,
    card: Annotated[bool, _flag("Print the completed card of MODEL, nothing else.", HUB, "--card")] = False,
    unproven: Annotated[bool, _flag("Also a model whose gate did not pass.", HUB, "--unproven")] = False,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write an HTML report, figures, CSV, Parquet, lm-eval's results, a card's: harness export --html.

    With --hub a model goes to the Hugging Face hub instead: an artifact (id or its beginning), a loop (its last
    accepted candidate) or a folder. The token is huggingface's own: HF_TOKEN, or `hf auth login`; rows, logs, pickles
    and hidden files stay here.

    Of models that a loop made, lm-eval's and the card's scores are those of the split test alone. Exit codes: 0 done,
    2 wrong usage (no such run, no token, gate not passed), 4 the disk refuses or the hub broke.
    """
    asked = dict(zip(KINDS, (html, figures, csv, parquet, lm_eval, model_card), strict=True))
    wanted = [kind for kind in KINDS if asked[kind]]
    if not (hub or card or plan):
        _files(named, wanted, to, db, as_json)
    elif wanted:
        what = f"{wanted[0]} writes results, --hub and --card are about a model"
        raise UsageError(what, "one of the two", f"type: harness export {wanted[0]}")
    elif not named:
        raise UsageError("which model?", "an artifact, a loop or a folder", "type: harness export MODEL --hub org/name")
    else:
        from harness.cli.export import publish

        publish(named, hub, public, plan, card, unproven, db, as_json)


def _files(named: str, wanted: list[str], folder: Path, db: str | None, as_json: bool) -> None:
    from harness.store import Database, read

    if not wanted:
        listed = ", ".join(KINDS)
        raise UsageError("what to write?", f"{listed}; or a model and --hub", "type: harness export --html")
    if not named and {"--lm-eval", "--model-card"} & set(wanted):
        raise UsageError("of which run?", "a run", "type: harness list runs")
    database = Database.at(db)
    with database.read():  # says in its own words that there is none
        pass
    run_id = str(read.run(database, named)["run_id"]) if named else ""
    written: list[Path] = []
    for kind in wanted:
        written += _write(database, kind, folder, run_id)
    if as_json:
        emit({"written": [str(path) for path in written], "run_id": run_id or None})
    for path in written:
        people(as_json).print(f"written: {path}", markup=False)


def _write(database: Any, kind: str, folder: Path, run_id: str) -> list[Path]:
    """Write what an option asks for; return the files."""
    from dashboards.export import figures, formats, report, tables

    match kind:
        case "--html":
            return [report.write(database, folder / "report.html")]
        case "--figures":
            return figures.write(database, folder / "figures")
        case "--csv":
            return tables.write(database, folder / "csv", "csv", run_id)
        case "--parquet":
            return tables.write(database, folder / "parquet", "parquet", run_id)
        case "--lm-eval":
            return [formats.write_lm_eval(database, folder, run_id)]
        case _:
            return [formats.write_model_card(database, folder / "model-card.md", run_id)]
