"""The trusted side of a worker: holds the tests, asks the untrusted side for plain data, decides the verdict.

A process of its own, one per core, single-threaded, that never runs text of a model. A test that calls the candidate
calls a stand-in here; what the stand-in returns came over a socket as plain data (`values`). So exit codes, printed
text, frames, `__eq__` and patched builtins of a program decide nothing, and expected values are nowhere near it.

    in    (candidate, setup, tests, entry point, mode, memory MiB, cpu s, wall s)    marshalled, after its length
    out   {"word", "reason", "at", "got", "outcomes", "mode", "cpu_s", "wall_s", "peak"}   likewise

It does not guard against its own tests: one that hangs is ended by the harness, which then replaces the worker.
"""

from __future__ import annotations

import builtins
import importlib
import marshal
import secrets
from collections import deque
from typing import Any, NamedTuple

from harness.sandbox import script
from harness.sandbox.hearing import Ended, Line, Outcome, outcome
from harness.sandbox.values import Opaque, shown


class Raised(Exception):
    """Stands for an exception of the program whose type only the program knows."""


class LiveNeeded(BaseException):
    """The test asks something else than what was sent ahead: it must be run again, call by call."""


class Unsendable(BaseException):
    """The test hands over what is no plain data."""


PASS: Outcome = ("pass", "")
ENDS_LOOPS = (StopIteration, StopAsyncIteration)
"""Within a test they would be taken for the end of a `map` or a loop, and the rest of the test for done."""
WORDS = {"pass", "wrong_answer", "runtime_error", "load_error"}
"""What a program's own process may say of a test."""
UNSAID = object()


class Job(NamedTuple):
    """What the harness wants judged."""

    candidate: str
    setup: str
    tests: tuple[str, ...]
    entry_point: str
    mode: str
    memory: int
    cpu_s: float
    wall_s: float


class Oracle:
    """Judges one job after another with the help of one zygote."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.ahead: deque[script.Call] = deque()
        self.last: Any = UNSAID
        self.stopped: tuple[str, str] | None = None

    def judge(self, job: Job) -> dict[str, Any]:
        """Return the verdict of a job as a mapping."""
        understood = script.read(job.setup, job.tests, job.entry_point)
        mode = ("inprocess" if understood.shares else "split") if job.mode == "auto" else job.mode
        outcomes: list[Outcome] = []
        self.stopped = None
        if mode == "split":
            try:
                outcomes = self._ahead_or_live(job, understood)
            except Unsendable:
                self.line.finish()
                mode, self.stopped = "inprocess", None
        if mode == "inprocess":
            outcomes = self._inprocess(job)
        end = self.line.finish()
        if self.line.trouble is not None and all(one == PASS for one in outcomes):
            outcomes = [self.line.trouble] * len(outcomes)
        word, reason = next((one for one in outcomes if one[0] != "pass"), PASS)
        if end.cpu_s >= job.cpu_s:
            word, reason = "timeout", f"used more than {job.cpu_s:g} s of CPU time"
        # Not of a limit: which call that ended differs from run to run.
        at, got = self.stopped if self.stopped and word in {"wrong_answer", "runtime_error"} else ("", "")
        return {
            "word": word, "reason": reason, "at": at, "got": got, "outcomes": outcomes, "mode": mode,
            "cpu_s": end.cpu_s, "wall_s": end.wall_s, "peak": end.peak,
        }  # fmt: skip

    def _ahead_or_live(self, job: Job, understood: script.Script) -> list[Outcome]:
        try:
            return self._split(job, understood, understood.stay)
        except LiveNeeded:
            self.line.finish()
            return self._split(job, understood, True, ahead=False)

    def _split(self, job: Job, understood: script.Script, stay: bool, ahead: bool = True) -> list[Outcome]:
        sent = understood.sent if ahead else []
        self.line.send(job.memory, job.cpu_s, job.wall_s, (job.candidate, sent, stay, ""), len(sent), stay)
        self.ahead, self.stopped = deque(understood.calls if ahead else []), None
        namespace: dict[str, Any] = {"__name__": "test"}
        if understood.setup is not None:
            exec(understood.setup, namespace)  # noqa: S102 - text of the data set, never of a model
        for name in understood.modules:
            namespace[name] = importlib.import_module(name)
        for name in understood.names:
            namespace[name] = self._stand_in(name)
        outcomes = [self._one(test, text, namespace) for test, text in zip(understood.tests, job.tests, strict=True)]
        # A test that asked nothing says nothing about a program that does not even load.
        return outcomes if self.line.loaded() else [self.line.trouble or ("protocol_error", "")] * len(outcomes)

    def _one(self, test: Any, text: str, namespace: dict[str, Any]) -> Outcome:
        """Run one test; whatever it raises is an outcome. A test may swallow what a stand-in raises: trouble stays."""
        raised, self.last = PASS, UNSAID
        try:
            exec(test, namespace)  # noqa: S102 - text of the data set
        except (LiveNeeded, Unsendable):
            raise
        except BaseException as error:  # noqa: BLE001
            said = getattr(error, "of_the_program", None)
            if said is not None:
                raised = outcome("runtime_error", *said)
            elif isinstance(error, AssertionError):
                raised = "wrong_answer", reason_of(error)
            else:
                raised = "wrong_answer", f"the test raised {reason_of(error)} on what was returned"
            if self.stopped is None and self.line.trouble is None:
                got = "" if said or self.last is UNSAID else shown(self.last)
                self.stopped = script.stopped_at(test, text, error), got
        return self.line.trouble or raised

    def _stand_in(self, name: str) -> Any:
        line = self.line

        def call(*arguments: Any, **keywords: Any) -> Any:
            if line.trouble is not None:
                raise Ended
            if not self.ahead:
                self._ask(name, arguments, keywords)
            elif self.ahead.popleft() != (name, arguments, keywords):
                raise LiveNeeded
            said = line.answer()
            if said[0] == "error":
                raise _exception(said[1], said[2])
            self.last = said[1]
            return said[1]

        return call

    def _ask(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        if not self.line.stay:
            raise LiveNeeded
        try:
            request = marshal.dumps([(name, arguments, keywords)])
        except ValueError as error:
            if _opaque((arguments, keywords)):
                raise AssertionError("what the program returned is no plain data") from error
            raise Unsendable from error
        self.line.ask(request)

    def _inprocess(self, job: Job) -> list[Outcome]:
        """Return the outcomes that the program's own process reports: forgeable, and said to be so by the mode."""
        nonce = secrets.token_hex(16)
        # With an entry point the program holds the prompt itself, and the setup would cover its answer with a stub.
        tests = (job.setup, *job.tests) if job.setup and not job.entry_point else job.tests
        self.line.send(job.memory, job.cpu_s, job.wall_s, (job.candidate, tests, False, nonce), 1, False)
        try:
            word, said = self.line.answer()[:2]
        except Ended:
            return [self.line.trouble or ("protocol_error", "")] * len(job.tests)
        if word != nonce or not isinstance(said, list) or not said or not all(map(_is_outcome, said)):
            return [("protocol_error", "wrote to the private socket")] * len(job.tests)
        outcomes = [PASS if one[0] == "pass" else outcome(*one) for one in said]
        if outcomes[0][0] == "load_error" or len(outcomes) != len(tests):
            return [outcomes[0]] * len(job.tests)
        return outcomes[len(tests) - len(job.tests) :]


def _is_outcome(said: Any) -> bool:
    return isinstance(said, list) and len(said) == 3 and all(type(one) is str for one in said) and said[0] in WORDS


def _exception(name: str, message: str) -> BaseException:
    """Return the exception that the program raised, as the built-in of that name, else as `Raised`."""
    kind = getattr(builtins, name, None)
    error: Exception = Raised(message)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, ENDS_LOOPS):
        try:
            error = kind(message)
        except TypeError:
            error = Raised(message)
    error.of_the_program = (name, message)  # type: ignore[attr-defined]
    return error


def _opaque(values: Any) -> bool:
    if isinstance(values, dict):
        return any(map(_opaque, values.values()))
    return any(map(_opaque, values)) if isinstance(values, list | tuple | set) else isinstance(values, Opaque)


def reason_of(error: BaseException) -> str:
    """Return type and message of an exception, bounded; the type alone where the message cannot be read."""
    try:
        text = str(error)[:400]
    except BaseException:  # noqa: BLE001
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
