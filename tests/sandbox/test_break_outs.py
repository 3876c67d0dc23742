"""What one program leaves for the next, and what it makes of the test: pairs of programs, and results that are hostile.

Each pair runs on one worker. The first program tries to leave something behind; the second looks for it, or does what
would fail if it were there. These are the attacks that found something while the sandbox was built, and their kin.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from corpus import ADD, FRAMES, TEST
from watch import one_worker, orphans, seen

from harness.sandbox import levels, tidying
from harness.sandbox.running import run
from harness.sandbox.verdict import Level, Limits, Trial

HERE = levels.candidates()
MARKS = {"strong": (), "medium": (), "weak": (pytest.mark.slow,)}
"""The quick run of the tests leaves the level out that promises least."""
LIMITS = Limits(cpu_s=0.6, wall_s=8.0)
LIVE = "for n in range(3):\n    assert f(n) == n + 1\n"
CLEAN = """
import builtins, fcntl, math, os, stat, sys
with open('/dev/null') as one: fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
assert os.listdir('.') == [], os.listdir('.')
assert math.pi > 3.1 and len.__name__ == 'len' and 'SECRET' not in os.environ and 'poison' not in sys.modules
assert stat.S_IMODE(os.stat('.').st_mode) == 0o700 and os.umask(0o22) == 0o22
open('mine', 'w').close()
"""
FIND = """
import ctypes
def found(needle, page=4096):
    libc, there, hits = ctypes.CDLL(None), (ctypes.c_ubyte * 1)(), []
    for start in {id(one) & -page for one in (object(), b'x' * 600, b'x' * 60000, os, FRAMES)}:
        for step in (page, -page):
            at = start
            while libc.mincore(ctypes.c_void_p(at), ctypes.c_size_t(page), there) == 0:
                hits += [at] if needle in ctypes.string_at(at, page) else []
                at += step
    return len(hits)
FRAMES = 'x' * 9999
"""
MESSES = {
    "files and folders": "os.makedirs('a/b'); open('a/b/c', 'w').close(); open('\\n' * 255, 'w').close()",
    "modes": "os.umask(0o777); os.makedirs('a/b') if os.umask(0) is None else os.mkdir('a', 0); os.mkdir('b', 0o300)",
    "no rights to its folder": "os.chmod('.', 0)",
    "nearly too many files": "\nfor n in range(1800): open(str(n), 'w').close()",
    "nearly too deep": "\nfor n in range(90): os.mkdir('d'); os.chdir('d')",
    "names that cleaning uses": "[os.makedirs(f'.moved-{n}/x/y') for n in range(9)]",
    "sparse": "os.truncate(os.open('a', os.O_CREAT | os.O_RDWR), 16 << 20)",
    "open and removed": "kept = [open(str(n), 'w') for n in range(40)]; [os.remove(one.name) for one in kept]",
    "modules": "import math, builtins, types; math.pi = 3; builtins.len = lambda x: 0; sys.modules['poison'] = math",
    "environment": "os.environ['SECRET'] = '1'; os.putenv('PYTHONPATH', '.')",
    "a socket that does not block": "os.set_blocking(line(), False)",
    "timers and handlers": "import signal; signal.setitimer(0, 0.01, 0.01); signal.signal(14, signal.SIG_IGN)",
    "threads": "import threading, time; [threading.Thread(target=time.sleep, args=(9,)).start() for _ in range(50)]",
    "a flood of standard error": "[os.write(2, bytes(1 << 20)) for _ in range(20)]",
    "locks": "import fcntl; [fcntl.flock(n, fcntl.LOCK_EX | fcntl.LOCK_NB) for n in (0, 1, 2)]",
    "limits of Python": "sys.setrecursionlimit(50); sys.set_int_max_str_digits(0); import gc; gc.disable()",
}  # fmt: skip
NONCE = """
import json, sys
nonce, above = None, sys._getframe()
while above:
    for one in list(above.f_locals.values()):
        if isinstance(one, str) and len(one) == 32: nonce = one
    above = above.f_back
"""
ENDS = ("", "os._exit(0)", "1 / 0", "os.kill(os.getpid(), 9)", "import time; time.sleep(99)")


@pytest.fixture(
    params=[pytest.param(level, marks=MARKS[level]) for level in ("strong", "medium", "weak") if level in HERE]
)
def level(request: pytest.FixtureRequest) -> Level:
    found: Level = request.param
    one_worker(found)
    assert run(Trial(ADD, TEST), LIMITS, at=found).word == "pass"
    return found


@pytest.mark.parametrize("mess", MESSES)
def test_the_next_program_finds_a_clean_world(mess: str, level: Level) -> None:
    if (mess, level) == ("locks", "weak"):
        pytest.skip("not promised: no seccomp")
    before = seen(level)
    for test in (TEST, LIVE):
        verdict = run(Trial(FRAMES + "import os, sys\n" + MESSES[mess] + "\n" + ADD, test), LIMITS, at=level)
        # Two of them break what writes their own answers.
        harm = {"modules": "protocol_error", "a socket that does not block": "exited"}.get(mess, "pass")
        assert verdict.word in ("pass", harm), verdict
        for then in (TEST, LIVE):
            verdict = run(Trial(FRAMES + CLEAN + ADD, then), LIMITS, at=level)
            assert verdict.word == "pass" and not verdict.retried, verdict
    assert seen(level) == before and orphans() == []


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("test", [TEST, LIVE, "for n in range(9):\n    f('x' * 10 ** 6)\n"])
def test_no_request_reaches_the_next_program(end: str, test: str, level: Level) -> None:
    limits = Limits(cpu_s=0.4, wall_s=0.4)
    for source in (f"import os\n{end}\n{ADD}", f"import os\ndef f(x):\n    {end or 'return 0'}\n"):
        run(Trial(source, test), limits, at=level)
        for then in (LIVE, TEST):
            verdict = run(Trial(ADD, then), LIMITS, at=level)
            assert verdict.word == "pass" and not verdict.retried, verdict


@pytest.mark.parametrize("mode", ["split", "inprocess"])
def test_no_text_of_another_program_is_left_in_memory(mode: str, level: Level) -> None:
    mark = "MARK" + mode
    text = f"assert f(1) == 2  # {mark}\n" * 40
    needle = f"b'MARK' + b'{mode}'"
    assert run(Trial(text if mode == "split" else ADD, text, mode=mode), LIMITS, at=level).mode == mode  # type: ignore[arg-type]
    verdict = run(
        Trial(f"import os\n{FIND}\ndef f(x): return found({needle})\n", "assert f(1) == 0, f(1)"), LIMITS, at=level
    )
    assert verdict.word == "pass", verdict
    own = run(
        Trial(f"import os\n{FIND}\nkept = '{mark}' * 500\ndef f(x): return found({needle})\n", "assert f(1) > 0"),
        LIMITS,
        at=level,
    )
    assert own.word == "pass", "the search finds what is there"


@pytest.mark.slow
def test_what_no_test_can_finish_is_a_timeout(level: Level) -> None:
    if level == "weak":
        pytest.skip("the oracle's side is the same at every level")
    limits = Limits(cpu_s=0.3, wall_s=0.3)
    verdict = run(Trial("def f(x): return 10 ** 12\n", "assert sum(1 for _ in range(f(1))) == 2"), limits, at=level)
    assert verdict.word == "timeout", verdict
    assert run(Trial(ADD, TEST), LIMITS, at=level).word == "pass" and orphans() == []


@pytest.mark.parametrize(
    "said",
    ["[nonce, []]", "[nonce, [5]]", "[nonce, [[]]]", "[nonce, [[{}, 1, 2]]]", "[nonce, [['pass']]]", "['ok', []]"],
)
def test_what_a_shared_process_says_is_looked_at(said: str, level: Level) -> None:
    source = f"{FRAMES}{NONCE}frame(json.dumps([{said}]).encode())\nend()\n"
    verdict = run(Trial(source, TEST, mode="inprocess"), LIMITS, at=level)
    assert verdict.word == "protocol_error" and verdict.mode == "inprocess", verdict


def test_cleaning_follows_no_link(tmp_path: Path) -> None:
    kept, folder = tmp_path / "kept", tmp_path / "folder"
    (kept / "inner").mkdir(parents=True)
    (kept / "file").write_text("kept")
    kept.chmod(0o755)
    folder.mkdir()
    (folder / "link").symlink_to(kept)
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "link").symlink_to(kept)
    (folder / "a" / "b" / "link").symlink_to(kept / "file")
    os.mkfifo(folder / "pipe")
    (folder / "a").chmod(0)
    tidying.empty(str(folder))
    assert list(folder.iterdir()) == []
    assert (kept / "file").read_text() == "kept" and stat.S_IMODE(kept.stat().st_mode) == 0o755
    assert (kept / "inner").is_dir()


@pytest.mark.skipif("medium" not in HERE, reason="no seccomp here")
def test_the_filter_holds_without_our_interpreter(tmp_path: Path) -> None:
    """Every system call number, made behind both filters: none but the known ones are let in."""
    lines = (
        "import ctypes, errno, os, sys",
        "from harness.sandbox import seccomp, walls",
        "import platform",
        "walls.no_new_privileges()",
        "machine = platform.machine()",
        # uretprobe and uprobe of x86-64 pass every filter and end in SIGILL where no probe is.
        "names = {335, 336} | set(seccomp._numbers(machine)) | {seccomp._ruled(machine, n) for n in seccomp._RULED}",
        "walls.Filter(seccomp.zygote_filter(machine)).put_on()",
        "walls.Filter(seccomp.program_filter(machine, os.getpid())).put_on()",
        "libc = ctypes.CDLL(None, use_errno=True)",
        "for number in range(600):",
        "    if number in names: continue",
        "    ctypes.set_errno(0)",
        "    done = libc.syscall(number, -1, -1, -1, -1, -1, -1)",
        "    assert (done, ctypes.get_errno()) == (-1, errno.EPERM), (number, done, ctypes.get_errno())",
        "print('held')",
    )
    said = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60, check=False
    )
    assert said.stdout == "held\n", said.stderr
