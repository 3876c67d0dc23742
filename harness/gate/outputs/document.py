"""The JSON document of a verdict: everything that was decided, with all counts, under a version.

    {"schema_version": 1, "gate_id": "g-1f..", "outcome": "FAIL", "exit_code": 1, "candidate": .., "baseline": ..,
     "policy": "gates.yaml", .., "checks": [{"suite": "mmlu", "rule": "non_inferiority", "outcome": "FAIL",
     "required": true, "observed": -0.041, "bound": -0.01, "low": .., "high": .., "note": ..,
     "numbers": {"n": .., "wins": .., "losses": .., "psi": .., "p": .., "p_holm": .., ..}}]}

Keys are added under the same version and never change their meaning; a change of meaning raises it. Figures that are
not finite are null: JSON has no infinity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from harness.types import Check, Verdict

SCHEMA_VERSION = 1
COLUMNS = (
    "model", "model_digest", "policy", "policy_digest", "split", "sealed", "way", "loop", "alpha", "decided_at",
)  # fmt: skip
"""Columns of the table `gates` that are carried over as they are."""


def document(verdict: Verdict, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a verdict and its row of the table `gates` (with `exit_code`), as plain JSON data.

    Raises:
        ValueError: the row tells another outcome than the verdict.
    """
    if row.get("outcome", verdict.outcome) != verdict.outcome:
        raise ValueError(f"the stored verdict says {row['outcome']}, the one at hand {verdict.outcome}")
    return {
        "schema_version": SCHEMA_VERSION,
        "gate_id": verdict.id or row.get("gate_id", ""),
        "outcome": verdict.outcome,
        "exit_code": row.get("exit_code"),
        "note": verdict.note,
        "candidate": verdict.candidate,
        "baseline": verdict.baseline,
        **{name: _plain(row.get(name)) for name in COLUMNS},
        "checks": [_check(check) for check in verdict.checks],
    }


def _check(check: Check) -> dict[str, Any]:
    names = ("suite", "rule", "outcome", "required", "observed", "bound", "low", "high", "note")
    numbers = {name: _plain(value) for name, value in check.numbers.items()}
    return {**{name: _plain(getattr(check, name)) for name in names}, "numbers": numbers}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.isoformat() if isinstance(value, datetime) else value
