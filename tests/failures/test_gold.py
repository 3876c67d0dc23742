"""Suspected bad golds of stored runs: who is compared with whom, and what stands for an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness.data import Row, number_samples
from harness.errors import UsageError
from harness.failures.gold import plain, suspects
from harness.hashing import digest, sample_digest
from harness.store import Database, write
from harness.types import Completion, Metric, Record, Request, Run, Sample, Score

COUNT = 120
Answer = tuple[str, Mapping[str, Any]]


def samples(count: int = COUNT, first_target: str = "A") -> list[Sample]:
    rows = [
        Row(
            {"n": n}, {"question": f"Which of [b]{n}[/b]?", "choices": ["w", "x", "y", "z"]},
            first_target if n == 0 else "ABCD"[n % 4], {"subject": "s"}, f"quiz/{n}",
        )
        for n in range(count)
    ]  # fmt: skip
    return list(number_samples("quiz", rows))


def store(database: Database, run_id: str, asked: Sequence[Sample], answers: Sequence[Answer]) -> None:
    wanted = {
        "suite": "quiz", "version": "1", "source": "", "licence": "", "metrics": [asdict(Metric("acc", "acc"))],
        "group_tag": "subject", "scorer_key": "k", "sandbox": "", "wanted": len(asked),
    }  # fmt: skip
    run = Run(run_id, "", run_id, digest(run_id), {"prompt": "raw"}, ("quiz",), "2026-01-01")
    write.add_samples(database, list(asked))
    write.add_run(database, run, digest(run_id), 0, {"model_facts": {}, "engine": {}, "host": {}}, [wanted])
    journal = write.Journal(database, run_id)
    for sample, (answer, detail) in zip(asked, answers, strict=True):
        key = digest(run_id, sample.id)
        journal.add_completion(key, Request("generate", prompt="q"), Completion(answer), digest(run_id))
        right = answer == sample.target
        score = Score({"acc": float(right)}, "right" if right else "wrong_answer", answer, detail)
        record = Record(run_id, "quiz", sample.id, 0, (key,), score)
        journal.add_record(record, sample_digest(sample), digest("score", key), "k", replaces=False)
    journal.flush()


def strong(asked: Sequence[Sample], wrong: Mapping[int, str], slips: int) -> list[Answer]:
    """Return the targets, but for `wrong`; every so often a slip of its own."""
    said = [wrong.get(n, s.target if n % 13 != slips else "ABCD"[(n + 1) % 4]) for n, s in enumerate(asked)]
    return [(answer, {}) for answer in said]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "h.duckdb")


def test_the_same_wrong_answer_of_three_strong_models(database: Database) -> None:
    asked = samples()
    for number, run in enumerate(("one", "two", "three")):
        store(database, run, asked, strong(asked, {0: " c. "}, slips=number + 3))
    (found,) = suspects(database, ["one", "two", "three"])
    assert (found.name, found.gold, found.answer) == ("quiz/0", "A", "c")
    assert (found.agree, found.right, found.of) == (3, 0, 3)
    assert found.p <= 0.05 and found.odds > 0
    assert found.question == "Which of [b]0[/b]?\nw\nx\ny\nz"


def test_one_run_twice_is_one_model(database: Database) -> None:
    asked = samples()
    store(database, "one", asked, strong(asked, {0: "C"}, slips=3))
    assert suspects(database, ["one", "one"]) == []


def test_another_target_is_another_sample(database: Database) -> None:
    """Two runs that were scored against different targets say nothing about either."""
    for run, target in (("one", "A"), ("two", "B")):
        asked = samples(first_target=target)
        store(database, run, asked, strong(asked, {0: "C"}, slips=3 if run == "one" else 4))
    assert suspects(database, ["one", "two"]) == []


def test_split_is_kept(database: Database) -> None:
    asked = samples()
    for number, run in enumerate(("one", "two", "three")):
        store(database, run, asked, strong(asked, {0: "C"}, slips=number + 3))
    other = "test" if asked[0].split == "dev" else "dev"
    assert [s.name for s in suspects(database, ["one", "two", "three"], split=asked[0].split)] == ["quiz/0"]
    assert suspects(database, ["one", "two", "three"], split=other) == []


def test_programs_agree_by_what_they_fail_with(database: Database) -> None:
    """Their texts differ; a failure that is common everywhere is no agreement, one of its own is."""
    asked = samples()
    for number, run in enumerate(("one", "two", "three")):
        answers: list[Answer] = []
        for n, sample in enumerate(asked):
            if n == 0:
                answers.append((f"def {run}", {"verdict": "wrong_answer", "reason": "f(3) == 5, not 6"}))
            elif n % 13 == number + 3 or n == 1:
                answers.append((f"def {run}", {"verdict": "wrong_answer", "reason": "AssertionError"}))
            else:
                answers.append((sample.target, {"verdict": "pass", "reason": ""}))
        store(database, run, asked, answers)
    found = suspects(database, ["one", "two", "three"])
    assert [(s.name, s.answer, s.agree) for s in found[:1]] == [("quiz/0", "wrong_answer: f(3) == 5, not 6", 3)]
    lone = next((s.odds for s in found if s.name == "quiz/1"), -99.0)
    assert lone < found[0].odds - 3


def test_an_unknown_run_is_told(database: Database) -> None:
    asked = samples()
    store(database, "one", asked, strong(asked, {}, slips=3))
    with pytest.raises(UsageError, match="no run 'on3'"):
        suspects(database, ["one", "on3"])


@pytest.mark.parametrize(
    ("said", "as_"),
    [(" $1,200.0. ", "1200"), ("18", "18"), ("18.00", "18"), ("(B)", "(b)"), ("A  b\nc", "a b c"), ("inf", "inf"),
     ("1e400", "1e400"), ("nan", "nan"), ("", "")],
)  # fmt: skip
def test_plain_answers(said: str, as_: str) -> None:
    assert plain(said) == as_
