"""What becomes a point, and which points share an axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import compression_kit as kit
import pytest

from compress import frontier_plot
from compress.frontier import Axis
from compress.points import axes
from harness.errors import UsageError
from harness.store import Database, benches, read

TOLD: list[dict[str, Any]] = [
    {"step": "gradual 38%", "wrong": 8, "measures": kit.measures(3.0, 0.03, 70.0)},
    {"step": "compress.gguf", "wrong": 12, "measures": kit.measures(0.5, 0.07, 160.0)},
    {"step": "destroy", "wrong": 70, "measures": kit.measures(0.25, 3.0, 200.0), "kept": False},
]
BASE = {"wrong": 6, "measures": kit.measures(4.0, speed=60.0)}
FACTS = {"size_bytes": 2 * kit.MIB}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    made = Database(tmp_path_factory.mktemp("frontier") / "h.duckdb")
    kit.compression(made, "small", TOLD, BASE)
    kit.run(made, "alone", 20, facts=FACTS)
    kit.run(made, "hosted", 1)
    kit.run(made, "chatty", 2, facts=FACTS, config={"prompt": "chat"})
    kit.run(made, "fewer", 2, asked=kit.ASKED[:100], facts=FACTS)
    kit.run(made, "elsewhere", 2, asked=kit.gate_runs.samples(60, "bbh"), facts=FACTS)
    return made


@pytest.fixture(scope="module")
def all_axes(database: Database) -> tuple[Axis, ...]:
    return axes(database)


def names(axis: Axis) -> list[str]:
    return [one.point.name for one in axis.marked]


def test_stages_and_other_runs_are_points_of_one_axis(all_axes: tuple[Axis, ...]) -> None:
    first = all_axes[0]
    assert names(first) == [
        "small/0 before",
        "small/1 gradual 38%",
        "alone",
        "small/2 compress.gguf",
        "small/3 destroy",
    ]
    assert [one.optimal for one in first.marked] == [True, True, False, True, False], (
        "alone: untimed, held against size and score"
    )
    by_name = {one.point.name: one.point for one in first.marked}
    assert by_name["small/2 compress.gguf"].speed == 160.0 and by_name["alone"].speed is None
    assert by_name["small/3 destroy"].kept is False and "hosted" not in by_name, "whose size nobody knows"
    assert by_name["alone"].n == len(kit.SEALED) and first.suite == "mmlu" and first.metric == "acc"


def test_what_was_asked_otherwise_stands_on_another_axis(database: Database, all_axes: tuple[Axis, ...]) -> None:
    others = all_axes[1:]
    assert sorted(map(names, others)) == [["chatty"], ["elsewhere"], ["fewer"]]
    assert {axis.prompt for axis in others if names(axis) == ["chatty"]} == {"chat"}
    (bbh,) = axes(database, suite="bbh")
    assert names(bbh) == ["elsewhere"]


def test_names_choose(database: Database) -> None:
    (axis,) = axes(database, ["small"])
    assert names(axis) == ["small/0 before", "small/1 gradual 38%", "small/2 compress.gguf", "small/3 destroy"]
    (axis,) = axes(database, ["small", "alone"])
    assert "alone" in names(axis)
    with pytest.raises(UsageError, match="no compression or run 'smull'") as refused:
        axes(database, ["smull"])
    assert "'small'" in refused.value.expected
    with pytest.raises(UsageError, match="none of the models was asked 'mmul'"):
        axes(database, suite="mmul")


def test_a_bench_tells_the_speed_of_what_was_not_timed(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    kit.run(database, "timed", 9, facts=FACTS)
    kit.run(database, "again", 9, facts=FACTS)
    digest = read.run(database, "timed")["model_digest"]
    row = {"prompt_tokens": 64, "tokens": 32, "raw": [], "wall_s": 1.0, "cpu_s": 1.0, "raw_cpu_s": 0.0}
    told = [
        {**row, "measure": "generate", "unit": "tokens/s", "width": 1, "measured": [80.0, 82.0, 90.0]},
        {**row, "measure": "generate", "unit": "tokens/s", "width": 8, "measured": [300.0]},
        {**row, "measure": "memory", "unit": "bytes", "width": 1, "measured": [5e6]},
    ]
    benches.add(database, {"bench_id": "b", "model": "x", "model_digest": digest, "started_at": "2026-01-01"}, told)
    (axis,) = axes(database)
    point = next(one.point for one in axis.marked if one.point.name == "timed")
    assert (point.speed, point.memory_bytes) == (82.0, 5e6)


def test_what_several_compressions_began_with_is_one_point(tmp_path: Path) -> None:
    from harness.store import stages

    database = Database(tmp_path / "h.duckdb")
    kit.compression(database, "one", TOLD[:1], BASE)
    stages.start(database, "two", {}, "digest", "tiny")
    stages.tell(database, "two", run_base="one-base", measures=BASE["measures"])
    (axis,) = axes(database)
    assert names(axis) == ["one/0 before", "one/1 gradual 38%"]
    (axis,) = axes(database, ["two"])
    assert names(axis) == ["two/0 before"]
    assert axes(Database(tmp_path / "nothing.duckdb")) == ()


@pytest.mark.parametrize("against", frontier_plot.AGAINST)
@pytest.mark.parametrize("width", [20, 100])
def test_every_point_is_on_the_picture(all_axes: tuple[Axis, ...], against: str, width: int) -> None:
    first = all_axes[0]
    lines = [line.plain for line in frontier_plot.terminal(first, against, width)]
    assert len({len(line) for line in lines[:-1]}) == 1 and len(lines) == frontier_plot.HEIGHT + 2
    shown = [place for place, one in enumerate(first.marked) if frontier_plot.cost(one, against) is not None]
    drawn = "".join(lines[: frontier_plot.HEIGHT])[11:]
    if width == 100:
        assert all(frontier_plot.sign(place) in drawn for place in shown)
    assert first.marked[shown[0]].optimal and lines[-1].rstrip()[-1].isdigit()


def test_stairs_go_up_with_the_cost(all_axes: tuple[Axis, ...]) -> None:
    first = all_axes[0]
    stairs = frontier_plot.stairs(first, "size")
    assert [x for x, _ in stairs] == [0.5, 3.0, 4.0] and stairs == sorted(stairs, key=lambda each: each[1])
    assert [x for x, _ in frontier_plot.stairs(first, "speed")] == [60.0, 70.0, 160.0]
