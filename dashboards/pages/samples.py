"""What was asked and what was said: records of a run searched and filtered, and all there is to see of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from dashboards.pages import _sample
from dashboards.queries import Rows, samples
from dashboards.queries.samples import Filter
from dashboards.view import View

TITLE, ICON, ORDER = "Samples", ":material/search:", 2
FIELDS = ("suite", "tag", "mode", "outcome", "cluster", "text", "within", "flip", "way")
"""Fields of a filter that stand in the address as they are."""
FLIPPED = {"": "worse or better", "worse": "worse here", "better": "better here"}
RIGHT = {"": "all", "right": "right", "wrong": "wrong", "fault": "fault"}


def show(view: View) -> None:
    """Show one sample where the address names one, else the list."""
    runs = samples.runs(view.ask)
    if not runs:
        st.info("No run yet. Type: harness eval tiny --suite primer")
        return
    known = {str(row["run_id"]): row for row in runs}
    run = view.param("run", next(iter(known)))
    if run not in known:
        st.warning("The address names a run that this database does not hold; here is the newest.")
        run = next(iter(known))
        view.put(sample=None)
    wanted = _addressed(view, run)
    order = view.param("order", "as asked")
    order = order if order in samples.ORDERS else "as asked"
    if sample := view.param("sample"):
        _sample.show(view, wanted, sample, order)
        return
    wanted, order = _asked(view, wanted, order, known)
    _list(view, wanted, order)


def _addressed(view: View, run: str) -> Filter:
    """Return the filter that the address describes."""
    try:
        slower = float(view.param("slower", "0"))
    except ValueError:
        slower = 0.0
    slower = slower if 0 <= slower < 1e6 else 0.0
    return Filter(run=run, slower_s=slower, **{name: view.param(name) for name in FIELDS})


def _asked(view: View, wanted: Filter, order: str, known: dict[str, dict[str, Any]]) -> tuple[Filter, str]:
    """Show the widgets of the filter; return what they say, written into the address."""
    top = st.columns([3, 2, 2, 2])
    run = _choose(top[0], "Run", list(known), wanted.run, {key: _named(row) for key, row in known.items()})
    now = replace(wanted, run=run)
    suite = _choose(top[1], "Suite", ["", *samples.suites(view.ask, run)], wanted.suite, {"": "all suites"})
    now = replace(now, suite=suite)
    now = replace(now, outcome=_choose(top[2], "Score", list(RIGHT), wanted.outcome, RIGHT))
    modes = samples.modes(view.ask, run, suite)
    counted = {name: f"{name} ({count})" for name, count in modes.items()}
    now = replace(now, mode=_choose(top[3], "Mode", ["", *modes], wanted.mode, {"": "all modes", **counted}))
    below = st.columns([3, 2, 2, 2])
    now = replace(now, text=below[0].text_input("Text contains", wanted.text, placeholder="whatever its case"))
    parts = {"": "prompt or completion", "prompt": "prompt", "completion": "completion"}
    now = replace(now, within=_choose(below[1], "Text in", list(parts), wanted.within, parts))
    tags = ["", *samples.tags(view.ask, run, suite)]
    now = replace(now, tag=_choose(below[2], "Tag", tags, wanted.tag, {"": "all tags"}))
    sorting = _choose(below[3], "Order", list(samples.ORDERS), order, {})
    now = _more(view, now, wanted, known)
    changed = (now, sorting) != (wanted, order)
    view.put(
        run=now.run, order=None if sorting == "as asked" else sorting,
        slower=f"{now.slower_s:g}" if now.slower_s else None, page=None if changed else view.param("page"),
        **{name: getattr(now, name) for name in FIELDS},
    )  # fmt: skip
    return now, sorting


def _more(view: View, now: Filter, wanted: Filter, known: dict[str, dict[str, Any]]) -> Filter:
    """Show the widgets that need another run, or causes, or times."""
    columns = st.columns([3, 2, 2, 2])
    others = {"": "no other run", **{key: _named(row) for key, row in known.items() if key != now.run}}
    flip = _choose(columns[0], "Another score than in run", list(others), wanted.flip, others)
    flip = "" if flip == now.run else flip
    way = _choose(columns[1], "There is it", list(FLIPPED), wanted.way, FLIPPED) if flip else ""
    found = samples.clusters(view.ask, now.run)
    named = {"": "all causes", **{row["cause_id"]: f"{row['label']} ({row['n']})" for row in found}}
    if found:
        named[samples.UNASSIGNED] = "no cause: unassigned"
    cluster = _choose(columns[2], "Cause of failure", list(named), wanted.cluster, named)
    slower = columns[3].number_input("Seconds at least", 0.0, None, wanted.slower_s, step=0.1, format="%.2f")
    return replace(now, flip=flip, way=way, cluster=cluster, slower_s=float(slower))


def _choose(place: Any, label: str, options: list[str], value: str, named: dict[str, str]) -> str:
    """Return the choice of a box; a value of the address that is no option is one all the same, never dropped."""
    options = options if value in options else [*options, value]
    chosen = place.selectbox(label, options, options.index(value), format_func=lambda one: named.get(one, one))
    return str(chosen)


def _named(row: dict[str, Any]) -> str:
    return f"{row['name'] or row['model']} · {row['run_id']}"


def _list(view: View, wanted: Filter, order: str) -> None:
    text = view.param("page")
    page = max(1, int(text)) if text.isdecimal() and len(text) < 9 else 1
    rows = samples.search(view.ask, wanted, page, order)
    if not rows and page > 1:
        page, rows = 1, samples.search(view.ask, wanted, 1, order)
    if not rows:
        st.warning("No record fits: the filters above leave all of them out, or nothing is recorded yet.")
        return
    total = rows[0]["total"]
    pages = -(-total // samples.PAGE)
    first = (page - 1) * samples.PAGE + 1
    buttons = st.columns([1, 1, 6], vertical_alignment="center")
    if buttons[0].button("Previous", disabled=page == 1, width="stretch"):
        _turn(view, page - 1)
    if buttons[1].button("Next", disabled=page >= pages, width="stretch"):
        _turn(view, page + 1)
    buttons[2].caption(f"{first:,} to {first + len(rows) - 1:,} of {total:,} records, page {page:,} of {pages:,}")
    _table(view, rows, wanted)


def _turn(view: View, page: int) -> None:
    view.put(page=str(page) if page > 1 else None)
    st.rerun()


def _table(view: View, rows: Rows, wanted: Filter) -> None:
    cells = [_cells(row, wanted) for row in rows]
    shown = st.dataframe(
        cells, hide_index=True, on_select="rerun", selection_mode="single-row", key="samples-table",
        column_config={
            "score": st.column_config.NumberColumn(format="%.3f", width="small"),
            "there": st.column_config.NumberColumn(format="%.3f", width="small"),
            "seconds": st.column_config.NumberColumn(format="%.2f", width="small"),
            "completion": st.column_config.TextColumn(width="large"),
        },
    )  # fmt: skip
    for place in shown["selection"]["rows"]:
        _open(view, rows[place])
    named = {_id(row): f"{row['name'] or row['sample_id']} · attempt {row['attempt']} · {row['mode']}" for row in rows}
    chosen = st.selectbox("Open a sample", list(named), index=None, format_func=named.__getitem__, key="samples-open")
    view.link("why this run fails", "clusters", run=wanted.run)
    if chosen:
        _open(view, next(row for row in rows if _id(row) == chosen))


def _cells(row: dict[str, Any], wanted: Filter) -> dict[str, Any]:
    flipped = {"there": row["other_score"], "mode there": row["other_mode"]} if wanted.flip else {}
    return {
        **({} if wanted.suite else {"suite": row["suite"]}), "sample": row["name"] or row["sample_id"],
        "attempt": row["attempt"], "score": row["score"], "mode": row["mode"], **flipped, "answer": row["answer"],
        "completion": row["said"] or row["fault_message"], "seconds": row["seconds"],
    }  # fmt: skip


def _id(row: dict[str, Any]) -> str:
    return f"{row['suite']}/{row['sample_id']}/{row['attempt']}"


def _open(view: View, row: dict[str, Any]) -> None:
    """Show a sample: the one way for clicks, choices and links."""
    view.put(sample=row["sample_id"], attempt=str(row["attempt"]) if row["attempt"] else None)
    st.rerun()
