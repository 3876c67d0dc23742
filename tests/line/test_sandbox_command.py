"""`harness sandbox` as a person or a script meets it, the sandbox in `harness doctor`, levels in `harness eval`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import worlds

from harness.doctor import REMEDIES, remedy
from harness.sandbox import LEVELS, Limits, Word, levels, program, tidying, zygote
from harness.store import Database, read

DOUBLE = "def double(x):\n    print('a noise')\n    return x * 2 if x < 3 else x\n"
TEST = "import math\n\nassert double(1) == 2\nassert math.isclose(\n    double(2), 4)\nassert double(3) == 6\n"


@pytest.fixture
def answer(tmp_path: Path) -> Path:
    path = tmp_path / "answer.py"
    path.write_text(DOUBLE)
    return path


def judge(program: str, *more: object, tmp_path: Path, **extra: str) -> tuple[int, dict[str, Any]]:
    path = tmp_path / "program.py"
    path.write_text(program)
    done = worlds.harness("sandbox", path, *more, "--json", **extra)
    return done.returncode, worlds.document(done)


def check(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    for part in ("error:", "expected:", "next:", *parts):
        assert part in done.stderr, done.stderr


def test_each_assertion_is_shown(answer: Path, tmp_path: Path) -> None:
    (tmp_path / "test.py").write_text(TEST)
    done = worlds.harness("sandbox", answer, "--test", tmp_path / "test.py")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "wrong_answer  AssertionError"
    assert [line.split()[:2] for line in lines[-3:]] == [["3", "pass"], ["4", "pass"], ["6", "wrong_answer"]]
    assert "a noise" not in done.stdout
    assert lines[1].split() == ["got", "3"]
    for word in ("level", "mode", "cpu", "wall", "memory"):
        assert any(line.split()[0] == word for line in lines[2:7]), done.stdout


@pytest.mark.parametrize("nothing", ["", "\n  \n", "# to be written\n"])
def test_nothing_never_passes(answer: Path, tmp_path: Path, nothing: str) -> None:
    (tmp_path / "nothing.py").write_text(nothing)
    check(worlds.harness("sandbox", tmp_path / "nothing.py"), 2, "no statement")
    for test in (nothing, "pass\n", "import math\nexpected = 2\n"):
        (tmp_path / "test.py").write_text(test)
        check(worlds.harness("sandbox", answer, "--test", tmp_path / "test.py"), 2, "can not fail")


def test_a_pass_and_its_document(answer: Path, tmp_path: Path) -> None:
    (tmp_path / "test.py").write_text("assert double(2) == 4\r\nassert double(9) == 9\r\n")
    done = worlds.harness("sandbox", answer, "--test", tmp_path / "test.py", "--json", "--memory-mb", "512")
    shown = worlds.document(done)
    assert done.returncode == 0 and shown["verdict"] == "pass" and shown["mode"] == "split"
    assert [one["line"] for one in shown["tests"]] == [1, 2] and shown["tests"][1]["test"] == "assert double(9) == 9"
    assert shown["limits"] == {"cpu_s": 3.0, "wall_s": 11.0, "memory_bytes": 512 << 20}
    assert 0 < shown["used"]["cpu_s"] < 3 and shown["used"]["peak_bytes"] > 1 << 20


@pytest.mark.parametrize(
    "test",
    [
        "x = [1]\nassert double(1) == 2\nassert x == [1]\n",
        "assert double(1) == 2; assert double(2) == 4\n",
        "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 4\n\n\ncheck(double)\n",
        "assert double(1) == 2\nassert double(2) == 4\ndef after():\n    pass\n",
    ],
    ids=["variables", "one line", "a function", "a definition last"],
)
def test_what_may_depend_on_each_other_is_one_test(answer: Path, tmp_path: Path, test: str) -> None:
    (tmp_path / "test.py").write_text(test)
    shown = worlds.document(worlds.harness("sandbox", answer, "--test", tmp_path / "test.py", "--json"))
    assert shown["verdict"] == "pass" and len(shown["tests"]) == 1


@pytest.mark.parametrize(
    ("program", "more", "verdict"),
    [
        ("x = 1\n", (), "pass"),
        ("def f(:\n", (), "load_error"),
        ("1 / 0\n", (), "load_error"),
        ("\0", (), "load_error"),
        ("while True:\n    pass\n", ("--cpu-s", "0.3"), "timeout"),
        ("import time\ntime.sleep(99)\n", ("--cpu-s", "0.2", "--wall-s", "0.4"), "timeout"),
        ("x = bytearray(400 << 20)\n", ("--memory-mb", "256"), "memory_limit"),
        ("import os\nos._exit(0)\n", (), "exited"),
        ("import os\nos.kill(os.getpid(), 9)\n", (), "crashed"),
    ],
)
def test_without_a_test_it_must_load_and_run_through(
    tmp_path: Path, program: str, more: tuple[str, ...], verdict: str
) -> None:
    code, shown = judge(program, *more, tmp_path=tmp_path)
    assert shown["verdict"] == verdict and code == (0 if verdict == "pass" else 1), shown
    assert shown["tests"] == []


def test_a_program_from_stdin_and_hostile_text(tmp_path: Path) -> None:
    program = "raise ValueError('\\x1b]0;owned\\x07[bold]\\u202e' + 'A' * 10_000)\n"
    done = subprocess.run(
        worlds.command("sandbox", "-"), input=program, capture_output=True, text=True, env=worlds.environment(),
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "owned" in done.stdout and "[bold]" in done.stdout, "text is shown as it is, not taken for markup"
    assert "\x1b]" not in done.stdout and "\x07" not in done.stdout and "\u202e" not in done.stdout
    assert len(done.stdout) < 5000


def test_a_level_on_purpose_and_one_that_is_not_here(answer: Path, tmp_path: Path) -> None:
    code, shown = judge(DOUBLE, "--level", "weak", tmp_path=tmp_path)
    assert code == 0 and shown["level"] == "weak"
    done = worlds.harness("sandbox", answer, "--level", "medium", HARNESS_SANDBOX="weak")
    assert done.returncode == 2 and "no level 'medium' here" in done.stderr
    check(worlds.harness("sandbox", answer, "--level", "medum"), 2, "nearest: 'medium'")
    check(worlds.harness("sandbox", answer, HARNESS_SANDBOX="solid"), 2, "HARNESS_SANDBOX='solid'")


def test_wrong_usage_has_three_parts(answer: Path, tmp_path: Path) -> None:
    check(worlds.harness("sandbox", tmp_path / "none.py"), 2, "none.py")
    check(worlds.harness("sandbox", tmp_path), 2)
    latin = tmp_path / "latin.py"
    latin.write_bytes("x = 'é'\n".encode("latin-1"))
    check(worlds.harness("sandbox", latin), 2, "latin.py", "UTF-8")
    (tmp_path / "bad.py").write_text("assert double(1) ==\n")
    check(worlds.harness("sandbox", answer, "--test", tmp_path / "bad.py"), 2, "does not compile")
    for option, value in (("--cpu-s", "nan"), ("--cpu-s", "0"), ("--wall-s", "1e9"), ("--memory-mb", "99999999")):
        check(worlds.harness("sandbox", answer, option, value), 2, option)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap to take every writable folder away with")
def test_a_sandbox_that_cannot_start_is_no_verdict(answer: Path, tmp_path: Path) -> None:
    closed = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--unshare-user", "--cap-drop", "ALL", "--chdir", "/"]
    closed += ["--bind", str(tmp_path), str(tmp_path)]
    if subprocess.run([*closed, "true"], capture_output=True, check=False).returncode:
        pytest.skip("bubblewrap does not work here")
    environment = {**worlds.environment(PYTHONDONTWRITEBYTECODE="1"), "TMPDIR": "/"}
    programs = worlds.command("eval", "scripted:worlds:by_heart", "--suite", "primer", "--db", tmp_path / "x.duckdb")
    for command in (worlds.command("sandbox", answer), programs):
        done = subprocess.run(
            [*closed, *command, "--json"], capture_output=True, text=True, env=environment, timeout=120, check=False
        )
        check(done, 4, "No usable temporary directory", "harness doctor")
        assert json.loads(done.stdout)["error"]["exit_code"] == 4


@pytest.mark.slow
def test_doctor_says_the_level_why_not_more_and_what_to_type(tmp_path: Path) -> None:
    done = worlds.harness("doctor", "--db", tmp_path / "x.duckdb", "--json", HARNESS_SANDBOX="weak")
    lines = {line["name"]: line for line in worlds.document(done) if line["area"] == "sandbox"}
    assert lines["level"]["found"].startswith("weak: rlimits") and lines["level"]["state"] == "gap"
    assert lines["not medium"]["do"] and lines["not strong"]["do"]
    done = worlds.harness("doctor", "--db", tmp_path / "x.duckdb", HARNESS_SANDBOX="medium")
    assert "unset HARNESS_SANDBOX" in done.stdout or "apt install bubblewrap" in done.stdout
    assert "…" not in done.stdout, "nothing is cut on a pipe"


@pytest.mark.parametrize(
    ("reason", "do"),
    [
        ("HARNESS_SANDBOX=weak", "unset HARNESS_SANDBOX"),
        ("no bwrap (bubblewrap) on PATH", "apt install bubblewrap"),
        ("the sandbox's worker did not start: bwrap: setting up uid map: Permission denied", "AppArmor"),
        ("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", "AppArmor"),
        ("bwrap: setting up uid map: Operation not permitted", "--user 1000"),
        ("bwrap: Can't read /proc/sys/kernel/overflowuid: No such file or directory", "bwrap needs /proc"),
        ("bwrap: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)",
         "max_user_namespaces"),
        ("bwrap: No permissions to create new namespace, likely because the kernel does not allow", "seccomp="),
        ("bwrap: Creating new namespace failed: Operation not permitted", "seccomp="),
        ("no Landlock: Function not implemented", "5.13"),
        ("no Landlock: Operation not supported", "lsm="),
        ("no Landlock: Operation not permitted", "seccomp="),
        ("darwin has neither Landlock nor seccomp", "container"),
        ("[Errno 2] No usable temporary directory found in ['/tmp', '/var/tmp']", "TMPDIR"),
        ("something that nobody has seen", "docs/sandbox.md"),
    ],
)  # fmt: skip
def test_every_reason_has_a_remedy(reason: str, do: str) -> None:
    assert do in remedy(reason)
    assert "docs/sandbox.md" not in remedy(reason) or do in ("docs/sandbox.md", "AppArmor")
    assert len(REMEDIES) >= 10


@pytest.mark.parametrize("level", ["medium", "weak"])
def test_the_level_is_stored_with_the_run_and_every_score(tmp_path: Path, level: str) -> None:
    db = tmp_path / "harness.duckdb"
    found = worlds.harness("sandbox", "-", "--level", level, "--json")
    if found.returncode != 0:
        pytest.skip(f"no level {level!r} here")
    arguments = ("eval", "scripted:worlds:by_heart", "--suite", "primer", "--limit", "40", "--quiet", "--json")
    shown = worlds.document(worlds.harness(*arguments, "--db", db, HARNESS_SANDBOX=level))
    assert shown["suites"]["primer"]["sandbox"] == level
    assert read.query(Database(db), "SELECT sandbox FROM run_suites") == [{"sandbox": level}]
    stored = read.query(
        Database(db),
        "SELECT DISTINCT detail->>'sandbox' AS sandbox FROM scores WHERE detail->>'verdict' IS NOT NULL",
    )
    assert stored == [{"sandbox": level}]


def test_a_level_below_what_is_asked_for_refuses_before_anything_is_asked(tmp_path: Path) -> None:
    db, config = tmp_path / "harness.duckdb", tmp_path / "eval.yaml"
    config.write_text("model: scripted:worlds:by_heart\nsuites: [primer]\nlimit: 40\nmin_sandbox: strong\n")
    done = worlds.harness("eval", "--config", config, "--db", db, "--quiet", HARNESS_SANDBOX="weak")
    check(done, 2, "'weak'", "'strong'", "harness doctor")
    assert not Database(db).exists or read.query(Database(db), "SELECT count(*) AS n FROM runs") == [{"n": 0}]


def test_the_page_names_every_verdict_level_and_limit() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text()
    for word in (*get_args(Word), *LEVELS[1:]):
        assert f"`{word}`" in page, word
    standard = Limits()
    rows = {
        "CPU time": f"| {standard.cpu_s:g} s ",
        "memory": f"| {standard.memory_bytes >> 30} GiB of address space ",
        "a file": f"| {zygote.FILE_BYTES >> 20} MiB ",
        "scratch folder": f"| {tidying.FOLDER_BYTES >> 20} MiB, {tidying.FILES:,} files ",
        "a returned value": f"| {program.RESULT_BYTES >> 20} MiB, {program.DEPTH} levels deep ",
        "open files": f"| {zygote.DESCRIPTORS} ",
    }
    for what, limit in rows.items():
        assert f"| {what} {limit}" in page, (what, limit)
    assert f"{levels.FOLDER_BYTES >> 20} MiB" in page and standard.wall == 3 * standard.cpu_s + 2
