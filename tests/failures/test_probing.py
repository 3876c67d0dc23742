"""Probes: in which way a program's result is wrong, seen by running it in the sandbox again."""

from __future__ import annotations

from pathlib import Path

import pytest
import storing
from storing import row, sample

from harness.failures.cases import cases
from harness.failures.diagnosis import diagnose
from harness.failures.diagnosis.probing import DIFFERENCE, instrumented, probed, word_of
from harness.failures.diagnosis.signature import signature_class
from harness.failures.relations.programs import DIFFERENCES
from harness.types import Score

WRONG = Score({"acc": 0.0}, "wrong_output", None, {"reason": "AssertionError", "sandbox": "strong"})
SEEN = [
    ("return None", "4", "returned None"),
    ("return '4'", "4", "another type"),
    ("return (1, 2)", "[1, 2]", "another type"),
    ("return False", "True", "the opposite truth"),
    ("return -4", "4", "wrong sign"),
    ("return 5", "4", "off by one"),
    ("return 41", "40.0", "off by one"),
    ("return 102", "100", "near miss"),
    ("return 7", "4", "another number"),
    ("return 'a B'", "'ab'", "another case or spacing"),
    ("return ''", "'ab'", "nothing in it"),
    ("return 'a'", "'ab'", "part of the text"),
    ("return 'x'", "'ab'", "another text"),
    ("return [2, 1]", "[1, 2]", "wrong order"),
    ("return [1, 1, 2]", "[1, 2]", "doubled items"),
    ("return [1]", "[1, 2]", "fewer items"),
    ("return [1, 2, 3]", "[1, 2]", "more items"),
    ("return [1, 9, 3]", "[1, 2, 3]", "one item differs"),
    ("return [8, 9, 3]", "[1, 2, 3]", "other items"),
    ("return {'a': 1}", "{'b': 1}", "other keys"),
    ("return {'a': 1}", "{'a': 2}", "other values"),
]


def stored(bodies: list[tuple[str, str]], tmp_path: Path) -> tuple[list[object], object]:
    """Return the cases of MBPP-like rows, one for each body and wanted value."""
    rows = []
    for number, (body, want) in enumerate(bodies):
        data = {"text": "Write f.", "test_list": ["assert f(0) == f(0)", f"assert f(2) == {want}"], "setup": ""}
        code = f"def f(x):\n    {body}\n"
        score = Score(WRONG.values, WRONG.mode, code, WRONG.detail)
        rows.append(row(sample(number, "mbpp", data=data, target=None), code, score))
    database = storing.run(tmp_path / "h.duckdb", rows)
    return cases(database, "run-1"), database  # type: ignore[return-value]


def test_every_way_of_being_wrong(tmp_path: Path) -> None:
    found, database = stored([(body, want) for body, want, _ in SEEN], tmp_path)
    told, faults = probed(found, database)  # type: ignore[arg-type]
    assert faults == []
    assert [case.detail.get("probe") for case in told] == [word for *_, word in SEEN]
    assert signature_class(diagnose(told[5])) == "wrong_output/off by one"
    assert {word for *_, word in SEEN} == set(DIFFERENCES) - {"something else"}
    assert probed(found, database)[0] == told  # type: ignore[arg-type]


def test_humaneval_rows_and_bounds(tmp_path: Path) -> None:
    test = "def check(candidate):\n    assert candidate(1) == 1\n    assert abs(candidate(3) - 3.0) < 1e-6, 'three'\n"
    data = {"prompt": "def g(x):\n", "test": test, "entry_point": "g"}
    code = "    return x if x < 2 else x + 1\n"
    rows = [row(sample(0, "humaneval", data=data, target=None), code, Score(WRONG.values, WRONG.mode, code, {}))]
    database = storing.run(tmp_path / "h.duckdb", rows)
    assert probed(cases(database, "run-1"), database)[0][0].detail == {"probe": "off by one"}


def test_what_cannot_be_probed_stays_as_it_is(tmp_path: Path) -> None:
    score = Score({"acc": 0.0}, "wrong_output", "def f(): pass")
    rows = [row(sample(0), "x", score), row(sample(2), "x", Score({"acc": 0.0}, "timeout", "while True: pass"))]
    database = storing.run(tmp_path / "h.duckdb", rows)
    found = cases(database, "run-1")
    assert probed(found, database) == (found, [])


def test_programs_that_do_harm_are_only_themselves_harmed(tmp_path: Path) -> None:
    bodies = ["raise AssertionError('differs: off by one')", "import os; os._exit(0)", "return [x] * 10**7", "return f"]
    found, database = stored([(body, "4") for body in bodies], tmp_path)
    told, faults = probed(found, database)  # type: ignore[arg-type]
    assert faults == [] and len(told) == 4
    assert {case.detail.get("probe", "") for case in told} <= {"", *DIFFERENCES}


def test_other_assertions_stay_as_they_are() -> None:
    for test in ("assert f(1)", "assert f(1) in (1, 2)", "assert 1 < f(1) < 3", "assert not f(1)", "x = f(1)"):
        assert instrumented(test) == f"{DIFFERENCE}\n{test}"
    assert instrumented("assert (") == "assert ("


@pytest.mark.parametrize("reason", ["", "AssertionError", "AssertionError: differs: Zorvia", "differs"])
def test_only_words_of_the_list_are_read(reason: str) -> None:
    assert word_of(reason) == ""
