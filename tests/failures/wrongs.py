"""Builds single failures for tests of diagnoses."""

from __future__ import annotations

from typing import Any

from harness.failures.case import Case
from harness.failures.relations.pair import Pair


def wrong(question: str = "", target: Any = "", answer: str | None = "", **more: Any) -> Case:
    """Return a case; the text is the answer where none is given."""
    filled: dict[str, Any] = {
        "run_id": "run", "suite": "made", "sample_id": "0", "attempt": 0, "name": "made/0", "origin": "0",
        "split": "dev", "tags": {}, "question": question, "target": target, "choices": (), "answer": answer,
        "text": answer or "", "finish": "stop", "mode": "wrong_answer", "score": 0.0,
    }  # fmt: skip
    return Case(**{**filled, **more})


def pair(question: str, target: str, answer: str, text: str = "", choices: tuple[str, ...] = ()) -> Pair:
    """Return the pair of a case."""
    return Pair.of(wrong(question, target, answer, text=text or answer, choices=choices))
