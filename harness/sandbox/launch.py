"""Starts a supervised program, watches its pipes and says how it ended, without any judgement of what that means.

Three pipes: `result` (the program's frame), `status` (the supervisor's `start` and `end CODE CPU`), and the output.
The trial itself travels in an unlinked file on stdin, so that neither arguments nor a full pipe can get in the way.
"""

from __future__ import annotations

import functools
import importlib.util
import marshal
import os
import platform
import secrets
import selectors
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

BOOT = "import marshal,sys;c,p=marshal.loads(sys.stdin.buffer.read());n={};exec(c,n);n['main'](p)"
FLAGS = ("-s", "-P", "-S", "-B")
"""`-I` without `-E`: the environment is ours, and PYTHONHASHSEED must count."""
ENVIRONMENT = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""All that a program finds. A thread's malloc arena or a BLAS pool would eat the address space."""
RESULT_BYTES = 1 << 14
PROCESSES = 256
GRACE_S = 5.0
"""How long the supervisor may take to kill the program before it is killed itself."""


@dataclass(frozen=True)
class Limits:
    """What one program may use."""

    cpu_s: float = 3.0
    """CPU seconds, also of the children that the program waits for."""
    memory_bytes: int = 1 << 30
    """Address space of the process, the interpreter's 20 MB included."""
    file_bytes: int = 16 << 20
    """Size of any one file it writes."""
    output_bytes: int = 16 << 20
    """What it may print, stdout and stderr together. Generous: official graders throw any amount away."""
    wall_s: float | None = None
    """Backstop; None: 3 x `cpu_s` + 2."""


@dataclass(frozen=True)
class Isolation:
    """What this machine's walls are made of, for reports."""

    level: str
    namespaces: bool
    """Own user, PID and network namespace."""

    @property
    def network(self) -> str:
        """`cut` or `open`."""
        return "cut" if self.namespaces else "open"

    @property
    def note(self) -> str:
        """One line for people."""
        walls = "own user, PID and network namespace" if self.namespaces else "no namespaces on this system"
        return f"{self.level}: fresh process, rlimits, {walls}; network {self.network}; a program can forge its verdict"


@dataclass
class End:
    """How a program ended, as seen from outside."""

    nonce: str
    result: bytes = b""
    status: bytes = b""
    output: bytes = b""
    """The first 2,000 bytes."""
    output_bytes: int = 0
    wall_s: float = 0.0
    out_of_time: bool = False
    flooded: bool = False
    code: int | None = field(default=None)
    """Wait status of the program; None when the supervisor did not live to report it."""
    cpu_s: float = 0.0

    @property
    def started(self) -> bool:
        """Whether the program was started at all: before that, a failure is ours."""
        return self.status.startswith(b"start\n")


@functools.cache
def isolation() -> Isolation:
    """Return what the system allows, probed once a process (about 15 ms).

    Raises:
        OSError: when the probe failed for another reason than that: a level is never lowered by a passing trouble.
    """
    probe = launch("", "", Limits(cpu_s=5.0), Path(tempfile.gettempdir()), namespaces=True)
    if not probe.started and b"unshare" not in probe.status:
        raise OSError(f"the sandbox's probe did not start: {(probe.status or probe.output)!r}")
    return Isolation("weak", probe.started and probe.code == 0)


def launch(candidate: str, test: str, limits: Limits, folder: Path, namespaces: bool) -> End:
    """Run one program with `folder` as current folder; return when it and its supervisor are gone.

    Raises:
        OSError: when no process, pipe or temporary file can be had.
    """
    end = End(secrets.token_hex(16))
    (result, result_in), (status, status_in) = os.pipe(), os.pipe()
    walls = _rlimits(limits, namespaces)
    parts = (end.nonce, candidate, test, walls, namespaces, _numpy_folder(), result_in, status_in)
    try:
        with tempfile.TemporaryFile() as source:
            source.write(marshal.dumps((_child(), parts)))
            source.seek(0)
            process = subprocess.Popen(
                [sys.executable, *FLAGS, "-c", BOOT],
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=ENVIRONMENT,
                pass_fds=(result_in, status_in),
                start_new_session=True,
            )
        os.close(result_in)
        os.close(status_in)
        with process:
            _watch(process, end, (result, status), limits)
    finally:
        for number in (result, status):
            os.close(number)
    return end


def _rlimits(limits: Limits, namespaces: bool) -> tuple[float, int, int, int]:
    """Return (cpu s, memory, file, processes); -1 is no limit."""
    # Counted per user namespace since Linux 5.14; elsewhere the user's other processes would count too.
    release = tuple(int(part) for part in platform.release().split(".")[:2] if part.isdigit())
    counted = namespaces and release >= (5, 14)
    return limits.cpu_s, limits.memory_bytes, limits.file_bytes, PROCESSES if counted else -1


@functools.cache
def _child() -> CodeType:
    path = Path(__file__).with_name("child.py")
    return compile(path.read_text(encoding="utf-8"), "<sandbox>", "exec", dont_inherit=True)


@functools.cache
def _numpy_folder() -> str:
    spec = importlib.util.find_spec("numpy")
    return str(Path(spec.origin).parent.parent) if spec and spec.origin else ""


def _watch(process: subprocess.Popen[bytes], end: End, pipes: tuple[int, int], limits: Limits) -> None:
    """Drain the three pipes until the supervisor has closed its own; kill by way of it at a limit."""
    assert process.stdout is not None
    started = time.monotonic()
    deadline = started + (limits.wall_s if limits.wall_s is not None else 3 * limits.cpu_s + 2)
    killing = False
    with selectors.DefaultSelector() as selector:
        for number in (*pipes, process.stdout.fileno()):
            os.set_blocking(number, False)
            selector.register(number, selectors.EVENT_READ)
        while pipes[1] in selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            for key, _ in ready:
                if not _take(key.fd, end, pipes):
                    selector.unregister(key.fd)
            end.flooded = end.output_bytes > limits.output_bytes
            late = time.monotonic() >= deadline
            if killing and late:
                break
            if end.flooded or late:
                end.out_of_time = end.out_of_time or (late and not end.flooded)
                if not killing:
                    killing, deadline = True, time.monotonic() + GRACE_S
                    process.terminate()
    process.kill()
    process.wait()
    while _take(pipes[0], end, pipes) and len(end.result) <= RESULT_BYTES:
        pass
    end.wall_s = time.monotonic() - started
    _read_status(end)


def _take(number: int, end: End, pipes: tuple[int, int]) -> bool:
    """Read what is there; return False at the end of the pipe (or when nothing is left)."""
    try:
        chunk = os.read(number, 1 << 16)
    except BlockingIOError:
        return False
    if number == pipes[0]:
        end.result = (end.result + chunk)[: RESULT_BYTES + 1]
    elif number == pipes[1]:
        end.status += chunk
    else:
        end.output_bytes += len(chunk)
        end.output = (end.output + chunk)[:2000]
    return bool(chunk)


def _read_status(end: End) -> None:
    for line in end.status.splitlines():
        words: list[Any] = line.split()
        if words[:1] == [b"end"] and len(words) == 3:
            end.code, end.cpu_s = int(words[1]), float(words[2])
