"""The command line: one file per verb, none of which imports anything heavy before it is called."""

from __future__ import annotations

import sys

import typer

from harness import __version__, registry
from harness.cli import (
    baseline,
    bench,
    compare,
    doctor,
    evaluate,
    failures,
    gate,
    listing,
    query,
    rescore,
    sandbox,
    show,
    watch,
)

app = typer.Typer(
    name="harness",
    help="Scores checkpoints of language models, sample by sample, into DuckDB.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("eval")(evaluate.run)
app.command("rescore")(rescore.run)
app.command("show")(show.run)
app.command("gate")(gate.run)
app.command("compare")(compare.run)
app.command("failures")(failures.run)
app.command("baseline")(baseline.run)
app.command("list")(listing.run)
app.command("query")(query.run)
app.command("sandbox")(sandbox.run)
app.command("bench")(bench.run)
app.command("watch")(watch.run)
app.command("doctor")(doctor.run)
for verb, module in registry.commands().items():
    app.command(verb)(module.run)


@app.callback(invoke_without_command=True)
def version(show_version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """Scores checkpoints of language models, sample by sample, into DuckDB."""
    if show_version:
        print(f"harness {__version__}")  # noqa: T201
        raise typer.Exit


def main() -> None:
    """Entry point of the `harness` script."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A completion may hold what a Latin-1 terminal cannot show: never die of printing.
            reconfigure(errors="backslashreplace")
    app()
