"""The nouns of failure analysis: a Case is one wrong answer, a Diagnosis what is said of it without its topic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One scored sample of a run whose primary value is not full marks."""

    run_id: str
    suite: str
    sample_id: str
    attempt: int
    name: str
    origin: str
    split: str
    tags: Mapping[str, str]
    question: str
    """What was asked: the prompt's last part, without few-shot examples."""
    target: Any
    choices: tuple[str, ...]
    """Texts of the options, multiple choice only."""
    answer: str | None
    """What was extracted; None when nothing could be."""
    text: str
    """What the model said (hostile)."""
    finish: str
    mode: str
    score: float
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What the scorer left: outcome per test, exception, fields that differ."""
    completion_tokens: int = 0
    critique: str = ""
    """A judge's masked sentence on it, where one was asked."""

    @property
    def key(self) -> tuple[str, str, int]:
        """Suite, sample id and attempt: unique within a run, and the order that everything is sorted by."""
        return (self.suite, self.sample_id, self.attempt)


@dataclass(frozen=True)
class Diagnosis:
    """What can be said of a failure without naming its topic: numbers, names and gold are masked."""

    text: str
    """One or two sentences: what was expected, what came, how near it was."""
    signature: Mapping[str, str] = field(default_factory=dict)
    """Feature -> value of a closed list: mode, finish, relation of answer and target, exception, length bucket, ..."""
