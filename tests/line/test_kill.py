"""SIGKILL at 20 random moments: the evaluation ends with exactly the rows of an undisturbed one."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import worlds

from harness.store import Database, read

ARGS = ("eval", "scripted:worlds:guess", "--suite", "primer", "--quiet", "--json", "--set", "delay_s=0.03")
KILLS = 20


def rows(db: Path) -> list[dict[str, Any]]:
    """Return everything a run says, in an order of its own."""
    return read.query(
        Database(db),
        "SELECT r.suite, r.sample_id, r.attempt, r.measures, r.mode, r.answer, a.text, a.prompt, a.key"
        " FROM results r JOIN answers a ON a.key = r.completion_keys[1] ORDER BY ALL",
    )


@pytest.mark.slow
def test_twenty_kills_leave_the_rows_of_an_undisturbed_run(tmp_path: Path) -> None:
    calm, stormy = tmp_path / "calm.duckdb", tmp_path / "stormy.duckdb"
    done = worlds.harness(*ARGS, "--db", calm)
    assert done.returncode == 0, done.stderr
    random_moment = random.Random(20)
    killed = 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            worlds.command(*ARGS, "--db", stormy),
            env=worlds.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(random_moment.uniform(0.3, 2.5))
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
    done = worlds.harness(*ARGS, "--db", stormy)
    assert done.returncode == 0, done.stderr
    assert killed >= KILLS // 2, "most kills must hit a running evaluation, or this test proves nothing"
    undisturbed, disturbed = rows(calm), rows(stormy)
    assert len(undisturbed) == worlds.document(done)["suites"]["primer"]["wanted"]
    assert disturbed == undisturbed
    for table, key in (("completions", "key"), ("scores", "key"), ("records", "sample_id"), ("heads", "key")):
        twice = read.query(Database(stormy), f"SELECT {key} FROM {table} GROUP BY {key} HAVING count(*) > 1")
        assert twice == [], table


@pytest.mark.slow
@pytest.mark.parametrize(("signal_number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_interruption_is_resumable(tmp_path: Path, signal_number: int, code: int) -> None:
    db = tmp_path / "harness.duckdb"
    # In the background a shell lets children ignore SIGINT; a handler here, and the child begins with the default.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    child = subprocess.Popen(
        worlds.command(*ARGS, "--limit", "200", "--db", db),
        env=worlds.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (db.exists() and read.query(Database(db), "SELECT 1 FROM records LIMIT 1")):
        time.sleep(0.05)
    child.send_signal(signal_number)
    _, stderr = child.communicate(timeout=60)
    assert child.returncode == code, stderr
    assert "interrupted" in stderr and "Traceback" not in stderr
    stored = read.query(Database(db), "SELECT count(*) AS n FROM completions")[0]["n"]
    assert read.runs(Database(db))[0]["status"] == "interrupted" and stored > 0
    done = worlds.document(worlds.harness(*ARGS, "--limit", "200", "--db", db))
    assert done["status"] == "done" and done["asked"] == 200 - stored
