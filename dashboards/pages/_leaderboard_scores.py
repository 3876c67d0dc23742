"""What the board's sums do not tell: scores that need every sample, capabilities, differences. Part of `leaderboard`.

Each is made once for each state of the file. Scores are made for so many records in one drawing, that a page of a large
database is not kept waiting; the next drawing goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards.queries import Rows, leaderboard_baseline
from dashboards.queries.leaderboard_baseline import Apart
from dashboards.view import View
from harness import report
from harness.compare.pairs import declared_metric, result_rows
from harness.stats import Estimate
from harness.store import Database, read

AT_ONCE = 10_000
"""Records that are read for scores in one drawing: half a second's work."""
Stamp = tuple[int, int]


@dataclass(frozen=True)
class Told:
    """A run's suite, sample by sample: the primary metric, and that of each value of the suite's own tag."""

    whole: Estimate | None
    groups: dict[str, Estimate]


def filled(view: View, rows: Rows) -> tuple[Rows, int]:
    """Return the rows, those filled in that sums do not tell, and how many are still left out."""
    kept = _kept(str(view.database.path), view.stamp)
    spent, left, found = 0, 0, []
    for row in rows:
        key = (row["run_id"], row["suite"])
        if row["whole"] or row["records"] <= row["faults"]:
            found.append(row)
            continue
        if key not in kept and spent < AT_ONCE:
            spent += row["records"]
            kept[key] = _told(view.database, *key)
        left += key not in kept
        found.append({**row, **_cells(kept.get(key))})
    if any(not row["whole"] for row in rows):
        view.asked.append(("-- macro means, ratios, pass@k, several attempts: as harness show RUN", ()))
    return found, left


def groups(view: View, row: dict[str, Any]) -> dict[str, Estimate]:
    """Return value of the suite's own tag -> estimate of the primary metric; empty where it has no such tag."""
    if not row["group_tag"]:
        return {}
    view.asked.append((f"-- by {row['group_tag']}: harness show {row['run_id']}", ()))
    kept, key = _kept(str(view.database.path), view.stamp), (row["run_id"], row["suite"])
    if key not in kept:
        kept[key] = _told(view.database, *key)
    found: Told = kept[key]
    return found.groups


def apart(view: View, baseline: str, rows: Rows) -> dict[tuple[str, str], Apart]:
    """Return (run, suite) -> difference to the baseline, of the rows that may be compared with it."""
    asked = tuple((row["run_id"], row["suite"], row["up"]) for row in rows)
    if not asked:
        return {}
    view.asked.append((leaderboard_baseline.PAIRS, (f"{len(asked)} runs and suites", baseline)))
    found: dict[tuple[str, str], Apart] = _apart(str(view.database.path), view.stamp, baseline, asked)
    return found


def _cells(told: Told | None) -> dict[str, Any]:
    whole = told.whole if told else None
    value = report.finite(whole.value) if whole else None
    if whole is None or value is None:
        return {}
    return {"score": value, "low": whole.low, "high": whole.high, "n": whole.n}


def _told(database: Database, run: str, suite: str) -> Told:
    wanted = read.run_suites(database, run, [suite])[suite]
    metric, tag = declared_metric(wanted, ""), wanted["group_tag"]
    scored = [row for row in result_rows(database, run, suite) if row["measures"] is not None]
    members: dict[str, Rows] = {}
    for row in scored:
        if tag and (value := (row["tags"] or {}).get(tag)) is not None:
            members.setdefault(value, []).append(row)
    made = {value: report.aggregate(metric, members[value]) for value in sorted(members)}
    whole = report.aggregate(metric, scored) if scored else None
    return Told(whole, {value: one for value, one in made.items() if one and report.finite(one.value) is not None})


@st.cache_resource(max_entries=4, show_spinner=False)  # type: ignore[untyped-decorator]
def _kept(path: str, stamp: Stamp) -> dict[tuple[str, str], Told]:
    return {}


@st.cache_resource(max_entries=32, show_spinner="Pairing with the baseline ...")  # type: ignore[untyped-decorator]
def _apart(
    path: str, stamp: Stamp, baseline: str, asked: tuple[tuple[str, str, bool], ...]
) -> dict[tuple[str, str], Apart]:
    rows = [{"run_id": run, "suite": suite, "up": up} for run, suite, up in asked]
    return leaderboard_baseline.differences(
        lambda sql, parameters: read.query(Database(Path(path)), sql, list(parameters)), baseline, rows
    )
