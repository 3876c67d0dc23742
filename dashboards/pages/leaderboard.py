"""Which model is best at what: models x suites at a glance, one suite in detail, and the distance to a pinned baseline.

Address: suite, model (words), complete and newest (`yes`), baseline (its name, or a run), run (the one looked at).
The address is the one truth: widgets write it, and are set from it before they are drawn.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from dashboards import names
from dashboards.pages import _leaderboard_matrix as wide
from dashboards.pages import _leaderboard_scores as scores
from dashboards.pages import _leaderboard_table as deep
from dashboards.pages._choice import ON, choose, switch, typed
from dashboards.queries import Rows, leaderboard
from dashboards.view import View

TITLE, ICON, ORDER = "Leaderboard", ":material/leaderboard:", 0
ALL = ""
OFFERED = 1000
"""Runs offered as baseline at most, the newest."""


def show(view: View) -> None:
    """Show the board."""
    held = leaderboard.board(view.ask)
    board = [row for row in held if not row["review"]]
    if not board:
        _empty(view, held)
        return
    suite, words, baseline = _asked(view, board)
    kept = _structural(view, board, suite)
    rows, left = scores.filled(view, kept)
    rows = leaderboard.ranked(rows)
    shown = [row for row in rows if words.lower() in f"{row['model']} {row['name']} {row['run_id']}".lower()]
    if not shown:
        _nothing(view, len(board))
        return
    if len(shown) < len(rows):
        st.caption(f"{len(shown)} of {len(rows)} rows fit the words; ranks are among all {len(rows)}.")
    if suite == ALL:
        wide.show(view, rows, shown, baseline)
    else:
        deep.show(view, shown, baseline)
    if left:
        st.caption(f"{left} scores need every sample (macro means, ratios, several attempts) and are not made yet.")
        st.button("Make more of them")
    if len(held) > len(board):
        view.link(f"Ratings of people ({len(held) - len(board)}) are no scores of a suite: they are here", "review")


def _empty(view: View, held: Rows) -> None:
    if held:
        st.info("No suite was asked yet; here are only ratings of people. Type: harness eval tiny --suite primer")
        view.link("to the ratings", "review")
    else:
        st.info("No run yet. Type: harness eval tiny --suite primer")


def _asked(view: View, board: Rows) -> tuple[str, str, str]:
    """Show suite, words, baseline and switches; return the suite (empty: all), the words, the baseline's run."""
    suites = sorted({row["suite"] for row in board})
    options = suites if len(suites) == 1 else [ALL, *suites]
    if (named := view.param("suite")) and named not in suites:
        st.warning("The address names a suite that no run was asked; here are all:")
        st.text(named)
    asked = st.columns([3, 3, 3, 3], vertical_alignment="bottom")
    told = {ALL: f"all {len(suites)} suites"}
    suite = choose(view, asked[0], "Suite", "suite", options, format_func=lambda name: told.get(name, name))
    words = typed(view, asked[1], "Model or run contains", "model", placeholder="a part of its name")
    baseline = _baseline(view, board, asked[2])
    with asked[3].container(horizontal=True):
        asks = "every sample asked; of models, those with a score in every column"
        switch(view, st, "only complete", "complete", help=asks)
        if suite != ALL:
            asks = "of a model that was run more than once, the newest run"
            switch(view, st, "newest of each model", "newest", help=asks)
    return suite, words, baseline


def _baseline(view: View, board: Rows, place: Any) -> str:
    """Show the choice of a baseline; return its run, empty for none."""
    named = leaderboard.baselines(view.ask)
    newest = {row["run_id"]: row for row in sorted(board, key=leaderboard.when)}
    runs = [*reversed(newest)][:OFFERED]
    known = {name: f"{name} (run {run})" for name, run in named.items() if run in newest}
    labels = {"": "none", **known, **{run: f"{names.model(newest[run]['model'])} \u00b7 {run}" for run in runs}}
    asked = view.param("baseline")
    if asked in newest and asked not in labels:
        labels[asked] = asked
    if asked and asked not in labels:
        st.warning("The address names a baseline that is no run of this board:")
        st.text(asked)
    chosen = choose(view, place, "Baseline", "baseline", list(labels), format_func=lambda name: labels[name])
    return named.get(chosen, chosen) if chosen in known else chosen


def _structural(view: View, board: Rows, suite: str) -> Rows:
    """Return the rows that ranks are among: of the suite, and where asked complete ones, and each model's newest."""
    rows = [row for row in board if suite in (ALL, row["suite"])]
    if view.param("complete") == ON:
        rows = [row for row in rows if leaderboard.complete(row)]
    if suite == ALL or view.param("newest") == ON:
        rows = leaderboard.newest(rows)
    return rows


def _nothing(view: View, held: int) -> None:
    st.warning(f"The filters leave all {held} rows out.")
    st.button("Clear the filters", on_click=partial(view.put, model=None, complete=None, newest=None))
