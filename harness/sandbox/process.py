"""Runs one program in a fresh process with limits. See the package docstring for what is promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["none", "weak", "medium", "strong"]
Word = Literal[
    "pass",
    "wrong_answer",
    "runtime_error",
    "load_error",
    "timeout",
    "memory_limit",
    "disk_limit",
    "output_limit",
    "exited",
    "crashed",
    "protocol_error",
    "sandbox_error",
]


@dataclass(frozen=True)
class Limits:
    """What one program may use."""

    cpu_s: float = 3.0
    """CPU seconds; wall time is bounded at 3 x this + 2 s as a backstop."""
    memory_bytes: int = 1 << 30
    file_bytes: int = 16 << 20
    output_bytes: int = 1 << 20


@dataclass(frozen=True)
class Trial:
    """A candidate and what holds it to account: `candidate` is the model's text (with its prompt), `test` is ours."""

    candidate: str
    test: str
    """Python that runs after the candidate in the same namespace and raises when the candidate is wrong."""


@dataclass(frozen=True)
class Verdict:
    """How a trial ended. `sandbox_error` is infrastructure and never a score."""

    word: Word
    reason: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    level: Level = "weak"


def level() -> Level:
    """Return the isolation level that this machine offers now."""
    return "weak"


def run(trial: Trial, limits: Limits = Limits()) -> Verdict:
    """Run one trial and return its verdict; never raises for what the program does. Thread-safe."""
    raise NotImplementedError
