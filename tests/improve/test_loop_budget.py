"""What a loop spends passes its cap by one call at most; with a larger cap it goes on and pays for nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_teacher import FAST, Teacher, sums
from looping_world import World, query

from harness.store import artifacts

pytestmark = pytest.mark.slow
CALL = 150
"""Tokens of each: 100 of the prompt, 50 of the answer."""
USD = 100 * 0.00001 + 50 * 0.0001


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        made = World(tmp_path_factory.mktemp("capped"), tiny_folder.parents[1])
        for name in ("HARNESS_HOME", "PYTHONPATH", "OMP_WAIT_POLICY"):
            patch.setenv(name, made.environment[name])
        for place in made.paths:
            patch.syspath_prepend(place)
        yield made


@pytest.fixture
def teacher() -> Iterator[Teacher]:
    server = Teacher(sums, [(), ("429",), ("cut",), ()])
    yield server
    server.end()


def recipe(world: World, name: str, teacher: Teacher, **top: Any) -> Path:
    prices = {"usd_per_prompt_token": 0.00001, "usd_per_token": 0.0001}
    asked = {"rows": 40, "rows_per_call": 4, "exemplars_per_call": 2, "max_tokens": 60}
    steps = [{"improve.generate": {"teacher": teacher.spec, **asked}}, *world.quick()[1:]]
    return world.recipe(name, steps, rounds=1, teachers={teacher.spec: {"settings": FAST, **prices}}, **top)


def spent(world: World, loop: str, what: str) -> float:
    return artifacts.spent(world.database, loop).get(what, 0.0)


def stored(world: World, loop: str) -> int:
    return int(query(world.database, "SELECT count(*) AS n FROM completions WHERE run_id = ?", f"loop {loop}")[0]["n"])


def test_tokens_and_what_was_paid_for_is_not_paid_again(world: World, teacher: Teacher) -> None:
    path = recipe(world, "tokens", teacher, budget={"tokens": 1})
    for cap in (1, 2 * CALL, 1000):
        ended = world.improve(path, f"budget.tokens={cap}")
        assert (ended.outcome, ended.exit_code) == ("budget", 3) and "tokens are spent" in ended.why
        assert cap <= spent(world, "tokens", "tokens") < cap + CALL
        assert spent(world, "tokens", "tokens") == CALL * teacher.paid.total() == CALL * stored(world, "tokens")
    done = world.harness("improve", path, "--set", "budget.tokens=100000", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1 and told["outcome"] == "rounds", done.stderr
    assert set(teacher.paid.values()) == {1} and told["rounds"][0]["rows"] == 40
    assert told["rounds"][0]["cost"]["tokens"] == CALL * teacher.paid.total(), "of all starts of this round"


def test_money(world: World, teacher: Teacher) -> None:
    path = recipe(world, "money", teacher, budget={"usd": 0.02})
    ended = world.improve(path)
    assert (ended.outcome, ended.exit_code) == ("budget", 3) and "usd are spent" in ended.why
    assert 0.02 <= spent(world, "money", "usd") < 0.02 + USD
    assert spent(world, "money", "usd") == pytest.approx(USD * teacher.paid.total())


def test_seconds_end_a_training_and_an_evaluation(world: World) -> None:
    path = world.recipe("seconds", world.quick(seconds=100_000, slow=0.001), rounds=1, budget={"seconds": 500})
    ended = world.improve(path)
    assert ended.outcome == "budget" and "seconds are spent" in ended.why
    largest = max(row["amount"] for row in bookings(world, "seconds"))
    assert 500 <= spent(world, "seconds", "seconds") <= 500 + largest
    # An evaluation is ended where the cap is, and stays what it is: with a larger one it goes on.
    path = world.recipe("evaluated", world.quick(), gate=0.01, budget={"seconds": 0.3})
    ended = world.improve(path)
    assert ended.outcome == "budget" and spent(world, "evaluated", "seconds") < 20
    assert world.improve(path, "budget.seconds=1000").outcome == "passed"


def bookings(world: World, loop: str) -> list[dict[str, Any]]:
    return query(world.database, "SELECT what, amount FROM spendings WHERE loop = ? AND what = 'seconds'", loop)
