"""`harness failures RUN`: why a run fails, as a handful of causes with ids that stay."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people, printable
from harness.errors import InfrastructureError, UsageError, nearest

if TYPE_CHECKING:
    from harness.failures.embedding import Progress
    from harness.store import Database


@command
def run(
    named: Annotated[str, typer.Argument(metavar="RUN", help="Run id, start of it, name, baseline, or model file.")],
    suite: Annotated[list[str] | None, typer.Option("--suite", "-s", help="Only this suite; repeat for more.")] = None,
    split: Annotated[str, typer.Option(help="dev, test or all.")] = "all",
    against: Annotated[
        str | None, typer.Option(help="Run to compare with. Default: the latest earlier one of another model.")
    ] = None,
    refit: Annotated[bool, typer.Option("--refit", help="Fit the causes anew, on all runs assigned to them.")] = False,
    taxonomy: Annotated[str | None, typer.Option(help="Assign to this one. Default: the newest that fits.")] = None,
    embedder: Annotated[str, typer.Option(help="auto, lsa, minilm, or a folder with a sentence model.")] = "auto",
    judge: Annotated[str | None, typer.Option(help="Model that says of each failure what went wrong first.")] = None,
    label: Annotated[str | None, typer.Option(help="Model that names the causes that are fitted now.")] = None,
    rename: Annotated[list[str] | None, typer.Option(help="CAUSE=NAME; the name stays, so does the id.")] = None,
    weak: Annotated[
        bool, typer.Option("--weak/--no-weak", help="Also weak kinds of question, suspected targets.")
    ] = True,
    examples: Annotated[int, typer.Option(min=0, help="Samples to name per cause.")] = 3,
    markdown: Annotated[Path | None, typer.Option(help="Write a report as Markdown there; - prints it.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say why a run fails: causes with shares, what changed since the run before, and samples that show them.

    The first run of some suites fits the causes on its failures; later runs are assigned to them, so that a cause keeps
    its id. A separate table tells which kinds of question are weak.
    """
    from harness.cli import causes
    from harness.cli.show import db_option
    from harness.failures.report import document
    from harness.store import Database, gates

    if as_json and markdown == Path("-"):
        raise UsageError("--json and --markdown -", "one document on stdout", "type: --markdown report.md")
    database = Database.at(db)
    run_id = gates.resolve(database, named)
    renamed = _rename(database, rename or [])
    with _told(quiet) as progress:
        found = _analysed(
            database, run_id, split, suite, against, taxonomy, refit, embedder, (judge, label), weak, progress
        )
    if markdown is not None:
        _write(markdown, causes.markdown(found, examples, db_option(database)))
    if as_json:
        emit(document(found, examples))
    elif markdown != Path("-"):
        causes.show(people(False), found, examples, db_option(database), renamed)


def _analysed(
    database: Database,
    run_id: str,
    split: str,
    suites: Sequence[str] | None,
    against: str | None,
    taxonomy: str | None,
    refit: bool,
    embedder: str,
    models: tuple[str | None, str | None],
    weak: bool,
    progress: Progress,
) -> Any:
    from harness import registry
    from harness.failures.analysis import analyse
    from harness.failures.reuse import Wanted

    with ExitStack() as stack:
        opened = [registry.open_model(spec) if spec else None for spec in models]
        for model in opened:
            if model is not None:
                stack.callback(model.close)
        wanted = Wanted(taxonomy, refit, embedder, opened[1])
        return analyse(
            database, run_id, split, suites or None, against=against, wanted=wanted, judge=opened[0], weak=weak,
            progress=progress,
        )  # fmt: skip


def _rename(database: Database, pairs: Sequence[str]) -> list[str]:
    """Store `CAUSE=NAME` options; return a line for each.

    Raises:
        UsageError: one without `=` or a name, a cause that there is not, or the start of several.
    """
    from harness.store import failures as rows

    known, names = rows.cause_ids(database) if pairs else [], {}
    for pair in pairs:
        start, _, name = pair.partition("=")
        if not name.strip():
            raise UsageError(f"--rename {pair!r} is not CAUSE=NAME", "an id and a name", "type: --rename 3f9a=units")
        found = [cause for cause in known if start and cause.startswith(start)]
        if len(found) != 1:
            what = f"{start!r} could be {len(found)} causes" if found else f"no cause {start!r}"
            raise UsageError(what, nearest(start, found or known), "type: harness failures RUN")
        names[found[0]] = name.strip()
    for cause, name in names.items():
        rows.set_name(database, cause, name)
    return [f"{cause} is called {name!r} now" for cause, name in names.items()]


@contextmanager
def _told(quiet: bool) -> Iterator[Progress]:
    """Yield what is called with progress: a bar on a terminal, else one line for each part."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if quiet:
        yield lambda what, share: None
    elif console.is_terminal:
        with Bar(console=console, transient=True) as bar:
            task = bar.add_task("", total=1.0)
            yield lambda what, share: bar.update(task, description=printable(what), completed=share)
    else:
        seen = set[str]()

        def line(what: str, share: float) -> None:
            if what not in seen:
                seen.add(what)
                print(f"{printable(what)} ..", file=sys.stderr, flush=True)  # noqa: T201 - progress on a pipe

        yield line


def _write(path: Path, text: str) -> None:
    """Write `text`, on stdout where the path is `-`.

    Raises:
        InfrastructureError: it cannot be written.
    """
    if path == Path("-"):
        print(text)  # noqa: T201 - this is the output
        return
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        what = f"{str(path)!r} cannot be written: {error.strerror}"
        raise InfrastructureError(what, "a file in a folder that exists", "type: --markdown report.md") from error
