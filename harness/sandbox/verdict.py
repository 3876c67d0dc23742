"""What the sandbox is asked and what it answers: Trial, Limits, Verdict, and the words a verdict may be.

Trial("def f(x):\\n    return x + 1", "assert f(1) == 2")
Verdict("pass", cpu_s=0.0002, level="strong", mode="split")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["none", "weak", "medium", "strong"]
LEVELS: tuple[Level, ...] = ("none", "weak", "medium", "strong")
"""Weakest first."""
Mode = Literal["auto", "split", "inprocess"]
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
class Trial:
    """A program of a model and what holds it to account."""

    candidate: str
    """The program: the model's text, with its prompt where the task has one."""
    test: str | tuple[str, ...]
    """Ours: Python that calls the program's functions and raises when one is wrong. Several are judged one by one."""
    setup: str = ""
    """Ours: Python that runs before the tests, on their side: the task's prompt, imports, helpers."""
    entry_point: str = ""
    """The function that is tested, where `setup` defines it too (a prompt's stub)."""
    mode: Mode = "auto"
    """`split`: tests stay in a trusted process, the program answers in plain data. `inprocess`: program and tests
    share a process and a namespace, which a program can exploit. `auto`: split, unless the test itself needs more."""

    @property
    def tests(self) -> tuple[str, ...]:
        """The tests as a tuple."""
        return (self.test,) if isinstance(self.test, str) else self.test


@dataclass(frozen=True)
class Limits:
    """What one program may use."""

    cpu_s: float = 3.0
    """CPU seconds of the whole program, over all its calls; looked at every 50 ms."""
    memory_bytes: int = 1 << 30
    """Address space of the process, the warm interpreter's 40 MB included."""
    wall_s: float | None = None
    """Backstop; None: 3 x `cpu_s` + 2."""

    @property
    def wall(self) -> float:
        """Wall seconds after which a program is ended."""
        return 3 * self.cpu_s + 2 if self.wall_s is None else self.wall_s


@dataclass(frozen=True)
class Verdict:
    """How a trial ended. `sandbox_error` is infrastructure and never a score."""

    word: Word
    reason: str = ""
    """Exception type and message, signal or limit; one line, the same for the same program."""
    cpu_s: float = 0.0
    """CPU seconds of the program, its threads included."""
    wall_s: float = 0.0
    level: Level = "weak"
    retried: bool = False
    """Whether this is a second try: after an idle wall time-out or a sandbox error the program ran again, alone."""
    mode: Mode = "split"
    """`split` or `inprocess`; the latter can be forged by a program that sets out to."""
    outcomes: tuple[tuple[Word, str], ...] = ()
    """Word and reason of each test, in order; empty when nothing could be run."""
    at: str = ""
    """The statement of the test that raised first, where the test is of several lines; empty for `inprocess`."""
    got: str = ""
    """What the program had returned last when a test found it wrong, as it stood then, shortened."""
    peak_bytes: int = 0
    """Resident memory at most, the warm interpreter's included."""
