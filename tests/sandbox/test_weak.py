"""Attacks on each promise of `harness.sandbox.process`, with and without namespaces, and the benign twins.

Nothing here attacks what is not promised (forging in the same process); `test_what_is_not_promised` shows one such
forgery, so that the docstring stays honest.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.sandbox import Isolation, Limits, Trial, Verdict, isolation, level, process, run
from harness.sandbox.scratch import remove, scratch

QUICK = Limits(cpu_s=1.0, wall_s=20.0)
SHORT = Limits(cpu_s=0.3, wall_s=20.0)
ADD = "def f(x):\n    return x + 1\n"
TEST = "assert f(1) == 2\n"
needs_namespaces = pytest.mark.skipif(not isolation().namespaces, reason="no unprivileged namespaces here")


@pytest.fixture(params=["namespaces", "no namespaces"])
def walls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "no namespaces":
        monkeypatch.setattr(process, "isolation", lambda: Isolation("weak", False))
    elif not isolation().namespaces:
        pytest.skip("no unprivileged namespaces here")
    return str(request.param)


def children() -> set[str]:
    """Return the process numbers of our children, where the system lists them."""
    return {pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


def open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every test its own folder for temporary files: it must be empty afterwards, and no child may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = children()
    yield
    assert list(folder.iterdir()) == []
    assert children() <= before


BENIGN = {
    "plain": (ADD, TEST),
    "prints a megabyte": ("print('x' * 1_000_000)\n" + ADD, TEST),
    "starts a thread": ("import threading\nt = threading.Thread(target=lambda: 1)\nt.start(); t.join()\n" + ADD, TEST),
    "leaves a thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()\n" + ADD,
        TEST,
    ),
    "writes and reads a file": ("open('a', 'w').write('1')\nassert open('a').read() == '1'\n" + ADD, TEST),
    "recurses 900 deep": ("def f(x, n=900):\n    return f(x, n - 1) if n else x + 1\n", TEST),
    "reads an ended stdin": ("try:\n    input()\nexcept EOFError:\n    " + ADD.replace("\n    ", "\n        "), TEST),
    "imports numpy": (
        "import numpy\ndef f(x):\n    return int((numpy.ones((9, 9)) @ numpy.ones((9, 9))).sum()) - 727",
        TEST,
    ),
    "dataclass with text annotations": (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
        + ADD,
        TEST,
    ),
    "is not main": ("if __name__ == '__main__':\n    1 / 0\n" + ADD, TEST),
    "ends in a backslash": ("def f(x):\n    return x + 1 \\", TEST),
    "catches its own MemoryError": ("try:\n    bytearray(20 << 30)\nexcept MemoryError:\n    pass\n" + ADD, TEST),
}

HOSTILE = {
    "wrong": ("def f(x):\n    return x\n", TEST, "wrong_answer"),
    "own assertion": ("def f(x):\n    assert x > 5\n", TEST, "runtime_error"),
    "raises": ("def f(x):\n    return x.y\n", TEST, "runtime_error"),
    "sys.exit in a function": ("import sys\ndef f(x):\n    sys.exit(0)\n", TEST, "runtime_error"),
    "sys.exit in the module": ("import sys\nsys.exit(0)\n", TEST, "load_error"),
    "os._exit in a function": ("import os\ndef f(x):\n    os._exit(0)\n", TEST, "exited"),
    "os._exit in the module": ("import os\nos._exit(0)\n", TEST, "exited"),
    "KeyboardInterrupt": ("def f(x):\n    raise KeyboardInterrupt\n", TEST, "runtime_error"),
    "BaseException": ("class E(BaseException): pass\ndef f(x):\n    raise E\n", TEST, "runtime_error"),
    "syntax error": ("def f(x:\n", TEST, "load_error"),
    "NUL": ("x = '\0'\n", TEST, "load_error"),
    "lone surrogate": ("x = '\ud800'\n", TEST, "load_error"),
    "nested parentheses": ("(" * 100_000, TEST, "load_error"),
    "a megabyte of source": ("x = 1\n" * 170_000 + "def", TEST, "load_error"),
    "NameError while loading": ("import nowhere_to_be_found\n", TEST, "load_error"),
    "prints passed and leaves": ("import os\nprint('passed', flush=True)\nos._exit(0)\n", TEST, "exited"),
    "writes passed everywhere": (
        "import os\nfor n in range(1, 64):\n    try: os.write(n, b'passed\\npass\\n')\n    except OSError: pass\n"
        + ADD,
        TEST,
        "protocol_error",
    ),
    "closes everything": ("import os\nos.closerange(0, 64)\nos._exit(0)\n", TEST, "exited"),
    "atexit writes a pass": (
        "import atexit, os\natexit.register(os.write, 3, b'pass')\ndef f(x):\n    return x\n",
        TEST,
        "wrong_answer",
    ),
    "huge allocation": ("bytearray(20 << 30)\n", TEST, "memory_limit"),
    "growing list": ("x = []\nwhile True: x.append(bytearray(1 << 20))\n", TEST, "memory_limit"),
    "NULL": ("import ctypes\nctypes.string_at(0)\n", TEST, "crashed"),
    "abort": ("import os\nos.abort()\n", TEST, "crashed"),
    "big file": ("open('a', 'wb').write(bytes(64 << 20))\n", TEST, "disk_limit"),
    "flood": ("import os\nwhile True: os.write(1, b'x' * 65536)\n", TEST, "output_limit"),
    "flood on stderr": ("import os\nwhile True: os.write(2, b'x' * 65536)\n", TEST, "output_limit"),
    "endless message": ("def f(x):\n    raise ValueError('x' * 10_000_000)\n", TEST, "runtime_error"),
    "unreadable message": (
        "class E(Exception):\n    def __str__(self): raise self\ndef f(x):\n    raise E\n",
        TEST,
        "runtime_error",
    ),
    "too many files": ("x = [open('/dev/null') for _ in range(1000)]\n", TEST, "load_error"),
}

ENDLESS = {
    "while True": "while True: pass\n",
    "signals ignored": "from signal import *\nfor s in (SIGTERM, SIGALRM): signal(s, SIG_IGN)\nwhile True: pass\n",
    "swallows everything": "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n",
    "in C": "str(9 ** 9 ** 8)\n",
    "regular expression": "import re\nre.match('(a*)*b', 'a' * 64)\n",
    "its own clock": "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass\n",
}


@pytest.mark.parametrize("name", BENIGN)
def test_benign_programs_pass(name: str, walls: str) -> None:
    verdict = run(Trial(*BENIGN[name]), QUICK)
    assert verdict.word == "pass", verdict


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_get_their_word(name: str, walls: str) -> None:
    candidate, test, word = HOSTILE[name]
    verdict = run(Trial(candidate, test), QUICK)
    assert verdict.word == word, verdict
    assert len(verdict.reason) <= 500 and verdict.reason.isprintable()


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_programs_time_out_by_cpu(name: str, walls: str) -> None:
    verdict = run(Trial(ENDLESS[name], TEST), SHORT)
    assert verdict.word == "timeout" and "CPU" in verdict.reason, verdict
    assert SHORT.cpu_s <= verdict.cpu_s and not verdict.retried


def test_a_slow_pass_is_a_timeout(walls: str) -> None:
    slow = "import time\ndef f(x):\n    while time.process_time() < 0.25: pass\n    return x + 1\n"
    assert run(Trial(slow, TEST), QUICK).word == "pass"
    assert run(Trial(slow, TEST + "import time\nwhile time.process_time() < 9: pass\n"), SHORT).word == "timeout"


def test_a_sleeper_is_tried_twice(walls: str) -> None:
    verdict = run(Trial("import time\ntime.sleep(1e6)\n", TEST), Limits(cpu_s=3.0, wall_s=0.5))
    assert verdict.word == "timeout" and "wall" in verdict.reason and verdict.retried


def test_reasons_are_the_same_every_time() -> None:
    program = Trial(
        "import os\nclass C: pass\ndef f(x):\n    raise ValueError(f'{C()} {os.getcwd()} {set(\"abcdef\")}')\n", TEST
    )
    first, second = run(program, QUICK), run(program, QUICK)
    assert first.reason == second.reason and "0x.." in first.reason and "ValueError" in first.reason


def test_none_of_our_environment(monkeypatch: pytest.MonkeyPatch, walls: str) -> None:
    monkeypatch.setenv("HARNESS_SECRET", "token")
    asks = "import os\nfound = dict(os.environ)\n"
    verdict = run(
        Trial(asks, "assert 'HARNESS_SECRET' not in found and 'HOME' not in found and 'PATH' not in found"), QUICK
    )
    assert verdict.word == "pass", verdict


def test_only_numpy_comes_from_our_packages() -> None:
    for name in ("pydantic", "duckdb", "harness", "pytest"):
        assert "ModuleNotFoundError" in run(Trial(f"import {name}\n", ""), QUICK).reason


def test_a_broken_test_is_ours() -> None:
    verdict = run(Trial(ADD, "assert f(1 ==\n"), QUICK)
    assert verdict.word == "sandbox_error" and verdict.retried


@needs_namespaces
def test_no_network() -> None:
    asks = "import socket\nsocket.create_connection(('127.0.0.1', 9), 1)\n"
    verdict = run(Trial(asks, ""), QUICK)
    assert verdict.word == "load_error" and "Network is unreachable" in verdict.reason, verdict
    assert isolation().network == "cut" and "network cut" in isolation().note and level() == "weak"


@needs_namespaces
@pytest.mark.parametrize("target", ["-1", "os.getppid()", "0", str(os.getpid())])
def test_the_harness_survives_kill(target: str) -> None:
    verdict = run(Trial(f"import os\ntry:\n    os.kill({target}, 9)\nexcept OSError:\n    pass\n" + ADD, TEST), QUICK)
    assert verdict.word in ("pass", "crashed", "runtime_error"), verdict


DAEMON = """
import fcntl, os, time
ready, done = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        lock = os.open({lock!r}, os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.write(done, b"1")
        time.sleep(1e6)
    os._exit(0)
os.read(ready, 1)
"""


@pytest.mark.parametrize("end", ["", "os._exit(0)", "while True: pass"])
def test_daemons_die_with_the_program(end: str, walls: str, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    run(Trial(DAEMON.format(lock=str(lock)) + end + "\n" + ADD, TEST), SHORT)
    with lock.open("r+") as stream:
        # Raises BlockingIOError while the daemon lives.
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_many_children_die_with_the_program(walls: str, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    bomb = (
        f"import fcntl, os, time\nlock = os.open({str(lock)!r}, os.O_RDWR)\nfcntl.flock(lock, fcntl.LOCK_EX)\n"
        "for _ in range(40):\n    if os.fork() == 0:\n        time.sleep(1e6)\n"
    )
    assert run(Trial(bomb + ADD, TEST), QUICK).word == "pass"
    with lock.open("r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize(
    "mess",
    [
        "os.makedirs('a/b'); open('a/b/c', 'w'); os.chmod('a/b', 0); os.chmod('a', 0)",
        "os.symlink('/', 'root'); os.symlink('nowhere', 'loop')",
        "os.chmod('.', 0)",
        "\nfor _ in range(1100):\n    os.mkdir('d'); os.chdir('d')",
        "\nfor n in range(300): open(str(n), 'w')",
    ],
)
def test_no_folder_left(mess: str, walls: str) -> None:
    assert run(Trial(f"import os\n{mess}\n" + ADD, TEST), QUICK).word == "pass"


def test_nothing_carries_over() -> None:
    assert run(Trial("open('x', 'w')\nimport math\nmath.pi = 3\n" + ADD, TEST), QUICK).word == "pass"
    clean = "import math, os\nassert os.listdir() == [] and math.pi > 3.1\n"
    assert run(Trial(clean + ADD, TEST), QUICK).word == "pass"


def test_threads_get_their_own_verdicts() -> None:
    programs = [Trial(f"def f():\n    return {n}\n", f"assert f() == {n - n % 2}\n") for n in range(24)]
    programs[5] = Trial("import time\ntime.sleep(1e6)\n", "")
    limits = Limits(cpu_s=2.0, wall_s=2.0)
    with ThreadPoolExecutor(6) as pool:
        verdicts: list[Verdict] = list(pool.map(lambda program: run(program, limits), programs))
    words = [verdict.word for verdict in verdicts]
    assert words[5] == "timeout"
    expected = ["wrong_answer" if n % 2 else "pass" for n in range(24)]
    assert words[:5] + words[6:] == expected[:5] + expected[6:]


def test_descriptors_do_not_leak() -> None:
    run(Trial(ADD, TEST), QUICK)
    before = open_files()
    for _ in range(10):
        run(Trial(ADD, TEST), QUICK)
    assert open_files() == before


def test_a_missing_interpreter_is_a_sandbox_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    verdict = run(Trial(ADD, TEST), QUICK)
    assert verdict.word == "sandbox_error" and "FileNotFoundError" in verdict.reason


def test_what_is_not_promised() -> None:
    always = "class Always:\n    def __eq__(self, other): return True\ndef f(x):\n    return Always()\n"
    assert run(Trial(always, TEST), QUICK).word == "pass"


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40))
def test_any_text_gets_a_verdict(text: str) -> None:
    verdict = run(Trial(text, "raise AssertionError"), QUICK)
    assert verdict.word in (
        "wrong_answer",
        "load_error",
        "runtime_error",
        "exited",
        "crashed",
        "timeout",
        "memory_limit",
    )


def test_remove_leaves_what_links_point_to(tmp_path: Path) -> None:
    kept, folder = tmp_path / "kept", tmp_path / "folder"
    kept.mkdir()
    (kept / "file").touch()
    folder.mkdir()
    (folder / "link").symlink_to(kept)
    (folder / ".moved-1").mkdir()
    (folder / "a" / "b").mkdir(parents=True)
    remove(folder)
    assert not folder.exists() and (kept / "file").exists()


def test_folders_of_killed_harnesses_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    names = {"dead": ended.pid, "young": ended.pid, "ours": os.getpid()}
    folders = {name: tmp_path / f"harness-sandbox-{number}-{name}" for name, number in names.items()}
    for name, folder in folders.items():
        folder.mkdir()
        (folder / "file").touch()
        if name != "young":
            os.utime(folder, (0, 0))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch() as folder:
        assert folder.is_dir()
    assert {name for name, folder in folders.items() if folder.exists()} == {"young", "ours"}
