"""Improvement loops: live state, score against the gate, what each round cost and gained, and one round in its parts.

The address holds the state: `loop`, `round`, the `part` of the round that is open, and what its graph walks on from.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts_rounds
from dashboards.pages import _loop, _round
from dashboards.pages._choice import Put, choose
from dashboards.queries import Rows, rounds, sealed
from dashboards.queries.sealed import Score
from dashboards.view import View

TITLE, ICON, ORDER = "Rounds", ":material/cycle:", 4
DRAWN = 40
"""Rounds in the trend, the latest."""
ROWS, TALL = 6, 218
"""Rounds that the table shows without scrolling, and its height then, CSS pixels: the round below stays in sight."""
SIGNS = {True: "✓ accepted", False: "✗ rejected", None: "… open"}
SIGNED = st.column_config.NumberColumn(format="%+.4f")
OF_A_ROUND = ("walk", "cause")
OF_A_LOOP = ("round", *OF_A_ROUND)
"""Parameters of the address that another round, or loop, makes void."""
Scores = Mapping[tuple[str, str], Score]


def show(view: View) -> None:
    """Show a loop and one of its rounds."""
    loops = {row["loop"]: row for row in rounds.loops(view.ask)}
    if not loops:
        st.info("No improvement loop yet. Type: harness improve quickstart")
        return
    asked = st.columns([3, 2, 1])
    loop = choose(view, asked[0], "Loop", "loop", list(loops), clears=OF_A_LOOP, pinned=True)
    done = rounds.rounds(view.ask, loop)
    found = sealed.scores(view.ask, view.database, _runs(done))
    suites = sorted({suite for _, suite in found})
    suite = choose(view, asked[1], "Score on", "on", suites) if suites else ""
    trend = _trend(done, found, suite)
    rounds.state(view.ask, loops[loop])  # for the queries below: the live state asks anew, and remembers nothing
    rounds.budget(view.ask, loops[loop])
    _loop.live(view, loops[loop], done, trend, suite)
    if not done:
        st.info("No round has begun: the base is evaluated and judged first.")
        return
    numbers = [str(row["number"]) for row in reversed(done)]
    # The newest is not written: who looks at it goes on to the next with the loop.
    put = partial(view.put, loop=loop)
    chosen = choose(view, asked[2], "Round", "round", numbers, clears=OF_A_ROUND, put=put)
    _charts(view, loop, done, trend, found, suite)
    _table(put, done)
    _round.show(view, next(row for row in done if str(row["number"]) == chosen), suite)


def _runs(done: Rows) -> list[str | None]:
    return [row[column] for row in done[-DRAWN:] for column in ("run_before", "run_after")]


def _trend(done: Rows, found: Scores, suite: str) -> Rows:
    """Return the score before the rounds and after each that was judged, and whether the loop went on with it."""
    told = [("base", done[-DRAWN:][0]["run_before"], None, True)] if done else []
    told += [(str(row["number"]), row["run_after"], row["accepted"], row["accepted"] is True) for row in done[-DRAWN:]]
    return [
        {"round": name, "accepted": accepted, "kept": kept, "score": one.value, "low": one.low, "high": one.high}
        for name, run, accepted, kept in told
        if (one := found.get((run or "", suite)))
    ]


def _charts(view: View, loop: str, done: Rows, trend: Rows, found: Scores, suite: str) -> None:
    left, right = st.columns(2)
    if trend:
        metric = next(one.metric for (_, name), one in found.items() if name == suite)
        bound = rounds.bounds(view.ask, loop).get(suite)
        left.altair_chart(charts_rounds.trend(trend, f"{suite}: {metric}", bound), width="stretch")
    else:
        left.caption("No model of this loop has a score on sealed samples yet.")
    if any(row["gain"] is not None for row in done):
        right.altair_chart(charts_rounds.gains(done), width="stretch")
    else:
        right.caption("No round is decided yet: gains stand here when one is.")


def _table(put: Put, done: Rows) -> None:
    kinds = sorted({what for row in done for what in row["cost"] or {}})
    newest = list(reversed(done))

    def clicked() -> None:
        if rows := st.session_state["rounds_table"].selection.rows:
            number = str(newest[rows[0]]["number"]) if rows[0] else None
            put(**dict.fromkeys(OF_A_ROUND), round=number)

    st.dataframe(
        [_cells(row, kinds) for row in newest],
        height=TALL if len(done) > ROWS else "auto",
        hide_index=True, key="rounds_table", on_select=clicked, selection_mode="single-row", placeholder="",
        column_config=dict.fromkeys(("gain", "low", "high", "others", "gain per hour"), SIGNED)
        | {what: st.column_config.NumberColumn(format="%.4g") for what in kinds},
    )  # fmt: skip
    st.caption(
        "Gain: on the sealed samples that the round aimed at, paired, with its interval at the round's part of alpha; "
        "others: on all other sealed samples. Choose a row to open its round."
    )


def _cells(row: dict[str, Any], kinds: list[str]) -> dict[str, Any]:
    cost = row["cost"] or {}
    hours = cost.get("seconds", 0.0) / 3600
    return {
        "round": row["number"], "outcome": SIGNS[row["accepted"]],
        "gate": f"{row['verdict_before'] or '–'} → {row['verdict_after'] or '–'}",
        "gain": row["gain"], "low": row["low"], "high": row["high"], "others": row["others"],
        "causes": len(row["causes"] or {}), "rows": row["rows"], **{what: cost.get(what) for what in kinds},
        "gain per hour": row["gain"] / hours if hours and row["gain"] is not None else None, "why": row["why"],
    }  # fmt: skip
