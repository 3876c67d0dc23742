"""Cases: which records are failures, and what is known of each."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import storing
from storing import chat, row, sample

from harness.errors import UsageError
from harness.failures.cases import asked, cases, failed, last_turn, options
from harness.types import Completion, Fault, Metric, Request, Score

WRONG, RIGHT = Score({"acc": 0.0}, "wrong_answer", "7", {"why": "so"}), Score({"acc": 1.0}, "right", "0")


def test_failures_alone_sorted_with_what_was_asked_and_said(tmp_path: Path) -> None:
    rows = [
        row(sample(4), "so 7", WRONG, finish="length", completion_tokens=9),
        row(sample(2), "2", RIGHT),
        row(sample(3), "x", Fault("model", "http_500", "down")),
        row(sample(1), "", Score({"acc": 0.0}, "empty")),
        row(sample(4), "8", WRONG, attempt=1),
    ]
    found = cases(storing.run(tmp_path / "h.duckdb", rows), "run-1")
    assert [case.key for case in found] == [("made", "00001", 0), ("made", "00004", 0), ("made", "00004", 1)]
    four = found[1]
    assert (four.question, four.target, four.answer, four.text) == ("What is 4?", "4", "7", "so 7")
    assert (four.finish, four.mode, four.score, four.completion_tokens) == ("length", "wrong_answer", 0.0, 9)
    assert (four.name, four.origin, four.split, four.tags, four.detail) == (
        "made/4", "o4", "dev", {"subject": "s"}, {"why": "so"},
    )  # fmt: skip
    assert (found[0].answer, found[0].text) == (None, "")


def test_split_and_suites(tmp_path: Path) -> None:
    rows = [row(sample(n, suite), "x", WRONG) for n in range(4) for suite in ("a", "b")]
    database = storing.run(tmp_path / "h.duckdb", rows)
    assert [c.sample_id for c in cases(database, "run-1", split="dev", suites=["b"])] == ["00000", "00002"]
    assert {c.split for c in cases(database, "run-1", split="test")} == {"test"}
    assert len(cases(database, "run-1")) == 8 and cases(database, "run-1", suites=[]) == []
    with pytest.raises(UsageError, match="no suite 'c'"):
        cases(database, "run-1", suites=["c"])


def test_the_models_last_completion_speaks_not_the_judges(tmp_path: Path) -> None:
    one = sample(0, data={"question": "Book a table."})
    said = [
        ("model", Request("generate", prompt="turn 1"), Completion("first")),
        ("model", Request("generate", prompt="turn 2"), Completion("second", finish="length")),
        ("judge", Request("generate", prompt="judge"), Completion("third")),
    ]
    (case,) = cases(storing.run(tmp_path / "h.duckdb", [(one, 0, said, WRONG)]), "run-1")
    assert (case.text, case.finish) == ("second", "length")


def test_a_question_that_no_field_holds_is_the_end_of_the_prompt(tmp_path: Path) -> None:
    strange = {"data": {"blob": 3}}
    prompt = 'Answer.\n\nQ: How old is Bo?\nA: 3\n\nQ: How old is Ana "really"?\nA:'
    rows = [row(sample(0, **strange), "x", WRONG, prompt=prompt)]
    rows += [(sample(1, **strange), 0, [("model", chat('Say "hi"\nnow'), Completion("x"))], WRONG)]
    long = "Question: " + "x" * 9000 + "\nAnswer: y\n\nQuestion: What then?\nAnswer:"
    rows += [row(sample(2, **strange), "x", WRONG, prompt=long)]
    found = cases(storing.run(tmp_path / "h.duckdb", rows), "run-1")
    assert found[0].question.startswith('Q: How old is Ana "really"?') and "Bo" not in found[0].question
    assert found[1].question == 'Say "hi"\nnow'
    assert found[2].question.startswith("Question: What then?") and "xx" not in found[2].question


@pytest.mark.parametrize(
    ("data", "question"),
    [
        ({"prompt": "def f():"}, "def f():"),
        ({"task": "navigate", "input": "Turn left."}, "Turn left."),
        ({"facts": "Ana is 3.", "question": "How old?"}, "Ana is 3.\nHow old?"),
        ({"document": {"question": "Which?", "choices": {"text": ["a", "b"]}}}, "Which?"),
        ({"first": "He ran.", "second": "He moved."}, "He ran.\nHe moved."),
        ({"question": "  ", "text": "Real one"}, "Real one"),
        ({"question": ["not", "text"]}, ""),
    ],
)
def test_questions_of_many_rows(data: dict[str, object], question: str) -> None:
    assert asked(data) == question


def test_options_of_rows_and_of_lines() -> None:
    assert options({"choices": ["a", "b"]}, "") == ("a", "b")
    assert options({"document": {"choices": {"text": ["a", "b"]}}}, "") == ("a", "b")
    assert options({"input": ".."}, "Which?\nOptions:\n(A) one\n(B) two (C) three\n") == ("one", "two (C) three")
    assert options({"choices": ["only"]}, "(A) no list") == ()


@pytest.mark.parametrize(
    ("metric", "measures", "mode", "expected"),
    [
        (Metric("acc", "acc"), {"acc": 0.5}, "partial", True),
        (Metric("acc", "acc"), {"acc": 1.0}, "format_violated", False),
        (Metric("mc2", "mc2"), {"mc2": 0.9}, "right", False),
        (Metric("acc", "acc"), {}, "wrong_answer", False),
        (Metric("ter", "ter", low=0.0, high=9.0, higher_is_better=False), {"ter": 0.0}, "partial", False),
        (Metric("ter", "ter", low=0.0, high=9.0, higher_is_better=False), {"ter": 2.0}, "partial", True),
        (Metric("s", "hit", "ratio:of", high=25.0), {"hit": 3.0, "of": 3.0}, "partial", False),
        (Metric("s", "hit", "ratio:of", high=25.0), {"hit": 2.0, "of": 3.0}, "partial", True),
        (Metric("bits", "bits", high=float("inf")), {"bits": 3.0}, "wrong_answer", True),
    ],
)
def test_what_is_a_failure(metric: Metric, measures: dict[str, float], mode: str, expected: bool) -> None:
    assert failed(metric, measures, mode) is expected


def test_hostile_texts_come_back_as_they_were_said(tmp_path: Path) -> None:
    texts = ["\x00\x1b[31m", "'; DROP TABLE runs; --", "\ud800", '{"a": ' * 500, "🙂" * 2000, "\u202e"]
    rows = [
        row(sample(n, data={"input": text}), text, Score({"acc": 0.0}, "unparsed", text))
        for n, text in enumerate(texts)
    ]
    found = cases(storing.run(tmp_path / "h.duckdb", rows), "run-1")
    assert [c.text for c in found] == [t.replace("\ud800", "\ufffd") for t in texts]


def test_a_prompt_of_brackets_takes_no_time() -> None:
    for piece in ('"content": "', "\\", '"content":"\\"', "\n\n", "\nQ:"):
        assert isinstance(last_turn(piece * 5000), str)


@pytest.mark.slow
def test_fourteen_thousand_failures_in_seconds(tmp_path: Path) -> None:
    """Measured: 1.3 s on two busy cores (process time, so that a loaded machine does not count)."""
    question = {"question": "word " * 120, "choices": ["one", "two", "three", "four"], "prompt": "x" * 1000}
    rows = [row(sample(n, data=question), "thought " * 100 + "7", WRONG) for n in range(14_000)]
    database = storing.run(tmp_path / "h.duckdb", rows)
    began = time.process_time()
    assert len(cases(database, "run-1")) == 14_000
    assert time.process_time() - began < 20
