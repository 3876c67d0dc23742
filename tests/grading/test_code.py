"""Verdicts become modes, chat answers become code."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InfrastructureError
from harness.grading.code import extract, grade, humaneval_trial
from harness.modes import MODES
from harness.sandbox import Verdict, Word

BODY = "    return x + 1\n"
WHOLE = "def inc(x):\n    return x + 1\n"
ANSWERS = {
    "continued block": (f"{BODY}```\nThis adds one.", BODY),
    "continued block, never closed": (BODY, BODY),
    "continued, then an example": (f"{BODY}```\n```python\nprint(inc(1))\n```", BODY),
    "whole function without a fence": (WHOLE, WHOLE),
    "prose, then the function": (f"Here it is:\n```python\n{WHOLE}```\nDone.", WHOLE),
    "prose, an example first": (f"Use:\n```\ninc(1)\n```\nwhere\n```python\n{WHOLE}```", WHOLE),
    "fence first": (f"```python\n{WHOLE}```", WHOLE),
    "fence never closed": (f"Sure!\n```python\n{WHOLE}", WHOLE),
    "windows-like tag": (f"Sure!\n```Python3 title=a\n{WHOLE}```", WHOLE),
    "no definition in any fence": ("Sure:\n```\nx + 1\n```\n", "x + 1\n"),
    "prose alone": ("I cannot do that.", "I cannot do that."),
    "inline fence": ("Use ```inc``` please", "Use "),
    "empty": ("", ""),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_extract(name: str) -> None:
    text, code = ANSWERS[name]
    assert extract(text, "inc") == code


def test_extract_takes_entry_points_as_whole_words() -> None:
    text = "First:\n```\ndef increase(x): ...\n```\nthen\n```\ndef inc(x): ...\n```"
    assert extract(text, "inc") == "def inc(x): ...\n"


@given(st.text())
def test_extract_never_raises_and_returns_a_part(text: str) -> None:
    assert extract(text, "f(") in text


def test_the_official_program_in_its_two_halves() -> None:
    trial = humaneval_trial("import re\ndef f(x):\n", "    return x", "T = 1", "f")
    assert trial.candidate == "import re\ndef f(x):\n    return x" and trial.test == "T = 1\ncheck(f)"
    # On the side of the test the prompt needs a body, where it ends without one.
    assert trial.setup == "import re\ndef f(x):\n    pass\n" and trial.entry_point == "f"
    assert humaneval_trial('def f(x):\n    """Doc."""\n', "", "", "f").setup == 'def f(x):\n    """Doc."""\n'
    assert humaneval_trial("class (", "", "", "f").setup == ""


MODE_OF = {
    "pass": "right",
    "wrong_answer": "wrong_output",
    "runtime_error": "runtime_error",
    "load_error": "load_error",
    "timeout": "timeout",
    "memory_limit": "memory_limit",
    "disk_limit": "disk_limit",
    "output_limit": "output_limit",
    "exited": "exited",
    "crashed": "crashed",
    "protocol_error": "protocol_error",
}


@pytest.mark.parametrize("word", [word for word in get_args(Word) if word != "sandbox_error"])
def test_every_word_has_a_mode_and_only_pass_a_value(word: Word) -> None:
    result = grade(Verdict(word, "why"), "stop", "x")
    assert result.mode == MODE_OF[word] and result.mode in MODES
    assert result.value == float(word == "pass")
    assert result.detail == {"verdict": word, "reason": "why", "sandbox": "weak"}


@pytest.mark.parametrize("reason", ["SyntaxError: invalid", "IndentationError: x", "TabError: y", "SyntaxError"])
def test_syntax_errors_have_their_own_mode(reason: str) -> None:
    assert grade(Verdict("load_error", reason), "stop", "x").mode == "syntax_error"


def test_cut_off_and_blank_answers() -> None:
    assert grade(Verdict("load_error", "SyntaxError: x"), "length", "x").mode == "truncated"
    assert grade(Verdict("pass"), "length", "x").mode == "right"
    assert grade(Verdict("wrong_answer"), "truncated", "").mode == "truncated"
    assert grade(Verdict("wrong_answer"), "stop", " \n").mode == "empty"
    assert grade(Verdict("timeout", retried=True), "stop", "x").detail["retried"] == "alone"


def test_a_broken_sandbox_is_no_score() -> None:
    with pytest.raises(InfrastructureError, match="no more processes"):
        grade(Verdict("sandbox_error", "no more processes"), "stop", "x")
