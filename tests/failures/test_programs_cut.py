"""Programs that were cut off are told from programs with a mistake; names that prompts import are known."""

from __future__ import annotations

import pytest

from harness.failures.relations.programs import LONGEST, build, cut

WHOLE = "def f(x):\n    if x > 2:\n        return [x]\n    return []\n"


@pytest.mark.parametrize("length", range(20, len(WHOLE)))
def test_a_beginning_that_does_not_compile_is_cut(length: int) -> None:
    try:
        compile(WHOLE[:length], "", "exec")
    except SyntaxError:
        assert cut(WHOLE[:length])
    else:
        assert not cut(WHOLE[:length])


@pytest.mark.parametrize(
    "program", [WHOLE, WHOLE.replace("2:", "2"), "def f(x:\n    y = 1\n    return y\n", "x" * (LONGEST + 1)]
)
def test_a_mistake_before_the_end_is_none(program: str) -> None:
    assert not cut(program)


def test_an_open_docstring_is_a_cut() -> None:
    assert cut('def f():\n    """It says\n    f(1, 2)\n    and then f([')


def test_typing_is_imported_by_the_prompt() -> None:
    assert build("def f(x: List[int]) -> bool:\n    return x == []") == "one line"
    assert build("def f(x):\n    return y == []") == "uses an undefined name"
