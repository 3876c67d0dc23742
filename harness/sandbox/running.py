"""Runs a trial at this machine's level of isolation and says how it ended: the one door of the sandbox.

    run(Trial("def f(x):\\n    return x + 1", "assert f(1) == 2"))  ->  Verdict("pass", level="strong", ..)
    run(Trial("def f(x):\\n    return x", "assert f(1) == 2"))      ->  Verdict("wrong_answer", "AssertionError", ..)

What is promised at which level, and what is not, stands in docs/sandbox.md.
"""

from __future__ import annotations

import functools
import os
import re
import threading
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import UsageError
from harness.sandbox import levels
from harness.sandbox.pool import Pool, Worker, WorkerLost, pool
from harness.sandbox.verdict import LEVELS, Level, Limits, Trial, Verdict

IDLE_SHARE = 0.5
"""A wall time-out that used less than this share of the CPU limit may be the machine's fault."""
PROBE = Trial("def f(x):\n    return x + 1\n", "assert f(1) == 2")
MADE_OF = {
    "strong": "bubblewrap namespaces, Landlock, seccomp, rlimits; tests in a process of their own",
    "medium": "Landlock, seccomp, rlimits; tests in a process of their own",
    "weak": "rlimits only; tests in a process of their own; programs can read files and reach the network",
    "none": "nothing",
}


@dataclass(frozen=True)
class Isolation:
    """What this machine offers, and why not more."""

    level: Level
    refused: tuple[tuple[Level, str], ...] = ()
    """Stronger levels, strongest first, and why each is not to be had."""

    @property
    def note(self) -> str:
        """One line for people."""
        why = "".join(f"; not {level}: {reason}" for level, reason in self.refused)
        return f"{self.level}: {MADE_OF[self.level]}{why}"


class _Floor:
    """Many dance together, or one alone."""

    def __init__(self) -> None:
        self.condition, self.dancing, self.waiting = threading.Condition(threading.Lock()), 0, 0

    def enter(self) -> None:
        """Dance with others, as soon as nobody dances alone or waits to."""
        with self.condition:
            # Whoever wants to be alone goes first, else it would wait as long as others keep coming.
            while self.dancing < 0 or self.waiting:
                self.condition.wait()
            self.dancing += 1

    def enter_alone(self) -> None:
        """Dance alone, as soon as all others have left."""
        with self.condition:
            self.waiting += 1
            try:
                while self.dancing:
                    self.condition.wait()
                self.dancing = -1
            finally:
                self.waiting -= 1

    def leave(self) -> None:
        """Make room."""
        with self.condition:
            self.dancing -= 1 if self.dancing > 0 else self.dancing
            if not self.dancing:
                self.condition.notify_all()


_FLOOR = _Floor()
# In a process that was forked off, nobody dances yet.
os.register_at_fork(after_in_child=_FLOOR.__init__)  # type: ignore[misc]


@functools.cache
def isolation() -> Isolation:
    """Return the strongest level that works here, probed once a process by judging a program (about 0.2 s).

    HARNESS_SANDBOX=medium|weak names a weaker level on purpose (for tests, or where bubblewrap misbehaves).

    Raises:
        OSError: not even `weak` works; says why.
        UsageError: HARNESS_SANDBOX names no level.
    """
    wish = os.environ.get("HARNESS_SANDBOX", "strong")
    if wish not in LEVELS[1:]:
        raise UsageError(f"HARNESS_SANDBOX={wish!r} is no level", f"one of {', '.join(LEVELS[1:])}", "unset it")
    refused = levels.excluded()
    for level in levels.candidates():
        if LEVELS.index(level) > LEVELS.index(wish):
            refused.append((level, f"HARNESS_SANDBOX={wish}"))
            continue
        try:
            worker = Worker(level)
        except (WorkerLost, OSError) as error:
            refused.append((level, str(error)[:200]))
            continue
        try:
            said = worker.judge(PROBE, Limits(cpu_s=5.0))
        except WorkerLost as error:
            said = {"word": "sandbox_error", "reason": str(error)}
        finally:
            worker.close()
        if said["word"] == "pass":
            return Isolation(level, tuple(refused))
        refused.append((level, f"{said['word']}: {said['reason']}"[:200]))
    raise OSError("; ".join(f"{level}: {reason}" for level, reason in refused))


def level() -> Level:
    """Return this machine's level of isolation.

    Raises:
        OSError: no level works.
    """
    return isolation().level


def run(trial: Trial, limits: Limits = Limits(), at: Level | None = None) -> Verdict:  # noqa: B008 - frozen
    """Run a trial and return its verdict; never raises for what the program does. Thread-safe.

    A wall time-out that used little CPU time (a sleeper, or a machine under load) and an error of the sandbox are
    tried once more, alone on the machine.

    Args:
        at: the level; None: the machine's own.
    """
    try:
        workers = pool(at or level())
    except OSError as error:
        return Verdict("sandbox_error", str(error))
    _FLOOR.enter()
    try:
        verdict = _once(workers, trial, limits)
    finally:
        _FLOOR.leave()
    idle = verdict.word == "timeout" and verdict.cpu_s < IDLE_SHARE * limits.cpu_s
    if not idle and verdict.word != "sandbox_error":
        return verdict
    _FLOOR.enter_alone()
    try:
        return replace(_once(workers, trial, limits), retried=True)
    finally:
        _FLOOR.leave()


def _once(workers: Pool, trial: Trial, limits: Limits) -> Verdict:
    try:
        said = workers.judge(trial, limits)
    except WorkerLost as error:
        if error.hung:
            return Verdict("timeout", "the test did not end on what was returned", limits.cpu_s, level=workers.level)
        return Verdict("sandbox_error", str(error), level=workers.level)
    except OSError as error:
        return Verdict("sandbox_error", f"{type(error).__name__}: {error}", level=workers.level)
    return _verdict(said, workers.level)


def _verdict(said: dict[str, Any], at: Level) -> Verdict:
    return Verdict(
        word=said["word"],
        reason=clean(said["reason"]),
        at=_printed(said.get("at", "")),
        got=_printed(said.get("got", "")),
        cpu_s=round(said.get("cpu_s", 0.0), 6),
        wall_s=round(said.get("wall_s", 0.0), 6),
        level=at,
        mode=said.get("mode", "split"),
        outcomes=tuple((word, clean(reason)) for word, reason in said.get("outcomes", ())),
        peak_bytes=said.get("peak", 0),
    )


def _printed(text: str) -> str:
    """Return `text` on one line of printable characters; blanks count in what a program returned."""
    return "".join(c if c.isprintable() else " " for c in text[:500])


def clean(reason: str) -> str:
    """Return `reason` on one line of printable characters, without addresses that differ from run to run."""
    if not reason:
        return reason
    reason = re.sub(r"\b0x[0-9a-fA-F]{4,}\b", "0x..", reason[:2000])
    return " ".join("".join(c if c.isprintable() else " " for c in reason).split())[:500]
