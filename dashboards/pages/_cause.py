"""One cause of failure: an example, its failures, the map, its trend over checkpoints, lineage, name and export."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts_clusters
from dashboards.pages import _cause_kept
from dashboards.pages._cause_kept import key_of, told
from dashboards.queries import Rows, clusters
from dashboards.view import View

RUNS = 8
"""Of a trend unless more are chosen."""
LONGEST = 6000
"""Characters of a text shown."""
NONE = "none"
"""In the address for what is like no known cause: its id is empty."""
WIDTH = 110


def show(view: View, analysis: dict[str, Any], same: Rows, rows: Rows, chosen: dict[str, Any], said: str) -> None:
    """Show the cause of row `chosen`. `same`: all runs of this taxonomy; `said`: what changed, in words."""
    st.divider()
    with st.container(border=True):
        _text(chosen["label"])
        if chosen["keywords"]:
            _text("Keywords: " + ", ".join(chosen["keywords"]))
        if said:
            _text("Against the run compared with: " + said)
    if chosen["failures"]:
        _examples(view, analysis, chosen)
    tabs = st.tabs(["Map", "Trend", "Lineage", "Name", "Export"], on_change="rerun", key="tab", bind="query-params")
    parts = (
        partial(_map, view, analysis, rows, chosen), partial(_trend, view, same, rows, chosen),
        partial(_lineage, view, analysis), partial(_cause_kept.name, view, chosen),
        partial(_cause_kept.export, view, analysis, chosen),
    )  # fmt: skip
    for tab, part in zip(tabs, parts, strict=True):
        if tab.open:
            with tab:
                part()


def _examples(view: View, analysis: dict[str, Any], chosen: dict[str, Any]) -> None:
    """Show a page of the cause's failures, and one of them whole."""
    pages = -(-chosen["failures"] // clusters.PAGE)
    at = view.param("at", "1")
    page = min(max(int(at) if at.isdecimal() else 1, 1), pages)
    found = clusters.members(view.ask, analysis, chosen["cause"], page - 1)
    if not found:
        return
    keys = {"/".join(map(str, key_of(row))): row for row in found}
    asked = view.param("sample")
    row = keys.get(asked, found[0])
    st.subheader("An example", help="The most typical failure first; the table below opens others.")
    _example(view, analysis, row)
    st.subheader("Its failures")
    table = f"clusters-members-{chosen['cause']}-{page}"
    st.dataframe(
        [_cells(one) for one in found], hide_index=True, key=table, selection_mode="single-row",
        on_select=partial(_opened, table, [*keys]),
        column_config={"similarity": st.column_config.NumberColumn(format="%.3f", help="To the cause's centre")},
    )  # fmt: skip
    columns = st.columns([2, 2, 3])
    if pages > 1:
        wanted = columns[0].number_input(f"Page, of {pages}", 1, pages, page)
        if wanted != page:
            view.put(at=str(wanted), sample=None)
            st.rerun()
    options = [*keys]
    named = columns[1].selectbox(
        "Open a failure", options, index=options.index(asked) if asked in keys else 0,
        format_func=lambda key: str(keys[key]["name"] or keys[key]["sample_id"]),
    )  # fmt: skip
    if named != (asked if asked in keys else options[0]):
        view.put(sample=named)
        st.rerun()
    with columns[2]:
        view.link("all of them on the samples page", "samples", run=analysis["run_id"], cluster=chosen["cause"] or NONE)


def _example(view: View, analysis: dict[str, Any], row: dict[str, Any]) -> None:
    diagnosed = told(str(view.database.path), view.stamp, analysis["run_id"], row["suite"], analysis["split"])
    case, diagnosis = diagnosed.get(key_of(row), (None, None))
    with st.container(border=True):
        _text(f"{row['suite']} · {row['name'] or row['sample_id']} · {row['mode']}")
        if case is not None and diagnosis is not None:
            _text(diagnosis.text)
            st.caption("Question")
            st.code(case.question[:LONGEST] or "(nothing stored)", language=None, wrap_lines=True)
            columns = st.columns(2)
            columns[0].caption("Expected")
            columns[0].code(_plain(case.target), language=None, wrap_lines=True)
            columns[1].caption("Said")
            columns[1].code(case.text[:LONGEST] or "(nothing)", language=None, wrap_lines=True)
        view.link(
            "this sample, with prompt and history", "samples",
            run=analysis["run_id"], suite=row["suite"], sample=row["sample_id"],
        )  # fmt: skip


def _trend(view: View, same: Rows, rows: Rows, chosen: dict[str, Any]) -> None:
    by_id = {row["run_id"]: row for row in sorted(same, key=lambda row: (row["started_at"], row["run_id"]))}
    if len(by_id) < 2:
        st.write("One run only is counted in these causes. A trend begins with the next: harness failures RUN")
        return
    wanted = st.multiselect("Runs counted in these causes, oldest first", [*by_id], [*by_id][-RUNS:])
    if not wanted:
        st.warning("No run is chosen.")
        return
    found = clusters.trend(view.ask, [row for run, row in by_id.items() if run in wanted], chosen["cause"])
    labels = {row["cause"]: row["label"] for row in rows}
    drawn = [{**row, "label": labels.get(row["cause"], row["cause"])} for row in found]
    st.altair_chart(charts_clusters.trend(drawn, chosen["cause"]), width="stretch")
    st.caption("The cause chosen above in colour, with 95% intervals; the others grey.")


def _map(view: View, analysis: dict[str, Any], rows: Rows, chosen: dict[str, Any]) -> None:
    found = clusters.points(view.ask, analysis)
    if not found or not any(row["x"] or row["y"] for row in found):
        st.write("No places are stored for these failures. They are made where causes are clusters: with more failures,"
                 " harness failures RUN --refit")  # fmt: skip
        return
    labels = {row["cause"]: row["label"] for row in rows}
    drawn = [{**row, "cause": row["cause_id"], "label": labels.get(row["cause_id"], "")} for row in found]
    key = f"clusters-map-{view.stamp}-{analysis['run_id']}-{analysis['taxonomy_id']}"
    st.altair_chart(
        charts_clusters.map_of(drawn, chosen["cause"]), width="stretch", key=key, on_select=partial(clicked, key),
        alt="Failures as points: those that lie near went wrong alike",
    )  # fmt: skip
    every = "" if len(found) < clusters.POINTS else f" {clusters.POINTS:,} of the failures, evenly chosen."
    st.caption(f"Near points went wrong alike; a click opens the cause.{every}")


def _lineage(view: View, analysis: dict[str, Any]) -> None:
    chain, found = clusters.lineage(view.ask, analysis["taxonomy_id"])
    if not found:
        st.write("These causes were never refitted: each is still the one that it was at first."
                 " A refit is made by harness failures RUN --refit")  # fmt: skip
        return
    st.altair_chart(charts_clusters.descents(found, [row["taxonomy_id"] for row in chain]), width="stretch")
    names = ("taxonomy_id", "old", "kind", "new", "cosine", "jaccard")
    st.dataframe([{name: row[name] for name in names} for row in found], hide_index=True)


def pick(cause: str) -> None:
    """Open a cause: the one place where clicks and lists end."""
    st.query_params["cause"] = cause or NONE
    for name in ("sample", "at"):
        if name in st.query_params:
            del st.query_params[name]


def clicked(key: str) -> None:
    """Open the cause that was clicked in the chart `key`."""
    picked = st.session_state[key].selection.get(charts_clusters.PICK) or []
    if picked and "cause" in picked[0]:
        pick(picked[0]["cause"])


def _text(text: str) -> None:
    """Show text of a model: no markup, lines broken so that nothing scrolls sideways."""
    st.text("\n".join(textwrap.wrap(text, WIDTH)))


def _opened(key: str, ids: Sequence[str]) -> None:
    if rows := st.session_state[key].selection.rows:
        st.query_params["sample"] = ids[rows[0]]


def _plain(target: Any) -> str:
    return (target if isinstance(target, str) else json.dumps(target, ensure_ascii=False, indent=1))[:LONGEST]


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "suite", "mode", "answer", "target", "similarity", "novel", "sample_id")
    return {name: row[name] for name in names}
