"""`harness show RUN`: the report of a run, its groups, or its samples one by one.

`harness show` of an artifact, a step or a loop shows the curves of its trainings, of a loop the rounds too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people, plain_table, printable
from harness.errors import UsageError


@command
def run(
    named: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Run id, start of it, name, or model file (its latest run); or an artifact, step or loop.",
        ),
    ],
    groups: Annotated[bool, typer.Option("--groups", help="Also by subject, task or skill.")] = False,
    samples: Annotated[bool, typer.Option("--samples", help="Also sample by sample.")] = False,
    sample: Annotated[str | None, typer.Option("--sample", help="One sample whole, every attempt: name or id.")] = None,
    suite: Annotated[str | None, typer.Option("--suite", "-s", help="Only this suite.")] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", help="Only samples of this mode (right, wrong_answer, ...).")
    ] = None,
    limit: Annotated[int, typer.Option(help="Samples to list.")] = 20,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Write a training's curves as .svg or .png.")
    ] = None,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show a run: scores, intervals, faults, failure modes; with --samples what was asked and said.

    Show an artifact, a step or a loop: the curves of its trainings, while one runs those so far; of a loop the rounds,
    of a calibrated model its reliability diagram.
    """
    from harness.cli import naming
    from harness.config import GRADES
    from harness.report import document
    from harness.store import Database

    database = Database.at(db)
    kind, run_id = naming.find(database, named)
    if kind != "run":
        _show_trainings(database, kind, run_id, plot, as_json)
        return
    if plot is not None:
        what = f"{named!r} is a run: it has no curves"
        raise UsageError(what, "an adapter, a model made of one, a step or a loop", "type: harness show LOOP --plot ..")
    shown = document(database, run_id, GRADES)
    if suite:
        shown["suites"] = {k: v for k, v in shown["suites"].items() if k == suite}
    if samples or sample:
        shown["samples"] = list_samples(database, run_id, suite, mode, sample, limit)
    if sample and not shown["samples"]:
        raise UsageError(
            f"no sample {sample!r} in run {run_id!r}",
            "its official name, or the beginning of its id",
            f"type: harness show {run_id} --samples",
        )
    if as_json:
        emit(shown)
        return
    console = people(False)
    print_report(console, shown, database, groups)
    for row in shown.get("samples", []):
        print_sample(console, row, whole=sample is not None)


def _show_trainings(database: Any, kind: str, named: str, plot: Path | None, as_json: bool) -> None:
    """Show what is no run: a loop with its rounds, an artifact, a step; each with the trainings it holds."""
    from harness.cli import chart, curves, reliability, rounds

    if plot is not None:
        chart.check(plot)
    trainings = curves.of(database, kind, named)
    if plot is not None:
        if not any(training.curves for training in trainings):
            what = f"there are no curves of the {kind} {named!r}"
            raise UsageError(what, "a training, made or running", f"type: harness show {named}{db_option(database)}")
        chart.write(trainings, plot)
    head = rounds.of(database, named) if kind == "loop" else curves.about(database, kind, named)
    calibration = reliability.of(database.folder / head["path"]) if "path" in head else None
    if as_json:
        head = {**head, **({"calibration": calibration.told} if calibration else {})}
        emit({**head, "trainings": [curves.document(one) for one in trainings], "plot": str(plot) if plot else None})
        return
    console = people(False)
    if kind == "loop":
        rounds.show(console, named, head)
    else:
        console.print(printable("  ".join(f"{key} {value}" for key, value in head.items() if value)), markup=False)
    if calibration is not None:
        reliability.show(console, calibration)
    for training in trainings:
        curves.show(console, training)
    if plot is not None:
        console.print(f"written: {plot}", markup=False)
    elif trainings:
        console.print(f"next: harness show {named}{db_option(database)} --plot curves.svg", style="dim", markup=False)


def list_samples(
    database: Any, run_id: str, suite: str | None, mode: str | None, sample: str | None, limit: int
) -> list[dict[str, Any]]:
    """Return samples of a run with prompt, completion, target, answer and score."""
    from harness.store import read

    return read.query(
        database,
        "SELECT r.suite, r.sample, r.sample_id, r.attempt, r.split, r.score, r.mode, r.answer, r.target, r.detail,"
        " r.fault_boundary, r.fault_kind, r.fault_message, a.prompt, a.text, a.reasoning, a.choice_logprobs, a.finish,"
        " a.prompt_tokens, a.completion_tokens, a.seconds, a.layout"
        " FROM results r LEFT JOIN answers a ON a.key = r.completion_keys[-1]"
        " WHERE r.run_id = ? AND (? IS NULL OR r.suite = ?) AND (? IS NULL OR r.mode = ?)"
        " AND (? IS NULL OR r.sample = ? OR r.sample_id LIKE ? || '%')"
        " ORDER BY r.suite, r.sample, r.attempt LIMIT ?",
        [run_id, suite, suite, mode, mode, sample, sample, sample, limit],
    )


def print_report(console: Any, shown: dict[str, Any], database: Any, groups: bool = False) -> None:
    """Print the table of a run: score, interval, grade, faults; then failure modes and what to type next."""
    from rich.markup import escape

    console.print(f"[bold]{escape(shown['model'])}[/]  run {escape(shown['run_id'])}  {shown['status']}")
    numbers = ("n", "score", "95% interval", "grade", "faults", "seconds")
    table = plain_table("suite", "metric", *numbers, right=numbers)
    for name, part in shown["suites"].items():
        for metric, value in part["metrics"].items():
            first = metric == part["metric"]
            table.add_row(
                escape(f"{name} v{part['version']}") if first else "",
                metric,
                f"{part['n']}/{part['wanted']}" if first else str(value["n"]),
                "no score" if value["value"] is None else f"{value['value']:.4f}",
                f"{value['low']:.3f} - {value['high']:.3f}",
                part["grade"] if first else "",
                str(part["faults"]) if first else "",
                f"{part['seconds']:.1f}" if first else "",
            )
    console.print(table)
    for name, part in shown["suites"].items():
        _print_part(console, name, part, groups)
    if shown.get("note"):
        console.print(f"[yellow]{escape(printable(shown['note']))}[/]")
    if "asked" in shown:
        console.print(f"asked the model {shown['asked']} times, reused {shown['reused']} stored completions")
    console.print(f"[dim]next:[/] harness show {shown['run_id']} --samples --groups{escape(db_option(database))}")


def db_option(database: Any) -> str:
    """Return ` --db FILE` for a command that a person may type here; nothing for the default."""
    here, default = Path.cwd(), type(database).at().path
    if database.path == default:
        return ""
    return f" --db {database.path.relative_to(here) if database.path.is_relative_to(here) else database.path}"


def _print_part(console: Any, name: str, part: dict[str, Any], groups: bool) -> None:
    from rich.markup import escape

    counts = ", ".join(f"{mode} {count}" for mode, count in part["modes"].items())
    level = f"  (sandbox {part['sandbox']})" if part["sandbox"] else ""
    console.print(f"[bold]{escape(name)}[/]: {escape(counts) or 'nothing scored'}{level}")
    for kind, count in part["fault_kinds"].items():
        console.print(f"  [red]fault[/] {escape(kind)}: {count}")
    if part["alarm"]:
        console.print(f"  [yellow]alarm[/]: {escape(part['alarm'])}")
    if groups:
        for group, value in part["groups"].items():
            shown = f"{value['value']:.3f}  {value['low']:.3f} to {value['high']:.3f}  n={value['n']}"
            console.print(f"  {escape(group):<40} {shown}")


def print_sample(console: Any, row: dict[str, Any], whole: bool) -> None:
    """Print one sample; cut to a screen unless `whole`."""
    from rich.markup import escape

    def line(label: str, text: object) -> None:
        if text not in (None, "", []):
            console.print(f"  [dim]{label:<10}[/] {escape(printable(str(text), None if whole else 160))}")

    score = "no score" if row["score"] is None else f"{row['score']:.3f}"
    console.rule(escape(f"{row['suite']}  {row['sample'] or row['sample_id']}  attempt {row['attempt']}  {score}"))
    line("mode", row["mode"])
    line("fault", row["fault_message"] and f"{row['fault_boundary']}/{row['fault_kind']}: {row['fault_message']}")
    line("prompt", row["prompt"] if whole else (row["prompt"] or "")[-160:])
    line("reasoning", row["reasoning"])
    line("said", row["text"])
    line("choices", row["choice_logprobs"])
    line("answer", row["answer"])
    line("expected", row["target"])
    line("detail", row["detail"] if row["detail"] != "{}" else "")
    line("tokens", f"{row['prompt_tokens']} + {row['completion_tokens']}, {row['finish']}, {row['seconds']:.2f} s")
