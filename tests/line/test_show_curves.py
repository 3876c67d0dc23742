"""`harness show` of what holds trainings: found by any name, drawn, marked where it broke, written as a picture."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from harness.cli import app, canvas
from harness.cli.canvas import limits, panel, thin
from harness.store import Database, artifacts, rounds
from harness.store.curves import Curves
from harness.types import Artifact
from harness.workbench import keep

KEYS = {"good": "a1" * 16, "worse": "b2" * 16, "broken": "c3" * 16, "open": "d4" * 16}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, dict[str, Artifact]]:
    """Return a database with a loop of two rounds, a training that broke and one that runs."""
    database = Database(tmp_path_factory.mktemp("curves") / "h.duckdb")
    made: dict[str, Artifact] = {}
    base = Artifact("ba5e" * 4, "model", "/nowhere/base", "of the base")
    artifacts.add(database, base)
    for name, worse in (("good", None), ("worse", "over-fitting: the held-out loss was 0.4 at step 20 and is 0.9")):
        trained(database, KEYS[name], 40, rises=worse is not None)
        told = {"training": {"over_fitting": worse}, "held_out_loss": {"best_step": 20}}
        made[name] = done(database, KEYS[name], "improve.finetune", "adapter", (base,), told)
        made[f"merged {name}"] = done(database, KEYS[name][::-1], "improve.merge", "model", (made[name], base), {})
    trained(database, KEYS["broken"], 12, bad_at=9)
    artifacts.add_step(
        database, KEYS["broken"], step="improve.finetune", version="1", parameters={}, inputs=[], artifact_id=None,
        fault="UsageError: the loss diverges [red]: 9.1 over the last 5 steps", log="log.txt", loop="nightly",
        seconds=1.0,
    )  # fmt: skip
    trained(database, KEYS["open"], 7)
    artifacts.book(database, "nightly", KEYS["open"], "seconds", 1.0)
    rounds.start(database, "nightly", {}, "digest", "tiny")
    for number, name in ((1, "worse"), (2, "good")):
        rounds.begin(database, "nightly", number, model="tiny", verdict_before="FAIL")
        ids = [made[name].id, made[f"merged {name}"].id]
        closed: dict[str, Any] = {"artifacts": ids, "candidate": ids[-1], "accepted": number == 2, "rows": 90}
        rounds.note(
            database, "nightly", number, **closed, why="" if number == 2 else "no gain is proven", cost={"usd": 2}
        )
    return database, made


def trained(database: Database, key: str, steps: int, rises: bool = False, bad_at: int | None = None) -> None:
    curves = Curves(database, key)
    for step in range(1, steps + 1):
        loss = math.nan if step == bad_at else 2.0 * 0.9**step
        curves.measure(step, {"loss": loss, "learning_rate": 1e-3 / step, "grad_norm": 1.0, "tokens": step * 250.0})
        if step % 5 == 0:
            curves.measure(step, {"held_out_loss": 0.02 * step if rises else 2.0 * 0.93**step})
    curves.flush()


def done(
    database: Database, key: str, step: str, kind: Any, parents: tuple[Artifact, ...], told: dict[str, Any]
) -> Artifact:
    folder = database.folder / key
    folder.mkdir()
    (folder / "weights").write_text(key)
    (folder / "run.json").write_text(json.dumps(told))
    made = keep(database, folder, kind, tuple(one.id for one in parents), {"step": step, "loop": "nightly"})
    artifacts.add_step(
        database, key, step=step, version="1", parameters={}, inputs=[one.id for one in parents], artifact_id=made.id,
        fault=None, log="log.txt", loop="nightly", seconds=2.0,
    )  # fmt: skip
    return made


def shown(database: Database, *words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["show", *map(str, words), "--db", str(database.path)])
    assert result.exit_code == code, result.output
    return result.output


def test_a_loop_shows_its_rounds_and_every_training(world: tuple[Database, dict[str, Artifact]]) -> None:
    text = shown(world[0], "nightly")
    order = ["round  gate", "no: no gain is proven", "nightly: not at its end", "round 1  improve.finetune", "round 2"]
    order += ["not of a round yet", "7 steps"]
    assert [text.find(word) for word in order] == sorted(text.find(word) for word in order)
    assert all(word in text for word in order) and "over-fitting: the held-out" in text and "10,000 tokens" in text
    document = json.loads(shown(world[0], "nightly", "--json"))
    assert [one["accepted"] for one in document["rounds"]] == [False, True] and document["outcome"] is None
    states = [(one["step_key"], one["state"]) for one in document["trainings"]]
    assert states == [(KEYS["worse"], "done"), (KEYS["good"], "done"), (KEYS["open"], "open")]


def test_a_merged_model_shows_the_training_above_it_and_only_that(world: tuple[Database, dict[str, Artifact]]) -> None:
    database, made = world
    for name in ("good", "worse"):
        for word in (made[name].id, made[f"merged {name}"].id[:8], KEYS[name][:7]):
            document = json.loads(shown(database, word, "--json"))
            assert [one["step_key"] for one in document["trainings"]] == [KEYS[name]], word
    assert document["trainings"][0]["best_step"] == 20 and len(document["trainings"][0]["curves"]["loss"]) == 40
    assert json.loads(shown(database, "ba5eba5e", "--json"))["trainings"] == []


def test_what_diverged_says_so_where_it_happened(world: tuple[Database, dict[str, Artifact]]) -> None:
    text = shown(world[0], KEYS["broken"])
    assert "failed, 12 steps" in text and "the loss diverges [red]: 9.1" in text and "loss is nan at step 9" in text
    assert text.count("×") == 1
    document = json.loads(shown(world[0], KEYS["broken"], "--json"))
    assert document["trainings"][0]["curves"]["loss"][8] == [9, "nan"]


def test_what_runs_shows_what_is_there_so_far(world: tuple[Database, dict[str, Artifact]]) -> None:
    assert "not at its end: it runs, or was killed, 7 steps, 1,750 tokens" in shown(world[0], KEYS["open"])


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_picture_is_written(world: tuple[Database, dict[str, Artifact]], tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"curves.{ending}"
    assert str(target) in shown(world[0], "nightly", "--plot", target)
    if ending == "png":
        width, height = struct.unpack(">II", target.read_bytes()[16:24])
        assert target.read_bytes().startswith(b"\x89PNG") and width > 1000 and height > 1500
    else:
        text = target.read_text()
        assert text.startswith("<svg") and "held-out loss was 0.4" in text and "learning rate" in text


def test_what_has_no_curves_is_refused_before_anything_is_drawn(
    world: tuple[Database, dict[str, Artifact]], tmp_path: Path
) -> None:
    assert "ends in .svg or .png" in shown(world[0], "nightly", "--plot", tmp_path / "curves.pdf", code=2)
    assert "no curves" in shown(world[0], "ba5eba5e", "--plot", tmp_path / "curves.svg", code=2)
    assert "nearest: 'nightly'" in shown(world[0], "nightli", code=2)
    assert not list(tmp_path.iterdir())


values = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(values, max_size=200), st.integers(1, 120), st.integers(1, 12))
def test_any_curve_can_be_drawn(drawn: list[float], width: int, height: int) -> None:
    points = [(step, value) for step, value in enumerate(drawn)]
    lines = panel({"loss": points, "held_out_loss": points[::7]}, width, height)
    assert len(lines) == height + 2 and len({len(line.plain) for line in lines[:-1]}) == 1
    (first, last), (low, high) = limits({"loss": points})
    assert first < last and low < high


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(1, 30))
def test_thinning_loses_no_spike(drawn: list[float], columns: int) -> None:
    points = [(step, value) for step, value in enumerate(drawn)]
    kept = thin(points, columns)
    assert set(kept) <= set(points) and kept == sorted(kept) and len(kept) <= max(2 * columns, 1)
    assert {min(drawn), max(drawn)} <= {value for _, value in kept}


def test_a_straight_line_is_straight() -> None:
    lines = [line.plain[canvas.LABEL + 2 :] for line in panel({"x": [(0, 0.0), (1, 1.0)]}, canvas.LABEL + 2 + 10, 5)]
    assert lines[0][-1] == chr(0x2800 + 0x08) or ord(lines[0][-1]) & 0x08, "the highest dot on the right"
    assert ord(lines[4][0]) & 0x40, "the lowest dot on the left"
    assert [line.strip("⠀") != "" for line in lines[:5]] == [True] * 5 and lines[-1].split() == ["0", "1"]
