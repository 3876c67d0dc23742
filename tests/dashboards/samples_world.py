"""Two runs of one suite with all that a sample can show: chats, calls, choices, verdicts, faults, attempts, causes."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "failures"))

from storing import Row, chat, row, run, sample

from harness.store import Database, failures
from harness.types import Completion, Fault, Message, Request, Score, ToolCall

HOSTILE = "<script>alert(1)</script> **bold** :red[x] $x$ [a](javascript:alert(2))"
PLAIN = 58
CHAT, CHOICE, TESTS, FAULT, TWICE = (f"{number:05}" for number in range(100, 105))
"""Ids of the samples that are special."""


def score(right: bool, mode: str = "wrong_answer", **more: object) -> Score:
    """Return a score of one or zero."""
    return Score({"acc": float(right)}, "right" if right else mode, **more)  # type: ignore[arg-type]


def make(path: Path) -> Database:
    """Store `run-1` with everything special, and `run-2` with the plain samples, every fifth of them flipped."""
    for name in ("run-1", "run-2"):
        rows = [_plain(number, name) for number in range(PLAIN)]
        run(path, [*rows, *(_special() if name == "run-1" else [])], run_id=name)
    database = Database(path)
    causes = [{"cause_id": "c1", "label": "odd ends", "label_source": "keywords", "keywords": ["odd"], "size": 2}]
    failures.add_taxonomy(database, {"taxonomy_id": "t1", "suites": ["made"], "state": b"", "n": 2}, causes)
    places = {"similarity": 1.0, "novel": False, "x": 0.0, "y": 0.0, "suite": "made", "attempt": 0}
    members = [{**places, "sample_id": f"{number:05}", "cause_id": "c1"} for number in (1, 3)]
    failures.add_members(database, "t1", "run-1", members)
    failures.add_members(database, "t1", "run-1", [{**members[1], "cause_id": ""}])  # it moved: the latest holds
    failures.set_name(database, "c1", "named by a person")
    return database


def _plain(number: int, name: str) -> Row:
    right = number % 2 == 0
    if name == "run-2" and number % 5 == 0:
        right = not right
    tags = {"subject": f"s{number % 3}"}
    said = f"{name} says Zebra {number}"
    seconds = 9.0 if number == 7 else 0.1
    prompt = f"few shot\n\n{'x' * 2000}\n\nWhat is {number}?"
    return row(sample(number, tags=tags), said, score(right, answer=said[-3:]), prompt=prompt, seconds=seconds)


def _special() -> list[Row]:
    """Return a chat with calls, a choice, a program, a fault, and two attempts at one sample."""
    call = ToolCall("find", {"word": '100% _ \\ "quoted"'})
    turns = Request(
        "generate", messages=(*chat('Call a tool:\nwhich "one"?').messages, Message("assistant", "", (call,)))
    )
    said = Completion(HOSTILE, reasoning="I think", tool_calls=(call,), finish="stop", cut_tokens=3)
    chosen = Request("choose", prompt="Which?", choices=(" red", " blue"))
    measured = Completion("", choice_logprobs=(-0.1, -3.0))
    stopped = {"at": "assert f(1) == 2", "got": HOSTILE}
    verdicts = {
        "verdict": "wrong_output",
        **stopped,
        "tests": [{"name": "one", "passed": True}, {"name": HOSTILE}],
        "n": {"a": 1},
    }
    long = Completion("def f(): ..." * 500)
    return [
        (sample(100), 0, [("model", turns, said), ("judge", chat("judge this"), Completion("no"))], score(False)),
        (sample(101, target="red"), 0, [("model", chosen, measured)], score(True, answer="red")),
        (sample(102), 0, [("model", Request("generate"), long)], score(False, detail=verdicts)),
        (sample(103, name=HOSTILE), 0, [], Fault("model", "http_500", HOSTILE)),
        row(sample(104), "first", score(False), 0),
        row(sample(104), "second", score(True), 1),
    ]
