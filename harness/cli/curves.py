"""The curves of trainings, as `harness show` finds and prints them: of an artifact, a step, or all of a loop.

    of(database, "artifact", "4364..")   the training that made it, or the nearest ones above it
    of(database, "loop", "quickstart")   those of its rounds, one that runs among them
    show(console, training)

Points go into the database while a training runs, so what is there so far is shown. What went wrong stands in the run
record (over-fitting), in the fault of the step (divergence: it was stopped), or in the points (values not finite).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.cli import canvas
from harness.cli.console import printable
from harness.store import Database, artifacts, curves, read, rounds
from harness.types import Artifact
from harness.workbench import record

Points = curves.Points
WIDTH, HEIGHTS = 100, (10, 5)
"""Characters of a panel, and rows: of the first, of the others."""
HELD_OUT = "held_out_"
ORDER = ("loss", "token_accuracy", "grad_norm", "learning_rate")
COUNTS = ("tokens",)
"""Curves that only count up: told as a number."""


@dataclass(frozen=True)
class Training:
    """One execution of a step that left curves."""

    step_key: str
    step: str
    """Empty while nothing but points is stored."""
    state: str
    """`done`, `failed`, or `open`: it runs, or was killed."""
    curves: Points
    artifact_id: str = ""
    marks: tuple[str, ...] = ()
    """What went wrong, a line each."""
    best_step: int | None = None
    """Of the lowest held-out loss where the training went on to worse ones."""
    title: str = ""


def of(database: Database, kind: str, named: str) -> list[Training]:
    """Return the trainings of a step, an artifact or a loop by its id."""
    if kind == "loop":
        return of_loop(database, named)
    artifact = artifacts.artifact(database, named) if kind == "artifact" else None
    if artifact is not None:
        return _of_artifact(database, artifact)
    return [_of_step(database, named, _latest(artifacts.executions(database)))]


def about(database: Database, kind: str, named: str) -> dict[str, Any]:
    """Return what a step or an artifact is, as JSON data."""
    made = artifacts.artifact(database, named) if kind == "artifact" else None
    if made is None:
        return {"step": named}
    by = {key: made.made_by.get(key) for key in ("step", "loop")}
    return {made.kind: made.id, "made_by": by["step"], "loop": by["loop"], "path": made.path}


def of_loop(database: Database, loop: str, among: Collection[str] | None = None) -> list[Training]:
    """Return the trainings of a loop in the order of its rounds, then those that no round has come to know of.

    Of the former only those that made one of the artifacts `among`, where these are named. Costs two accesses each.
    """
    measured, executions = _measured(database), artifacts.executions(database)
    maker = {row["artifact_id"]: row["step_key"] for row in executions}
    titles: dict[str, str] = {}
    known = set()
    for row in rounds.rows(database, loop):
        for made in row["artifacts"] or ():
            if (key := maker.get(made)) in measured:
                known.add(key)
                if among is None or made in among:
                    titles.setdefault(key, f"round {row['number']}")
    paid = "SELECT step_key FROM spendings WHERE loop = ? GROUP BY step_key ORDER BY min(spent_at)"
    for row in read.query(database, paid, [loop], since="spendings"):
        if row["step_key"] in measured - known:
            titles.setdefault(row["step_key"], "not of a round yet")
    latest = _latest(executions)
    return [_of_step(database, key, latest, title) for key, title in titles.items()]


def _latest(executions: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return step key -> its latest execution."""
    return {row["step_key"]: row for row in executions}


def _of_step(database: Database, step_key: str, latest: Mapping[str, Mapping[str, Any]], title: str = "") -> Training:
    """Return the latest execution of a step; without curves where it left none."""
    points = curves.points(database, step_key)
    row = latest.get(step_key)
    broken = tuple(f"{name} is {value} at step {step}" for name, step, value in _not_finite(points))
    if row is None:
        return Training(step_key, "", "open", points, marks=broken, title=title)
    if row["artifact_id"] is None:
        return Training(step_key, row["step"], "failed", points, "", (row["fault"], *broken), title=title)
    made = artifacts.artifact(database, row["artifact_id"])
    told = record.read(database.folder / made.path) if made else {}
    worse = told.get("training", {}).get("over_fitting")
    best = told.get("held_out_loss", {}).get("best_step") if worse else None
    marks = (*((worse,) if worse else ()), *broken)
    return Training(step_key, row["step"], "done", points, row["artifact_id"], marks, best, title)


def _of_artifact(database: Database, artifact: Artifact) -> list[Training]:
    """Return the training that made an artifact, else the nearest ones among the models and adapters above it."""
    known = {one.id: one for one in artifacts.every(database)}
    executions = artifacts.executions(database)
    maker = {row["artifact_id"]: row["step_key"] for row in executions}
    latest = _latest(executions)
    waiting, found, seen = [artifact], [], {artifact.id}
    measured = _measured(database)
    while waiting:
        one = waiting.pop(0)
        if maker.get(one.id) in measured:
            found.append(_of_step(database, maker[one.id], latest, f"{one.kind} {one.id}"))
            continue
        above = [known[name] for name in one.parents if name in known and name not in seen]
        seen |= {parent.id for parent in above}
        waiting += [parent for parent in above if parent.kind in ("model", "adapter")]
    return found


def _measured(database: Database) -> set[str]:
    found = read.query(database, "SELECT DISTINCT step_key FROM curves", since="curves")
    return {str(row["step_key"]) for row in found}


def _not_finite(points: Points) -> list[tuple[str, int, float]]:
    """Return of each curve the first value that is not finite: curve, step, value."""
    first = ((name, next((p for p in series if not math.isfinite(p[1])), None)) for name, series in points.items())
    return [(name, *point) for name, point in first if point]


def document(training: Training) -> dict[str, Any]:
    """Return a training as JSON data; values that are not finite as text, as the store writes them."""
    points = {
        name: [[step, value if math.isfinite(value) else str(value)] for step, value in series]
        for name, series in training.curves.items()
    }
    return {**vars(training), "marks": list(training.marks), "curves": points}


def panels(points: Points) -> list[dict[str, canvas.Series]]:
    """Return which curves share a panel: each with the one on the rows held out; loss first, unknown ones last."""
    names = {name.removeprefix(HELD_OUT) for name in points} - set(COUNTS)
    ordered = sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return [{one: points[one] for one in (name, HELD_OUT + name) if one in points} for name in ordered]


def show(console: Any, training: Training) -> None:
    """Print a training: a line on it, its panels, what went wrong."""
    from rich.markup import escape

    last = max((step for series in training.curves.values() for step, _ in series), default=0)
    told = [f"{last} steps"] if training.curves else ["no curves"]
    told += [f"{training.curves[name][-1][1]:,.0f} {name}" for name in COUNTS if training.curves.get(name)]
    state = "not at its end: it runs, or was killed" if training.state == "open" else training.state
    named = "  ".join(filter(None, (training.title, training.step or "training", training.step_key[:12])))
    console.print(f"[bold]{escape(named)}[/]  {state}, {', '.join(told)}")
    width = min(WIDTH, console.width)
    for place, panel in enumerate(panels(training.curves)):
        console.print(_legend(panel))
        steps = [training.best_step] if place == 0 and training.best_step is not None else []
        for line in canvas.panel(panel, width, HEIGHTS[min(place, 1)], steps):
            console.print(line)
    for mark in training.marks:
        console.print(f"[red]{escape(printable(mark))}[/]")


def _legend(panel: Mapping[str, canvas.Series]) -> str:
    return "   ".join(_named(name, points, place) for place, (name, points) in enumerate(panel.items()))


def _named(name: str, points: Sequence[tuple[int, float]], place: int) -> str:
    from rich.markup import escape

    shown = f"[{canvas.COLOURS[place]}]━[/] {escape(printable(name.replace('_', ' ')))} {points[-1][1]:.4g}"
    best = min(_finite(points), key=lambda point: point[1], default=None)
    return f"{shown} (lowest {best[1]:.4g} at {best[0]})" if name.endswith("loss") and best else shown


def _finite(points: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    return [point for point in points if math.isfinite(point[1])]
