"""`harness eval replay:...` on recorded outputs of real models gives the published scores, row by row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import worlds

from harness.store import Database, read

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
OUTPUTS = DATA / "model_outputs"
CODEX = OUTPUTS / "bbh" / "code-davinci-002-outputs"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.skipif(not OUTPUTS.is_dir(), reason="no recorded outputs beside the checkout"),
]


def evaluate(recording: Path, suite: str, db: Path) -> dict[str, Any]:
    done = worlds.harness(
        "eval", f"replay:{recording}", "--suite", suite, "--data", DATA, "--db", db, "--json", "--quiet"
    )  # fmt: skip
    return {**worlds.document(done), "exit": done.returncode}


def test_gpt_35_on_humaneval_row_by_row(tmp_path: Path) -> None:
    folder, db = OUTPUTS / "humaneval" / "getcursor-eval", tmp_path / "h.duckdb"
    shown = evaluate(folder / "azure.jsonl.gz", "humaneval", db)
    part = shown["suites"]["humaneval"]
    assert (shown["exit"], part["n"], part["faults"], round(part["score"] * 164)) == (0, 164, 0, 122)
    ours = {r["sample"]: r["score"] == 1.0 for r in read.query(Database(db), "SELECT sample, score FROM results")}
    lines = gzip.decompress((folder / "azure.jsonl_results.jsonl.gz").read_bytes()).decode().splitlines()
    assert ours == {row["task_id"]: row["passed"] for row in map(json.loads, lines)}


def test_claude_on_humaneval(tmp_path: Path) -> None:
    recording = OUTPUTS / "humaneval" / "getcursor-eval" / "claude-v1.3.jsonl.gz"
    part = evaluate(recording, "humaneval", tmp_path / "h.duckdb")["suites"]["humaneval"]
    assert (part["n"], round(part["score"] * 164)) == (164, 94)


@pytest.mark.parametrize(("form", "suite"), [("cot", "bbh"), ("direct", "bbh:direct")])
def test_codex_on_bbh_task_by_task(tmp_path: Path, form: str, suite: str) -> None:
    """Thirteen of the 27 tasks have no recording here: faults, not zeros, hence exit code 4."""
    folder = CODEX / f"code-davinci-002-{form}"
    shown = evaluate(folder, suite, tmp_path / "h.duckdb")
    part = shown["suites"][suite]
    published = {
        path.name.split("_few_shot")[0]: json.loads(path.read_text())["accuracy"]
        for path in folder.glob("*_metrics.jsonl")
    }
    assert len(published) == 14
    assert {task: round(100 * value["value"], 6) for task, value in part["groups"].items()} == {
        task: round(accuracy, 6) for task, accuracy in published.items()
    }
    assert set(part["fault_kinds"]) == {"data/no_recording"} and shown["exit"] == 4
    assert part["n"] + part["faults"] == part["wanted"] == 6511
