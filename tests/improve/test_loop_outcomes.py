"""How a loop ends, whatever it meets: an outcome with its exit code, and the next start goes on."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from looping_world import WEAK_STEPS, World, left, litter, query

from harness.errors import InfrastructureError, UsageError
from harness.store import Database, gates
from harness.store import rounds as stored
from improve.loop import improve
from improve.recipe import load

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        made = World(tmp_path_factory.mktemp("loops"), tiny_folder.parents[1])
        for name in ("HARNESS_HOME", "PYTHONPATH", "OMP_WAIT_POLICY"):
            patch.setenv(name, made.environment[name])
        for place in made.paths:
            patch.syspath_prepend(place)
        yield made


def test_a_policy_that_is_kept_already_costs_no_round(world: World) -> None:
    done = world.harness("improve", world.recipe("at-once", world.quick(), gate=0.01), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"rounds": [], "outcome": "passed", "why": "the gate passes"}
    assert len(gates.latest(world.database, 9, loop="at-once")) == 1


def test_a_round_that_makes_the_gate_pass(world: World) -> None:
    recipe = world.recipe("passes", world.quick(), gate=0.5)
    done = world.harness("improve", recipe, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (one,) = told["rounds"]
    assert told["outcome"] == "passed" and one["accepted"] is True and one["why"] == ""
    assert (one["verdict_before"], one["verdict_after"], one["rows"]) == ("FAIL", "PASS", 40)
    assert set(one) == {"number", "verdict_before", "verdict_after", "accepted", "rows", "cost", "candidate", "why"}
    assert one["cost"]["seconds"] > 0
    (row,) = world.rounds("passes")
    assert row["candidate"] == one["candidate"] and json.loads(row["decision"])["outcome"] == "PASS"
    # Started again it finds everything done: no round, no look, no execution more.
    before = left(world.database)
    assert world.improve(recipe).outcome == "passed" and left(world.database) == before


def test_rounds_are_done_and_rejected_ones_keep_their_reason(world: World) -> None:
    recipe = world.recipe("some", world.quick(gguf=[world.gguf(), world.gguf(WEAK_STEPS)]), rounds=2)
    lines: list[str] = []
    ended = world.improve(recipe, lines=lines)
    assert (ended.outcome, ended.exit_code) == ("rounds", 1)
    assert [one.accepted for one in ended.rounds] == [True, False] and ended.rounds[1].why == "it got worse"
    first, second = world.rounds("some")
    assert second["model"] == first["model_after"] and second["run_before"] == first["run_after"]
    # The second round learns from what the first one began with as well, and from the base again.
    assert (first["rows"], second["rows"]) == (40, 80) and "round 2: rejected: it got worse" in lines
    # One round more is the same loop.
    ended = world.improve(recipe, "rounds=3", "patience=1")
    assert ended.outcome == "nothing gained" and len(ended.rounds) == 2


def test_no_row_survives(world: World) -> None:
    ended = world.improve(world.recipe("barren", world.quick("guest.refuse")))
    assert (ended.outcome, ended.why, ended.exit_code) == ("no rows", "no row survived guest.refuse", 1)
    (row,) = world.rounds("barren")
    assert row["accepted"] is False and row["rows"] == 0 and row["candidate"] is None


def test_the_last_look_is_the_end(world: World) -> None:
    recipe = world.recipe("looks", world.quick(), policy={"budget": {"looks": 1}})
    for _ in range(2):
        ended = world.improve(recipe)
        assert (ended.outcome, ended.exit_code, ended.rounds) == ("looks", 3, ())
    assert len(gates.latest(world.database, 9, loop="looks")) == 1


def test_a_step_that_breaks_names_its_log_and_is_tried_again(world: World) -> None:
    over = world.folder / "stone"
    over.touch()
    recipe = world.recipe("trips", world.quick({"guest.trip": {"over": str(over)}}), rounds=1)
    done = world.harness("improve", recipe, "--json")
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 4 and "RuntimeError: tripped over stone" in error["what"]
    log = Path(error["next"].removeprefix("look at ").strip("'"))
    assert "tripped over stone" in log.read_text() and "Traceback" not in done.stderr
    assert stored.loops(world.database, "trips")[-1]["outcome"] == "broken"
    over.unlink()
    ended = world.improve(recipe)
    assert ended.outcome == "rounds" and ended.rounds[0].accepted and not litter(world.database.folder)
    tries = query(world.database, "SELECT step, fault FROM steps WHERE loop = 'trips' ORDER BY finished_at")
    assert [row["step"] for row in tries if row["fault"]] == ["guest.trip"]
    assert [row["step"] for row in tries].count("improve.generate") <= 1


def test_a_full_disk_is_said_and_the_loop_goes_on_when_there_is_room(world: World) -> None:
    """A limit on file sizes stands for the disk: what passes it fails as a write to a full disk does."""
    recipe = world.recipe("full", world.quick(rows=44), rounds=1)
    size = Path(world.gguf()).stat().st_size
    done = world.limited(size // 2, "improve", recipe, "--json")
    assert done.returncode == 4, done.stderr
    error = json.loads(done.stdout)["error"]
    assert "File too large" in error["what"] and "make room" in error["next"], error
    assert litter(world.database.folder) == []
    ended = world.improve(recipe)
    assert ended.outcome == "rounds" and ended.rounds[0].accepted and not litter(world.database.folder)


def test_another_recipe_is_another_loop(world: World) -> None:
    world.improve(world.recipe("mine", world.quick(), gate=0.01))
    recipe = world.recipe("mine", world.quick(rows=41), gate=0.01, seed=3)
    with pytest.raises(UsageError, match="has run by another recipe: seed, steps changed") as refused:
        world.improve(recipe)
    assert refused.value.next == "type: --set name=NEW"
    assert world.improve(recipe, "rounds=9", "name=other").outcome == "passed"


def test_an_older_database_is_migrated(world: World, tmp_path: Path) -> None:
    older = Path(__file__).parents[1] / "store" / "schema_002.duckdb.gz"
    place = tmp_path / "results" / "h.duckdb"
    place.parent.mkdir()
    with gzip.open(older) as source, place.open("wb") as target:
        shutil.copyfileobj(source, target)
    runs = len(query(Database(place), "SELECT * FROM runs"))
    assert stored.loops(Database(place)) == [] and stored.rows(Database(place)) == []
    recipe = world.recipe("old", world.quick(), gate=0.01)
    assert improve(load(str(recipe)), Database(place)).outcome == "passed"
    assert len(query(Database(place), "SELECT * FROM runs")) == runs + 1
    assert [row["outcome"] for row in stored.loops(Database(place))] == ["passed"]


def test_one_process_at_a_time(world: World) -> None:
    recipe = world.recipe("busy", world.quick(rows=45, seconds=2000, slow=0.1), rounds=1)
    child = world.start("improve", recipe)
    try:
        told: list[str] = []
        while "improve.decontaminate" not in "".join(told[-1:]):
            assert child.stdout is not None
            told.append(child.stdout.readline())
            assert told[-1], child.communicate()
        with pytest.raises(UsageError, match="the loop 'busy' is being driven by another process"):
            world.improve(recipe)
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("base", ["gguf:{gguf}", "scripted:x:y", "nonsense"])
def test_a_base_that_cannot_be_trained_is_refused_before_anything_is_asked(world: World, base: str) -> None:
    recipe = world.recipe(f"untrained-{base[:4]}", world.quick(), model=base.format(gguf=world.gguf()), settings={})
    with pytest.raises(UsageError, match=r"cannot be trained|no model 'nonsense'"):
        world.improve(recipe)
    # Nothing of it stays: mended in the recipe, it is the same loop.
    assert stored.loops(world.database, f"untrained-{base[:4]}") == []


def test_a_model_that_breaks_ends_the_loop_with_its_log(world: World, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(Path(world.gguf()).read_bytes()[:5000])
    recipe = world.recipe("breaks", world.quick(gguf=[str(broken)]), rounds=1)
    with pytest.raises((InfrastructureError, UsageError), match=r"broken|model\.gguf|GGUF") as error:
        world.improve(recipe)
    assert error.value.exit_code in (2, 4)
    (row,) = world.rounds("breaks")
    assert row["accepted"] is None and row["candidate"]
