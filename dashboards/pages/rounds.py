"""Improvement loops: live state, budget, what each round cost and gained, and one round from failure to score."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import charts_rounds
from dashboards.pages import _round
from dashboards.queries import Rows, rounds
from dashboards.view import View
from harness.errors import HarnessError

TITLE, ICON, ORDER = "Rounds", ":material/cycle:", 4
LIVE_S = 5
"""How often the state is read again."""
SIGNED, SHARE = "%+.4f", "percent"


def show(view: View) -> None:
    """Show a loop and one of its rounds."""
    loops = {row["loop"]: row for row in rounds.loops(view.ask)}
    if not loops:
        st.info("No improvement loop yet. Type: harness improve quickstart")
        return
    loop = st.selectbox("Loop", list(loops), key="loop", bind="query-params")
    done = rounds.rounds(view.ask, loop)
    _read(view, loops[loop])  # for the queries below: the live state asks anew, and remembers nothing
    st.fragment(_live, run_every=LIVE_S)(View(view.database, view.pages), loop, _drawn(loops[loop], done))
    if not done:
        st.info("No round has begun: the base is evaluated and judged first.")
        return
    _table(done)
    _chart(done)
    numbers = [str(row["number"]) for row in reversed(done)]
    chosen = st.selectbox("Round", numbers, key="round", bind="query-params")
    _round.show(view, next(row for row in done if str(row["number"]) == chosen))


def _drawn(loop: dict[str, Any], done: Rows) -> tuple[Any, ...]:
    """Return what must be equal for the page below the live state to be still true."""
    marks = [(row["number"], row["verdict_after"], row["accepted"], len(row["artifacts"] or ())) for row in done]
    return (loop["outcome"], loop["started_at"], tuple(marks))


def _live(view: View, name: str, drawn: tuple[Any, ...]) -> None:
    """Show where the loop stands; draws the whole page again where a round has gone on."""
    try:
        loop = next(row for row in rounds.loops(view.ask) if row["loop"] == name)
        if _drawn(loop, rounds.rounds(view.ask, name)) != drawn:
            st.rerun()
        state, spent = _read(view, loop)
    except HarnessError as error:  # the file may be busy, or moved away, between two readings
        st.error(f"{error.what}. Expected: {error.expected}. {error.next}")
        return
    finally:
        view.asked.clear()
    st.text(state.pop("state"))
    left, right = st.columns([3, 2])
    fault, wanted, steps = state.pop("fault"), state.pop("wanted"), state.pop("steps")
    told = {**state, "round": _of(state["round"], wanted), "steps done": _of(state["steps done"], steps)}
    left.dataframe([told], hide_index=True, key="state")
    if fault:
        left.text(f"The last step broke: {fault}")
    if spent:
        cells = {"share": st.column_config.ProgressColumn("of the cap", format=SHARE, max_value=1.0)}
        right.dataframe(spent, hide_index=True, column_config=cells, key="budget")
    else:
        right.caption("Nothing is spent yet, and there is no cap.")


def _read(view: View, loop: dict[str, Any]) -> tuple[dict[str, Any], Rows]:
    return rounds.state(view.ask, loop), rounds.budget(view.ask, loop)


def _of(count: int, whole: int | None) -> str:
    return f"{count} of {whole}" if whole else str(count)


def _table(done: Rows) -> None:
    kinds = sorted({what for row in done for what in row["cost"] or {}})
    signed = st.column_config.NumberColumn(format=SIGNED)
    numbers = [str(row["number"]) for row in done]

    def choose() -> None:
        if chosen := st.session_state["rounds_table"].selection.rows:
            st.session_state["round"] = numbers[chosen[0]]

    st.dataframe(
        [_cells(row, kinds) for row in done],
        hide_index=True, key="rounds_table", on_select=choose, selection_mode="single-row",
        column_config=dict.fromkeys(("gain", "low", "high", "others", "gain per hour"), signed),
    )  # fmt: skip
    st.caption(
        "Gain: on the sealed samples that the round aimed at, paired, with its interval at the round's part of alpha; "
        "others: on all other sealed samples. Choose a row to open its round."
    )


def _cells(row: dict[str, Any], kinds: list[str]) -> dict[str, Any]:
    cost = row["cost"] or {}
    hours = cost.get("seconds", 0.0) / 3600
    return {
        "round": row["number"], "gate before": row["verdict_before"], "causes": len(row["causes"] or {}),
        "rows": row["rows"], "gate after": row["verdict_after"], "accepted": row["accepted"], "why": row["why"],
        "gain": row["gain"], "low": row["low"], "high": row["high"], "others": row["others"],
        **{what: cost.get(what) for what in kinds},
        "gain per hour": row["gain"] / hours if hours and row["gain"] is not None else None,
    }  # fmt: skip


def _chart(done: Rows) -> None:
    if any(row["gain"] is not None for row in done):
        st.altair_chart(charts_rounds.gains(done), width="stretch")
