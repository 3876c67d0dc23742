"""Sealing and budgets from the command to the row: a model of the loop is gated on `test`, and only so often."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.store import Database, gates, read

pytestmark = pytest.mark.slow
N = 300


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite of sums, a baseline, and a better model that a step of the loop made."""
    here = tmp_path_factory.mktemp("sealed")
    rows = [{"question": f"What is {i} plus 7?", "answer": str(i + 7)} for i in range(N)]
    (here / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said(here / "base.jsonl", wrong=range(0, N, 5))
    made = here / "artifacts" / "model" / "tuned"
    made.mkdir(parents=True)
    said(made / "said.jsonl", wrong=range(0, N, 10))
    note = {"id": "tuned", "kind": "model", "parents": [], "made_by": {"step": "improve.finetune"}}
    (made / "artifact.json").write_text(json.dumps(note))
    done = harness(here, "eval", "replay:base.jsonl", "-s", "sums.jsonl", "-q", "--json")
    gates.set_baseline(Database(here / "h.duckdb"), "main", json.loads(done.stdout)["run_id"])
    policy(here, "gates.yaml", "sums.jsonl")
    return here


def said(path: Path, wrong: Sequence[int]) -> None:
    rows = [{"prompt": f"What is {i} plus 7?", "completion": "0" if i in wrong else str(i + 7)} for i in range(N)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def policy(place: Path, name: str, suite: str, margin: float = 0.1, looks: int = 2) -> None:
    told = {
        "reference": {"run": "main"},
        "budget": {"looks": looks},
        "suites": {suite: {"min_items": 50, "non_inferiority": {"margin": margin}}},
    }
    (place / name).write_text(yaml.safe_dump(told))


def harness(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", *arguments, "--db", "h.duckdb"]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=300)


def gate(place: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = harness(place, "gate", *arguments, "-q", "--json")
    return done.returncode, json.loads(done.stdout)


def rules(shown: dict[str, Any]) -> set[str]:
    return {check["rule"] for check in shown["checks"]}


def test_a_model_of_the_loop_counts_on_test_alone_without_being_asked(place: Path) -> None:
    database = Database(place / "h.duckdb")
    code, shown = gate(place, "replay:artifacts/model/tuned/said.jsonl", "--policy", "gates.yaml")
    row = gates.latest(database, 1)[0]
    assert code == 0 and (row["sealed"], row["split"]) == (True, "test")
    assert "'tuned' was made by 'improve.finetune'" in row["note"]
    split = "SELECT count(DISTINCT sample_id) AS n FROM samples WHERE split = 'test'"
    n = {check["numbers"]["n"] for check in shown["checks"] if "n" in check["numbers"]}
    assert n == {read.query(database, split)[0]["n"]} and 50 < min(n) < N
    copy = place / "innocent.jsonl"
    copy.write_bytes((place / "artifacts" / "model" / "tuned" / "said.jsonl").read_bytes())
    assert gate(place, "replay:innocent.jsonl", "--policy", "gates.yaml")[0] == 0
    assert gates.latest(database, 1)[0]["sealed"], "the same bytes elsewhere"
    assert gate(place, "replay:base.jsonl", "--policy", "gates.yaml")[0] in (0, 3)
    assert not gates.latest(database, 1)[0]["sealed"]


def test_a_loop_looks_twice_then_hears_that_its_budget_is_spent(place: Path) -> None:
    tuned = "replay:artifacts/model/tuned/said.jsonl"
    asked = (tuned, "--policy", "gates.yaml", "--loop", "repair")
    for look in (1, 2):
        code, shown = gate(place, *asked)
        (budget,) = [check for check in shown["checks"] if check["rule"] == "budget"]
        assert code == 0 and budget["note"].startswith(f"look {look} of 2") and budget["numbers"]["alpha"] == 0.025
    policy(place, "edited.yaml", "sums.jsonl", margin=0.2, looks=50)
    run = gates.latest(Database(place / "h.duckdb"), 1)[0]["candidate"]
    for file in ("gates.yaml", "edited.yaml"):
        code, shown = gate(place, run, "--policy", file, "--loop", "repair")
        assert (code, shown["outcome"], rules(shown)) == (3, "INCONCLUSIVE", {"budget"})
        assert "samples that it never saw" in shown["checks"][0]["note"]
    assert gate(place, tuned, "--policy", "gates.yaml", "--loop", "repair")[0] == 3, "before the model is asked"
    assert gate(place, run, "--policy", "gates.yaml", "--loop", "another")[0] == 0
    assert gate(place, run, "--policy", "gates.yaml")[0] == 0
