"""What was asked and what was said: records of a run searched and filtered, and all there is to see of one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from dashboards import names
from dashboards.pages import _sample, _samples_filter
from dashboards.pages._choice import whole
from dashboards.queries import Rows, samples
from dashboards.queries.samples import Filter
from dashboards.view import View

TITLE, ICON, ORDER = "Samples", ":material/search:", 2
TALL = 20
"""Rows of the table before it scrolls."""
TABLE, OPEN = "samples-table", "samples-open"
"""Keys of the two ways to open a sample."""


def show(view: View) -> None:
    """Show one sample where the address names one, else the list."""
    runs = samples.runs(view.ask)
    if not runs:
        st.info("No run yet. Type: harness eval tiny --suite primer")
        return
    known = {str(row["run_id"]): _named(row) for row in runs}
    run = view.param("run", next(iter(known)))
    order = view.param("order")
    order = order if order in samples.ORDERS else next(iter(samples.ORDERS))
    sample = view.param("sample")
    if run not in known:
        st.warning("The address names a run that this database does not hold; here is the newest.")
        run, sample = next(iter(known)), ""
    wanted = _samples_filter.addressed(view, run)
    if sample:
        _sample.show(view, wanted, sample, order, known)
        return
    _samples_filter.asked(view, wanted, order, known)
    _list(view, wanted, order, known)


def _named(row: dict[str, Any]) -> str:
    name, run = row["name"] or names.model(row["model"]), str(row["run_id"])
    return run if run.startswith(name) else f"{name} · {run}"


def _list(view: View, wanted: Filter, order: str, known: Mapping[str, str]) -> None:
    page = whole(view.param("page"))
    rows = samples.search(view.ask, wanted, page, order)
    if not rows and page > 1:
        page, rows = 1, samples.search(view.ask, wanted, 1, order)
    _samples_filter.chips(view, wanted, known)
    if not rows:
        _samples_filter.emptied(view, wanted, known)
        return
    _turning(view, wanted, rows, page)
    _table(view, rows, wanted)
    view.link("why this run fails", "clusters", run=wanted.run)


def _turning(view: View, wanted: Filter, rows: Rows, page: int) -> None:
    """Show the ways to other pages, and to a sample of this one without a mouse."""
    total = rows[0]["total"]
    pages = -(-total // samples.PAGE)
    first = (page - 1) * samples.PAGE + 1
    places = st.columns([2, 2, 5, 6], vertical_alignment="center")
    back, on = partial(_turn, view, page - 1), partial(_turn, view, page + 1)
    places[0].button("Previous", disabled=page == 1, width="stretch", shortcut="p", on_click=back)
    places[1].button("Next", disabled=page >= pages, width="stretch", shortcut="n", on_click=on)
    told = f"{first:,} to {first + len(rows) - 1:,} of {total:,} records, page {page:,} of {pages:,}"
    places[2].caption(told)
    named = {_id(row): f"{row['name'] or row['sample_id']} · attempt {row['attempt']} · {row['mode']}" for row in rows}
    places[3].selectbox(
        "Open a sample", list(named), index=None, format_func=lambda one: named.get(one, one), key=OPEN,
        placeholder="Open a sample: choose one, or click the box before its row", label_visibility="collapsed",
        on_change=partial(_chosen, view, wanted.run, {_id(row): row for row in rows}),
    )  # fmt: skip


def _turn(view: View, page: int) -> None:
    view.put(page=str(page) if page > 1 else None)


def _table(view: View, rows: Rows, wanted: Filter) -> None:
    cells = [_cells(row, wanted) for row in rows]
    telling = {"suite": not wanted.suite, "attempt": any(row["attempt"] for row in rows)}
    shown = [name for name in cells[0] if telling.get(name, True)]
    number = partial(st.column_config.NumberColumn, format="%.3g", width=60)
    texts = {"sample": 170, "mode": 120, "mode there": 120, "answer": 150, "expected": 150}
    st.dataframe(
        cells, hide_index=True, selection_mode="single-row", key=TABLE, column_order=shown, placeholder="",
        height=(TALL + 1) * 35 if len(rows) > TALL else "content", on_select=partial(_clicked, view, wanted.run, rows),
        column_config={
            **{name: st.column_config.TextColumn(width=width) for name, width in texts.items()},
            "score": number(), "there": number(), "seconds": number(format="%.2f", width=70),
            "suite": st.column_config.TextColumn(width=110), "attempt": st.column_config.NumberColumn(width=60),
        },
    )  # fmt: skip


def _cells(row: dict[str, Any], wanted: Filter) -> dict[str, Any]:
    flipped = {"there": row["other_score"], "mode there": row["other_mode"]} if wanted.flip else {}
    return {
        "suite": row["suite"], "sample": row["name"] or row["sample_id"], "attempt": row["attempt"],
        "mode": row["mode"], "score": row["score"], **flipped,
        "answer": _cut(row["answer"]), "expected": _cut(row["expected"]),
        "completion": _cut(row["said"] or row["fault_message"]), "seconds": row["seconds"],
    }  # fmt: skip


def _cut(text: str | None) -> str:
    text = text or ""
    return text if len(text) < samples.PREVIEW else text[: samples.PREVIEW - 1] + "…"


def _id(row: dict[str, Any]) -> str:
    return f"{row['suite']}/{row['sample_id']}/{row['attempt']}"


def _clicked(view: View, run: str, rows: Rows) -> None:
    for place in st.session_state[TABLE]["selection"]["rows"]:
        _open(view, run, rows[place])


def _chosen(view: View, run: str, rows: Mapping[str, dict[str, Any]]) -> None:
    if st.session_state[OPEN]:
        _open(view, run, rows[st.session_state[OPEN]])


def _open(view: View, run: str, row: dict[str, Any]) -> None:
    """Show a sample: the one way for clicks and choices. The run is named, for the newest may be another tomorrow."""
    view.put(run=run, sample=row["sample_id"], attempt=str(row["attempt"]) if row["attempt"] else None)
