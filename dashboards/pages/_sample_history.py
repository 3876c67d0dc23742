"""What every run made of one sample: a strip and a table to go there by, and the difference in words to one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts_samples, names, words
from dashboards.pages._choice import choose
from dashboards.pages._sample_made import code
from dashboards.queries import Rows, sample
from dashboards.queries.samples import Filter
from dashboards.view import View

TABLE, STRIP = "sample-history", "sample-strip"
"""Keys of the widgets."""


def show(
    view: View, wanted: Filter, suite: str, sample_id: str, known: Mapping[str, str], row: dict[str, Any] | None
) -> None:
    """Show the runs that asked this sample. `row`: its record in this run, None where there is none."""
    rows = sample.history(view.ask, suite, sample_id)
    others = list(dict.fromkeys(str(one["run_id"]) for one in rows if one["run_id"] != wanted.run))
    if not others:
        st.caption("No other run has asked this sample.")
        return
    st.subheader("This sample over all runs", anchor=False)
    st.caption("Oldest run on the left; a click on a run shows this sample there.")
    st.altair_chart(
        charts_samples.strip(_marks(rows), wanted.run), width="stretch", key=f"{STRIP}-{wanted.run}",
        on_select=partial(_marked, view, f"{STRIP}-{wanted.run}", wanted.run),
    )  # fmt: skip
    _table(view, rows, wanted.run)
    if row:
        _difference(view, wanted, suite, sample_id, {one: known.get(one, one) for one in others}, row)


def _marks(rows: Rows) -> list[dict[str, Any]]:
    """Return what the strip draws, oldest first."""
    named = {str(row["run_id"]): str(row["name"] or names.model(row["model"])) for row in rows}
    often = Counter(named.values())
    return [
        {
            "run": (run := str(row["run_id"])), "date": f"{row['started_at']:%Y-%m-%d %H:%M}",
            "label": named[run] if often[named[run]] == 1 else f"{named[run]} {run[-6:]}",
            "score": row["score"], "mode": str(row["mode"]), "attempt": row["attempt"],
        }
        for row in reversed(rows)
    ]  # fmt: skip


def _table(view: View, rows: Rows, here: str) -> None:
    cells = [
        {
            "here": "•" if row["run_id"] == here else "", "run": row["name"] or row["run_id"],
            "model": names.model(row["model"]), "mode": row["mode"], "score": row["score"], "answer": row["answer"],
            "attempt": row["attempt"], "date": row["started_at"], "suite version": row["version"],
        }
        for row in rows
    ]  # fmt: skip
    shown = [name for name in cells[0] if name != "attempt" or any(row["attempt"] for row in rows)]
    st.dataframe(
        cells, hide_index=True, selection_mode="single-row", key=f"{TABLE}-{here}", placeholder="", column_order=shown,
        on_select=partial(_clicked, view, f"{TABLE}-{here}", [str(row["run_id"]) for row in rows]),
        column_config={
            "here": st.column_config.TextColumn(width=50), "answer": st.column_config.TextColumn(width=260),
            "date": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
            "score": st.column_config.NumberColumn(format="%.3g", width=60),
        },
    )  # fmt: skip


def _difference(
    view: View, wanted: Filter, suite: str, sample_id: str, others: Mapping[str, str], row: dict[str, Any]
) -> None:
    """Show word by word what this run said and another did not, and the ways to that one."""
    told = {"": "choose a run", **others}
    asked = view.param("against") or wanted.flip
    label = "Word by word against run"
    chosen = choose(view, st, label, "against", list(told), asked=asked, format_func=told.get, width=480)
    if not chosen:
        return
    there = sample.attempts(view.ask, chosen, sample_id, suite)
    there = [one for one in there if one["attempt"] == row["attempt"]] or there
    ours, theirs = (_words(view, one) for one in (row, there[0]))
    if ours == theirs:
        st.caption("Both said the same, word for word.")
    else:
        code(words.diff(theirs, ours), "diff")
        st.caption("Words that only the other run says are marked -, those that only this one says +.")
    if words.cut(ours, theirs):
        st.caption(f"Of longer texts, the first {words.WORDS:,} words are compared.")
    with st.container(horizontal=True):
        view.link("this sample there", "samples", run=chosen, suite=suite, sample=sample_id, against=wanted.run)
        view.link("compare both runs", "compare", a=chosen, b=wanted.run, suite=suite)


def _words(view: View, row: dict[str, Any]) -> str:
    """Return what was said, the chosen answer where nothing was."""
    said = sample.answers(view.ask, row["completion_keys"])
    texts = [one["text"] or (sample.called(one["tool_calls"]) if one["tool_calls"] else "") for one in said]
    return "\n\n".join(one for one in texts if one) or row["answer"] or row["fault_message"] or ""


def _clicked(view: View, key: str, runs: Sequence[str]) -> None:
    for place in st.session_state[key]["selection"]["rows"]:
        view.put(run=runs[place], attempt=None, against=None)


def _marked(view: View, key: str, here: str) -> None:
    picked = st.session_state[key]["selection"].get("picked") or []
    for one in picked:
        if one.get("run") not in (None, here):
            view.put(run=str(one["run"]), attempt=None, against=None)
