"""A small database with an analysis: two runs of one taxonomy, its refit, and what the page needs of both."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.failures.analysis import Analysis, analyse
from harness.failures.reuse import Wanted
from harness.store import Database
from harness.types import Sample, Score

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "failures"))
import storing

KINDS = ("sign", "truncated", "refused", "near")
HOSTILE = "<script>alert(1)</script> [x](http://evil) **bold** :material/home: $x$"
SAID = {
    "sign": ("{0}", "wrong_answer", "eos"), "near": ("-{1}", "wrong_answer", "eos"),
    "truncated": ("Let me see: first we " + HOSTILE, "truncated", "length"),
    "refused": ("I cannot help with that.", "refused", "eos"),
}  # fmt: skip


def sample(number: int) -> Sample:
    """Return a subtraction; even numbers are `dev`."""
    question = {"question": f"What is {number} minus {2 * number + 50}? {HOSTILE}"}
    return storing.sample(number, target=str(-number - 50), data=question)


def wrong(number: int) -> storing.Row:
    """Return a failure of the kind that the number says."""
    said, mode, finish = SAID[KINDS[number % 4]]
    said = said.format(number + 50, number + 49)
    score = Score({"acc": 0.0}, mode, said if mode == "wrong_answer" else None)
    return storing.row(sample(number), said, score, finish=finish)


def right(number: int) -> storing.Row:
    """Return a right answer."""
    said = str(-number - 50)
    return storing.row(sample(number), said, Score({"acc": 1.0}, "right", said))


def runs(path: Path) -> Database:
    """Store two runs: 40 failures of each kind; then no refusals any more, and half of the cut ones right."""
    storing.run(path, [wrong(n) if n < 160 else right(n) for n in range(240)], run_id="run-1")
    kept = {n for n in range(160) if n % 4 != 2 and (n % 4 != 1 or n >= 80)}
    database = storing.run(path, [wrong(n) if n in kept else right(n) for n in range(240)], run_id="run-2")
    with database.write() as connection:
        later = "started_at = '2026-01-02', model = 'made:later', model_digest = 'later'"
        connection.execute(f"UPDATE runs SET {later} WHERE run_id = 'run-2'")
    return database


KEPT: dict[str, Any] = {}
"""What was made once for all tests; they copy what they write to."""


def analysed(factory: pytest.TempPathFactory) -> tuple[Database, Analysis, Analysis]:
    """Return the two runs with their analyses, the second against the first."""
    if "analysed" not in KEPT:
        database, wanted = runs(factory.mktemp("clusters") / "h.duckdb"), Wanted(embedder="lsa")
        first = analyse(database, "run-1", "all", wanted=wanted, weak=False)
        second = analyse(database, "run-2", "all", wanted=wanted, against="run-1", weak=False)
        KEPT["analysed"] = database, first, second
    return KEPT["analysed"]  # type: ignore[no-any-return]


def refitted(factory: pytest.TempPathFactory) -> tuple[Database, Analysis]:
    """Return the same with the causes refitted."""
    if "refitted" not in KEPT:
        path = shutil.copy(analysed(factory)[0].path, factory.mktemp("clusters") / "h.duckdb")
        wanted = Wanted(embedder="lsa", refit=True)
        KEPT["refitted"] = Database(path), analyse(Database(path), "run-2", "all", wanted=wanted, weak=False)
    return KEPT["refitted"]  # type: ignore[no-any-return]
