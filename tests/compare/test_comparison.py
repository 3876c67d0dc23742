"""The report of two runs: figures, adjustment, groups, refusals, flips, document."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from made_runs import add_run, once, questions
from typer.testing import CliRunner

from harness import stats
from harness.cli import app
from harness.compare import compare
from harness.compare.document import document, opening
from harness.compare.flips import flips
from harness.errors import UsageError
from harness.store import Database
from harness.types import Fault, Metric

LOWER = Metric("error", "acc", higher_is_better=False)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "h.duckdb")


def test_figures_by_hand(database: Database) -> None:
    samples = questions(100)
    add_run(database, "a", once(samples, [1] * 60 + [0] * 40))
    add_run(database, "b", once(samples, [1] * 48 + [0] * 12 + [1] * 4 + [0] * 36))
    found = compare(database, "a", "b")
    line = found.suites[0].whole
    assert line is not None
    assert (line.n, line.clusters, line.wins, line.losses, line.ties) == (100, 100, 4, 12, 84)
    assert (line.reference, line.candidate) == (0.6, 0.52) and line.delta == pytest.approx(-0.08)
    expected = stats.contrast([1.0] * 60 + [0.0] * 40, [1.0] * 48 + [0.0] * 12 + [1.0] * 4 + [0.0] * 36, alpha=0.025)
    assert (line.method, line.p) == ("tango", pytest.approx(0.07681274414)), "exact McNemar of 4 and 12, two-sided"
    assert (line.low, line.high) == (expected.low, expected.high), "two-sided at 95%"
    assert line.verdict == "" and line.p_adjusted == line.p


def test_lower_is_better_turns_words_and_not_figures(database: Database) -> None:
    samples = questions(60)
    for run, share in (("a", 10), ("b", 40)):
        add_run(database, run, once(samples, [1] * share + [0] * (60 - share)), metrics=[Metric("acc", "acc"), LOWER])
    up, down = (compare(database, "a", "b", metrics={"quiz": name}).suites[0].whole for name in ("acc", "error"))
    assert up is not None and down is not None
    for line in (up, down):
        assert (line.reference, line.candidate, line.delta) == pytest.approx((1 / 6, 2 / 3, 0.5))
        assert line.low < line.delta < line.high
    assert (up.low, up.high, up.p) == pytest.approx((down.low, down.high, down.p))
    assert up.method == down.method == "tango", "right and wrong stay right and wrong"
    assert (up.wins, up.losses, up.verdict) == (30, 0, "better")
    assert (down.wins, down.losses, down.verdict) == (0, 30, "worse")


def test_holm_over_suites_and_benjamini_hochberg_over_groups(database: Database) -> None:
    dropped = {"one": 12, "two": 6, "three": 1}
    samples = {name: questions(80, name) for name in dropped}
    both = [sample for name in dropped for sample in samples[name]]
    add_run(database, "a", once(both, [1] * 240))
    add_run(database, "b", once(both, [n >= count for count in dropped.values() for n in range(80)]))
    found = compare(database, "a", "b")
    wholes = {s.pairs.suite: s.whole for s in found.suites}
    ps = {name: line.p for name, line in wholes.items() if line}
    assert len(ps) == 3 and len(set(ps.values())) == 3
    assert {name: line.p_adjusted for name, line in wholes.items() if line} == stats.holm(ps)
    assert ps["two"] <= 0.05 < 3 * ps["two"], "or this test does not tell Holm from nothing"
    assert all(line and bool(line.verdict) == (line.p_adjusted <= 0.05) for line in wholes.values())
    groups = {line.name: line for line in found.suites[0].lines}
    assert list(groups) == ["s0", "s1", "s2", "s3"] and found.suites[0].tag == "subject"
    adjusted = stats.benjamini_hochberg({name: line.p for name, line in groups.items()})
    assert {name: line.p_adjusted for name, line in groups.items()} == adjusted
    assert sum(line.n for line in groups.values()) == 80


def test_groups_of_a_macro_average_show_their_own_scores(database: Database) -> None:
    metric, samples = Metric("m", "acc", "macro:subject"), questions(10)
    for run in ("a", "b"):
        add_run(database, run, once(samples, [1] * 5 + [0] * 5), metrics=[metric])
    lines = compare(database, "a", "b").suites[0].lines
    assert [(line.name, line.n, line.reference) for line in lines] == [
        ("s0", 3, pytest.approx(2 / 3)), ("s1", 3, pytest.approx(1 / 3)), ("s2", 2, 0.5), ("s3", 2, 0.5),
    ]  # fmt: skip
    assert compare(database, "a", "b", by="none").suites[0].lines == ()
    with pytest.raises(UsageError, match="no sample has a tag 'subjet'") as caught:
        compare(database, "a", "b", by="subjet")
    assert "'subject'" in caught.value.expected


def test_incomparable_runs_are_refused_with_what_differs(database: Database) -> None:
    samples = questions(4)
    add_run(database, "a", once(samples, [1] * 4))
    add_run(database, "b", once(samples, [0] * 4), config={"prompt": "chat", "seed": 3}, status="stopped")
    with pytest.raises(UsageError) as caught:
        compare(database, "a", "b")
    assert "prompt: raw against chat" in caught.value.what and "seed" not in caught.value.what
    assert caught.value.next == "type: harness compare a b --allow prompt" and caught.value.exit_code == 2
    found = compare(database, "a", "b", allow=["prompt"])
    assert found.warnings == [
        "the candidate's run b is stopped", "prompt: raw against chat (quiz)", "seed: 0 against 3 (quiz)",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="for the suite 'quizz'"):
        compare(database, "a", "b", allow=["prompt"], metrics={"quizz": "acc"})


def test_flips_show_losses_first_and_what_both_said(database: Database) -> None:
    samples = questions(6)
    right, half, wrong = {"acc": 1.0}, {"acc": 0.5}, {"acc": 0.0}
    add_run(database, "a", list(zip(samples, [[right]] * 4 + [[wrong]] * 2, strict=True)))
    tries = [[right], [half], [wrong], [right, wrong], [right], [wrong]]
    add_run(database, "b", list(zip(samples, tries, strict=True)), config={"samples": 2})
    pairs = compare(database, "a", "b").suites[0].pairs
    found = flips(database, pairs, "a", "b", 10)
    assert [(f.name, f.better, f.change) for f in found] == [
        ("quiz/2", False, -1.0), ("quiz/1", False, -0.5), ("quiz/3", False, -0.5), ("quiz/4", True, 1.0),
    ]  # fmt: skip
    assert [f.group for f in found] == ["s2", "s1", "s3", "s0"]
    assert (found[0].reference.answer, found[0].candidate.answer) == ("a says 0", "b says 0")
    assert (found[2].candidate.answer, found[2].candidate.mode) == ("b says 1", "wrong_answer"), "the attempt that lost"
    assert [f.name for f in flips(database, pairs, "a", "b", 2)] == ["quiz/2", "quiz/1"]
    assert flips(database, pairs, "a", "b", 0) == []


def test_the_line_that_opens_a_flip_shows_every_attempt(database: Database) -> None:
    samples = questions(12)
    add_run(database, "a", once(samples, [1] * 12))
    add_run(database, "b", [(s, [{"acc": 1.0}, {"acc": 0.0}]) for s in samples], config={"samples": 2})
    pairs = compare(database, "a", "b").suites[0].pairs
    line = opening({"run_id": "b"}, "quiz", flips(database, pairs, "a", "b", 1)[0], f" --db {database.path}")
    shown = CliRunner().invoke(app, [*shlex.split(line)[1:], "--json"])
    assert shown.exit_code == 0, shown.stderr
    tried = json.loads(shown.stdout)["samples"]
    assert [(row["sample"], row["attempt"], row["text"]) for row in tried] == [
        ("quiz/0", 0, "b says 0"), ("quiz/0", 1, "b says 1"),
    ]  # fmt: skip


def test_the_document_is_json_even_without_pairs(database: Database) -> None:
    samples = questions(2)
    add_run(database, "a", once(samples, [1, 0.25]))
    add_run(database, "b", [(samples[0], [{"acc": 0.5}]), (samples[1], [Fault("model", "x", "")])])
    found = compare(database, "a", "b")
    shown = document(found, {"quiz": flips(database, found.suites[0].pairs, "a", "b", 5)}, " --db x.duckdb")
    part = json.loads(json.dumps(shown, allow_nan=False))["suites"]["quiz"]
    assert part["n"] == 1 and part["faults"] == {"reference": {}, "candidate": {"model/x": 1}}
    assert part["unpaired"] == {"reference": 1, "candidate": 0}
    opening = part["flips"]["listed"][0]["open"]["candidate"]
    assert opening == f"harness show b --suite quiz --sample {samples[0].id[:12]} --db x.duckdb"
    add_run(database, "c", [(samples[0], [Fault("model", "x", "")]), (samples[1], [None])])
    none = document(compare(database, "a", "c"), {}, "")["suites"]["quiz"]
    assert none["n"] == 0 and "delta" not in none and none["by"]["groups"] == {}
