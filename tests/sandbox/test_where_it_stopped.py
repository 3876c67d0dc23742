"""A wrong answer says at which statement of its test, and what the program had returned last."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.grading.code import grade
from harness.sandbox import Limits, Trial, run

CHECK = """
def helper(got, want):
    assert got == want, "apart"

def check(c):
    assert c(1) == 2
    assert c(2) == 3, "two"
    for x in [5, 6]:
        assert c(x) == x + 1
    helper(c(7),
           8)
    assert [c(y) for y in (8, 9)] == [
        9, 10]

check(f)
"""
UNTIL = "def f(x):\n    return x + 1 if x < {0} else {1}\n"
SHORT = Limits(1.0)


@pytest.mark.parametrize(
    "until, at",
    [
        (1, "assert c(1) == 2"),
        (2, 'assert c(2) == 3, "two"'),
        (6, "assert c(x) == x + 1"),
        (7, 'assert got == want, "apart"'),
        (9, "assert [c(y) for y in (8, 9)] == [ 9, 10]"),
    ],
)
def test_the_statement_and_the_value(until: int, at: str) -> None:
    verdict = run(Trial(UNTIL.format(until, "'no'"), CHECK, entry_point="f"), SHORT)
    assert (verdict.word, verdict.at, verdict.got) == ("wrong_answer", at, "'no'")
    detail = grade(verdict, "stop", "x").detail
    assert (detail["at"], detail["got"]) == (at, "'no'")


def test_a_statement_too_deep_to_be_written_anew() -> None:
    deep = f"x = 1\nassert f(1) == {' + '.join('1' * 900)}"
    verdict = run(Trial("def f(x):\n    return 900", deep), SHORT)
    assert verdict.word == "pass"
    verdict = run(Trial("def f(x):\n    return 899", deep), SHORT)
    assert (verdict.word, verdict.got) == ("wrong_answer", "899") and verdict.at.startswith("assert f(1) == 1 + 1 +")


def test_two_statements_of_a_line_and_two_tests_of_a_program() -> None:
    program = "def f(x):\n    return x + 1"
    assert run(Trial(program, "z = 1\na = f(1); assert a == 5"), SHORT).at == "assert a == 5"
    tests = ("def look(x):\n    y = x\n    assert y == 2", "z = 1\nlook(f(1))\nlook(f(2))")
    assert run(Trial(program, tests), SHORT).at == "look(f(2))"


def test_what_another_process_judges_or_a_limit_ends_says_nothing() -> None:
    program = "def f(x):\n    return list(x) if not isinstance(x, int) else x"
    verdict = run(Trial(program, ("assert f(1) == 2", "assert f(iter([1])) == 3")), SHORT)
    assert (verdict.mode, verdict.at, verdict.got) == ("inprocess", "", "")
    ends = "import os\ndef f(x):\n    if x > 1:\n        os._exit(0)\n    return x"
    verdict = run(Trial(ends, "z = f(1)\nassert f(2) == 3", entry_point="f"), SHORT)
    assert (verdict.word, verdict.at, verdict.got) == ("exited", "", "")


def test_of_a_loop_its_head_is_said() -> None:
    test = "y = 1\nfor x in f(1):\n    assert x\n"
    verdict = run(Trial("def f(x):\n    return 7", test), SHORT)
    assert (verdict.at, verdict.got) == ("for x in f(1):", "7")


def test_an_exception_has_a_place_and_no_value() -> None:
    verdict = run(Trial(UNTIL.format(6, "{}[x]"), CHECK, entry_point="f"), SHORT)
    assert (verdict.word, verdict.at, verdict.got) == ("runtime_error", "assert c(x) == x + 1", "")


@pytest.mark.parametrize("program", ["def f(x):\n    return x + 1", "def f(", "def f(x):\n    while True: pass"])
def test_elsewhere_nothing_is_said(program: str) -> None:
    verdict = run(Trial(program, CHECK, entry_point="f"), SHORT)
    assert (verdict.at, verdict.got) == ("", "")
    assert not {"at", "got"} & {*grade(verdict, "stop", "x").detail}


def test_the_first_of_several_tests_counts() -> None:
    tests = ("assert f(1) == 2", "assert f(2) == 3", "assert f(3) == 4")
    verdict = run(Trial(UNTIL.format(2, "-x"), tests), SHORT)
    assert (verdict.at, verdict.got) == ("", "-2")  # a test of one statement says itself where it stopped


@pytest.mark.parametrize(
    "value, got",
    [
        ("list(range(10**5))", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...]"),
        ("{'b', 'a'}", "{'a', 'b'}"),
        ("10**5000", "an integer of 16,610 bits"),
        ("[2, 10**5000]", "[2, an integer of 16,610 bits]"),
        ("'a  b 0xffff'", "'a  b 0xffff'"),
        ("{(None, 1), (2, None), (3, 4), (None, None)}", "{(2, None), (3, 4), (None, 1), (None, None)}"),
        ("set(range(2000))", "a set of 2,000"),
        ("[[[[1]]], {}, {1: {2: {3: 4}}}]", "[[[[...]]], {}, {1: {2: {...}}}]"),
        ("print", "<builtins.builtin_function_or_method>"),
        ("'\\x1b[31m\\n'", r"'\x1b[31m\n'"),
    ],
)
def test_what_is_returned_is_shown_short_and_plain(value: str, got: str) -> None:
    assert run(Trial(f"def f(x):\n    return {value}", "assert f(1) == 0"), SHORT).got == got


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=3), inner, max_size=20),
    max_leaves=40,
)


@settings(max_examples=60)
@given(VALUES)
def test_of_any_value_a_bounded_line(value: object) -> None:
    program = f"inf, nan = float('inf'), float('nan')\ndef f(x):\n    return {value!r}"
    verdict = run(Trial(program, "assert f(1) is run"), SHORT)
    assert verdict.got and len(verdict.got) <= 500 and verdict.got.isprintable()
