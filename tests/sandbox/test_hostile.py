"""The corpus of hostile programs, run for real at every level this machine has, and what still stands after each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from corpus import ADD, TEST, Program, programs
from watch import one_worker, orphans, seen

from harness.sandbox import levels
from harness.sandbox.running import run
from harness.sandbox.verdict import Level, Limits, Trial, Verdict

HERE = levels.candidates()
LIMITS = Limits(cpu_s=0.6, wall_s=8.0, memory_bytes=1 << 30)
AMPLE = Limits(cpu_s=6.0, wall_s=30.0, memory_bytes=1 << 30)
"""For programs that another limit must stop first, on a slow machine too."""
IDLE = Limits(cpu_s=0.6, wall_s=0.6)
"""For programs that use no CPU time: their wall time-out is tried twice."""
SLEEPERS = ("sleeps", "stops itself", "only the first thread ends", "puts another file in its answers' place")
COVERED = {7, 8, 9, 10, *range(11, 41), 42}
"""Numbers of the reference; 41, state carried over, takes two programs each (`test_break_outs`)."""

needs_linux = pytest.mark.skipif("medium" not in HERE, reason="no Landlock or seccomp here")


@pytest.fixture(scope="module", autouse=True)
def secret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file that no program may read, change or remove; checked once all have tried."""
    path = tmp_path_factory.mktemp("harness") / "secret"
    path.write_text("secret")
    before = path.stat()
    os.environ["HARNESS_SECRET"] = "token"
    yield path
    del os.environ["HARNESS_SECRET"]
    after = path.stat()
    assert path.read_text() == "secret" and (after.st_mode, after.st_mtime) == (before.st_mode, before.st_mtime)
    assert [one.name for one in path.parent.iterdir()] == ["secret"]


def judged(program: Program, level: Level, secret: Path) -> Verdict:
    """Return the verdict, having seen that nothing is left and that the next program is judged by the same worker."""
    one_worker(level)
    if level not in HERE:
        pytest.skip(f"no level {level} here")
    assert run(Trial(ADD, TEST), LIMITS, at=level).word == "pass"
    before = seen(level)
    limits = IDLE if program.name in SLEEPERS else LIMITS if "timeout" in program.words else AMPLE
    verdict = run(program.trial(str(secret), os.getpid()), limits, at=level)
    after = seen(level)
    assert after == before and after.files == () and orphans() == [], verdict
    following = run(Trial(ADD, TEST), LIMITS, at=level)
    assert following.word == "pass" and not following.retried
    assert seen(level) == before
    return verdict


def cases(files: list[Program]) -> list[Any]:
    """Return a test for each level that promises something; the quick run leaves out the one that promises least."""
    slow = {"weak": (pytest.mark.slow,)}
    return [pytest.param(one, program, marks=slow.get(one, ())) for program in files for one in program.levels]


@pytest.mark.parametrize(("level", "program"), cases(programs("benign")), ids=str)
def test_benign_programs_pass(level: Level, program: Program, secret: Path) -> None:
    verdict = judged(program, level, secret)
    assert verdict.word == "pass" and verdict.mode == "split", verdict


@pytest.mark.parametrize(("level", "program"), cases(programs()), ids=str)
def test_hostile_programs_get_their_word(level: Level, program: Program, secret: Path) -> None:
    verdict = judged(program, level, secret)
    assert verdict.word in program.words and verdict.word != "pass", verdict
    assert verdict.mode == "split" and verdict.level == level
    assert len(verdict.reason) <= 500 and verdict.reason.isprintable()
    if verdict.word == "timeout":
        assert verdict.wall_s < (limits := IDLE if program.name in SLEEPERS else LIMITS).wall + 3.0
        assert verdict.cpu_s < limits.cpu_s + 1.5


def test_the_corpus_is_whole() -> None:
    hostile = programs()
    assert len(hostile) >= 60 and {one.number for one in hostile} >= COVERED
    assert {one.number for one in programs("benign")} >= set(range(1, 7))
    assert len({str(one) for one in hostile}) == len(hostile)
