"""The sandbox in the long run: nothing leaks or hangs, verdicts repeat under load, lost workers are replaced."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from harness.sandbox import Limits, Trial, level, run
from harness.sandbox import pool as pools
from harness.sandbox.pool import Pool, Worker
from harness.sandbox.scratch import PREFIX, STALE_S, _sweep

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc to look at")
LIMITS = Limits(cpu_s=2.0)
TEST = "assert f(1) == 2\nassert f(5) == 6\n"
ADD = "def f(x):\n    {}\n    return x + 1\n"
SORTS: dict[str, tuple[Trial, str]] = {
    "right": (Trial(ADD.format("pass"), TEST), "pass"),
    "wrong": (Trial(ADD.format("x += 1"), TEST), "wrong_answer"),
    "raises": (Trial(ADD.format("x = {}[x]"), TEST), "runtime_error"),
    "does not load": (Trial("def f(x:\n", TEST), "load_error"),
    "prints": (Trial(ADD.format("print('y' * 5000)"), TEST), "pass"),
    "writes": (Trial(ADD.format("[open(f'{i}.txt', 'w').write('z' * 999) for i in range(5)]"), TEST), "pass"),
    "exits": (Trial("import os\n" + ADD.format("os._exit(0)"), TEST), "exited"),
    "returns much": (Trial("def f(x):\n    return list(range(20000))\n", "assert len(f(1)) == 20000"), "pass"),
    "asked live": (Trial(ADD.format("pass"), "a = f(1)\nassert f(a) == 3"), "pass"),
    "in process": (Trial("class A:\n    n = 2\n", "a = A()\nassert a.n == 2", mode="inprocess"), "pass"),
}
SPIN = Trial("def f(x):\n    while True:\n        pass\n", TEST)


def family(root: int) -> dict[int, str]:
    """Return `root` and all processes below it, each with its command line."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if stat[0] != "Z":
                parents[int(folder.name)] = int(stat[1])
    found = [root]
    for process in found:
        found += [one for one, parent in parents.items() if parent == process]
    return {one: command(one) for one in found}


def command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def descriptors(process: int) -> int:
    """Return how many a process has open; 0 where we may not look (the zygote of a plain user)."""
    try:
        return len(list(Path(f"/proc/{process}/fd").iterdir()))
    except OSError:
        return 0


def resident(process: int) -> int:
    """Return bytes of memory that a process alone holds."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def footprint() -> dict[str, int]:
    """Return what the harness and its workers hold: processes, descriptors, memory, folders."""
    everyone = list(family(os.getpid()))
    folders = list(Path(tempfile.gettempdir()).glob(f"{PREFIX}{os.getpid()}-*"))
    return {
        "processes": len(everyone),
        "descriptors": sum(map(descriptors, everyone)),
        "memory": sum(map(resident, everyone)),
        "folders": len(folders),
        "files": sum(1 for folder in folders for _ in folder.rglob("*")),
        "threads": threading.active_count(),
    }


def gone(processes: list[int], seconds: float = 20.0) -> bool:
    """Return whether all of these have ended before so many seconds are over."""
    ends = time.monotonic() + seconds
    while any(Path(f"/proc/{one}").exists() and "Z" not in state(one) for one in processes):
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def mixture(count: int) -> list[tuple[Trial, str]]:
    """Return so many programs of all sorts in a seeded order."""
    rng, names = random.Random(0), list(SORTS)
    return [SORTS[names[rng.randrange(len(names))]] for _ in range(count)]


@pytest.mark.slow
def test_ten_thousand_programs_leak_nothing() -> None:
    programs = mixture(10_000)
    for number in range(400, 10_000, 2500):
        programs[number] = (SPIN, "timeout")
    short = Limits(cpu_s=0.2, wall_s=20.0)
    marks = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for start in range(0, 10_000, 2000):
            part = programs[start : start + 2000]
            verdicts = list(threads.map(lambda one: run(one[0], short if one[0] is SPIN else LIMITS), part))
            wrong = [(v, wanted) for v, (_, wanted) in zip(verdicts, part, strict=True) if v.word != wanted]
            assert not wrong, wrong[:3]
            marks.append(footprint())
    first, last = marks[0], marks[-1]
    for what in ("processes", "descriptors", "folders", "files", "threads"):
        assert last[what] <= first[what], (what, marks)
    assert last["memory"] < first["memory"] + (16 << 20), marks


@pytest.fixture
def busy_machine() -> Iterator[None]:
    spin = [sys.executable, "-I", "-S", "-c", "while True: pass"]
    busy = [subprocess.Popen(spin) for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for process in busy:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_three_times_the_same_on_a_loaded_machine(busy_machine: None) -> None:
    programs = [trial for trial, _ in mixture(120)] + [SPIN]
    said = []
    for _ in range(3):
        with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as threads:
            verdicts = threads.map(lambda trial: run(trial, Limits(cpu_s=0.5, wall_s=60.0)), programs)
            said.append([(v.word, v.reason, v.outcomes, v.mode) for v in verdicts])
    assert said[0] == said[1] == said[2]
    assert [word for word, *_ in said[0]] == [wanted for _, wanted in mixture(120)] + ["timeout"]


def test_many_threads_at_once() -> None:
    programs = mixture(160)
    with ThreadPoolExecutor(32) as threads:
        verdicts = list(threads.map(lambda one: run(one[0], LIMITS), programs))
    assert [v.word for v in verdicts] == [wanted for _, wanted in programs]


def test_a_worker_is_replaced_after_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "RECYCLE", 3)
    workers = Pool(level(), 1)
    seen = []
    try:
        for _ in range(7):
            assert workers.judge(*SORTS["right"][:1], LIMITS)["word"] == "pass"
            seen.append(only(workers).process.pid)
    finally:
        workers.close()
    assert [seen.count(one) for one in dict.fromkeys(seen)] == [3, 3, 1]
    assert gone(seen)


def only(workers: Pool) -> Worker:
    (worker,) = (one for one in workers.free if one is not None)
    return worker


@pytest.fixture
def small_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """Have one worker serve `run`, so that it is known which one is killed."""
    workers = Pool(level(), 1)
    monkeypatch.setitem(pools._POOLS, level(), workers)
    assert run(SORTS["right"][0], LIMITS).word == "pass"
    yield workers
    workers.close()


@pytest.mark.parametrize("who", ["oracle", "zygote"])
def test_a_killed_worker_costs_no_verdict(small_pool: Pool, who: str) -> None:
    oracle = only(small_pool).process.pid
    below = list(family(oracle))
    os.kill(oracle if who == "oracle" else below[-1], signal.SIGKILL)
    verdict = run(SORTS["right"][0], LIMITS)
    assert (verdict.word, verdict.retried) == ("pass", True)
    assert gone(below)
    verdict = run(SORTS["wrong"][0], LIMITS)
    assert (verdict.word, verdict.retried) == ("wrong_answer", False)


@pytest.mark.parametrize("who", ["oracle", "zygote"])
def test_a_worker_killed_at_work_costs_no_verdict(small_pool: Pool, who: str) -> None:
    oracle = only(small_pool).process.pid
    zygote = list(family(oracle))[-1]
    slow = Trial("import time\ndef f(x):\n    time.sleep(0.5)\n    return x + 1\n", TEST)
    with ThreadPoolExecutor(1) as threads:
        verdict = threads.submit(run, slow, LIMITS)
        ends = time.monotonic() + 20
        while len(family(zygote)) < 2 and time.monotonic() < ends:
            time.sleep(0.01)
        processes = list(family(oracle))
        os.kill(oracle if who == "oracle" else zygote, signal.SIGKILL)
        assert (verdict.result().word, verdict.result().retried) == ("pass", True)
    assert gone(processes)


def test_a_worker_that_is_always_lost_is_no_score(small_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise pools.WorkerLost("gone")

    monkeypatch.setattr(Worker, "judge", lost)
    verdict = run(SORTS["wrong"][0], LIMITS)
    assert (verdict.word, verdict.retried) == ("sandbox_error", True)


def judge_in_child(answers: multiprocessing.SimpleQueue[str]) -> None:
    answers.put(run(SORTS["right"][0], LIMITS).word)


@pytest.mark.parametrize("how", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_other_processes_have_workers_of_their_own(how: str) -> None:
    assert run(SORTS["right"][0], LIMITS).word == "pass"
    context = multiprocessing.get_context(how)
    answers: multiprocessing.SimpleQueue[str] = context.SimpleQueue()
    child = context.Process(target=judge_in_child, args=(answers,))
    child.start()
    child.join(60)
    assert child.exitcode == 0, "without an end of its own there is no answer to wait for"
    assert answers.get() == "pass"
    left = Path(tempfile.gettempdir())
    ends = time.monotonic() + 20
    while list(left.glob(f"{PREFIX}{child.pid}-*")) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not list(left.glob(f"{PREFIX}{child.pid}-*"))
    assert run(SORTS["writes"][0], LIMITS).word == "pass"


HEAD = """
import os, signal, sys, threading, time
from harness.sandbox import Limits, Trial, run
right, test = Trial("def f(x):\\n    return x + 1", "assert f(1) == 2"), "assert f(1) == 2"
slow = Trial("def f(x):\\n    while True: pass", "assert f(1) == 2")
assert run(right).word == "pass"
"""
ENDINGS = {
    "normally": ("", 0),
    "by an exception": ("raise SystemExit(3)", 3),
    "with a thread at work": ("threading.Thread(target=run, args=(slow, Limits(1.0))).start()", 0),
    "with a daemon at work": (
        "threading.Thread(target=run, args=(slow, Limits(60.0)), daemon=True).start()\ntime.sleep(0.3)",
        0,
    ),
    "interrupted at work": (
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\nrun(slow, Limits(60.0))",
        -signal.SIGINT,
    ),
    "with a fork that ends too": (
        "if not os.fork():\n    assert run(right).word == 'pass'\n    sys.exit(0)\n"
        "assert os.wait()[1] == 0\nassert run(right).word == 'pass'",
        0,
    ),
}


def start(code: str, folder: Path, **more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(Path(__file__).parents[2]), **more}
    program = [sys.executable, "-c", HEAD + textwrap.dedent(code)]
    return subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("at", ["strong", "medium"])
def test_the_harness_ends(ending: str, at: str, tmp_path: Path) -> None:
    if at == "strong" and level() != "strong":
        pytest.skip("not to be had here")
    code, wanted = ENDINGS[ending]
    harness = start(code, tmp_path, HARNESS_SANDBOX=at)
    said = harness.communicate(timeout=60)[1]
    assert harness.returncode == wanted, said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("at", ["strong", "medium"])
def test_a_killed_harness_leaves_no_process(at: str, tmp_path: Path) -> None:
    if at == "strong" and level() != "strong":
        pytest.skip("not to be had here")
    harness = start("print('ready', flush=True)\nrun(slow, Limits(2.0, wall_s=4.0))", tmp_path, HARNESS_SANDBOX=at)
    assert harness.stdout is not None and harness.stdout.readline() == "ready\n"
    time.sleep(0.5)
    below = list(family(harness.pid))
    assert len(below) > 2
    harness.kill()
    harness.communicate()
    assert gone(below) and list(tmp_path.iterdir()) == []


def test_what_a_killed_harness_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = start("print('ready', flush=True)\ntime.sleep(60)", tmp_path)
    assert harness.stdout is not None and harness.stdout.readline() == "ready\n"
    below = list(family(harness.pid))
    # The worker too: it would tidy up after its harness.
    for process in below:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    harness.communicate()
    assert gone(below)
    (left,) = tmp_path.iterdir()
    _sweep.__wrapped__(str(tmp_path))
    assert left.exists(), "another harness may have just made it"
    long_ago = time.time() - STALE_S - 60
    os.utime(left, (long_ago, long_ago))
    _sweep.__wrapped__(str(tmp_path))
    assert not left.exists()
