"""The models of a results file as points of a frontier: stages of compressions, and runs whose model's size is known.

    axes(database)                          every model, by what it was asked
    axes(database, ["quickstart-tiny"])     the stages of a compression, and the model before them
    axes(database, suite="primer")          one suite alone

Two models share an axis where they answered the same sealed samples of a suite in the same version, scored and prompted
alike (`harness.compare.differences`): other scores stand on other axes. Size, speed and memory of a stage are what was
measured after it; of other runs they are the run's own facts, and the latest bench of that model. A model that was
evaluated twice is there with its latest run. Cost: one query a run and suite.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compress import scores
from compress.frontier import Axis, Point, mark
from harness.compare.differences import differences
from harness.compare.pairs import declared_metric, result_rows
from harness.errors import UsageError, nearest
from harness.store import Database, benches, read, stages


@dataclass(frozen=True)
class Known:
    """A model with a run and a size."""

    name: str
    run: Mapping[str, Any]
    size_bytes: int
    speed: float | None
    memory_bytes: float | None
    kept: bool = True
    is_base: bool = False
    """The model before the first stage of a compression."""
    is_stage: bool = False


@dataclass
class _Group:
    """Points that share an axis: what each next one is held against."""

    run: Mapping[str, Any]
    wanted: Mapping[str, Any]
    asked: Collection[tuple[str, str]]
    """(sample id, digest of its content)."""
    points: list[Point] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)
    """Of the models that are there."""


def axes(database: Database, named: Sequence[str] = (), suite: str = "") -> tuple[Axis, ...]:
    """Return the axes, the one with the most points first.

    Raises:
        UsageError: a name of neither a compression nor a run, or a suite that none of the models has.
    """
    groups: list[_Group] = []
    seen: set[str] = set()
    for model in _models(database, named):
        for name, wanted in read.run_suites(database, model.run["run_id"]).items():
            seen.add(name)
            if suite in ("", name):
                _place(database, groups, model, wanted)
    if suite and suite not in seen:
        what = f"none of the models was asked {suite!r}"
        raise UsageError(what, nearest(suite, seen), "type: harness frontier")
    groups.sort(key=lambda group: (-len(group.points), group.wanted["suite"]))
    return tuple(
        Axis(
            group.wanted["suite"],
            group.wanted["version"],
            declared_metric(group.wanted, "").name,
            str(group.run["config"].get("prompt")),
            mark(group.points),
        )
        for group in groups
    )


def _place(database: Database, groups: list[_Group], model: Known, wanted: Mapping[str, Any]) -> None:
    """Put a model's score on a suite onto the axis that it belongs to."""
    suite, run_id = wanted["suite"], model.run["run_id"]
    rows = result_rows(database, run_id, suite, scores.SPLIT)
    score = scores.score(wanted, rows)
    if score is None:
        return
    point = Point(
        model.name, run_id, model.run["model"], score["score"], score["low"], score["high"], score["n"],
        model.size_bytes, model.speed, model.memory_bytes, model.kept, declared_metric(wanted, "").higher_is_better,
    )  # fmt: skip
    asked = {(row["sample_id"], row["sample_digest"]) for row in rows}
    for group in groups:
        alike = group.wanted["suite"] == suite and group.asked == asked
        if alike and not any(d.fatal for d in differences((group.run, model.run), (group.wanted, wanted))):
            break
    else:
        groups.append(group := _Group(model.run, wanted, asked))
    content = str(model.run["model_digest"] or model.run["model"])
    if model.is_stage or content not in group.digests:
        group.points.append(point)
        group.digests.add(content)


def _models(database: Database, named: Sequence[str]) -> Iterator[Known]:
    """Yield the models that names choose, of each run one; the stages of compressions come first."""
    runs = _runs(database)
    known = list(_of_compressions(database, runs))
    names = {compression for compression, _ in known}
    chosen = {read.run(database, one)["run_id"] for one in _runs_among(database, named, names)}
    used: set[str] = set()
    for compression, model in known:
        if not named or compression in named:
            run_id = model.run["run_id"]
            # What several compressions began with is one point.
            if not (model.is_base and run_id in used):
                yield model
            used.add(run_id)
    for run_id, run in runs.items():
        size = (run["model_facts"] or {}).get("size_bytes")
        if size and run_id not in used and run["status"] != "running" and (not named or run_id in chosen):
            yield Known(run["name"] or run_id, run, size, *_timed(database, run))


def _runs(database: Database) -> dict[str, dict[str, Any]]:
    """Return run id -> its row, JSON parsed, the latest first."""
    rows = read.query(database, "SELECT * FROM runs ORDER BY started_at DESC, run_id")
    parsed = ("model_facts", "config")
    return {row["run_id"]: {**row, **{key: json.loads(row[key] or "null") for key in parsed}} for row in rows}


def _runs_among(database: Database, named: Sequence[str], compressions: Collection[str]) -> list[str]:
    """Return the names that are none of a compression; each is a run's, or the nearest name is told."""
    found = [one for one in named if one not in compressions]
    for one in found:
        try:
            read.run(database, one)
        except UsageError as error:
            what = error.what.replace("no run ", "no compression or run ")
            raise UsageError(
                what, nearest(one, compressions) if compressions else error.expected, error.next
            ) from error
    return found


def _of_compressions(database: Database, runs: Mapping[str, Any]) -> Iterator[tuple[str, Known]]:
    """Yield (compression, model) of the model before each one's stages and after each stage that was measured."""
    latest = {row["compression"]: row for row in stages.compressions(database)}
    after = stages.rows(database)
    for name, row in latest.items():
        if row["run_base"] in runs and (row["measures"] or {}).get("size_bytes"):
            yield name, _measured(database, f"{name}/0 before", runs[row["run_base"]], row["measures"], is_base=True)
        for stage in after:
            measures = stage["measures"] or {}
            if stage["compression"] == name and stage["run_id"] in runs and measures.get("size_bytes"):
                title, kept = f"{name}/{stage['number']} {stage['step']}", stage["kept"] is not False
                yield name, _measured(database, title, runs[stage["run_id"]], measures, kept=kept, is_stage=True)


def _measured(
    database: Database, name: str, run: Mapping[str, Any], measures: Mapping[str, Any], **told: bool
) -> Known:
    timed = measures.get("speed")
    speed, memory = (timed.get("generate_tokens_s"), timed.get("memory_bytes")) if timed else _timed(database, run)
    return Known(name, run, measures["size_bytes"], speed, memory, **told)


def _timed(database: Database, run: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return (tokens generated per second, bytes of memory) of the latest bench of a run's model."""
    found = benches.speeds(database, run["model_digest"] or run["model"])
    alone = {row["measure"]: row["median"] for row in found if row["width"] == 1}
    return alone.get("generate"), alone.get("memory")
