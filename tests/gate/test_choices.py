"""Choices from the store: which is right by the suite's own scorer, what is left out, and what a gate makes of a
calibrated model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from evidence_made import of, policy
from gate_runs import samples, store

from harness import registry
from harness.errors import UsageError
from harness.gate import choices
from harness.gate.decide import decide
from harness.gate.gather import gather
from harness.stats.scaling import Scaling
from harness.store import Database
from harness.types import Fault, Sample

SURE = (-0.1, -4.0, -5.0, -6.0)
PROMISED = policy({"mmlu": {"calibration": {"max_ece": 0.9}}}, reference=None)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "h.duckdb")


def ran(database: Database, asked: list[Sample], **told: object) -> str:
    """Store a run that is sure of A; every third sample wants another letter."""
    wanted = [replace(one, target="A" if place % 3 else "B") for place, one in enumerate(asked)]
    values = [float(one.target == "A") for one in wanted]
    return store(database, "cand-1", wanted, values, logprobs=[SURE] * len(wanted), **told)  # type: ignore[arg-type]


def test_lines_hold_what_was_said_and_which_choice_is_right(database: Database, tmp_path: Path) -> None:
    asked = samples(60)
    ran(database, asked)
    about, lines = choices.load(choices.write(database, "cand-1", tmp_path / "report"))
    dev = {one.id: one for one in asked if one.split == "dev"}
    assert {line["sample"] for line in lines} == set(dev) and 10 < len(lines) < 50
    assert (about["split"], about["run"], about["suites"]) == ("dev", "cand-1", {"mmlu": {"n": len(lines)}})
    for line in lines:
        assert line["origin"] == dev[line["sample"]].origin and line["subject"] == dev[line["sample"]].tags["subject"]
        assert line["logprobs"] == list(SURE) and line["suite"] == "mmlu"
        place = [one.id for one in asked].index(line["sample"])
        assert line["target"] == (0 if place % 3 else 1)
        assert choices.answer(line) == (list(SURE), line["target"])


def test_a_score_that_is_not_of_the_likeliest_choice_leaves_its_suite_out(database: Database, tmp_path: Path) -> None:
    asked = [replace(one, target="A") for one in samples(60)]
    store(database, "cand-1", asked, [0.0] * 60, logprobs=[SURE] * 60)
    with pytest.raises(UsageError, match="no log-likelihoods") as caught:
        choices.load(choices.write(database, "cand-1", tmp_path / "report"))
    assert "its acc is not that of the likeliest choice" in caught.value.expected
    assert "primer:choices" in caught.value.next


@pytest.mark.parametrize(
    ("suite", "target", "why"),
    [
        ("nowhere", "A", "no suite named 'nowhere'"),
        ("mmlu", "E", "no one choice is the right one"),
        ("adversarial:mmlu/typos", "A", "asks more than once"),
    ],
)
def test_what_cannot_be_asked_of_a_scorer_is_left_out_and_said(
    database: Database, tmp_path: Path, suite: str, target: str, why: str
) -> None:
    asked = [replace(one, target=target) for one in samples(60, suite)]
    store(database, "cand-1", asked, [0.0] * 60, logprobs=[SURE] * 60)
    folder = choices.write(database, "cand-1", tmp_path / "report")
    told = json.loads((folder / choices.ABOUT).read_text())["suites"][suite]
    assert told["n"] == 0 and why in told["left_out"]


def test_generated_answers_and_faults_are_no_choices(database: Database, tmp_path: Path) -> None:
    asked = samples(40)
    down = Fault("model", "http_500", "a bad day")
    store(database, "cand-1", asked, [down] * 20 + [1.0] * 20)
    folder = choices.write(database, "cand-1", tmp_path / "report")
    assert (folder / choices.CHOICES).read_text() == ""


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"logprobs": [-1, NaN], "target": 0}', '{"logprobs": [-1], "target": 0}',
     '{"logprobs": [-1, -2], "target": 2}', '{"logprobs": ["a", "b"], "target": 0}'],
)  # fmt: skip
def test_hostile_lines_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / choices.ABOUT).write_text('{"suites": {}}')
    (tmp_path / choices.CHOICES).write_text(text + "\n")
    with pytest.raises(UsageError, match="no log-likelihoods"):
        choices.load(tmp_path)


def test_a_calibrated_model_counts_on_test_alone_and_its_check_says_so(database: Database) -> None:
    asked = samples(200)
    told = Scaling("temperature", temperature=4.0)
    ran(database, asked, facts={"calibration": told.numbers()})
    held = gather(database, PROMISED, "cand-1").suites["mmlu"]
    assert len(held.confidences) == sum(one.split == "test" for one in asked) < 200
    assert {sure for sure, _ in held.confidences} == {told.sure(SURE)} != {Scaling().sure(SURE)}
    check = of(decide(PROMISED, gather(database, PROMISED, "cand-1")), "calibration", "mmlu")
    assert check.note.endswith("temperature 4") and check.outcome == "PASS"
    of_dev = of(decide(PROMISED, gather(database, PROMISED, "cand-1", "dev")), "calibration", "mmlu")
    assert of_dev.outcome == "ERROR" and "test alone" in of_dev.note


def test_without_a_calibration_all_samples_count_as_before(database: Database) -> None:
    ran(database, samples(60), facts={"parameters": 1})
    held = gather(database, PROMISED, "cand-1").suites["mmlu"]
    assert len(held.confidences) == 60 and {sure for sure, _ in held.confidences} == {Scaling().sure(SURE)}
    assert held.scaling == ""


@pytest.mark.parametrize("name", ["mmlu", "primer:choices", "adversarial:advglue", "adversarial:truthfulqa"])
def test_the_right_choice_is_found_whatever_a_target_looks_like(name: str) -> None:
    suite = registry.suite(name)
    for sample, right, _ in suite.examples():
        wanted = max(range(len(right.choice_logprobs)), key=right.choice_logprobs.__getitem__)
        assert choices.right(suite, sample, suite.metrics[0].value, len(right.choice_logprobs)) == wanted
