"""Holds a program to a list of tests and says of each one how it ended.

All tests run against one program, in one namespace and in order, as MBPP's official grading runs them (Austin et al.
2021, https://arxiv.org/abs/2108.07732): what passes there passes here. Other than there, a test that fails does not end
the run, so that every test gets an outcome of its own.

    judge("def inc(x):\\n    return x + 1", ["assert inc(1) == 2", "assert inc(2) == 4"])
      -> Judgement(verdict=Verdict("wrong_answer", ..), tests=(Outcome("pass"), Outcome("wrong_answer", ..)))

When the program is lost on the way (time, memory, exit), the tests without an answer run once more, each against a
fresh program, with a shorter limit. Those runs tell what failed; whether the program passed was decided before.

It judges nothing itself: `harness.sandbox` keeps tests and program apart, and says where it could not.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from harness.sandbox import Limits, Trial, Verdict, Word, run

ALONE = Limits(cpu_s=1.0)
LOST = frozenset({"timeout", "memory_limit", "disk_limit", "output_limit", "exited", "crashed", "protocol_error"})
"""Words after which there is no program left to ask."""


def can_fail(test: str) -> bool:
    """Return whether a test holds anything that any program could fail: an assert, a raise or a call.

    True where it does not compile: that is another complaint.
    """
    try:
        tree = ast.parse(test)
    except (SyntaxError, ValueError, RecursionError):
        return True
    return any(isinstance(node, ast.Assert | ast.Raise | ast.Call) for node in ast.walk(tree))


@dataclass(frozen=True)
class Outcome:
    """How one test ended."""

    word: Word
    """The sandbox's word; `wrong_answer` is an assertion of the test."""
    reason: str = ""


@dataclass(frozen=True)
class Judgement:
    """How a program ended under its tests."""

    verdict: Verdict
    """`pass`: all tests passed in one run. Otherwise word and reason of the first test that failed."""
    tests: tuple[Outcome, ...]
    """One for each test, in order."""

    @property
    def share(self) -> float:
        """Share of tests passed, in [0, 1]; 1 exactly when the program passed."""
        passed = sum(test.word == "pass" for test in self.tests)
        if self.verdict.word == "pass":
            return 1.0
        # Each passed alone, together they ran out of a limit: not all is well.
        return min(passed, len(self.tests) - 1) / len(self.tests)


def judge(candidate: str, tests: Sequence[str], setup: str = "", limits: Limits | None = None) -> Judgement:
    """Return the judgement of a program under tests.

    Args:
        tests: Python statements of the data set, at least one; never a model's text.
        setup: what runs between the program and its first test: imports, objects made of the program's classes.

    Raises:
        ValueError: when there is no test, or a test that is no Python.
    """
    if not tests:
        raise ValueError("no tests to hold a program to")
    for text in (setup, *tests):
        _check(text)
    verdict = run(Trial(candidate, tuple(tests), setup), limits or Limits())
    if verdict.word == "pass" or len(verdict.outcomes) != len(tests):
        return Judgement(verdict, tuple(Outcome(verdict.word, verdict.reason) for _ in tests))
    found = [Outcome(word, reason) for word, reason in verdict.outcomes]
    if verdict.word in LOST:
        for place, test in enumerate(found):
            if test.word in LOST:
                alone = run(Trial(candidate, tests[place], setup), ALONE)
                found[place] = Outcome(alone.word, alone.reason)
    return Judgement(verdict, tuple(found))


def _check(text: str) -> None:
    try:
        compile(text, "<test>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"a test that is no Python: {text[:80]!r}") from error
