"""Which model is best at what: every run and suite with interval and rank, and the difference to a pinned baseline."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import charts
from dashboards.queries import Rows, leaderboard
from dashboards.view import View

TITLE, ICON, ORDER = "Leaderboard", ":material/leaderboard:", 0
ALL = "all suites"
SHOWN = 200
"""Rows of the table at most."""


def show(view: View) -> None:
    """Show the board."""
    board = leaderboard.board(view.ask)
    if not board:
        st.info("No run yet. Type: harness eval tiny --suite primer")
        return
    suites = sorted({row["suite"] for row in board})
    named = view.param("suite", suites[0] if len(suites) == 1 else ALL)
    options = [ALL, *suites]
    asked = st.columns([2, 3, 2])
    suite = asked[0].selectbox(
        "Suite", options, index=options.index(named) if named in options else 0, key="board-suite"
    )
    words = asked[1].text_input("Model or run contains", view.param("model"), key="board-model")
    whole = asked[2].toggle("only complete runs", value=view.param("complete") == "yes", key="board-complete")
    view.put(suite=None if suite == ALL else suite, model=words, complete="yes" if whole else None)
    rows = [row for row in board if _wanted(row, suite, words, whole)]
    if not rows:
        st.warning(f"Nothing of {len(board)} rows is left: the filters above leave all of them out.")
        return
    _table(rows, suite)
    _chart(rows, suite)
    _links(view, rows)


def _wanted(row: dict[str, Any], suite: str, words: str, whole: bool) -> bool:
    named = f"{row['model']} {row['name']} {row['run_id']}".lower()
    return suite in (ALL, row["suite"]) and words.lower() in named and (not whole or row["records"] >= row["wanted"])


def _table(rows: Rows, suite: str) -> None:
    order = sorted(rows, key=lambda row: (row["suite"], row["rank"] is None, row["rank"] or 0, -(row["score"] or 0)))
    st.dataframe(
        [_cells(row) for row in order[:SHOWN]],
        hide_index=True,
        column_order=[name for name in _cells(rows[0]) if name != "suite" or suite == ALL],
        column_config={
            "score": st.column_config.NumberColumn(format="%.4f"), "low": st.column_config.NumberColumn(format="%.3f"),
            "high": st.column_config.NumberColumn(format="%.3f"), "MiB": st.column_config.NumberColumn(format="%.1f"),
            "date": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
        },
    )  # fmt: skip
    if len(order) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(order)} rows; the filters above choose others.")
    st.caption("Rank: 1 + the number of models whose lower bound lies above this one's upper bound; ties share a rank.")


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "rank": row["rank"], "suite": row["suite"], "model": row["model"], "run": row["run_id"],
        "score": row["score"], "low": row["low"], "high": row["high"], "n": row["n"], "metric": row["metric"],
        "faults": row["faults"], "version": row["fingerprint"],
        "MiB": None if row["size_bytes"] is None else row["size_bytes"] / 2**20, "tokens/s": row["tokens_per_s"],
        "date": row["started_at"],
    }  # fmt: skip


def _chart(rows: Rows, suite: str) -> None:
    scored = [row for row in rows if row["score"] is not None][:SHOWN]
    if suite != ALL and scored:
        st.altair_chart(charts.intervals(scored, "model"), width="stretch")


def _links(view: View, rows: Rows) -> None:
    runs = sorted({row["run_id"] for row in rows})
    chosen = st.selectbox("Open a run", runs, index=None, placeholder="choose a run")
    if chosen:
        view.link("its samples", "samples", run=chosen)
        view.link("why it fails", "clusters", run=chosen)
