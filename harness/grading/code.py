"""Grades programs: builds them, finds code in a chat answer, and turns a sandbox verdict into value, mode and detail.

Program construction is that of HumanEval's official harness (Chen et al. 2021, https://arxiv.org/abs/2107.03374, code
MIT): prompt + completion + newline + test + newline + `check(entry_point)`. A completion that repeats the whole
function is right too: the second definition wins, and the prompt keeps its imports and helper functions.

    humaneval_trial("def inc(x):\\n", "    return x + 1", "def check(c):\\n    assert c(1) == 2\\n", "inc")
      -> Trial(candidate="def inc(x):\\n    return x + 1", test="def check(c): ..check(inc)", entry_point="inc", ..)
    grade(Verdict("wrong_answer", "AssertionError"), finish="stop")  ->  Grade(0.0, "wrong_output", {..})

It runs nothing itself (`harness.sandbox` does; `asserts.py` where a program is held to a list of tests) and never
parses a model's text as Python in this process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.errors import InfrastructureError
from harness.sandbox import Trial, Verdict
from harness.types import Finish

SYNTAX_ERRORS = ("SyntaxError", "IndentationError", "TabError")
FENCE = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
BEGIN, DONE = "[BEGIN]", "[DONE]"
PROGRAM_START = re.compile(r"^(?:(?:async[ \t]+)?def|class|import|from)[ \t]+\w|^@\w", re.MULTILINE)
CODE_START = re.compile(r"[ \t]|(?:async\s+)?def\s|class\s|import\s|from\s|@|#|return\b")


@dataclass(frozen=True)
class Grade:
    """What a verdict means for a score."""

    value: float
    """1 for pass, else 0."""
    mode: str
    """One of `harness.modes.MODES`: the verdict's words, but `wrong_output` for an assertion of the test,
    `syntax_error` for a load error of that kind, `truncated` for a wrong answer that was cut off, `empty` for a blank
    one."""
    detail: Mapping[str, Any]
    """verdict, reason, sandbox level; the statement of the test `at` which it stopped; what the program had returned
    last (`got`); mode where it is `inprocess`; retried."""


def humaneval_trial(prompt: str, completion: str, test: str, entry_point: str) -> Trial:
    """Return the official program, cut where the completion ends and the test begins."""
    test = f"{test}\ncheck({entry_point})"
    return Trial(prompt + completion, test, setup=_on_our_side(prompt), entry_point=entry_point)


@lru_cache(maxsize=4096)
def _on_our_side(prompt: str) -> str:
    """Return the prompt as the test sees it, its helpers and imports: closed by a body where it ends without one."""
    for text in (prompt, f"{prompt.rstrip()}\n    pass\n"):
        try:
            compile(text, "<prompt>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
        return text
    return ""


def extract(text: str, entry_point: str) -> str:
    """Return the code of a chat answer that was asked to continue a prefilled, open code block.

    In this order: what stands before the first fence, when it looks like code (lm-eval's rule: the model continued
    the block); the first fenced block that defines `entry_point`; the first fenced block; what stands before the
    first fence, whatever it is.
    """
    head, fence, _ = text.partition("```")
    first_line = next((line for line in head.split("\n") if line.strip()), "")
    if not fence or CODE_START.match(first_line):
        return head
    blocks = [match.group(1) for match in FENCE.finditer(text)]
    definition = re.compile(rf"^[ \t]*(?:async[ \t]+)?def[ \t]+{re.escape(entry_point)}\b", re.MULTILINE)
    whole = [block for block in blocks if definition.search(block)]
    return (whole or blocks or [head])[0]


def solution(text: str, entry_point: str) -> str:
    """Return the program of a chat answer to a question whose program stands alone (MBPP).

    In this order: what stands between the last "[BEGIN]" and the first "[DONE]" after it, where an answer repeats
    those marks of MBPP's raw form; the rule of `extract`; and where there is no fence at all, the text from its first
    line that begins a definition or an import, so that a sentence before the code costs nothing.
    """
    text = text.rpartition(BEGIN)[2].partition(DONE)[0]
    code = extract(text, entry_point)
    first_line = next((line for line in code.split("\n") if line.strip()), "")
    if "```" in text or CODE_START.match(first_line):
        return code
    start = PROGRAM_START.search(code)
    return code[start.start() :] if start else code


def grade_test(word: str, reason: str) -> Mapping[str, str]:
    """Return mode and reason of one test of several, from its verdict's word."""
    mode = "right" if word == "pass" else _mode_of(word, reason)
    return {"mode": mode, "reason": reason} if reason else {"mode": mode}


def grade(verdict: Verdict, finish: Finish, text: str = "-") -> Grade:
    """Return value, mode and detail of a verdict on a completion that ended by `finish`.

    Args:
        text: the completion; only whether it is blank counts.

    Raises:
        InfrastructureError: for `sandbox_error`, which says nothing about the completion: a fault, never a zero.
    """
    if verdict.word == "sandbox_error":
        raise InfrastructureError(
            f"the sandbox broke: {verdict.reason}", "a machine that can start processes", "type: harness doctor"
        )
    detail = {"verdict": verdict.word, "reason": verdict.reason, "sandbox": verdict.level}
    detail |= {name: said for name, said in (("at", verdict.at), ("got", verdict.got)) if said}
    if verdict.mode == "inprocess":
        # Program and test shared a process: the verdict could be forged by a program that sets out to.
        detail["mode"] = "inprocess"
    if verdict.retried:
        detail["retried"] = "alone"
    right = verdict.word == "pass"
    return Grade(float(right), "right" if right else _failure(verdict, finish, text), detail)


def _failure(verdict: Verdict, finish: Finish, text: str) -> str:
    if finish in ("length", "truncated"):
        return "truncated"
    if not text.strip():
        return "empty"
    return _mode_of(verdict.word, verdict.reason)


def _mode_of(word: str, reason: str) -> str:
    if word == "wrong_answer":
        return "wrong_output"
    if word == "load_error" and reason.partition(":")[0] in SYNTAX_ERRORS:
        return "syntax_error"
    return word
