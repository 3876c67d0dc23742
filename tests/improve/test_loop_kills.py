"""SIGKILL at random moments of a whole loop: the same rounds, artifacts, steps, answers and looks as without.

The moments are drawn evenly over the time that an undisturbed loop takes: at the line that it had said last by then,
so long after as it was then. Here a training is a file that is copied in a process of its own, after a while;
`tests/bench/kill_loop.py` kills real trainings, and more often.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from killing import Story, killed
from looping_world import WEAK_STEPS, World, alive, damaged, left, litter, query

from harness.store import Database
from harness.store import rounds as stored

pytestmark = pytest.mark.slow
KILLS = 6


@pytest.fixture
def world(tmp_path: Path, tiny_folder: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        made = World(tmp_path, tiny_folder.parents[1])
        patch.setenv("HARNESS_HOME", made.environment["HARNESS_HOME"])
        yield made


def test_kills_leave_what_an_undisturbed_loop_leaves(world: World, tmp_path: Path) -> None:
    steps = world.quick(
        "improve.verify", "improve.dedup", gguf=[world.gguf(), world.gguf(WEAK_STEPS)], seconds=9, slow=0.1
    )
    recipe = world.recipe("killed", steps, rounds=2)
    calm = Story.of(world, recipe)
    assert calm.code == 1 and [row["accepted"] for row in world.rounds("killed")] == [True, False]
    stormy = Database.at(str(tmp_path / "storm" / "h.duckdb"))
    hits = killed(world, recipe, stormy, calm, KILLS, seed=6)
    # On a machine that has become faster since, the loop may end before its last kills.
    assert len(hits) >= KILLS - 2 and len({key for key, _ in hits}) >= KILLS // 2, hits
    assert left(stormy) == left(world.database)
    assert litter(stormy.folder) == damaged(stormy) == [] and alive(str(stormy.path)) == []
    (looks,) = query(stormy, "SELECT count(*) AS n, count(DISTINCT candidate) AS runs FROM gates")
    assert looks["n"] == looks["runs"] == 3, "no look is taken twice"


def test_interrupted_it_says_how_to_go_on(world: World) -> None:
    recipe = world.recipe("stopped", world.quick(seconds=2000, slow=0.1), rounds=1)
    child = world.start("improve", recipe, "--json")
    assert child.stderr is not None
    while "improve.decontaminate" not in child.stderr.readline():
        assert child.poll() is None
    picking = f"{world.database.folder}/steps/"
    while not alive(picking):
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    stdout, stderr = child.communicate(timeout=60)
    error = json.loads(stdout)["error"]
    assert child.returncode == error["exit_code"] == 130 and "Traceback" not in stderr
    assert (error["what"], error["next"]) == ("interrupted", "the same command goes on")
    assert alive(picking) == [] and litter(world.database.folder) == []
    assert stored.loops(world.database)[-1]["outcome"] == "interrupted"
