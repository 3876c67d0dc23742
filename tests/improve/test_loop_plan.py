"""What a plan counts, what it warns of, and that it touches nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.store import Database, artifacts, rounds
from harness.store.curves import Curves
from harness.store.write import insert
from harness.types import Artifact
from improve import plan_table
from improve.plan import Cap, Plan, plan
from improve.recipe import load

TEACHER = "openai:big@http://127.0.0.1:9/v1"
STEPS: list[Any] = [
    {"improve.generate": {"teacher": TEACHER, "rows": 100, "rows_per_call": 8, "exemplars_per_call": 2}},
    {"improve.verify": {"teacher": TEACHER, "samples": 3, "max_tokens": 100}},
    {"improve.mix": {"ratio": 1, "replay": "primer"}},
    "improve.decontaminate",
    {"improve.finetune": {"epochs": 2, "batch": 4, "accumulation": 2}},
    "improve.merge",
]
GATES: dict[str, Any] = {"suites": {"primer:large": {"absolute": {"min": 0.5}}}}


def recipe(folder: Path, gates: Mapping[str, Any] = GATES, **changes: Any) -> Path:
    """Write a recipe and its gate; steps by a teacher unless they are given."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gates.yaml").write_text(yaml.safe_dump(dict(gates)))
    told: dict[str, Any] = {"model": "tiny", "policy": "gates.yaml", "rounds": 2, "steps": STEPS}
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**told, **changes}))
    return folder / "recipe.yaml"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "results" / "h.duckdb")


def planned(tmp_path: Path, database: Database, **changes: Any) -> Plan:
    return plan(load(str(recipe(tmp_path / "recipes", **changes))), database)


def of(found: Plan, step: str) -> Mapping[str, float]:
    return next(one.estimate for one in found.stages if one.step == f"improve.{step}")


def cap(found: Plan, what: str) -> Cap:
    return next(one for one in found.caps if one.what == what)


def test_a_round_is_counted_from_the_rows_that_a_teacher_writes(tmp_path: Path, database: Database) -> None:
    price = {TEACHER: {"usd_per_prompt_token": 1e-6, "usd_per_token": 4e-6}}
    found = planned(tmp_path, database, teachers=price, budget={"usd": 5, "tokens": 1e6})
    generate, verify = of(found, "generate"), of(found, "verify")
    assert generate["calls"] == 13 and generate["prompt_tokens"] == 13 * (500 + 2 * 1500)
    assert generate["tokens"] == generate["prompt_tokens"] + 13 * 2048
    assert generate["usd"] == pytest.approx(13 * 3500 * 1e-6 + 13 * 2048 * 4e-6)
    assert verify["calls"] == 300 and verify["tokens"] == 300 * (500 + 100)
    assert verify["usd"] == pytest.approx(300 * 500 * 1e-6 + 300 * 100 * 4e-6)
    assert of(found, "finetune")["steps"] == 50, "200 rows with those replayed, 8 a step, twice"
    usd, tokens = cap(found, "usd"), cap(found, "tokens")
    assert usd.a_round == pytest.approx(generate["usd"] + verify["usd"])
    assert tokens.a_round == generate["tokens"] + verify["tokens"]
    # Rows of an accepted first round are verified again in the second: at most twice as many.
    assert tokens.all_rounds == 2 * generate["tokens"] + 3 * verify["tokens"]
    assert "seconds" not in generate and set(found.unknown) >= {"improve.generate", "primer:large"}


def test_rows_of_a_program_are_right_by_construction(tmp_path: Path, database: Database) -> None:
    steps = [{"improve.generate": {"suite": "primer", "rows": 100}}, *STEPS[1:]]
    found = planned(tmp_path, database, steps=steps)
    assert "tokens" not in of(found, "generate") and "calls" not in of(found, "verify")
    assert of(found, "finetune")["steps"] == 50
    capped = planned(tmp_path, database, steps=steps, budget={"tokens": 10.0, "seconds": 10.0})
    assert cap(capped, "tokens").a_round == 0.0 and cap(capped, "seconds").a_round is None and not capped.warnings


def test_both_splits_of_the_suites_are_counted(tmp_path: Path, database: Database) -> None:
    from harness import registry

    (one,) = planned(tmp_path, database).suites
    splits = [sample.split for sample in registry.suite("primer:large").samples(None)]
    assert (one.dev, one.sealed) == (splits.count("dev"), splits.count("test")) and one.seconds is None
    (few,) = planned(tmp_path, database, gates={**GATES, "evaluate": {"limit": 80}}).suites
    assert few.dev is not None and few.sealed is not None and few.dev + few.sealed == 80


def test_rows_that_are_not_here_are_not_fetched_and_said(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness import data

    def fetched(*_: Any, **__: Any) -> None:
        raise AssertionError("asked the hub")

    monkeypatch.setattr(data, "hub", fetched)
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    found = planned(tmp_path, database, gates={"suites": {"mmlu": {"absolute": {"min": 0.5}}}})
    assert found.suites[0].dev is None and any("not on this machine (hub cais/mmlu" in one for one in found.warnings)
    assert found.gate.sealed is None


@pytest.mark.parametrize("exists", [True, False])
def test_nothing_is_touched(tmp_path: Path, exists: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from harness.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "home"))
    database = Database(tmp_path / "results" / "h.duckdb")
    if exists:
        worked(database, str(recipe(tmp_path / "recipes")))
    named = recipe(tmp_path / "recipes")
    before = snapshot(tmp_path)
    words = ["improve", str(named), "--plan", "--db", str(database.path), "--json"]
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 0, said.output
    document = json.loads(said.stdout)
    assert document["rounds_left"] == 2 and document["evaluation"]["base_is_judged"] is False
    assert (document["steps"][4]["estimate"].get("seconds") is not None) is exists
    assert snapshot(tmp_path) == before, "no database, no folder, no model"


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return path -> size and time of change, in nanoseconds, of everything below a folder."""
    found = {}
    for place, _, files in os.walk(folder):
        for name in [".", *files]:
            told = (Path(place) / name).stat()
            found[str(Path(place) / name)] = (told.st_size, told.st_mtime_ns)
    return found


def worked(database: Database, named: str, steps: int = 40, seconds: float = 20.0, **settings: str) -> None:
    """Store that a loop on this base trained once for so many steps, and evaluated the base."""
    told = load(named).recipe.model_copy(update={"settings": settings})
    rounds.start(database, "before", told.model_dump(mode="json"), told.digest, told.model)
    artifacts.add(database, Artifact("a1", "adapter", "artifacts/adapter/a1", "d1"))
    artifacts.add_step(
        database, "k1", step="improve.finetune", version="1", artifact_id="a1", fault=None, log="", loop="before",
        parameters={"epochs": 2, "batch": 4, "accumulation": 2, "seed": 3}, inputs=[], seconds=seconds,
    )  # fmt: skip
    curves = Curves(database, "k1")
    curves.measure(steps, {"loss": 1.0})
    curves.flush()
    artifacts.book(database, "before", "k1", "gpu_minutes", 4.0)
    now = datetime.now(UTC).replace(tzinfo=None)
    with database.write() as connection:
        run = {"run_id": "tiny-1", "name": "", "model": told.model, "status": "done", "started_at": now}
        insert(connection, "runs", run)
        part = {"run_id": "tiny-1", "suite": "primer:large", "wanted": 50, "seconds": 5.0, "metrics": []}
        insert(connection, "run_suites", part)


def test_seconds_are_those_of_earlier_work_on_the_same_base(tmp_path: Path, database: Database) -> None:
    named = str(recipe(tmp_path / "recipes"))
    worked(database, named, steps=40, seconds=20.0)
    found = planned(tmp_path, database, budget={"seconds": 9000, "gpu_minutes": 60})
    learning = of(found, "finetune")
    assert learning["seconds"] == pytest.approx(20.0 * 50 / 40) and learning["gpu_minutes"] == pytest.approx(5.0)
    (one,) = found.suites
    assert one.seconds == pytest.approx(0.1 * ((one.dev or 0) + (one.sealed or 0)))
    seconds, minutes = cap(found, "seconds"), cap(found, "gpu_minutes")
    assert seconds.a_round == pytest.approx(25.0 + one.seconds) and minutes.a_round == pytest.approx(5.0)
    assert seconds.all_rounds == pytest.approx(25.0 + 50.0 + 3 * one.seconds), "the second learns from twice the rows"
    assert "improve.finetune" not in found.unknown and "improve.merge" in found.unknown


def test_seconds_of_curation_grow_with_the_rows_that_came_in(tmp_path: Path, database: Database) -> None:
    worked(database, str(recipe(tmp_path / "recipes")))
    for number, (came_in, seconds) in enumerate(((50, 3.0), (20, 1.0))):
        made = Artifact(f"d{number}", "dataset", f"artifacts/dataset/d{number}", "d")
        (database.folder / made.path).mkdir(parents=True)
        (database.folder / made.path / "report.json").write_text(json.dumps({"in": came_in, "out": 1}))
        artifacts.add(database, made)
        artifacts.add_step(
            database, f"m{number}", step="improve.mix", version="2", artifact_id=made.id, fault=None, log="",
            loop="before", parameters={"ratio": 1, "replay": "primer", "seed": number}, inputs=[], seconds=seconds,
        )  # fmt: skip
    assert of(planned(tmp_path, database), "mix")["seconds"] == pytest.approx(3.0 * 100 / 50), "of 100 rows"


@pytest.mark.parametrize("other", [{"settings": {"seed": "1"}}, {"batch": 8}])
def test_other_work_measures_nothing(tmp_path: Path, database: Database, other: dict[str, Any]) -> None:
    worked(database, str(recipe(tmp_path / "recipes")))
    steps = (
        STEPS
        if "settings" in other
        else [*STEPS[:4], {"improve.finetune": {**STEPS[4]["improve.finetune"], **other}}, STEPS[5]]
    )
    found = planned(tmp_path, database, steps=steps, **({} if "batch" in other else other))
    assert "seconds" not in of(found, "finetune") and "improve.finetune" in found.unknown


@pytest.mark.slow
def test_a_loop_that_was_started_goes_on_where_it_is(tmp_path: Path, database: Database) -> None:
    named = recipe(tmp_path / "recipes", rounds=3, budget={"tokens": 1e6})
    loaded = load(str(named))
    rounds.start(database, loaded.loop, loaded.recipe.model_dump(mode="json"), loaded.digest, "tiny")
    for number, accepted in ((1, True), (2, None)):
        rounds.begin(database, loaded.loop, number, model="tiny", run_before="r", gate_before="g")
        rounds.note(database, loaded.loop, number, accepted=accepted)
    artifacts.book(database, loaded.loop, "k", "tokens", 3e5)
    found = plan(loaded, database)
    assert (found.done, found.accepted, found.left) == (1, 1, 2), "a round in the midst of it is still to be done"
    (tokens,) = found.caps
    assert tokens.left == pytest.approx(7e5) and tokens.spent == 3e5
    fresh = plan(load(str(named), ["name=other"]), database)
    told = (of(fresh, "generate")["tokens"], of(fresh, "verify")["tokens"])
    assert cap(fresh, "tokens").a_round == told[0] + told[1]
    assert tokens.a_round == told[0] + 2 * told[1], "the rows of round one are verified again"
    rounds.finish(database, loaded.loop, "passed", "the gate passes")
    assert plan(loaded, database).left == 0 and plan(loaded, database).caps[0].a_round == 0.0
    changed = plan(load(str(named), ["seed=5"]), database)
    assert any("has run by another recipe" in one for one in changed.warnings)


WARNED: dict[str, tuple[dict[str, Any], str]] = {
    "cap": ({"budget": {"tokens": 100.0}}, r"budget.tokens: a round may take .* and 100 are left"),
    "looks": ({"gates": {**GATES, "budget": {"looks": 2}}}, "leaves 2 looks, and 2 rounds and the base want 3"),
    "never": ({"gates": {**GATES, "evaluate": {"limit": 220}}, "accept": {"margin": 0.02}}, "no round can be accepted"),
    "seldom": ({"gates": {**GATES, "evaluate": {"limit": 600}}}, "that harms nothing is accepted with a chance of"),
    "items": ({"gates": {**GATES, "evaluate": {"limit": 90}}}, "decides nothing on fewer than 100"),
    "bound": (
        {"gates": {"suites": {"primer:large": {"absolute": {"min": 0.99}}}, "evaluate": {"limit": 500}}},
        "even all .* sealed samples right prove no more than 0.9",
    ),
    "price": (
        {"budget": {"usd": 1.0}, "teachers": {TEACHER: {}}}, "has no price: what it answers counts as free"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WARNED)
def test_what_cannot_work_is_warned_of(tmp_path: Path, database: Database, case: str) -> None:
    import re

    changes, told = WARNED[case]
    changes = dict(changes)
    gates = changes.pop("gates", GATES)
    found = plan(load(str(recipe(tmp_path / "r", gates=gates, **changes))), database)
    assert any(re.search(told, one) for one in found.warnings), found.warnings


def test_a_recipe_that_can_work_has_no_warning(tmp_path: Path, database: Database) -> None:
    assert planned(tmp_path, database, budget={"tokens": 1e7}).warnings == ()


def test_a_table_for_people_says_what_is_not_known(tmp_path: Path, database: Database) -> None:
    from io import StringIO

    from rich.console import Console

    shown = StringIO()
    price = {TEACHER: {"usd_per_token": 1e-6}}
    found = planned(tmp_path, database, teachers=price, budget={"usd": 1, "seconds": 600}, name="[red]x")
    plan_table.show(Console(file=shown, width=160), found)
    text = shown.getvalue()
    assert "[red]x: tiny, at most 2 rounds" in text, "names are not markup"
    assert "not measured yet, and so not counted: improve.generate" in text and "looks at the gate: 0 of 10" in text
    document = json.loads(json.dumps(plan_table.document(found)))
    assert document["budget"]["seconds"] == {
        "cap": 600.0,
        "spent": 0.0,
        "left": 600.0,
        "a_round": None,
        "all_rounds": None,
    }
    assert document["evaluation"]["suites"][0]["seconds"] is None and document["steps"][0]["teacher"] == TEACHER
