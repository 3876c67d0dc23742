"""A child that ends with its parent, however that ends: no training goes on for a loop that was killed.

    child = Leashed(["harness", "eval", "tiny"], stdout=PIPE)      `python -m harness eval tiny`
    child.end()

The child asks for it itself (`prctl`, Linux; elsewhere a thread looks twice a second whether the parent is there), so
that nothing runs between fork and exec. Only the direct child is killed with its parent; what it starts hangs on it by
pipes. An orphan would hold a run's lock, a database's turn and an accelerator.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

PATIENCE_S = 10.0
"""From the request to end until it is forced."""
PR_SET_PDEATHSIG = 1


class Leashed(subprocess.Popen[bytes]):
    """A process of this Python that runs a module; the head of a group of its own."""

    def __init__(self, words: Sequence[str], **options: Any) -> None:
        start = "from harness.workbench import leash; leash.main()"
        command = [sys.executable, "-P", "-c", start, str(os.getpid()), *words]
        super().__init__(command, start_new_session=True, **options)

    def end(self) -> None:
        """End the child and everything it started, if it is there still."""
        if self.poll() is None:
            self._tell(signal.SIGTERM)
            try:
                self.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._tell(signal.SIGKILL)
                self.wait()

    def _tell(self, what: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, what)


def hold(parent: int) -> None:
    """End this process when `parent` has ended, at once where it has already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_look, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _look(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main() -> None:
    """Run a module as `python -m` would: PARENT MODULE ARGUMENTS.."""
    hold(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
