"""What a stage broke: planted damage is named, undamaged runs name nothing, the first to break is the earliest."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from compress.damage import LISTED, capabilities, damage, first_broken
from harness.compare.pairs import SuitePairs
from harness.data import Row, number_samples
from harness.errors import UsageError
from harness.stats.proportions import mcnemar
from harness.store import Database, failures
from harness.types import Fault, Metric, Sample

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compare"))
from made_runs import ACC, add_run, once

SKILLS = ("add", "copy", "logic", "order", "tools")
PLACE = {"group_tag": "skill"}


def asked(count: int = 1000, suite: str = "quiz") -> list[Sample]:
    """Return samples of five skills and two variants; a name of its own is no capability."""
    rows = [
        Row({"n": n}, {"n": n}, "", {"skill": SKILLS[n % 5], "variant": "vw"[n // 5 % 2], "source": f"p{n}"}, f"q/{n}")
        for n in range(count)
    ]
    return list(number_samples(suite, rows))


SAMPLES = asked()


def right(rng: random.Random, share: float = 0.9) -> list[int]:
    return [int(rng.random() < share) for _ in SAMPLES]


def shaken(rng: random.Random, before: Sequence[int], rate: float = 0.03) -> list[int]:
    """Return answers of which as many broke as were mended, but for chance."""
    return [int(rng.random() >= rate) if x else int(rng.random() < 9 * rate) for x in before]


def broken(rng: random.Random, before: Sequence[int], share: float, **tags: str) -> list[int]:
    """Return answers of which a share with these tags broke."""
    hit = [all(one.tags[tag] == value for tag, value in tags.items()) for one in SAMPLES]
    return [int(x and not (h and rng.random() < share)) for x, h in zip(before, hit, strict=True)]


def worse(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(one["tag"], one["capability"]) for one in found["capabilities"] if one["verdict"] == "worse"]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "harness.duckdb")


@pytest.mark.parametrize("planted", [{"skill": "logic"}, {"variant": "w"}, {"skill": "tools", "variant": "v"}])
def test_what_was_broken_on_purpose_is_named_first(database: Database, planted: dict[str, str]) -> None:
    rng = random.Random(5)
    before = right(rng)
    after = broken(rng, shaken(rng, before), 0.4, **planted)
    add_run(database, "before", once(SAMPLES, before), **PLACE)
    add_run(database, "after", once(SAMPLES, after), **PLACE)
    found = damage(database, "before", "after")
    assert worse(found)[0] == next(iter(planted.items()))
    # Other values of the same tag did not break; of another tag, all hold samples that did.
    assert [one for one in worse(found) if one[0] in planted] == list(planted.items())
    here = [i for i, one in enumerate(SAMPLES) if one.split == "test"]
    for one in found["capabilities"]:
        mine = [i for i in here if SAMPLES[i].tags[one["tag"]] == one["capability"]]
        losses, wins = sum(before[i] > after[i] for i in mine), sum(before[i] < after[i] for i in mine)
        assert (one["n"], one["broken"], one["mended"]) == (len(mine), losses, wins)
        assert one["delta"] == pytest.approx((wins - losses) / len(mine)) and one["low"] <= one["delta"] <= one["high"]
        assert one["p"] == pytest.approx(min(1.0, 2 * min(mcnemar(wins, losses), mcnemar(losses, wins))))
        assert one["p_adjusted"] >= one["p"] and one["loss_low"] == -one["high"]
    assert {one["tag"] for one in found["capabilities"]} == {"skill", "variant"}


def paired(before: Sequence[int], after: Sequence[int]) -> SuitePairs:
    points = [tuple((float(x), 1.0) for x in side) for side in (before, after)]
    columns = [tuple(x for x, _ in side) for side in points]
    named = tuple(one.id for one in SAMPLES)
    return SuitePairs(
        "quiz", ACC, named, named, named, ("test",) * len(named), tuple(one.tags for one in SAMPLES), *columns,
        0, 0, {}, {}, (), *points, group_tag="skill",
    )  # fmt: skip


def test_undamaged_models_have_one_named_at_most_as_often_as_promised() -> None:
    rng = random.Random(6)
    alarms = 0
    for _ in range(150):
        before = right(rng)
        alarms += any(one["verdict"] == "worse" for one in capabilities([paired(before, shaken(rng, before))]))
    assert alarms <= 12  # 5% of 150 is 7.5; more than 12 would have a chance of 4%


def test_flips_are_listed_up_to_a_number_and_all_counted(database: Database) -> None:
    rng = random.Random(7)
    before = right(rng)
    after = [1 - x if i % 2 else x for i, x in enumerate(before)]
    add_run(database, "before", once(SAMPLES, before), **PLACE)
    add_run(database, "after", once(SAMPLES, after), **PLACE)
    found = damage(database, "before", "after", split="all")["suites"]["quiz"]
    assert found["broken"] + found["mended"] == 500 and found["n"] == 1000 and found["metric"] == "acc"
    assert found["broken"] > LISTED == len(found["flips"]) and {one["kind"] for one in found["flips"]} == {"broken"}
    assert found["flips"][0].items() >= {"before": "right", "after": "wrong_answer", "change": -1.0}.items()


def test_less_may_be_better_and_a_fault_is_no_loss(database: Database) -> None:
    metric = Metric("errors", "errors", higher_is_better=False)
    values: list[Any] = [{"errors": 0.0, "acc": 1.0}] * len(SAMPLES)
    later = [
        {"errors": 1.0, "acc": 0.0} if s.tags["skill"] == "add" else v for s, v in zip(SAMPLES, values, strict=True)
    ]
    later[:200] = [Fault("model", "timeout", "")] * 200
    add_run(database, "before", [(s, [v]) for s, v in zip(SAMPLES, values, strict=True)], metrics=[metric], **PLACE)
    add_run(database, "after", [(s, [v]) for s, v in zip(SAMPLES, later, strict=True)], metrics=[metric], **PLACE)
    found = damage(database, "before", "after", split="all")
    assert worse(found)[0] == ("skill", "add")
    one = found["capabilities"][0]
    assert (one["n"], one["broken"], one["mended"], one["delta"]) == (160, 160, 0, 1.0) and one["loss_low"] > 0.9


def test_the_same_run_and_other_terms(database: Database) -> None:
    add_run(database, "before", once(SAMPLES, [1] * 1000), **PLACE)
    add_run(database, "chat", once(SAMPLES, [0] * 1000), config={"prompt": "chat"}, **PLACE)
    assert damage(database, "before", "before")["capabilities"] == []
    found = damage(database, "before", "chat")
    assert found["capabilities"] == [] and found["refused"] == {"quiz": "prompt: raw against chat"}
    with pytest.raises(UsageError, match="no run"):
        damage(database, "before", "nowhere")


def test_causes_of_dev_failures_that_grew(database: Database) -> None:
    dev = [i for i, one in enumerate(SAMPLES) if one.split == "dev"]
    sides = {"before": [1] * 1000, "after": [1] * 1000}
    causes = {"before": dict.fromkeys(dev[:30], "c1"), "after": dict.fromkeys(dev[20:30], "c1")}
    causes["after"] |= dict.fromkeys(dev[100:140], "c2")
    head = {"embedder": "lsa", "seed": 0, "split": "dev", "suites": ["quiz"], "state": b"", "n": 30}
    failures.add_taxonomy(
        database, {"taxonomy_id": "tax", **head}, [{"cause_id": "c1", "label": "a"}, {"cause_id": "c2", "label": "b"}]
    )
    for run_id, values in sides.items():
        for place in causes[run_id]:
            values[place] = 0
        add_run(database, run_id, once(SAMPLES, values), **PLACE)
        rows = [
            {"suite": "quiz", "sample_id": SAMPLES[i].id, "attempt": 0, "cause_id": cause, "similarity": 1.0,
             "novel": False, "x": 0.0, "y": 0.0}
            for i, cause in causes[run_id].items()
        ]  # fmt: skip
        failures.add_members(database, "tax", run_id, rows)
    found = damage(database, "before", "after")["clusters"]
    assert [(one["cause"], one["label"], one["broken"], one["mended"], one["verdict"]) for one in found] == [
        ("c2", "b", 40, 0, "new"), ("", "unassigned", 0, 0, "no change"), ("c1", "a", 0, 20, "shrank")
    ]  # fmt: skip
    assert found[0]["n"] == len(dev) and found[0]["delta"] == pytest.approx(40 / len(dev))


def stage(number: int, *losses: tuple[str, float, str]) -> dict[str, Any]:
    found = [
        {"suite": "quiz", "tag": "skill", "capability": name, "n": 90, "broken": 9, "mended": 1, "loss_low": low,
         "verdict": verdict}
        for name, low, verdict in losses
    ]  # fmt: skip
    return {"number": number, "step": f"compress.{number}", "damage": {"capabilities": found}}


def test_the_first_to_break_is_of_the_earliest_stage_and_the_surest_loss() -> None:
    rows = [
        stage(3, ("logic", 0.9, "worse")),
        stage(1, ("logic", 0.8, ""), ("add", 0.2, "better")),
        stage(2, ("copy", 0.1, "worse"), ("order", 0.3, "worse"), ("logic", 0.5, "")),
        {"number": 0, "step": "a", "damage": None},
    ]
    found = first_broken(rows)
    assert (found["stage"], found["step"], found["capability"], found["others"]) == (2, "compress.2", "order", ["copy"])
    assert found["why"] == "9 of 90 samples broke, 1 were mended"
    nothing = first_broken(rows[1:2])
    assert nothing["stage"] is nothing["capability"] is None and "in 1 stages" in nothing["why"]
