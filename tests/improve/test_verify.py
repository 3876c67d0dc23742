"""Answers are run, scored or asked again; what breaks is an error and not a dropped row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from curating import done, stored

from harness import registry, sandbox
from harness.errors import InfrastructureError, UsageError
from harness.sandbox import Verdict
from harness.types import Completion, Fault, Request
from harness.workbench.rows import named
from improve.steps.verify import same_answer

RIGHT, WRONG = "def inc(x):\n    return x + 1\n", "def inc(x):\n    return x - 1\n"


def code(program: str, tests: Any = ("assert inc(1) == 2", "assert inc(5) == 6")) -> dict[str, Any]:
    return dict(named({"prompt": "Write inc.", "completion": program, "tests": tests, "entry_point": "inc"}))


def test_programs_run_with_their_own_tests(tmp_path: Path) -> None:
    half = "def inc(x):\n    return 2\n"
    hostile = "import os\ndef inc(x):\n    os._exit(0)\n"
    rows = [code(RIGHT), code(WRONG), code(half), code(hostile), code(f"Sure:\n```python\n{RIGHT}```\n"), code("")]
    kept, dropped, report, _ = done("improve.verify", tmp_path, [stored(tmp_path / "in", rows)])
    assert [one["completion"] for one in kept] == [RIGHT, f"Sure:\n```python\n{RIGHT}```\n"]
    assert all(one["checks"] == {"verify": "tests"} for one in kept)
    assert report["dropped"] == {"tests": 4} and report["passed_by"] == {"tests": 2}
    assert {one["dropped"]["mode"] for one in dropped} >= {"wrong_output", "empty"}


def test_tests_that_an_empty_program_passes_prove_nothing(tmp_path: Path) -> None:
    vacuous = ["assert True", "x = 1 + 1"]
    rows = [code(RIGHT), code(RIGHT + "# a\n", vacuous), code(RIGHT + "# b\n", [*vacuous, "assert inc(1) == 2"])]
    kept, dropped, *_ = done("improve.verify", tmp_path, [stored(tmp_path / "in", rows)])
    assert [one["completion"] for one in kept] == [RIGHT, RIGHT + "# b\n"]
    assert [one["dropped"]["mode"] for one in dropped] == ["vacuous"]


def test_procedural_rows_by_the_suites_own_scorer(tmp_path: Path) -> None:
    suite = registry.suite("primer")
    rows = []
    for sample, right, wrong in suite.examples():
        told = {"suite": "primer", "data": dict(sample.data), "target": sample.target}
        for said in (right, wrong):
            rows.append({"prompt": sample.data["prompt"], "completion": said.text, "sample": told})
    kept, dropped, _, _ = done("improve.verify", tmp_path, [stored(tmp_path / "in", rows)])
    assert len(kept) == len(dropped) == len(rows) // 2
    assert [one["completion"] for one in kept] == [one["completion"] for one in rows[::2]]


def test_a_broken_sandbox_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from improve.steps import verify

    monkeypatch.setattr(verify, "run", lambda *_: Verdict("sandbox_error", "no process"))
    with pytest.raises(InfrastructureError, match="no process"):
        done("improve.verify", tmp_path, [stored(tmp_path / "in", [code(RIGHT)])])
    assert sandbox.level() in sandbox.LEVELS


def test_agreement_of_a_teacher(tmp_path: Path) -> None:
    def teacher(request: Request) -> Completion:
        said = {"two": ["2", "So we add. The answer is 2.", "3"], "five": ["6", "7", "5"]}
        return Completion(said[request.prompt.split()[-1]][request.attempt])

    rows = [{"prompt": "one and one: two", "completion": " 2"}, {"prompt": "two and three: five", "completion": " 5"}]
    kept, dropped, _, _ = done("improve.verify", tmp_path, [stored(tmp_path / "in", rows)], teacher, teacher="big")
    assert [one["completion"] for one in kept] == [" 2"]
    assert dropped[0]["dropped"] | {"by": ""} == {"by": "", "reason": "agreement", "agree": 1, "of": 3}


def test_a_teachers_fault_is_an_error(tmp_path: Path) -> None:
    def teacher(request: Request) -> Fault:
        return Fault("model", "http_500", "gone")

    with pytest.raises(InfrastructureError, match="http_500"):
        done(
            "improve.verify",
            tmp_path,
            [stored(tmp_path / "in", [{"prompt": "a", "completion": "b"}])],
            teacher,
            teacher="big",
        )


def test_what_nothing_can_check_does_not_pass(tmp_path: Path) -> None:
    plain = {"prompt": "a", "completion": "b"}
    solved = {"prompt": "c", "completion": "d", "source": {"generator": "words"}}
    with pytest.raises(UsageError, match="none of the 1 rows can be checked"):
        done("improve.verify", tmp_path, [stored(tmp_path / "one", [plain])])
    kept, _, report, _ = done("improve.verify", tmp_path, [stored(tmp_path / "two", [plain, solved])])
    assert [one["prompt"] for one in kept] == ["c"] and report["dropped"] == {"not_checked": 1}


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (" 12", "12.", True),
        ("12", "3 or 12", False),
        ("He has 3 and buys 9 more, which makes 12", "So the answer is 12.", True),
        ("paris", "Paris", True),
        ("True", "not True", False),
        ("", "", False),
        ("3 < 4", "3 > 4", False),
    ],
)
def test_same_answer(left: str, right: str, same: bool) -> None:
    assert same_answer(left, right) is same
