"""`harness watch FOLDER`: every checkpoint that a training writes, evaluated, gated and recorded once."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people, printable
from harness.cli.evaluate import parse_settings
from harness.errors import UsageError

NOT_WHOLE = 3
"""Exit code where a checkpoint is not whole."""
SEVERITY = (0, NOT_WHOLE, 1, 4)
"""Exit codes, the mildest first."""
COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "ERROR": "bold red"}


@command
def run(
    folder: Annotated[Path, typer.Argument(help="Where a training writes: checkpoints are found at any depth.")],
    policy: Annotated[str, typer.Option("--policy", "-p", help="The gate's YAML file, or `classic`.")],
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Run or baseline that checkpoints are compared with.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Handle what is there and stop; exit code of the worst.")
    ] = False,
    every: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between two looks at the folder.")] = 5.0,
    settle: Annotated[
        float, typer.Option("--settle", min=0.0, help="Seconds without any change before a checkpoint is read.")
    ] = 5.0,
    base: Annotated[
        str, typer.Option("--base", help="Model that adapters are put on. Default: the one that each names.")
    ] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value for the models (dtype=float32, n_ctx=4096, ...).")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Folder with <suite>/<official files>. Default: HARNESS_DATA.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Evaluate, gate and record every checkpoint that a training writes below FOLDER, adapters and GGUF files too.

    Half-written checkpoints are waited for. One that was judged under the same policy is not judged again, whatever its
    folder is called; one whose weights changed is. Ctrl-C stops it, and the same command goes on. With --json each
    checkpoint is a line of JSON, with --once all are one document. Exit codes: 130 stopped; with --once that of the
    worst verdict (as `harness gate`), and 3 when a checkpoint is not whole.
    """
    from harness.runner.progress import Meter
    from harness.store import Database
    from harness.watch.conditions import conditions
    from harness.watch.watch import Watch

    found = conditions(Database.at(db), policy, str(folder), baseline, base, parse_settings(settings or []), data)
    watch = Watch(folder, found, settle, Meter(quiet=quiet))
    if once:
        return _once(watch, as_json)
    return _on_and_on(watch, every, as_json)


def _once(watch: Any, as_json: bool) -> int:
    """Look until nothing that was there at the beginning changes any more."""
    from harness.watch.watch import CHANGING

    shown: dict[str, dict[str, Any]] = {}
    first: set[Path] | None = None
    while True:
        for judged in watch.look():
            shown[judged.path] = _shown(watch, judged)
            people(as_json).print(_line(shown[judged.path]))
        first = set(watch.waiting) if first is None else first
        if not any(reason == CHANGING and path in first for path, reason in watch.waiting.items()):
            break
        time.sleep(max(0.05, min(0.5, watch.settle_s)))
    waiting = [{"path": str(path), "waits_for": reason} for path, reason in watch.waiting.items()]
    if not shown and not waiting:
        what = f"no checkpoint below {str(watch.folder)!r}"
        raise UsageError(what, "folders of transformers or PEFT, or .gguf files", f"type: ls -R {watch.folder}")
    codes: list[int] = [one["exit_code"] for one in shown.values()] + [NOT_WHOLE] * bool(waiting)
    worst = max(codes, key=SEVERITY.index)
    for one in waiting:
        people(as_json).print(printable(f"not whole: {one['path']}: {one['waits_for']}"), markup=False)
    if as_json:
        emit({"folder": str(watch.folder), "checkpoints": [*shown.values()], "waiting": waiting, "exit_code": worst})
    return worst


def _on_and_on(watch: Any, every_s: float, as_json: bool) -> int:
    """Look until Ctrl-C or SIGTERM, which is how a watch ends."""
    from harness.runner import Interrupted

    console, told = people(True), dict[Path, str]()
    try:
        while True:
            if watch.folder.is_dir():
                _look(watch, as_json, told)
            elif watch.folder not in told:
                told[watch.folder] = "not there"
                console.print(printable(f"waiting for the folder {watch.folder}"), markup=False)
            time.sleep(every_s)
    except (KeyboardInterrupt, Interrupted):
        console.print("stopped; the same command goes on", markup=False)
        return 130


def _look(watch: Any, as_json: bool, told: dict[Path, str]) -> None:
    from harness.watch.watch import CHANGING

    for judged in watch.look():
        if not judged.known:
            shown = _shown(watch, judged)
            if as_json:
                print(json.dumps(shown, ensure_ascii=False), flush=True)  # noqa: T201 - this is the output
            people(as_json).print(_line(shown))
    for path, reason in watch.waiting.items():
        if reason not in (CHANGING, told.get(path)):
            told[path] = reason
            people(True).print(printable(f"waiting for {path}: {reason}"), markup=False)


def _shown(watch: Any, judged: Any) -> dict[str, Any]:
    """Return the document of a checkpoint: what became of it, and the primary score of every suite."""
    from dataclasses import asdict

    from harness.report import reports

    scores: dict[str, Any] = {}
    for report in reports(watch.conditions.database, judged.run_id) if judged.run_id else []:
        if report.scored and report.metrics:
            metric, found = report.primary
            scores[report.suite] = {
                "metric": metric, "score": found.value, "low": found.low, "high": found.high, "n": found.n,
                "faults": sum(report.faults.values()),
            }  # fmt: skip
    return {**asdict(judged), "scores": scores}


def _line(shown: dict[str, Any]) -> str:
    """Return one line: step, scores with intervals, verdict, where to read on."""
    from rich.markup import escape

    step = "step ?" if shown["step"] is None else f"step {shown['step']}"
    scores = "  ".join(
        f"{name} {one['score']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" for name, one in shown["scores"].items()
    )
    colour = COLOURS[shown["outcome"]]
    said = [step, shown["path"], scores]
    last = shown["error"] or "  ".join(part for part in (shown["note"], f"harness show {shown['run_id']}") if part)
    text = "  ".join(escape(printable(part)) for part in said if part)
    again = " (judged before)" if shown["known"] else ""
    return f"{text}  [{colour}]{shown['outcome']}[/]{again}  [dim]{escape(printable(last))}[/]"
