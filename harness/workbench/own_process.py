"""A step in a process of its own: memory and accelerator are given back, and a crash is a fault with a log.

The child says over a pipe what it spends, how far it is and where its output lies, one JSON object a line; whatever it
prints goes into the log. When the budget is spent, or this process is interrupted, the child is ended with all its own.
It has no way to ask a model: steps that ask run in the loop's process.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.contracts import StepContext
from harness.errors import InfrastructureError, UsageError
from harness.hashing import canonical
from harness.models.threads import wait_politely
from harness.types import Artifact, Completion, Fault, Request
from harness.workbench.leash import Leashed

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a disk that takes no more."""
NO_ROOM = ("room on the disk", "make room, then run the same command")


def run(name: str, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext, log: Path) -> Path:
    """Run a step in a child and return its output.

    Raises:
        UsageError, InfrastructureError: as the step raised it, or the child broke or was killed; names the log.
        BudgetSpent: what it reported passed the cap; it was ended.
    """
    told = {"step": name, "inputs": [dataclasses.asdict(one) for one in inputs], "parameters": dict(parameters)}
    environment = dict(os.environ)
    wait_politely(environment)
    reading, writing = os.pipe()
    words = ["harness.workbench.own_process", str(context.scratch), str(writing)]
    with log.open("ab") as sink, os.fdopen(reading, "r", encoding="utf-8") as lines:
        child = Leashed(
            words, stdin=subprocess.PIPE, stdout=sink, stderr=sink, env=environment, pass_fds=(writing,)
        )  # fmt: skip
        os.close(writing)
        output: Path | None = None
        refused: UsageError | InfrastructureError | None = None
        try:
            assert child.stdin is not None
            child.stdin.write(canonical(told).encode("utf-8", "surrogatepass"))
            child.stdin.close()
            for line in lines:
                said = json.loads(line)
                if "spend" in said:
                    context.spend(*said["spend"])
                elif "progress" in said:
                    context.progress(*said["progress"])
                elif "measure" in said:
                    context.measure(*said["measure"])
                elif "usage" in said:
                    refused = UsageError(*said["usage"])
                elif "broken" in said:
                    refused = InfrastructureError(*said["broken"])
                else:
                    output = Path(said["output"])
            code = child.wait()
        finally:
            child.end()
    if refused is not None:
        raise refused
    if code != 0 or output is None:
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        raise InfrastructureError(f"the step {name!r} ended by {how}", "an output", f"look at {str(log)!r}")
    return output


class Reporting(StepContext):
    """The context inside the child."""

    def __init__(self, scratch: Path, pipe: int) -> None:
        self.scratch = scratch
        self._lines = os.fdopen(pipe, "w", encoding="utf-8")

    def say(self, **what: Any) -> None:
        """Write one line to the parent."""
        self._lines.write(json.dumps(what) + "\n")
        self._lines.flush()

    def ask(self, model: str, requests: Sequence[Request]) -> list[Completion | Fault]:
        """Not here."""
        raise NotImplementedError("a step in a process of its own asks no model: leave `alone` False")

    def spend(self, what: str, amount: float) -> None:
        """Report a cost; the parent ends this process where it passes the cap."""
        self.say(spend=[what, amount])

    def progress(self, done: float, note: str = "") -> None:
        """Report progress."""
        self.say(progress=[done, note])

    def measure(self, step: int, values: Mapping[str, float]) -> None:
        """Report points of curves."""
        self.say(measure=[step, dict(values)])


def main() -> int:
    """Do the step that stdin names; exit code 0 when its output was reported."""
    from harness import registry

    scratch, pipe = Path(sys.argv[1]), int(sys.argv[2])
    told = json.loads(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"))
    context = Reporting(scratch, pipe)
    inputs = [Artifact(**{**one, "parents": tuple(one["parents"])}) for one in told["inputs"]]
    try:
        output = registry.step(told["step"]).run(inputs, told["parameters"], context)
    except (UsageError, InfrastructureError) as error:
        context.say(
            **{"usage" if isinstance(error, UsageError) else "broken": [error.what, error.expected, error.next]}
        )
        return error.exit_code
    except OSError as error:
        if error.errno not in FULL:
            raise
        context.say(broken=[f"the step {told['step']!r} broke: {type(error).__name__}: {error}", *NO_ROOM])
        return InfrastructureError.exit_code
    context.say(output=str(output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
