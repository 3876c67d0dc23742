"""A watched evaluation: told of every record in the seeded order, whatever finishes first, stopped and gone on with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from harness.config import EvalConfig
from harness.hashing import fraction
from harness.models.scripted import Scripted
from harness.runner import Interrupted, evaluate
from harness.runner.order import AT_ONCE, Order
from harness.store import Database, read
from harness.types import Completion, Fault, Record, Request

CONFIG = EvalConfig(model="scripted:dice", suites=["primer"], limit=200)


class Shuffling(Scripted):
    """Finishes the requests of a batch in an order of its own."""

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion | Fault]]:
        assert len(requests) <= AT_ONCE
        order = sorted(range(len(requests)), key=lambda i: fraction("speed", requests[i].source["sample_id"]))
        for index in order:
            yield index, next(iter(super().answer([requests[index]])))[1]


def dice(request: Request) -> str:
    return " True" if fraction("dice", request.source["sample_id"]) < 0.5 else " False"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "harness.duckdb")


class Seen:
    """A watch that has enough after `stop` records, and presses Ctrl-C after `interrupt` of them."""

    def __init__(self, stop: int = 10**9, interrupt: int = 10**9) -> None:
        self.stop, self.interrupt, self.records = stop, interrupt, list[Record]()

    def __call__(self, suite: str, record: Record) -> bool:
        assert suite == "primer"
        self.records.append(record)
        if len(self.records) == self.interrupt:
            raise KeyboardInterrupt
        return len(self.records) >= self.stop

    @property
    def ids(self) -> list[str]:
        return [record.sample_id for record in self.records]


def go(database: Database, seen: Seen, seed: int = 17, model: type[Scripted] = Shuffling):
    return evaluate(CONFIG, database, model(dice, name="dice"), order=Order(seed), watch=seen)


def test_told_in_the_seeded_order_whatever_finishes_first(tmp_path: Path) -> None:
    shuffled, straight, other = Seen(), Seen(), Seen()
    outcome = go(Database(tmp_path / "a.duckdb"), shuffled)
    assert outcome.status == "done" and len(shuffled.ids) == 200
    go(Database(tmp_path / "b.duckdb"), straight, model=Scripted)
    assert shuffled.ids == straight.ids
    go(Database(tmp_path / "c.duckdb"), other, seed=18)
    assert sorted(other.ids) == sorted(straight.ids) and other.ids != straight.ids


def test_stops_when_told_and_goes_on_as_the_same_run(database: Database) -> None:
    outcome = go(database, Seen(stop=40))
    assert outcome.status == "stopped" and outcome.note == "primer: decided by the gate after 40 of 200"
    assert outcome.asked <= 2 * AT_ONCE, "threads that score may lag a batch behind"
    assert read.runs(database)[0]["status"] == "stopped"
    again = go(database, Seen(stop=40))
    assert again.asked == 0 and (again.run_id, again.note) == (outcome.run_id, outcome.note)
    whole = evaluate(CONFIG, database, Scripted(dice, name="dice"))
    assert whole.run_id == outcome.run_id and whole.status == "done" and whole.asked == 200 - outcome.asked
    assert go(database, Seen(stop=40)).status == "done", "nothing is missing any more"


def test_an_earlier_call_s_records_take_their_turn(tmp_path: Path) -> None:
    calm, stormy, database = Seen(), Seen(interrupt=70), Database(tmp_path / "stormy.duckdb")
    go(Database(tmp_path / "calm.duckdb"), calm)
    with pytest.raises(Interrupted):
        go(database, stormy)
    after = Seen()
    assert go(database, after).asked < 200
    assert stormy.ids == calm.ids[:70] and after.ids == calm.ids


def test_siblings_are_asked_together(tmp_path: Path) -> None:
    seen = Seen()
    config = CONFIG.model_copy(update={"samples": 2})
    database = Database(tmp_path / "h.duckdb")
    order = Order(17, {"primer": "skill"})
    evaluate(config, database, Shuffling(dice, name="dice"), order=order, watch=seen)
    tags = {r["sample_id"]: r["tags"]["skill"] for r in read.query(database, "SELECT sample_id, tags FROM results")}
    skills = [tags[sample_id] for sample_id in seen.ids]
    assert sum(a != b for a, b in pairwise(skills)) == len(set(skills)) - 1
    assert seen.ids[::2] == seen.ids[1::2], "attempts at one sample stand side by side"
