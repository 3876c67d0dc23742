"""What a round learns from: the failures of `dev`, by cause, kept as a report before a row is made of them.

    report = learn(bench, run_id, model, Failures())
    causes_of(report folder)     -> {"3f9a..": {"label": "keys in the order asked", "size": 41}}
    failed_in(report folder)     -> {("primer", "9f.."), ..}         what the round aims at is found with these

The report is what `improve.generate` reads: of `harness.failures.report` the part without anything but `dev`. The same
run gives the same report, however often a killed loop comes by.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from harness.failures import report as reports
from harness.failures.analysis import Analysis, analyse
from harness.failures.reuse import Wanted
from harness.store import Database
from harness.types import Artifact
from harness.workbench import keep
from improve.recipe import Failures

FILE = "failures.json"


def learn(database: Database, loop: str, run_id: str, model: Artifact, asked: Failures) -> Artifact:
    """Return the report on a run's failures of `dev`.

    Raises:
        UsageError: unknown embedder. InfrastructureError: no answer has a score.
    """
    suites = asked.suites or None
    found = analyse(database, run_id, "dev", suites, wanted=Wanted(embedder=asked.embedder), weak=False)
    if reports.refit_due(found):
        again = Wanted(refit=True, embedder=asked.embedder)
        found = analyse(database, run_id, "dev", suites, wanted=again, weak=False)
    # In the loop's folder, which it has to itself: what a killed one left is removed here.
    folder = database.folder / "loops" / loop / "report"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = json.dumps(document(found, asked.examples), ensure_ascii=True, indent=1, sort_keys=True)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")
    by = {"step": "harness.failures", "run_id": run_id, "loop": loop, "examples": asked.examples}
    try:
        return keep(database, folder, "report", (model.id,), by)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def document(found: Analysis, examples: int) -> dict[str, Any]:
    """Return what is kept of an analysis of `dev`."""
    analysed = reports.analysis(found, examples)
    for cause in analysed["causes"]:
        members = found.members(cause["id"])
        cause["failed"] = sorted({(member.case.suite, member.case.sample_id) for member in members})
    return {
        "run_id": found.run["run_id"],
        "split": found.split,
        "suites": list(found.suites),
        "taxonomy_id": found.taxonomy.id if found.taxonomy else None,
        "analysis": analysed,
    }


def causes_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the causes that show failures to learn from: id -> label and number of failures, the largest first."""
    causes = [one for one in _read(folder)["analysis"]["causes"] if one["exemplars"]]
    ordered = sorted(causes, key=lambda one: (-one["size"], one["id"]))
    return {one["id"]: {"label": one["label"], "failures": one["size"]} for one in ordered}


def failed_in(folder: Path) -> set[tuple[str, str]]:
    """Return the samples of `dev` that failed for a cause that rows are made for: suite and sample id."""
    causes = [one for one in _read(folder)["analysis"]["causes"] if one["exemplars"]]
    return {(suite, sample_id) for one in causes for suite, sample_id in one["failed"]}


def _read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return found
