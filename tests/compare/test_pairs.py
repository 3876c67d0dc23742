"""Pairs of runs: what pairs, what does not, and what is said about the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_runs import add_run, once, questions

from harness import report
from harness.compare import allowed, paired
from harness.compare.pairs import SuitePairs
from harness.config import EvalConfig
from harness.errors import UsageError
from harness.models.scripted import Scripted
from harness.runner import evaluate
from harness.store import Database, read
from harness.types import Fault, Metric, Request, Sample


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "h.duckdb")


def sums(pairs: SuitePairs) -> tuple[float, float]:
    return sum(pairs.reference), sum(pairs.candidate)


def scores(database: Database, run_id: str, metric: str = "acc") -> float:
    return report.reports(database, run_id)[0].metrics[metric].value


def test_two_evaluations_pair_on_all_their_samples(database: Database) -> None:
    def always(word: str):
        return lambda request: f" {word}"

    config = EvalConfig(suites=["primer"], limit=64)
    runs = [evaluate(config, database, model=Scripted(always(word), digest=word)).run_id for word in ("True", "False")]
    (pairs,) = paired(database, *runs)
    assert len(pairs.ids) == 64 and list(pairs.ids) == sorted(set(pairs.ids))
    assert (pairs.unpaired_reference, pairs.unpaired_candidate, pairs.changed) == (0, 0, 0)
    assert pairs.differences == () and pairs.refused == "" and pairs.group_tag == "skill"
    assert [sum(side) / 64 for side in (pairs.reference, pairs.candidate)] == [scores(database, run) for run in runs]
    assert Counter(tags["skill"] for tags in pairs.tags)["boolean"] == 8
    boolean = pairs.only([tags["skill"] == "boolean" for tags in pairs.tags])
    assert sum(boolean.reference) > 0 and sum(boolean.reference) + sum(boolean.candidate) <= 8
    assert not any(x and y for x, y in zip(pairs.reference, pairs.candidate, strict=True)), "True and False exclude"


def test_a_larger_limit_pairs_on_the_smaller_one(database: Database) -> None:
    runs = [
        evaluate(EvalConfig(suites=["primer"], limit=limit), database, model=Scripted(lambda request: " True")).run_id
        for limit in (16, 40)
    ]
    (pairs,) = paired(database, *runs)
    assert len(pairs.ids) == 16 and (pairs.unpaired_reference, pairs.unpaired_candidate) == (0, 24)
    assert pairs.reference == pairs.candidate and pairs.differences == ()


def test_content_that_changed_under_the_same_id_does_not_pair(database: Database) -> None:
    before, after = questions(6, target="4"), questions(6, target="four")
    assert [s.id for s in before] == [s.id for s in after], "the id is the question's, not its target's"
    add_run(database, "a", once(before, [1] * 6))
    add_run(database, "b", once(before[:4] + after[4:], [0] * 6))
    (pairs,) = paired(database, "a", "b")
    assert set(pairs.ids) == {s.id for s in before[:4]}
    assert (pairs.changed, pairs.unpaired_reference, pairs.unpaired_candidate) == (2, 2, 2)


def test_a_fault_on_one_side_is_counted_and_no_zero(database: Database) -> None:
    samples, fault = questions(8), Fault("model", "http_500", "a bad day")
    add_run(database, "a", once(samples, [1] * 8))
    outcomes = once(samples, [1] * 8)
    outcomes[2], outcomes[5] = (samples[2], [fault]), (samples[5], [None])
    add_run(database, "b", outcomes)
    (pairs,) = paired(database, "a", "b")
    assert len(pairs.ids) == 6 and pairs.reference == pairs.candidate == (1.0,) * 6
    assert (pairs.unpaired_reference, pairs.unpaired_candidate) == (2, 0)
    assert (dict(pairs.faults_reference), dict(pairs.faults_candidate)) == ({}, {"model/http_500": 1})


def test_duplicates_in_the_file_are_pairs_of_one_cluster(database: Database) -> None:
    samples = questions(5, twice=2)
    add_run(database, "a", once(samples, [1, 1, 1, 1, 1, 0, 0]))
    add_run(database, "b", once(samples, [0, 1, 1, 1, 1, 0, 1]))
    (pairs,) = paired(database, "a", "b")
    assert len(pairs.ids) == 7 and sorted(Counter(pairs.clusters()).values()) == [1, 1, 1, 2, 2]
    assert sums(pairs) == (5.0, 5.0) and Counter(pairs.signs) == {0: 5, 1: 1, -1: 1}
    assert Counter(pairs.clusters("subject")) == {"s0": 3, "s1": 2, "s2": 1, "s3": 1}


def test_a_record_that_lies_there_twice_counts_once(database: Database) -> None:
    samples = questions(4)
    add_run(database, "a", once(samples, [1, 0, 1, 0]))
    add_run(database, "b", once(samples, [1, 0, 1, 0]))
    with database.write() as connection:
        connection.execute("INSERT INTO records SELECT * FROM records WHERE run_id = 'a'")
        connection.execute(  # a fault that was mended, and stayed
            "INSERT INTO records BY NAME SELECT * REPLACE (NULL AS score_key, 'model' AS fault_boundary,"
            " 'x' AS fault_kind) FROM records WHERE run_id = 'b'"
        )
    (pairs,) = paired(database, "a", "b")
    assert sums(pairs) == (2.0, 2.0) and len(pairs.ids) == 4 and dict(pairs.faults_candidate) == {}


def test_attempts_are_averaged(database: Database) -> None:
    samples = questions(3)
    tries = [[{"acc": 1.0}, {"acc": 0.0}], [{"acc": 1.0}, Fault("model", "x", "")], [{"acc": 0.0}, {"acc": 0.0}]]
    add_run(database, "a", list(zip(samples, tries, strict=True)), config={"samples": 2})
    add_run(database, "b", once(samples, [1, 1, 1]))
    (pairs,) = paired(database, "a", "b")
    by_name = dict(zip(pairs.names, pairs.reference, strict=True))
    assert by_name == {"quiz/0": 0.5, "quiz/1": 1.0, "quiz/2": 0.0}
    assert dict(pairs.faults_reference) == {"model/x": 1} and pairs.unpaired_reference == 0
    assert [(d.what, d.fatal) for d in pairs.differences] == [("samples", False)]


def test_pass_at_k_leaves_out_samples_with_too_few_attempts(database: Database) -> None:
    samples, metric = questions(3), Metric("pass@2", "acc", "pass@2")
    right, wrong = {"acc": 1.0}, {"acc": 0.0}
    tries = [[right, wrong, wrong], [right, Fault("model", "x", ""), Fault("model", "x", "")], [wrong, wrong, right]]
    for run in ("a", "b"):
        add_run(database, run, list(zip(samples, tries, strict=True)), metrics=[metric])
    (pairs,) = paired(database, "a", "b")
    assert set(pairs.names) == {"quiz/0", "quiz/2"}
    assert pairs.reference == pytest.approx((2 / 3, 2 / 3)) and pairs.unpaired_reference == 1


def test_macro_and_ratio_have_the_metric_as_mean_and_groups_of_their_own(database: Database) -> None:
    metrics = [Metric("m", "acc", "macro:subject"), Metric("r", "acc", "ratio:calls")]
    samples = questions(7)
    for run, flip in (("a", 0), ("b", 1)):
        outcomes: list[tuple[Sample, list[Any]]] = [
            (s, [{"acc": float((n + flip) % 3 > 0), "calls": 1.0 + n % 2}]) for n, s in enumerate(samples)
        ]
        add_run(database, run, outcomes, metrics=metrics)
    for name in ("m", "r"):
        (pairs,) = paired(database, "a", "b", {"quiz": name})
        for run, values in (("a", pairs.reference), ("b", pairs.candidate)):
            assert sum(values) / 7 == pytest.approx(scores(database, run, name))
        inside = pairs.within([tags["subject"] == "s0" for tags in pairs.tags])
        assert len(inside.ids) == 2
        shown = report.reports(database, "b")[0]
        if name == "m":
            assert sum(inside.candidate) / 2 == pytest.approx(shown.groups["s0"].value)


def test_signs_of_a_ratio_are_those_of_the_samples(database: Database) -> None:
    metric = Metric("hallucinated", "made_up", "ratio:calls", higher_is_better=False)
    samples = questions(4)
    sides = {"a": [(1, 2), (0, 1), (0, 0), (2, 2)], "b": [(1, 4), (1, 1), (0, 3), (2, 2)]}
    for run, each in sides.items():
        add_run(
            database, run, [(s, [{"made_up": m, "calls": c}]) for s, (m, c) in zip(samples, each, strict=True)],
            metrics=[metric],
        )  # fmt: skip
    (pairs,) = paired(database, "a", "b")
    signs = dict(zip(pairs.names, pairs.signs, strict=True))
    assert signs == {"quiz/0": 1, "quiz/1": -1, "quiz/2": 0, "quiz/3": 0}, "less made up is better"


def test_a_ratio_with_nothing_below_has_no_pairs(database: Database) -> None:
    metric, samples = Metric("r", "acc", "ratio:calls"), questions(2)
    for run, calls in (("a", 0.0), ("b", 1.0)):
        add_run(database, run, [(s, [{"acc": 0.0, "calls": calls}]) for s in samples], metrics=[metric])
    (pairs,) = paired(database, "a", "b")
    assert pairs.ids == () and (pairs.unpaired_reference, pairs.unpaired_candidate) == (2, 2)


def test_split(database: Database) -> None:
    samples = questions(40)
    for run in ("a", "b"):
        add_run(database, run, once(samples, [1] * 40))
    parts = {split: paired(database, "a", "b", split=split)[0] for split in ("dev", "test", "all")}
    assert set(parts["dev"].splits) == {"dev"} and set(parts["test"].splits) == {"test"}
    assert len(parts["dev"].ids) + len(parts["test"].ids) == len(parts["all"].ids) == 40


@pytest.mark.parametrize(
    ("config", "suite", "what", "fatal"),
    [
        ({"prompt": "chat"}, {}, "prompt", True),
        ({"temperature": 0.7}, {}, "temperature", True),
        ({"top_p": 0.9}, {}, "top_p", True),
        ({"max_tokens": 5}, {}, "max_tokens", True),
        ({"reasoning_tokens": 5}, {}, "reasoning_tokens", True),
        ({"judges": {"judge": "tiny"}}, {}, "judges", True),
        ({"seed": 1}, {}, "seed", False),
        ({"engine": {"name": "gguf"}}, {}, "engine", False),
        ({"engine": {"name": "scripted", "n_ctx": 9}}, {}, "engine n_ctx", False),
        ({}, {"version": "2"}, "version", True),
        ({}, {"scorer_key": "other"}, "scorer", True),
        ({}, {"sandbox": "weak"}, "sandbox", False),
    ],
)
def test_what_differs_is_said(
    database: Database, config: dict[str, Any], suite: dict[str, Any], what: str, fatal: bool
) -> None:
    samples = questions(2)
    add_run(database, "a", once(samples, [1, 0]))
    add_run(database, "b", once(samples, [1, 0]), config=config, **suite)
    (pairs,) = paired(database, "a", "b")
    assert [(d.what, d.fatal) for d in pairs.differences] == [(what, fatal)]
    assert bool(pairs.refused) is fatal and (what in pairs.refused) is fatal
    if fatal:
        assert not replace(pairs, differences=allowed(pairs.differences, [what])).refused
    else:
        with pytest.raises(UsageError, match="nothing is refused"):
            allowed(pairs.differences, [what])


def test_a_judge_that_the_suite_never_asks_makes_no_difference(database: Database) -> None:
    def true(request: Request) -> str:
        return " True"

    runs = [
        evaluate(EvalConfig(suites=["primer"], limit=8), database, model=Scripted(true, digest=name)).run_id
        for name in "ab"
    ]
    with database.write() as connection:
        config = 'json_merge_patch(config, \'{"judges": {"judge": "tiny"}}\')'
        connection.execute(f"UPDATE runs SET config = {config} WHERE run_id = ?", [runs[1]])
    assert read.run(database, runs[1])["config"]["judges"] == {"judge": "tiny"}
    assert paired(database, *runs)[0].differences == ()


def test_what_cannot_be_paired_is_refused(database: Database) -> None:
    add_run(database, "a", once(questions(2), [1, 0]))
    add_run(database, "b", once(questions(2, "other"), [1, 0]))
    add_run(database, "c", once(questions(2) + questions(2, "other"), [1, 0, 1, 0]))
    for runs, more, why in (
        (("a", "a"), {}, "the same run twice"),
        (("a", "b"), {}, "no suite in common"),
        (("a", "c"), {"suites": ["other"]}, "run 'a' has no suite 'other'"),
        (("c", "a"), {"suites": ["other"]}, "run 'a' has no suite 'other'"),
        (("a", "c"), {"metrics": {"quiz": "f1"}}, "no metric 'f1'"),
        (("a", "d"), {}, "no run 'd'"),
    ):
        with pytest.raises(UsageError, match=why):
            paired(database, *runs, **more)
    assert [p.suite for p in paired(database, "a", "c")] == ["quiz"]
    assert [p.suite for p in paired(database, "c", "b", suites=["other", "other"])] == ["other"]


def test_samples_that_were_never_stored_still_pair(database: Database) -> None:
    samples = questions(3)
    for run in ("a", "b"):
        add_run(database, run, once(samples, [1, 0, 1]))
    with database.write() as connection:
        connection.execute("DELETE FROM samples")
    (pairs,) = paired(database, "a", "b")
    assert len(pairs.ids) == 3 and pairs.tags == ({},) * 3 and pairs.origins == pairs.ids
