"""`harness watch` beside real trainings: another process writes, deletes, is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import worlds

from harness.store import Database, read

TRAINING = Path(__file__).parent.parent / "watch" / "training.py"
GATES = """
defaults: {min_items: 5}
evaluate: {limit: LIMIT, max_tokens: 4}
sandbox: {min_level: weak}
suites:
  primer: {absolute: {RULE, mode: point}}
"""


def policy(folder: Path, limit: int = 10, rule: str = "min: 0.5") -> Path:
    path = folder / f"gates-{limit}.yaml"
    path.write_text(GATES.replace("LIMIT", str(limit)).replace("RULE", rule))
    return path


def save(*folders: Path) -> None:
    """Write untrained checkpoints."""
    found = worlds.environment()
    found["PYTHONPATH"] = os.pathsep.join([str(TRAINING.parent), found["PYTHONPATH"]])
    script = "import sys, training, pathlib\nfor name in sys.argv[1:]: training.save(pathlib.Path(name))"
    subprocess.run([sys.executable, "-c", script, *map(str, folders)], env=found, check=True, capture_output=True)


def train(out: Path, *arguments: object) -> subprocess.Popen[bytes]:
    """Start a training in another process."""
    line = [sys.executable, str(TRAINING), str(out), *map(str, arguments)]
    return subprocess.Popen(line, env=worlds.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def watch(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a watch in another process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    line = worlds.command("watch", folder, "--quiet", *arguments)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, env=worlds.environment(), text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def rows(db: Path, sql: str) -> list[dict[str, Any]]:
    """Return rows; none while there is no such table yet."""
    known = read.query(Database(db), "SELECT 1 FROM duckdb_tables() WHERE table_name = 'checkpoints'")
    return read.query(Database(db), sql) if known else []


def until(what: Any, limit_s: float = 120.0) -> Any:
    """Wait until `what` returns something true, and return it."""
    end = time.monotonic() + limit_s
    while not (found := what()):
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.1)
    return found


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[Any]]]:
    """Processes that are ended with the test, whatever happens."""
    found: list[subprocess.Popen[Any]] = []
    yield found
    for child in found:
        if child.poll() is None:
            child.kill()
            child.wait()


@pytest.mark.slow
def test_a_training_and_a_watch_side_by_side(tmp_path: Path, started: list[subprocess.Popen[Any]]) -> None:
    """Checkpoints appear, and all but the last two are deleted, while others are judged."""
    db, out, gates_yaml = tmp_path / "h.duckdb", tmp_path / "out", policy(tmp_path)
    common = ("--policy", gates_yaml, "--settle", "0.2", "--db", db)
    watching = watch(out, *common, "--every", "0.1", "--json")
    training = train(out, "--steps", 8, "--save-steps", 2, "--keep", 2, "--pause", 1.0)
    started += [watching, training]
    assert training.wait(timeout=120) == 0
    until(lambda: rows(db, "SELECT 1 FROM checkpoints WHERE step = 8"))
    lines: list[dict[str, Any]] = []
    assert watching.stdout
    while not lines or lines[-1]["step"] != 8:  # what is stored is printed next
        lines.append(json.loads(watching.stdout.readline()))
    watching.send_signal(signal.SIGINT)
    stdout, stderr = watching.communicate(timeout=60)
    assert watching.returncode == 130 and "Traceback" not in stderr and stdout == "", stderr
    steps = [one["step"] for one in lines]
    assert steps == sorted(set(steps)) and {6, 8} <= set(steps) <= {2, 4, 6, 8}
    assert all(one["outcome"] == "FAIL" and one["scores"]["primer"]["n"] == 10 for one in lines)
    stored = rows(db, "SELECT step, run_id, gate_id FROM checkpoints ORDER BY step")
    assert [(r["step"], r["run_id"], r["gate_id"]) for r in stored] == [
        (one["step"], one["run_id"], one["gate_id"]) for one in lines
    ]
    # The same folder again does nothing, and says what came of it.
    again = worlds.harness("watch", out, *common, "--once", "--json")
    shown = worlds.document(again)
    assert again.returncode == shown["exit_code"] == 1
    assert [(one["step"], one["known"]) for one in shown["checkpoints"]] == [(6, True), (8, True)]
    assert rows(db, "SELECT step, run_id, gate_id FROM checkpoints ORDER BY step") == stored
    assert len(rows(db, "SELECT * FROM gates")) == len(stored)


@pytest.mark.slow
def test_killed_in_the_middle_and_started_again(tmp_path: Path, started: list[subprocess.Popen[Any]]) -> None:
    db, out = tmp_path / "h.duckdb", tmp_path / "out"
    save(tmp_path / "base")
    training = train(out, "--steps", 1, "--save-steps", 1, "--lora", tmp_path / "base")
    assert training.wait(timeout=120) == 0
    common = ("--policy", policy(tmp_path, 600, "max: 0.9"), "--settle", "0", "--db", db)
    watching = watch(out, *common)
    started.append(watching)
    until(lambda: rows(db, "SELECT 1 FROM records LIMIT 1"))
    watching.send_signal(signal.SIGKILL)
    watching.wait()
    before = rows(db, "SELECT count(*) AS n FROM completions")[0]["n"]
    assert 0 < before < 600, "killed in the middle"
    done = worlds.harness("watch", out, *common, "--once", "--json")
    shown = worlds.document(done)
    assert done.returncode == 0, done.stderr
    # The adapter names its base itself.
    assert [(one["step"], one["kind"], one["outcome"]) for one in shown["checkpoints"]] == [(1, "adapter", "PASS")]
    assert len(rows(db, "SELECT * FROM checkpoints")) == len(rows(db, "SELECT * FROM gates")) == 1
    twice = "SELECT key FROM completions GROUP BY key HAVING count(*) > 1"
    assert rows(db, twice) == []
    counts = rows(db, "SELECT run_id, count(*) AS n FROM records GROUP BY run_id")
    assert [row["n"] for row in counts] == [600]


@pytest.mark.slow
def test_once_with_whole_broken_and_half_written_ones(tmp_path: Path) -> None:
    db, out = tmp_path / "h.duckdb", tmp_path / "out"
    save(*(out / f"checkpoint-{step}" for step in (1, 2, 3)))
    cut = out / "checkpoint-3" / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-100])
    arguments = ("watch", out, "--policy", policy(tmp_path, rule="max: 0.9"), "--once", "--settle", "0", "--db", db)
    done = worlds.harness(*arguments)
    assert done.returncode == 3, "one is not whole: nothing is known of it"
    assert "PASS" in done.stdout and "step 1 " in done.stdout
    assert "checkpoint-3: model.safetensors is cut short" in done.stdout
    hostile = "\x1b[2J[red]gone[/red]"
    (out / "checkpoint-2" / "config.json").write_text(json.dumps({"model_type": hostile}))
    done = worlds.harness(*arguments)
    assert done.returncode == 4 and "ERROR" in done.stdout
    assert "\x1b" not in done.stdout and "[red]gone[/red]" in done.stdout
    assert [r["step"] for r in rows(db, "SELECT step FROM checkpoints WHERE run_id IS NULL")] == [2]


def test_what_is_wrong_is_found_before_a_model_is_opened(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    gates_yaml, db = policy(tmp_path), tmp_path / "h.duckdb"
    typo = tmp_path / "typo.yaml"
    typo.write_text("suites:\n  primr: {absolute: {min: 0.5}}\n")
    for arguments, said in (
        (("--policy", typo), "primer"),
        (("--policy", gates_yaml, "--set", "dtpe=float32"), "dtype"),
        (("--policy", gates_yaml, "--baseline", "main"), "main"),
        (("--policy", gates_yaml), "no checkpoint below"),
    ):
        done = worlds.harness("watch", out, *arguments, "--once", "--db", db)
        assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, arguments
