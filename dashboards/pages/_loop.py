"""Where a loop stands, read again every few seconds: outcome, score, gate, rounds, what is spent of the budget."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from dashboards import names
from dashboards.queries import Rows, rounds
from dashboards.view import View
from harness.errors import HarnessError
from harness.store.rows import now

LIVE_S = 5
"""How often the state is read again."""
KINDS = 3
"""Kinds of cost that are told at the top, those nearest to their cap."""
UNITS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))


def live(view: View, loop: dict[str, Any], done: Rows, trend: Rows, suite: str) -> None:
    """Show the state, live. `trend`: scores before and after rounds, oldest first."""
    own = View(view.database, view.pages)
    st.fragment(_state, run_every=LIVE_S)(own, loop["loop"], _drawn(loop, done), trend, suite)


def _drawn(loop: dict[str, Any], done: Rows) -> tuple[Any, ...]:
    """Return what must be equal for the page below the live state to be still true."""
    marks = [(row["number"], row["run_after"], row["verdict_after"], row["accepted"], len(row["artifacts"] or ()))
             for row in done]  # fmt: skip
    return (loop["outcome"], loop["started_at"], tuple(marks))


def _state(view: View, name: str, drawn: tuple[Any, ...], trend: Rows, suite: str) -> None:
    """Show where the loop stands; draws the whole page again where a round has gone on."""
    try:
        loop = next(row for row in rounds.loops(view.ask) if row["loop"] == name)
        done = rounds.rounds(view.ask, name)
        if _drawn(loop, done) != drawn:
            st.rerun()
        state, spent = rounds.state(view.ask, loop), rounds.budget(view.ask, loop)
    except HarnessError as error:  # the file may be busy, or moved away, between two readings
        st.error(names.plain(f"{error.what}. Expected: {error.expected}. {error.next}"))
        return
    finally:
        view.asked.clear()
    costs = sorted(spent, key=lambda row: -(row["share"] or 0.0))[:KINDS]
    widths = [2.2, *([3.4] if trend else []), 2.2, 1.8, *[1.9] * len(costs)]
    places = iter(st.columns(widths))
    _outcome(next(places), loop, state)
    if trend:
        _score(next(places), trend, suite)
    _gate(next(places), done, state)
    wanted = f" of {state['wanted']}" if state["wanted"] else ""
    told = f"{state['accepted']} accepted, {state['rejected']} rejected"
    _metric(next(places), "Rounds", f"{state['round']}{wanted}", told)
    for place, row in zip(places, costs, strict=True):
        of = f"{row['share']:.0%} of {amount(row['what'], row['cap'])}" if row["cap"] else "no cap"
        _metric(place, "Time spent" if row["what"] == "seconds" else f"Spent, {names.plain(row['what'])}",
                amount(row["what"], row["spent"]), of)  # fmt: skip
    _words(loop, state)


def _outcome(place: Any, loop: dict[str, Any], state: dict[str, Any]) -> None:
    if loop["outcome"]:
        took = (loop["finished_at"] - loop["started_at"]).total_seconds() if loop["finished_at"] else 0.0
        _metric(place, "Outcome", loop["outcome"], f"after {amount('seconds', took)}")
    else:
        _metric(place, "Outcome", "open", f"last sign of life {_ago(state['alive'])}")


def _score(place: Any, trend: Rows, suite: str) -> None:
    """Tell the score before all rounds, and that of the model which was kept last."""
    first, last = trend[0], [row for row in trend if row["kept"]][-1:]
    ends = [first, *(row for row in last if row is not first)]
    score = " → ".join(f"{row['score']:.3f}" for row in ends)
    _metric(place, f"Sealed samples of {names.plain(suite)}", score,
            " → ".join(f"[{row['low']:.3f}, {row['high']:.3f}]" for row in ends))  # fmt: skip


def _gate(place: Any, done: Rows, state: dict[str, Any]) -> None:
    verdicts = [said for row in done for said in (row["verdict_before"], row["verdict_after"]) if said]
    looks = "1 look" if state["looks at the gate"] == 1 else f"{state['looks at the gate']} looks"
    was = f"was {verdicts[0]}, {looks}" if len(verdicts) > 1 else looks
    _metric(place, "Gate", verdicts[-1] if verdicts else "not asked", was)


def _metric(place: Any, label: str, value: str, below: str) -> None:
    place.metric(label, value, below, delta_color="off", delta_arrow="off")


def _words(loop: dict[str, Any], state: dict[str, Any]) -> None:
    said = [state["state"]]
    if not loop["outcome"]:
        steps = f" of {state['steps']}" if state["steps"] else ""
        said.append(f"round {state['round']}: {state['steps done']}{steps} steps done")
    if state["last step"]:
        said.append(f"last step {state['last step']} at {state['at']:%Y-%m-%d %H:%M:%S} UTC")
    st.text(" · ".join(said))
    if state["fault"]:
        st.text(f"⚠ The last step broke: {state['fault']}")


def amount(what: str, value: float) -> str:
    """Return an amount with its unit: seconds as a person says them."""
    if what != "seconds":
        return f"{value:.4g} {what}"
    size, unit = next(((size, unit) for size, unit in UNITS if value >= size), UNITS[-1])
    return f"{value / size:.3g} {unit}"


def _ago(at: datetime) -> str:
    return f"{amount('seconds', max(now() - at, timedelta()).total_seconds())} ago"
