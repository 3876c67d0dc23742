"""`harness compare A B`: candidate B against reference A, paired by sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people
from harness.errors import UsageError


@command
def run(
    reference: Annotated[str, typer.Argument(metavar="A", help="The reference: run id, name, or baseline.")],
    candidate: Annotated[str, typer.Argument(metavar="B", help="The candidate: run id, name, or baseline.")],
    suite: Annotated[list[str] | None, typer.Option("--suite", "-s", help="Only this suite; repeat for more.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="SUITE=NAME, where it is not the suite's first metric; repeat for more.")
    ] = None,
    split: Annotated[str, typer.Option(help="dev, test or all.")] = "all",
    by: Annotated[str, typer.Option(help="Tag to look into, or none. Default: the suite's own (subject, ...).")] = "",
    alpha: Annotated[float, typer.Option(help="Intervals at 1 - alpha; adjusted p up to it count.")] = 0.05,
    flips: Annotated[int, typer.Option(min=0, help="Flipped samples to list per suite.")] = 5,
    allow: Annotated[
        list[str] | None, typer.Option(help="What may differ all the same (prompt, version, ...); repeat for more.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Compare two runs sample by sample: differences with intervals, wins, losses, tests, and the samples that flipped.

    Only samples with a score in both runs count; the rest is said. Runs of different suite versions, scorers, prompts
    or decoding are refused; other sandbox levels, engines or seeds are warned of.
    """
    from harness.cli import comparison
    from harness.cli.show import db_option
    from harness.compare import compare
    from harness.compare.document import document
    from harness.compare.flips import flips as flipped_samples
    from harness.store import Database, gates

    _check(split, alpha, as_json and markdown)
    database = Database.at(db)
    sides = [gates.resolve(database, named) for named in (reference, candidate)]
    found = compare(
        database, sides[0], sides[1], suites=suite or None, metrics=_metrics(metric or []), split=split, by=by,
        alpha=alpha, allow=allow or (),
    )  # fmt: skip
    flipped = {s.pairs.suite: flipped_samples(database, s.pairs, sides[0], sides[1], flips) for s in found.suites}
    option = db_option(database)
    if as_json:
        emit(document(found, flipped, option))
    elif markdown:
        print(comparison.markdown(found, flipped, option))  # noqa: T201 - this is the output
    else:
        comparison.show(people(False), found, flipped, option)


def _check(split: str, alpha: float, both: bool) -> None:
    if split not in ("dev", "test", "all"):
        raise UsageError(f"--split {split!r}", "dev, test or all", "type: --split test")
    if not 0.0 < alpha < 0.5:
        raise UsageError(f"--alpha {alpha}", "between 0 and 0.5", "type: --alpha 0.05")
    if both:
        raise UsageError("--json and --markdown together", "one of the two", "type: harness compare A B --json")


def _metrics(pairs: Sequence[str]) -> dict[str, str]:
    """Return `SUITE=NAME` options as a mapping.

    Raises:
        UsageError: for one without `=`.
    """
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"--metric {pair!r} is not SUITE=NAME", "for example mmlu=acc_macro", "type: --metric ...")
    return {suite: name for suite, _, name in (pair.rpartition("=") for pair in pairs)}
