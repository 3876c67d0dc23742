"""`harness gate MODEL --sequential` as a person meets it: stops when known, resumes, survives SIGKILL."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import worlds

from harness.store import Database, read

WANTED = 625
POLICY = """
reference: {run: base}
sandbox: {min_level: weak}
sequential: {order_seed: 5}
suites:
  primer: {non_inferiority: {margin: 0.06}}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a policy and a database that holds the reference."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "gates.yaml").write_text(POLICY)
    done = worlds.harness(
        "eval", "scripted:drifting:base", "--set", "digest=base", "--suite", "primer", "--name", "base",
        "--quiet", "--json", "--db", folder / "harness.duckdb",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def place(home: Path, tmp_path: Path) -> Path:
    """Return a copy of the folder, to be changed."""
    return Path(shutil.copytree(home, tmp_path / "home"))


def arguments(folder: Path, model: str = "worse", *more: str) -> list[object]:
    return [
        "gate", f"scripted:drifting:{model}", "--set", f"digest={model}", "--policy", folder / "gates.yaml",
        "--quiet", "--json", "--db", folder / "harness.duckdb", *more,
    ]  # fmt: skip


def said(done: subprocess.CompletedProcess[str]) -> tuple[int, str, list[Any]]:
    """Return what must not change: exit code, outcome and checks."""
    shown = worlds.document(done)
    return done.returncode, shown["outcome"], shown["checks"]


def records(folder: Path, model: str) -> dict[str, Any]:
    found = read.query(
        Database(folder / "harness.duckdb"),
        "SELECT status, note, count(*) AS n FROM runs JOIN records USING (run_id) WHERE model_digest = ? GROUP BY ALL",
        [model],
    )
    return found[0] if found else {"n": 0}


@pytest.mark.slow
def test_a_drop_is_found_before_the_end_and_the_rest_can_be_asked_later(home: Path, tmp_path: Path) -> None:
    folder = place(home, tmp_path)
    first = worlds.harness(*arguments(folder, "worse", "--sequential"))
    assert first.returncode == 1, first.stderr
    state = records(folder, "worse")
    assert state["n"] < WANTED / 2 and state["status"] == "stopped" and "decided by the gate after" in state["note"]
    regression = next(c for c in worlds.document(first)["checks"] if c["rule"] == "regression")
    assert regression["outcome"] == "FAIL" and regression["numbers"]["n"] <= state["n"]
    assert read.query(Database(folder / "harness.duckdb"), "SELECT way FROM gates") == [{"way": "sequential"}]

    again = worlds.harness(*arguments(folder, "worse", "--sequential"))
    assert said(again) == said(first) and records(folder, "worse")["n"] == state["n"], "nothing more is asked"

    run_id = worlds.document(first)["candidate"]
    fixed = worlds.harness(
        "gate", run_id, "--policy", folder / "gates.yaml", "--json", "--quiet", "--db", folder / "harness.duckdb"
    )
    assert fixed.returncode == 4, "without the looks it is a run with most of its records missing"

    went_on = worlds.harness(*arguments(folder, "worse"))
    assert went_on.returncode == 1 and records(folder, "worse")["n"] == WANTED, went_on.stderr
    assert worlds.document(went_on)["candidate"] == run_id, "the order is no part of a run's identity"
    whole = worlds.harness(*arguments(folder, "worse", "--sequential"))
    assert said(whole) == said(first), "what was asked later does not change what was known"


@pytest.mark.slow
def test_an_equal_model_passes_early(home: Path, tmp_path: Path) -> None:
    folder = place(home, tmp_path)
    done = worlds.harness(*arguments(folder, "equal", "--sequential"))
    assert done.returncode == 0, done.stdout
    assert records(folder, "equal")["n"] < WANTED
    kept = next(c for c in worlds.document(done)["checks"] if c["rule"] == "non_inferiority")
    assert kept["outcome"] == "PASS"


@pytest.mark.slow
def test_killed_in_the_middle_the_verdict_is_the_same(home: Path, tmp_path: Path) -> None:
    calm, stormy = place(home, tmp_path / "calm"), place(home, tmp_path / "stormy")
    undisturbed = worlds.harness(*arguments(calm, "worse", "--sequential"))
    slow = arguments(stormy, "worse", "--sequential", "--set", "delay_s=0.03")
    seen = 0
    for _ in range(2):
        child = subprocess.Popen(
            worlds.command(*slow), env=worlds.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while records(stormy, "worse")["n"] <= seen and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL, "it must hit a gate at work, or this test proves nothing"
        seen = records(stormy, "worse")["n"]
    assert 0 < seen < records(calm, "worse")["n"]
    done = worlds.harness(*slow)
    assert said(done) == said(undisturbed)
    assert records(stormy, "worse")["note"] == records(calm, "worse")["note"]
