"""What rows are made from: the failures of `dev`, by cause, kept as a report before a row is made of them.

    report = learn(database, "mend", run_id, model, embedder="lsa")
    causes_of(report folder)     -> {"3f9a..": {"label": "keys in the order asked", "size": 41}}
    failed_in(report folder)     -> {("primer", "9f.."), ..}         what a round aims at is found with these

    lost = broken(database, run_before, run_after)                   right before a stage, wrong after it
    write(database, run_after, folder, only=lost)                    the report on these alone, in a folder of one's own

The report is what `improve.generate` reads: of `harness.failures.report` the part without anything but `dev`. The same
run gives the same report, however often a killed loop comes by. Causes are those of all failures of the run, whichever
the report shows: a few broken samples are too few to tell causes by. Cost: that of an analysis.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.compare.pairs import paired
from harness.errors import UsageError
from harness.failures import report as reports
from harness.failures import trends
from harness.failures.analysis import Analysis, analyse
from harness.failures.reuse import Wanted
from harness.store import Database
from harness.types import Artifact
from harness.workbench import keep

FILE = "failures.json"
EXAMPLES = 12
"""Failures that each cause shows to whoever makes rows."""
Key = tuple[str, str]
"""Suite and sample id."""


def learn(
    database: Database,
    loop: str,
    run_id: str,
    model: Artifact,
    *,
    suites: Sequence[str] = (),
    embedder: str = "auto",
    examples: int = EXAMPLES,
    only: Collection[Key] | None = None,
) -> Artifact:
    """Return the report on a run's failures of `dev`, or on those of the samples `only`.

    Raises:
        UsageError: unknown embedder. InfrastructureError: no answer has a score.
    """
    # In the loop's folder, which it has to itself: what a killed one left is removed here.
    folder = database.folder / "loops" / loop / "report"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write(database, run_id, folder, suites=suites, embedder=embedder, examples=examples, only=only)
    by = {"step": "harness.failures", "run_id": run_id, "loop": loop, "examples": examples}
    try:
        return keep(database, folder, "report", (model.id,), by)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(
    database: Database,
    run_id: str,
    folder: Path,
    *,
    suites: Sequence[str] = (),
    embedder: str = "auto",
    examples: int = EXAMPLES,
    only: Collection[Key] | None = None,
) -> Path:
    """Write the report into a folder, which may hold more than this, and return its file; raises as `learn`."""
    found = look(database, run_id, suites=suites, embedder=embedder, only=only)
    text = json.dumps(document(found, examples), ensure_ascii=True, indent=1, sort_keys=True)
    path = folder / FILE
    path.write_text(text + "\n", encoding="utf-8")
    return path


def look(
    database: Database,
    run_id: str,
    *,
    suites: Sequence[str] = (),
    embedder: str = "auto",
    only: Collection[Key] | None = None,
) -> Analysis:
    """Return why a run fails on `dev`; where `only` is given, of the failures of these samples alone.

    `suites`: empty for all of the run.

    Raises:
        UsageError: unknown embedder. InfrastructureError: no answer has a score.
    """
    named = suites or None
    found = analyse(database, run_id, "dev", named, wanted=Wanted(embedder=embedder), weak=False)
    if reports.refit_due(found):
        again = Wanted(refit=True, embedder=embedder)
        found = analyse(database, run_id, "dev", named, wanted=again, weak=False)
    return found if only is None else _only(database, found, only)


def _only(database: Database, found: Analysis, samples: Collection[Key]) -> Analysis:
    kept = tuple(member for member in found.failures if (member.case.suite, member.case.sample_id) in samples)
    cases, places = [member.case for member in kept], [member.assignment for member in kept]
    now = trends.answers(database, found.run["run_id"], cases, places, found.split, found.suites)
    shares = trends.shares(now, [cause.id for cause in found.causes])
    return replace(found, failures=kept, shares=shares, before=None, changes={}, flows=())


def broken(database: Database, before: str, after: str, split: str = "dev") -> set[Key]:
    """Return the samples that the run `after` does worse than the run `before`: suite and sample id.

    Raises:
        UsageError: the two may not be compared: no suite in common, another prompt, another scorer.
    """
    found: set[Key] = set()
    for pairs in paired(database, before, after, split=split):
        if pairs.refused:
            what = f"runs {before!r} and {after!r} may not be compared on {pairs.suite!r}: {pairs.refused}"
            again = f"type: harness compare {before} {after}"
            raise UsageError(what, "the same samples, asked and scored alike", again)
        found |= {(pairs.suite, one) for one, sign in zip(pairs.ids, pairs.signs, strict=True) if sign < 0}
    return found


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


def failed_in(folder: Path) -> set[Key]:
    """Return the samples of `dev` that failed for a cause that rows are made for: suite and sample id."""
    causes = [one for one in _read(folder)["analysis"]["causes"] if one["exemplars"]]
    return {(suite, sample_id) for one in causes for suite, sample_id in one["failed"]}


def _read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return found
