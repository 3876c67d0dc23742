"""What runs inside the fresh interpreter: a supervisor that makes the walls, and the program that it forks.

`process.run` compiles this file once and hands the code object, with the trial, to `python -s -P -S -B -c BOOT`. It
imports built-in modules only: every other import would cost more than the walls do (json 11 ms, ctypes 4 ms, against
11 ms for the whole interpreter). Two processes:

    supervisor   ours. Makes the namespaces, forks the program, waits, kills what is left, reports how it ended.
    program      candidate, then test, in one namespace; writes one frame `nonce, word, reason` to the result pipe.

With namespaces the program is process 1 of its own PID namespace: when it ends, for whatever reason, the kernel kills
everything it started, daemons included, and it can neither see nor signal anybody outside.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix
import sys
import time

CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
SIGKILL, SIGTERM = 9, 15
REASON_CHARS = 400
RESERVE_BYTES = 1 << 20
"""Freed when memory has run out, so that the verdict can still be written."""

Parts = tuple[str, str, str, tuple[float, int, int, int], bool, str, int, int]
"""nonce, candidate, test, (cpu s, memory bytes, file bytes, processes), namespaces, numpy's folder, result, status."""

_exit, _write = posix._exit, posix.write


def main(parts: Parts) -> None:
    """Run one trial as the supervisor; never returns."""
    result, status = parts[6], parts[7]
    try:
        # Held back until the supervisor can act on it: else it could die and leave the program alone.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, [SIGTERM])
        _no_stdin()
        libc = _Libc()
        _walls(libc, parts[4])
        program = posix.fork()
    except BaseException as error:  # noqa: BLE001 - whatever broke is reported, and is never a verdict
        _write(status, f"fault {describe(error)}\n".encode("utf-8", "replace"))
        _exit(0)
    if program == 0:
        try:
            posix.close(status)
            _program(parts, libc)
        finally:
            _exit(70)
    posix.close(result)
    _supervise(program, status, parts[3][0], parts[4])


def _no_stdin() -> None:
    null = posix.open("/dev/null", posix.O_RDONLY)
    posix.dup2(null, 0)
    posix.close(null)


class _Libc:
    """Calls libc functions by name: ctypes without its import."""

    def __init__(self) -> None:
        try:
            import _ctypes

            self.library, self.handle = _ctypes, _ctypes.dlopen(None, 2)  # type: ignore[arg-type]
        except (ImportError, OSError):
            self.handle = 0

    def call(self, name: str, *values: int) -> int:
        """Return what the function returns, -1 where there is no such function."""
        if not self.handle:
            return -1
        try:
            found: int = self.library.call_function(self.library.dlsym(self.handle, name), values)
        except OSError:
            return -1
        return found


def _walls(libc: _Libc, namespaces: bool) -> None:
    """Enter new namespaces; without them become the reaper of orphans (Linux), so that daemons can be found."""
    if namespaces:
        if libc.call("unshare", CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET) != 0:
            raise OSError("unshare failed, although the probe succeeded")
    elif sys.platform == "linux":
        libc.call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if sys.platform == "linux":
        # When the harness is killed, the supervisor goes the way of a wall timeout.
        libc.call("prctl", PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0)


def _supervise(program: int, status: int, cpu_s: float, namespaces: bool) -> None:
    """Wait for the program, kill what is left of it, report exit status and CPU seconds."""
    # Only the supervisor kills the program: it has not reaped it yet, so the number cannot belong to another process.
    _signal.signal(SIGTERM, lambda *_: posix.kill(program, SIGKILL))
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [SIGTERM])
    _watch_cpu(program, cpu_s)
    _write(status, b"start\n")
    _, code, usage = posix.wait4(program, 0)
    _signal.signal(SIGTERM, _signal.SIG_IGN)
    _signal.signal(_signal.SIGALRM, _signal.SIG_IGN)
    if not namespaces:
        _sweep(program)
    _write(status, f"end {code} {usage.ru_utime + usage.ru_stime:.6f}\n".encode())
    _exit(0)


def _watch_cpu(program: int, cpu_s: float) -> None:
    """Kill the program when it has used its CPU seconds (Linux; elsewhere RLIMIT_CPU does, less exactly).

    RLIMIT_CPU counts clock ticks, which on a virtual machine go wrong by tenths of a second; this is the exact clock.
    """
    clock = (~program << 3) | 2

    def look(*_: object) -> None:
        try:
            used = time.clock_gettime(clock)
        except OSError:
            return
        if used >= cpu_s:
            posix.kill(program, SIGKILL)
        else:
            _signal.setitimer(_signal.ITIMER_REAL, max(cpu_s - used, 0.01))

    if sys.platform == "linux":
        _signal.signal(_signal.SIGALRM, look)
        _signal.setitimer(_signal.ITIMER_REAL, max(cpu_s, 0.01))


def _sweep(program: int) -> None:
    """Kill the program's group and, as reaper of orphans, every process that came to us."""
    try:  # noqa: SIM105 - contextlib is an import
        posix.killpg(program, SIGKILL)
    except OSError:
        pass
    while sys.platform == "linux":
        for child in _children():
            posix.kill(child, SIGKILL)
        try:
            posix.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    ours, found = posix.getpid(), []
    for name in posix.listdir("/proc"):
        if name.isdigit():
            try:
                stat = posix.open(f"/proc/{name}/stat", posix.O_RDONLY)
            except OSError:
                continue
            text = posix.read(stat, 4096)
            posix.close(stat)
            if int(text.rpartition(b")")[2].split()[1]) == ours:
                found.append(int(name))
    return found


def _program(parts: Parts, libc: _Libc) -> None:
    nonce, candidate, test, limits, namespaces, numpy_folder, result, _ = parts
    # Of its own session: kill(0) of the program must not reach the supervisor.
    posix.setsid()
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [SIGTERM])
    if sys.platform == "linux":
        libc.call("prctl", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    _limit(*limits)
    if not namespaces:
        # Nothing else keeps a stray kill(-1) from the harness here; no promise, only against accidents.
        posix.kill = posix.killpg = None  # type: ignore[assignment]
    if numpy_folder:
        sys.meta_path.append(_Numpy(numpy_folder))  # type: ignore[arg-type]
    word, reason = _judge(candidate, test)
    _write(result, f"{nonce}\n{word}\n{reason}".encode("utf-8", "replace"))
    _exit(0)


def _limit(cpu_s: float, memory_bytes: int, file_bytes: int, processes: int) -> None:
    import resource

    # Soft equals hard: process 1 of a namespace ignores SIGXCPU, and only SIGKILL of the hard limit ends it.
    # CPU is a backstop behind `_watch_cpu`.
    wanted = {
        "RLIMIT_CPU": int(cpu_s) + 2,
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_FSIZE": file_bytes,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": processes,
    }
    for name, value in wanted.items():
        if value < 0 or not hasattr(resource, name):
            continue
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(number, (value, value))
        except (ValueError, OSError):
            # macOS refuses RLIMIT_AS; the other limits hold.
            continue


class _Numpy:
    """Finds numpy, and nothing else, outside the standard library."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Return where `numpy` is, None for every other name."""
        if name != "numpy" or path is not None:
            return None
        import _frozen_importlib_external as finder

        return finder.PathFinder.find_spec(name, [self.folder])


def _judge(candidate: str, test: str) -> tuple[str, str]:
    """Run candidate and test in one module; return the verdict's word and reason."""
    module = type(sys)("candidate")
    sys.modules["candidate"] = module
    try:
        trial = compile(test, "<test>", "exec", 0, True)
    except BaseException as error:  # noqa: BLE001
        return "sandbox_error", f"the test does not compile: {describe(error)}"
    try:
        # The blank lines stand for the official concatenation: a trailing backslash continues into nothing.
        program = compile(candidate + "\n\n", "<candidate>", "exec", 0, True)
    except BaseException as error:  # noqa: BLE001
        return "load_error", describe(error)
    # bytes, not bytearray: allocated without being touched, which saves a millisecond of page faults.
    reserve = bytes(RESERVE_BYTES)
    stage = "load_error"
    try:
        exec(program, module.__dict__)  # noqa: S102
        stage = "runtime_error"
        exec(trial, module.__dict__)  # noqa: S102
    except BaseException as error:  # noqa: BLE001
        del reserve
        return _word(error, stage), describe(error)
    return "pass", ""


def _word(error: BaseException, stage: str) -> str:
    if isinstance(error, MemoryError):
        return "memory_limit"
    if isinstance(error, OSError) and error.errno in (27, 28, 122):  # EFBIG, ENOSPC, EDQUOT
        return "disk_limit"
    if stage == "runtime_error" and isinstance(error, AssertionError) and _raised_in(error) == "<test>":
        return "wrong_answer"
    return stage


def _raised_in(error: BaseException) -> str:
    """Return which of our two files the innermost frame is of: an assert of the candidate's own is no wrong answer."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        place = file if file in ("<candidate>", "<test>") else place
        trace = trace.tb_next
    return place


def describe(error: BaseException) -> str:
    """Return type and message, bounded; a message that cannot be read is said to be so."""
    try:
        text = str(error)[:REASON_CHARS]
    except BaseException:  # noqa: BLE001
        text = "(its message cannot be read)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
