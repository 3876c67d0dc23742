"""Weak kinds of question: planted ones are found, by tag and by prompt, once each, with what is said of them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compare"))

from made_runs import add_run
from scipy.stats import binomtest

from harness.data import Row, number_samples
from harness.errors import UsageError
from harness.failures.asked import Question, questions, value
from harness.failures.weakness import Weakness, weak, weaknesses
from harness.failures.weakness.scan import bounds, cover, held
from harness.failures.weakness.slices import Slice, tree
from harness.store import Database
from harness.types import Metric

ACC = Metric("acc", "acc")
TOPICS = {
    "rivers": "river bank delta flows water lake",
    "stars": "star planet orbit telescope light galaxy",
    "bread": "flour oven dough yeast bake loaf",
    "chess": "queen pawn bishop castle check mate",
}


def asked(low: dict[str, float], *, count: int = 100, tagged: bool = True, seed: int = 0) -> list[Question]:
    """Return questions of four topics, right with probability .8 or what `low` says of their topic."""
    dice, found = np.random.default_rng(seed), []
    for topic, words in TOPICS.items():
        for n in range(count):
            said = " ".join(dice.choice(words.split(), 5))
            tags = {"topic": topic, "half": "even" if n % 2 else "odd"} if tagged else {}
            value = float(dice.random() < low.get(topic, 0.8))
            found.append(Question("quiz", f"{topic}{n}", f"quiz/{topic}{n}", f"What of {said}?", tags, value))
    return found


def found(items: list[Question]) -> list[Weakness]:
    return weak(items, tree(items))


def test_a_weak_tag_is_reported_once() -> None:
    (one,) = found(asked({"bread": 0.3}))
    assert one.path == ("quiz", "topic=bread") and one.n == 100
    assert one.low < one.accuracy < one.high < one.overall and one.p <= 0.05
    assert set(one.keywords) <= set(TOPICS["bread"].split()) and len(one.keywords) == 5
    assert {i[:5] for i in one.sample_ids} == {"bread"}
    assert all(q.value == 0.0 for q in one.exemplars) and len(one.exemplars) == 3


def test_a_weak_kind_is_found_by_its_prompts() -> None:
    items = asked({"bread": 0.3}, tagged=False)
    hit = {i for one in found(items) for i in one.sample_ids}
    planted = {q.sample_id for q in items if q.sample_id.startswith("bread")}
    assert len(hit & planted) >= 0.9 * len(planted) and len(hit - planted) <= 0.1 * len(planted)


def test_equally_weak_children_are_told_by_their_parent() -> None:
    """Category north holds both weak subjects; category south none."""
    items = asked({"rivers": 0.3, "stars": 0.3})
    items = [
        Question(q.suite, q.sample_id, q.name, "?", {
            "subject": q.tags["topic"], "category": "north" if q.tags["topic"] in ("rivers", "stars") else "south",
        }, q.value) for q in items
    ]  # fmt: skip
    assert [one.path for one in found(items)] == [("quiz", "category=north")]


def test_a_parent_that_is_weak_through_one_child_leaves_the_child() -> None:
    items = asked({"rivers": 0.2})
    items = [
        Question(q.suite, q.sample_id, q.name, "?", {
            "subject": q.tags["topic"], "category": "north" if q.tags["topic"] in ("rivers", "stars") else "south",
        }, q.value) for q in items
    ]  # fmt: skip
    assert [one.path for one in found(items)] == [("quiz", "category=north", "subject=rivers")]


def test_tags_across_each_other_are_each_looked_at() -> None:
    """A weak half is seen though topics cut across it."""
    items = [
        Question(q.suite, q.sample_id, q.name, "?", q.tags, float(q.tags["half"] == "odd") if n % 3 else q.value)
        for n, q in enumerate(asked({}))
    ]
    assert [one.path for one in found(items)] == [("quiz", "half=even")]


def test_every_suite_is_held_against_itself() -> None:
    """One suite is harder than the other: that is no weakness of its questions."""
    items = [*asked({}), *(Question("hard", q.sample_id, q.name, q.text, q.tags, 0.0) for q in asked({}))]
    assert found(items) == []
    assert [one.path for one in weak(items, tree(items), tau=0.5)] == [("hard",)]


def test_graded_scores_count_by_how_much() -> None:
    dice = np.random.default_rng(0)
    items = [
        Question(
            q.suite, q.sample_id, q.name, q.text, q.tags, float(dice.beta(2, 3 if q.tags["topic"] == "chess" else 1))
        )
        for q in asked({})
    ]
    assert [one.path for one in found(items)] == [("quiz", "topic=chess")]


def test_five_equal_graded_scores_are_not_certain() -> None:
    values = np.array([0.5] * 5 + list(np.random.default_rng(0).uniform(0, 1, 200)))
    slices = [Slice(("s",), np.arange(205)), Slice(("s", "t=x"), np.arange(5))]
    assert held(slices, values)[1].p > 0.2


@pytest.mark.parametrize(("right", "n"), [(0, 5), (5, 5), (3, 20), (61, 100)])
def test_bounds_are_those_of_scipy(right: int, n: int) -> None:
    values = np.array([1.0] * right + [0.0] * (n - right))
    wanted = binomtest(right, n).proportion_ci(0.90, "exact")
    assert bounds(values, 0.0) == pytest.approx((wanted.low, wanted.high))


def test_fewer_than_five_are_no_slice() -> None:
    items = [Question("s", str(n), str(n), "?", {"t": "a" if n < 4 else "b"}, float(n >= 4)) for n in range(60)]
    assert {one.path for one in tree(items)} == {("s",), ("s", "t=b")}


def test_nothing_is_covered_twice() -> None:
    slices = [Slice(("s",), np.arange(100)), Slice(("s", "a=x"), np.arange(20)), Slice(("s", "b=y"), np.arange(20))]
    values = np.array([0.0] * 20 + [1.0] * 80)
    assert cover(slices, held(slices, values), values) == [1]


def test_twice_the_same_and_hostile_text() -> None:
    items = [
        Question(q.suite, q.sample_id, q.name, f"{q.text} \ud800 [red]", {}, q.value) for q in asked({"bread": 0.3})
    ]
    assert found(items) == found(items) != []


def test_questions_of_a_run(tmp_path: Path) -> None:
    """Attempts are averaged, faults left out, rows without a question take the end of their prompt."""
    database = Database(tmp_path / "h.duckdb")
    rows = [
        Row({"n": n}, {"question": f"Q{n}", "choices": ["x", "y"]} if n else {}, "", {"t": "a"}, f"q/{n}")
        for n in range(3)
    ]
    asked = list(number_samples("quiz", rows))
    add_run(database, "run", [(asked[0], [{"acc": 1.0}, {"acc": 0.0}]), (asked[1], [{"acc": 1.0}]), (asked[2], [None])])
    by_name = {q.name: q for q in questions(database, "run")}
    assert {name: (q.value, q.text) for name, q in by_name.items()} == {"q/0": (0.5, "q"), "q/1": (1.0, "Q1\nx\ny")}
    assert weaknesses(database, "run") == []


def test_refusals(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    add_run(database, "run", [(one, [{"acc": 1.0}]) for one in number_samples("quiz", [Row({"n": 1}, {})])])
    with pytest.raises(UsageError, match="has no suite 'quizz'"):
        weaknesses(database, "run", suites=["quizz"])
    with pytest.raises(UsageError, match="threshold of 1"):
        weaknesses(database, "run", tau=1.0)


@pytest.mark.parametrize(
    ("metric", "measured", "wanted"),
    [
        (ACC, 1.0, 1.0), (Metric("loss", "loss", higher_is_better=False), 0.25, 0.75),
        (Metric("s", "s", low=1, high=5), 3.0, 0.5),
        (Metric("nats", "nats", high=float("inf"), higher_is_better=False), 7.0, 0.0),
    ],
)  # fmt: skip
def test_values_are_put_on_one_scale(metric: Metric, measured: float, wanted: float) -> None:
    assert value(metric, [{"sample_id": "1", "measures": {metric.value: measured}, "mode": "wrong_answer"}]) == wanted
