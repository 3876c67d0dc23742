"""`harness review new|list|results`: answers rated by people, blind, on the page `review` of the dashboard.

    harness review new tuned --samples 20 --raters 100     20 answers, 100 people, each rates all of them
    harness review new tuned base --mode compare           which of two answers is better, 3 people
    harness review results review-5b0c --run               and as runs of the suite `review`, for gates

`harness gate` holds the run that `--run` prints to "satisfied above 7.5 of 10", with 95%, by the policy

    suites: {review: {metric: satisfaction, min_items: 20, absolute: {min: 7.5}}}

`preference` (0 to 1) is the metric of comparisons. Of a model that came out of the loop only samples of the split
`test` count: --split test.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people, plain_table, printable
from harness.errors import UsageError, nearest

if TYPE_CHECKING:
    from dashboards.queries import Ask
    from dashboards.queries.review import Results
    from harness.store import Database
    from harness.types import Split

ACTIONS = ("new", "list", "results")


@command
def run(
    action: Annotated[str, typer.Argument(help="new, list or results.")],
    named: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN...|REVIEW]", help="new: runs; results: a review.")
    ] = None,
    mode: Annotated[str, typer.Option(help="new: rate (1 to 10) or compare (two runs).")] = "rate",
    samples: Annotated[int, typer.Option(min=1, help="new: samples drawn.")] = 20,
    raters: Annotated[int, typer.Option(min=1, help="new: people.")] = 3,
    overlap: Annotated[int, typer.Option(min=0, help="new: people who rate each sample; 0: all.")] = 0,
    suites: Annotated[list[str] | None, typer.Option("--suite", help="new: of these suites only.")] = None,
    split: Annotated[str, typer.Option(help="new: dev, test or all.")] = "all",
    question: Annotated[str, typer.Option(help="new: what people are asked.")] = "",
    seed: Annotated[int, typer.Option(help="new: of samples, seats and orders.")] = 0,
    as_run: Annotated[bool, typer.Option("--run", help="results: store them as runs that gates can hold.")] = False,
    partial_too: Annotated[bool, typer.Option("--partial", help="With --run: before all ratings are there.")] = False,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Have people rate answers blind, and read what they said: harness review new RUN --samples 20 --raters 3."""
    from harness.store import Database, reviews

    if action not in ACTIONS:
        raise UsageError(f"harness review {action!r}", nearest(action, ACTIONS), "type: harness review list")
    if split not in ("dev", "test", "all"):
        raise UsageError(f"--split {split!r}", "dev, test or all", "type: --split test")
    database = Database.at(db)
    if action == "list":
        _list(database, as_json)
    elif action == "new":
        args = (samples, raters, overlap, seed, suites or (), split, question)
        _new(reviews.create(database, named or (), mode, *args), as_json)
    elif len(named or ()) != 1:
        raise UsageError("harness review results of what?", "one review", "type: harness review list")
    else:
        _results(database, (named or [""])[0], as_run, partial_too, as_json)


def _new(review: str, as_json: bool) -> None:
    if as_json:
        emit({"review": review, "page": f"/review?session={review}"})
        return
    console = people(False)
    console.print(f"{review}  people rate it at /review?session={review} of: harness dashboard", markup=False)
    console.print("a link of one's own ends in &rater=CODE", markup=False)


def _list(database: Database, as_json: bool) -> None:
    from dashboards.queries import review as queries

    rows = queries.sessions(_ask(database))
    if as_json:
        emit(rows)
        return
    console = people(False)
    if not rows:
        console.print("no review yet: harness review new RUN --samples 20", markup=False)
        return
    table = plain_table("review", "mode", "people", "ratings", "made (UTC)", right=("people", "ratings"))
    for row in rows:
        came, done = f"{row['people']}/{row['seats']}", f"{row['done']}/{row['wanted']}"
        table.add_row(row["review"], row["mode"], came, done, f"{row['made_at']:%Y-%m-%d %H:%M}")
    console.print(table)


def _results(database: Database, named: str, as_run: bool, partial_too: bool, as_json: bool) -> None:
    from dashboards.queries import review as queries
    from harness.store import reviews

    head = reviews.session(database, named)
    told = queries.results(_ask(database), head["review"])
    runs = _runs(database, head, told, partial_too) if as_run else {}
    if as_json:
        emit(_document(head["review"], told, runs))
        return
    _print(told, runs)


def _runs(database: Database, head: dict[str, Any], told: Results, partial_too: bool) -> dict[str, str]:
    """Return run -> the run of its ratings.

    Raises:
        UsageError: no rating, or ratings are missing and nobody said that this is well.
    """
    from dashboards.queries import review as queries
    from harness.store import review_runs

    row = next(row for row in queries.sessions(_ask(database)) if row["review"] == head["review"])
    note = f"{row['done']} of {row['wanted']} ratings"
    if not told.scores or (row["done"] < row["wanted"] and not partial_too):
        what = f"{note} of {head['review']} are there: who has not rated may think otherwise"
        raise UsageError(what, "all ratings", "type: --partial, to take those that are there")
    _, *scale = queries.RANGES[head["mode"]]
    found = {}
    for one in told.scores:
        splits: dict[str, Split] = {name: "test" if name in one.held_out else "dev" for name in one.units}
        found[one.run] = review_runs.store(
            database, head, one.run, one.metric, one.units, (float(scale[0]), float(scale[1])), splits, note
        )  # fmt: skip
    return found


def _document(review: str, told: Results, runs: dict[str, str]) -> dict[str, Any]:
    def row(one: Any) -> dict[str, Any]:
        known = {k: v for k, v in asdict(one).items() if k not in ("units", "held_out")}
        return {**known, "units": len(one.units)}

    return {
        "review": review, "scores": [row(one) for one in told.scores],
        "differences": [row(one) for one in told.differences],
        "alpha": None if math.isnan(told.alpha) else told.alpha,
        "left": asdict(told.left) if told.left is not None and told.left.n else None, "runs": runs,
    }  # fmt: skip


def _print(told: Results, runs: dict[str, str]) -> None:
    from rich.markup import escape

    console = people(False)
    if not told.scores:
        console.print("no rating yet")
        return
    table = plain_table("run", "metric", "mean", "95% interval", "over", "ratings", right=("mean", "ratings"))
    for prefix, rows in (("", told.scores), ("minus the first: ", told.differences)):
        for one in rows:
            cells = f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}", f"{len(one.units)} {one.by}s"
            table.add_row(escape(printable(prefix + one.run)), one.metric, *cells, str(one.ratings))
    console.print(table)
    console.print("agreement: " + ("not known" if math.isnan(told.alpha) else f"alpha {told.alpha:.2f}"))
    if told.left is not None and told.left.n:
        console.print(f"the left one won {told.left.value:.2f} ({told.left.low:.2f} to {told.left.high:.2f})")
    for reviewed, stored in runs.items():
        console.print(escape(printable(f"{reviewed} as rated: {stored}")))


def _ask(database: Database) -> Ask:
    from harness.store import read

    return lambda sql, parameters: read.query(database, sql, list(parameters))
