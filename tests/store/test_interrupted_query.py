"""Ctrl-C while DuckDB computes is Ctrl-C, not an error of the database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, signal, sys, threading
from pathlib import Path
from harness.store import Database, read
signal.signal(signal.SIGINT, signal.default_int_handler)
database = Database(Path(sys.argv[1]))
with database.write():
    pass
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    read.query(database, "SELECT count(*) FROM range(1000000000000) a")
except KeyboardInterrupt:
    print("interrupted")
with database.write() as connection:
    connection.execute("SELECT 1")
    print("open again")
"""


def test_an_interrupted_query_is_a_keyboard_interrupt(tmp_path: Path) -> None:
    line = [sys.executable, "-c", SCRIPT, str(tmp_path / "h.duckdb")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split("\n")[:2] == ["interrupted", "open again"], done.stderr
