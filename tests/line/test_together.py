"""Two evaluations and a reading loop on one file at the same time; a second process on the same run is refused."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import worlds

from harness.store import Database, read

ARGS = ("--suite", "primer", "--limit", "150", "--quiet", "--json", "--set", "delay_s=0.02")

READER = """
import sys, time
from pathlib import Path
from harness.errors import UsageError
from harness.store import Database, read
database, seen, reads = Database(Path(sys.argv[1])), 0, 0
while seen < int(sys.argv[2]):
    try:
        total = read.query(database, "SELECT coalesce(sum(scored), 0) AS n FROM totals")
        seen, reads = total[0]["n"] if total else 0, reads + 1
    except UsageError as error:  # not there yet
        print(error, file=sys.stderr)
    time.sleep(0.002)
print(reads)
"""


@pytest.mark.slow
def test_two_evaluations_and_a_reading_loop(tmp_path: Path) -> None:
    db = tmp_path / "harness.duckdb"
    worlds.harness("eval", "scripted:worlds:guess", "--suite", "primer", "--limit", "5", "--quiet", "--db", db)
    children = [
        subprocess.Popen(
            worlds.command(
                "eval", "scripted:worlds:guess", *ARGS, "--name", name, "--set", f"digest={name}", "--db", db
            ),
            env=worlds.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(db), "305"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for child in [*children, reader]:
        stdout, stderr = child.communicate(timeout=240)
        assert child.returncode == 0, stderr
    assert int(stdout) > 20, "the reader must have read while they wrote"
    assert stderr == ""
    counts = read.query(Database(db), "SELECT scored FROM totals ORDER BY scored")
    assert [row["scored"] for row in counts] == [5, 150, 150]


@pytest.mark.slow
def test_second_process_on_the_same_run_is_refused(tmp_path: Path) -> None:
    db = tmp_path / "harness.duckdb"
    arguments = ("eval", "scripted:worlds:guess", *ARGS, "--db", db)
    first = subprocess.Popen(
        worlds.command(*arguments), env=worlds.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (db.exists() and read.query(Database(db), "SELECT 1 FROM records LIMIT 1")):
        time.sleep(0.05)
    second = worlds.harness(*arguments)
    assert second.returncode == 2 and "another process" in second.stderr
    first.communicate(timeout=120)
    assert first.returncode == 0
