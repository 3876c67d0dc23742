"""One suite in detail: a table a fence, ranked by itself, with what it takes to believe it. Part of `leaderboard`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import streamlit as st

from dashboards import charts, names
from dashboards.pages import _leaderboard_run as one
from dashboards.pages import _leaderboard_scores as scores
from dashboards.queries import Rows, leaderboard
from dashboards.queries.leaderboard_baseline import Apart, comparable
from dashboards.view import View

FENCES = 6
"""Fences that are shown at most, those with the most rows."""
SHOWN = 200
"""Rows of a table at most."""
PAIRED = 120_000
"""Records that are paired with the baseline in one drawing: half a second's work."""
DRAWN = 50
RANKS = "Rank: 1 + the number of runs whose lower bound lies above this one's upper bound, so that ties share a rank."
NUMBERS = {
    "rank": st.column_config.NumberColumn(width=50), "score": st.column_config.NumberColumn(format="%.4f", width=70),
    "model": st.column_config.TextColumn(width=260), "MiB": st.column_config.NumberColumn(format="%.1f"),
    "tokens/s": st.column_config.NumberColumn(format="%.0f"), "95% interval": st.column_config.TextColumn(width=110),
    "date": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"), **one.APART,
}  # fmt: skip


def show(view: View, rows: Rows, baseline: str) -> None:
    """Show the rows of a suite."""
    fenced = sorted(leaderboard.fences(rows).items(), key=lambda item: (-len(item[1]), item[0]))
    if len(fenced) > 1:
        st.warning(
            f"Runs of this suite differ in version, scorer, prompt or decoding, so that not all scores measure the same"
            f" thing: {len(fenced)} groups, each ranked by itself."
        )
    for place, ((_, mark), members) in enumerate(fenced[:FENCES]):
        _fence(view, place, mark, leaderboard.best_first(members), baseline, len(fenced) == 1)
    if len(fenced) > FENCES:
        st.caption(f"{len(fenced) - FENCES} smaller groups are not shown: the words above find their runs.")
    labels = {row["run_id"]: f"{names.model(row['model'])} \u00b7 {row['run_id']}" for row in rows}
    if run := one.box(view, labels):
        own = [row for row in rows if row["run_id"] in (run, baseline)]
        one.show(view, own, run, baseline, rows[0]["suite"])
    for (_, mark), members in fenced[:FENCES]:
        _chart(leaderboard.best_first(members), baseline, mark)


def _fence(view: View, place: int, mark: str, rows: Rows, baseline: str, alone: bool) -> None:
    if not alone:
        st.subheader(names.plain(f"{rows[0]['suite']} {mark}"))
    listed = rows[:SHOWN]
    pairs = _paired(baseline, listed)
    found = scores.apart(view, baseline, pairs)
    cells = [_cells(row, bool(found), found.get((row["run_id"], row["suite"])), baseline) for row in listed]
    order = one.filled(cells, ("note", "MiB", "tokens/s"))
    one.table(view, f"suite{place}", cells, [row["run_id"] for row in listed], NUMBERS, column_order=order)
    over, of = leaderboard.alike(listed)
    alike = f"{over} of {of} pairs of intervals overlap: their order is not shown." if over else "No intervals overlap."
    told = [RANKS, alike] if of else []
    if len(rows) > SHOWN:
        told.append(f"The best {SHOWN} of {len(rows)} rows; the filters above choose others.")
    told += _of_baseline(baseline, listed, pairs, found)
    if alone:
        told.append(
            f"All under {names.plain(mark)} (version, scorer, prompt); the score is {names.plain(rows[0]['metric'])}."
        )
    st.caption(" ".join(told))


def _chart(rows: Rows, baseline: str, mark: str) -> None:
    often = Counter(names.model(row["model"]) for row in rows)
    drawn = [{**row, "label": _label(row, often)} for row in rows if row["score"] is not None][:DRAWN]
    if len(drawn) > 1:
        st.caption(names.plain(f"{drawn[0]['suite']} {mark}") + (f", the best {DRAWN}" if len(rows) > DRAWN else ""))
        at = next((row["score"] for row in drawn if row["run_id"] == baseline), None)
        st.altair_chart(charts.intervals(drawn, "label", at, drawn[0]["up"]), width="stretch")


def _paired(baseline: str, rows: Rows) -> Rows:
    """Return the rows that a difference is told of, as many as a drawing has time for."""
    spent, found = 0, []
    for row in comparable(baseline, rows):
        spent += row["records"]
        if spent <= PAIRED:
            found.append(row)
    return found


def _of_baseline(baseline: str, rows: Rows, pairs: Rows, found: Any) -> list[str]:
    if not baseline:
        return []
    if not any(row["run_id"] == baseline for row in rows):
        return ["The baseline is none of these rows: another suite, version, scorer, prompt or decoding, or filtered."]
    if not pairs and len(rows) > 1:
        return ["This metric is no mean over samples: the page Compare tells how far two runs are apart."]
    return [
        f"Differences are to run {names.plain(baseline)}, on the samples that both have a score for, of {len(found)} "
        f"of {len(rows) - 1} rows; the verdict is adjusted by Holm over them."
    ]  # fmt: skip


def _label(row: dict[str, Any], often: Counter[str]) -> str:
    short = names.model(row["model"])
    return short if often[short] == 1 else f"{short} \u00b7 {row['run_id']}"


def _cells(row: dict[str, Any], paired: bool, apart: Apart | None, baseline: str) -> dict[str, Any]:
    short = names.model(row["model"])
    return {
        "rank": row["rank"], "model": f"{short} (baseline)" if row["run_id"] == baseline else short,
        "score": row["score"], "95% interval": one.interval(row), **(one.apart_cells(apart) if paired else {}),
        "note": leaderboard.note(row), "n": row["n"],
        "MiB": row["size_bytes"] / one.MIB if row["size_bytes"] else None, "tokens/s": row["tokens_per_s"],
        "date": row["started_at"], "run": row["run_id"],
    }  # fmt: skip
