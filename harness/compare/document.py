"""The JSON document of `harness compare --json`: every figure of a comparison, and the flipped samples as they are.

    document(found, {"mmlu": [Flip(..), ..]}, "")["suites"]["mmlu"]["delta"]   ->  -0.031

Text of models stands in it unescaped: JSON escapes what must be.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.compare.comparison import Comparison, Line, SuiteComparison
from harness.compare.flips import Flip


def document(found: Comparison, flipped: Mapping[str, Sequence[Flip]], db_option: str) -> dict[str, Any]:
    """Return the document; `flipped`: suite -> the flips to list; `db_option`: ` --db FILE` for lines to type."""
    return {
        "reference": _run(found.reference),
        "candidate": _run(found.candidate),
        "alpha": found.alpha,
        "split": found.split,
        "suites": {s.pairs.suite: _suite(s, found, flipped.get(s.pairs.suite, ()), db_option) for s in found.suites},
        "only_in": {"reference": list(found.only_reference), "candidate": list(found.only_candidate)},
        "warnings": found.warnings,
    }


def opening(run: Mapping[str, Any], suite: str, flip: Flip, db_option: str) -> str:
    """Return the line that opens a flipped sample in a run."""
    return f"harness show {run['run_id']} --suite {shlex.quote(suite)} --sample {flip.sample_id[:12]}{db_option}"


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run_id": run["run_id"], "name": run["name"], "model": run["model"], "model_sha256": run["model_digest"],
        "status": run["status"],
    }  # fmt: skip


def _suite(suite: SuiteComparison, found: Comparison, flipped: Sequence[Flip], db_option: str) -> dict[str, Any]:
    pairs = suite.pairs
    return {
        "metric": pairs.metric.name,
        "aggregate": pairs.metric.aggregate,
        "higher_is_better": pairs.metric.higher_is_better,
        "n": len(pairs.ids),
        **(_line(suite.whole) if suite.whole else {}),
        "unpaired": {"reference": pairs.unpaired_reference, "candidate": pairs.unpaired_candidate},
        "changed": pairs.changed,
        "faults": {"reference": dict(pairs.faults_reference), "candidate": dict(pairs.faults_candidate)},
        "differences": [asdict(difference) for difference in pairs.differences],
        "by": {
            "tag": suite.tag,
            "adjusted": "Benjamini-Hochberg",
            "exploratory": True,
            "groups": {line.name: _line(line) for line in suite.lines},
        },
        "flips": {
            "losses": pairs.signs.count(-1),
            "wins": pairs.signs.count(1),
            "listed": [_flip(flip, pairs.suite, found, db_option) for flip in flipped],
        },
    }


def _line(line: Line) -> dict[str, Any]:
    """Return the figures of a line; infinite bounds (a single graded pair has them) are None."""
    figures = {name: value for name, value in asdict(line).items() if name != "name"}
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in figures.items()}


def _flip(flip: Flip, suite: str, found: Comparison, db_option: str) -> dict[str, Any]:
    sides = (("reference", found.reference), ("candidate", found.candidate))
    return asdict(flip) | {"open": {side: opening(run, suite, flip, db_option) for side, run in sides}}
