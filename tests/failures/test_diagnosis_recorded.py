"""Diagnoses of real recorded outputs: never empty, and nothing in them that the question, target or answer brought."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.failures.cases import cases
from harness.failures.diagnosis import LONGEST, diagnose_all
from harness.failures.diagnosis.masking import kept, topic_words
from harness.failures.diagnosis.signature import checked, signature_class
from harness.grading.constraints import KINDS
from harness.store import Database

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
OUTPUTS = DATA / "model_outputs"
CODEX = "bbh/code-davinci-002-outputs/code-davinci-002-cot"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.skipif(not OUTPUTS.is_dir(), reason="no recorded outputs beside the checkout"),
]
RUNS = [
    # recording, suite, samples of it, failures, a class that has to be there
    ("humaneval/getcursor-eval/claude-v1.3.jsonl.gz", "humaneval", 50, 21, "wrong_output"),
    (CODEX, "bbh", 6511, 918, "wrong_answer/negation_ignored"),
    ("ifeval/input_response_data_gpt4_20231107_145030.jsonl.gz", "formatting", 541, 123, "partial/length_constraints"),
]


@pytest.mark.parametrize(("recording", "suite", "limit", "count", "named"), RUNS)
def test_real_failures(recording: str, suite: str, limit: int, count: int, named: str, tmp_path: Path) -> None:
    db = tmp_path / "h.duckdb"
    line = [sys.executable, "-m", "harness", "eval", f"replay:{OUTPUTS / recording}", "--suite", suite, "--data", DATA]
    done = subprocess.run(
        [*line, "--limit", str(limit), "--db", db, "--json", "--quiet"], capture_output=True, text=True, check=False
    )
    found = cases(Database(db), json.loads(done.stdout)["run_id"])
    diagnoses = diagnose_all(found)
    assert len(found) == count
    assert named in {signature_class(one) for one in diagnoses}
    rules = {word for kind in KINDS for word in re.findall(r"[a-z]+", kind)}
    held = [set(re.findall(r"[a-z]+", one.text.casefold())) - kept() - rules for one in diagnoses]
    topics = [topic_words(case) for case in found]
    # A word that came out of a question would stand only where the question holds it.
    ours = {word for words, topic in zip(held, topics, strict=True) for word in words - topic}
    for case, one, words in zip(found, diagnoses, held, strict=True):
        assert case.question.strip() and 0 < len(one.text) <= LONGEST and checked(one.signature) == one.signature
        assert words <= ours and not any(mark.isdigit() for mark in one.text)
    assert len(ours) < 120
