"""Runs one program in a fresh process with limits: the level `weak`.

    run(Trial("def f(x):\\n    return x + 1", "assert f(1) == 2"))  ->  Verdict("pass", cpu_s=0.001, ..)
    run(Trial("def f(x):\\n    return x", "assert f(1) == 2"))      ->  Verdict("wrong_answer", "AssertionError", ..)

**Promised.** A fresh interpreter in its own session, with none of the caller's environment (only PYTHONHASHSEED=0 and
single-thread settings, so that verdicts repeat), an empty scratch folder as current folder, removed afterwards
whatever was left in it, stdin at its end, output counted and thrown away. Limits on CPU seconds, address space, size
of a file, open files, output. The limit that counts is CPU time; wall time is only a backstop, and a program that hit
it without having used much CPU (a sleeper, or a machine under load) runs once more, alone. `pass` needs a frame with
the run's nonce on a private pipe: an exit code or printed text is never a pass. Where the system allows unprivileged
namespaces (`isolation()` says so): no network, own PID namespace, every process dead when the program ends.
Imports: the standard library, and numpy where the harness itself has it; nothing else of the harness's packages.

**Not promised.** Candidate and test share one process and one namespace: a program that sets out to can forge its
verdict (walk frames to the nonce, return an object whose `__eq__` is always true, patch `builtins`, read the test).
Files outside the scratch folder can be read, and written with the user's rights. The number of files, the total disk
use and, for root, the number of processes are bounded by time only. Without namespaces the network is open, and a
daemon is found on Linux (as orphan of the supervisor) but not on macOS.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.sandbox.launch import End, Isolation, Limits, isolation, launch
from harness.sandbox.scratch import scratch

__all__ = ["Isolation", "Level", "Limits", "Trial", "Verdict", "Word", "isolation", "level", "run"]

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
FRAME_WORDS: dict[str, Word] = {
    "pass": "pass",
    "wrong_answer": "wrong_answer",
    "runtime_error": "runtime_error",
    "load_error": "load_error",
    "memory_limit": "memory_limit",
    "disk_limit": "disk_limit",
    "sandbox_error": "sandbox_error",
}
"""What a program's frame may say of itself; the other words are seen from outside."""
IDLE_SHARE = 0.5
"""A wall time-out that used less than this share of the CPU limit may be the machine's fault."""


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
    """Exception type and message, signal or limit; one line, the same for the same program."""
    cpu_s: float = 0.0
    """CPU seconds of the program and of its children that it waited for."""
    wall_s: float = 0.0
    level: Level = "weak"
    retried: bool = False
    """Whether this is a second try: after an idle wall time-out or a sandbox error the program ran again, alone."""


class _Floor:
    """Many dance together, or one alone."""

    def __init__(self) -> None:
        self.condition, self.dancing, self.waiting = threading.Condition(), 0, 0

    @contextmanager
    def together(self) -> Iterator[None]:
        with self.condition:
            # Whoever wants to be alone goes first, else it would wait as long as others keep coming.
            self.condition.wait_for(lambda: self.dancing >= 0 and not self.waiting)
            self.dancing += 1
        try:
            yield
        finally:
            self._leave(-1)

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self.condition:
            self.waiting += 1
            self.condition.wait_for(lambda: self.dancing == 0)
            self.waiting -= 1
            self.dancing = -1
        try:
            yield
        finally:
            self._leave(+1)

    def _leave(self, change: int) -> None:
        with self.condition:
            self.dancing += change
            self.condition.notify_all()


DEFAULT = Limits()

_FLOOR = _Floor()


def level() -> Level:
    """Return the isolation level that this machine offers now; `isolation()` says what it is made of."""
    return "weak"


def run(trial: Trial, limits: Limits = DEFAULT) -> Verdict:
    """Run one trial and return its verdict; never raises for what the program does. Thread-safe.

    Blocks for at most two times the wall limit, plus a few seconds when the program cannot be killed at once.
    """
    with _FLOOR.together():
        verdict = _once(trial, limits)
    idle = verdict.word == "timeout" and verdict.cpu_s < IDLE_SHARE * limits.cpu_s
    if not idle and verdict.word != "sandbox_error":
        return verdict
    with _FLOOR.alone():
        return replace(_once(trial, limits), retried=True)


def _once(trial: Trial, limits: Limits) -> Verdict:
    try:
        with scratch() as folder:
            end = launch(trial.candidate, trial.test, limits, folder, isolation().namespaces)
    except OSError as error:
        return Verdict("sandbox_error", f"{type(error).__name__}: {error}")
    word, reason = _judge(end, limits)
    return Verdict(word, _clean(reason, folder), round(end.cpu_s, 6), round(end.wall_s, 6), level())


def _judge(end: End, limits: Limits) -> tuple[Word, str]:
    """Return word and reason; what is seen from outside goes before what the program says of itself."""
    if not end.started:
        said = (end.status or end.output).decode("utf-8", "replace").strip()
        return "sandbox_error", f"the program could not be started: {said or 'no reason given'}"
    if end.flooded:
        return "output_limit", f"printed more than {limits.output_bytes} bytes"
    frame = _frame(end)
    if end.cpu_s >= limits.cpu_s or (not frame and _killed_for_cpu(end, limits)):
        return "timeout", f"used more than {limits.cpu_s:g} s of CPU time"
    if frame:
        return frame
    if end.result:
        return "protocol_error", "wrote to the private result pipe"
    if end.out_of_time:
        return "timeout", "the wall time ran out"
    if end.code is None:
        return "protocol_error", "the supervisor was killed while the program ran"
    if number := end.code & 0x7F:
        return "crashed", _signal_name(number)
    return "exited", f"ended with exit code {end.code >> 8} before the test was through"


def _frame(end: End) -> tuple[Word, str] | None:
    """Return what the program's one valid frame says, or None."""
    nonce, _, rest = end.result.decode("utf-8", "replace").partition("\n")
    word, _, reason = rest.partition("\n")
    return (FRAME_WORDS[word], reason) if nonce == end.nonce and word in FRAME_WORDS else None


def _killed_for_cpu(end: End, limits: Limits) -> bool:
    killed = end.code is not None and end.code & 0x7F in (signal.SIGKILL, signal.SIGXCPU)
    # Where only RLIMIT_CPU counts, its clock and the reported one differ; a kill out of nowhere used little.
    return killed and not end.out_of_time and end.cpu_s >= limits.cpu_s / 2


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _clean(reason: str, folder: Path) -> str:
    """Return `reason` on one line of printable characters, without what differs from run to run."""
    reason = re.sub(r"\b0x[0-9a-fA-F]{4,}\b", "0x..", reason.replace(str(folder), "."))
    return " ".join("".join(c if c.isprintable() else " " for c in reason).split())[:500]
