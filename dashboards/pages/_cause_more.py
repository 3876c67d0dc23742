"""More about a cause: its failures, all causes as a table, trend, marks in right answers, lineage and name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts_clusters, names
from dashboards.pages import _cause_kept, _causes
from dashboards.pages._cause import NONE, address, page_of
from dashboards.pages._choice import choose, tabs
from dashboards.queries import Rows, cause_marks, clusters
from dashboards.view import View

RUNS = 8
"""Of a trend unless more are chosen."""
CELL = 200
"""Characters of a text in a cell."""
TABS = ("Its failures", "All causes", "Trend", "In right answers?", "Lineage", "Name")


def show(view: View, analysis: dict[str, Any], same: Rows, rows: Rows, chosen: dict[str, Any]) -> None:
    """Show one of the parts below a cause. `same`: all runs of this taxonomy; `rows`: all causes."""
    parts = (
        partial(_failures, view, analysis, chosen), partial(_causes.table, view, rows, chosen["cause"]),
        partial(_trend, view, same, rows, chosen), partial(_marks, view, analysis, chosen),
        partial(_lineage, view, analysis), partial(_cause_kept.name, view, chosen),
    )  # fmt: skip
    for tab, part in zip(tabs(view, TABS, "tab"), parts, strict=True):
        if tab.open:
            with tab:
                part()


def _failures(view: View, analysis: dict[str, Any], chosen: dict[str, Any]) -> None:
    page, found, row = page_of(view, analysis, chosen)
    if row is None:
        st.write("No failure of this run is of this cause.")
        return
    keys = {address(one): one for one in found}
    table = f"clusters-members-{chosen['cause']}-{page}-{address(row)}"
    st.dataframe(
        [_cells(one) for one in found], hide_index=True, column_order=_order(found), key=table,
        selection_mode="single-row", on_select=partial(_opened, view, table, [*keys]),
        selection_default={"selection": {"rows": [[*keys].index(address(row))]}},
        column_config={
            "typical": st.column_config.NumberColumn(format="%.2f", help="Similarity to the cause's centre, 1 at most"),
            "novel": st.column_config.TextColumn(help="Unlike what the causes were made of"),
        },
    )  # fmt: skip
    columns = st.columns([2, 1, 3, 3], vertical_alignment="bottom")
    choose(view, columns[0], "Open a failure", "sample", [*keys], asked=address(row), pinned=True,
           format_func=lambda key: str(keys[key]["name"] or keys[key]["sample_id"][:12]))  # fmt: skip
    pages = -(-chosen["failures"] // clusters.PAGE)
    if pages > 1:
        key = f"clusters-page-{table}"
        columns[1].number_input(
            f"Page, of {pages}", 1, pages, page, key=key,
            on_change=lambda: view.put(at=str(st.session_state[key]), sample=None),
        )  # fmt: skip
    with columns[2]:
        _cause_kept.export(view, analysis, chosen)
    with columns[3]:
        view.link("all of them on the samples page", "samples", run=analysis["run_id"], cluster=chosen["cause"] or NONE)


def _trend(view: View, same: Rows, rows: Rows, chosen: dict[str, Any]) -> None:
    by_id = {row["run_id"]: row for row in sorted(same, key=lambda row: (row["started_at"], row["run_id"]))}
    if len(by_id) < 2:
        st.write("One run only is counted in these causes. A trend begins with the next: harness failures RUN")
        return
    said = {run: f"{names.model(row['name'] or row['model'])} · {run[-4:]}" for run, row in by_id.items()}
    wanted = st.multiselect(
        "Runs counted in these causes, oldest first", [*by_id], [*by_id][-RUNS:], format_func=said.__getitem__
    )
    if not wanted:
        st.warning("No run is chosen.")
        return
    found = clusters.trend(view.ask, [row for run, row in by_id.items() if run in wanted], chosen["cause"])
    labels = {row["cause"]: row["label"] for row in rows}
    drawn = [{**row, "label": labels.get(row["cause"], row["cause"]), "run": said[row["run_id"]]} for row in found]
    st.altair_chart(charts_clusters.trend(drawn, chosen["cause"]), width="stretch",
                    alt="Share of all answers that fail for each cause, run by run")  # fmt: skip
    st.caption("The cause chosen above in colour, with 95% intervals; the others grey.")


def _marks(view: View, analysis: dict[str, Any], chosen: dict[str, Any]) -> None:
    found = cause_marks.marks(view.ask, analysis, chosen["cause"])
    if not found:
        st.write("No right answer of this run is there to compare with, or nothing tells them apart.")
        return
    bar = partial(st.column_config.ProgressColumn, format="percent", min_value=0, max_value=1)
    st.dataframe(
        [{name: row[name] for name in ("mark", "here", "right", "failures", "passed")} for row in found],
        hide_index=True,
        column_config={
            "mark": st.column_config.TextColumn("mark of an answer", width="large"),
            "here": bar("of these failures"), "right": bar("of right answers"),
            "failures": "failures with it", "passed": "right answers with it",
        },
    )  # fmt: skip
    st.caption("What many of these failures share, and how many right answers of the run share it too. A mark that is "
               "as common among right answers does not explain the failures.")  # fmt: skip


def _lineage(view: View, analysis: dict[str, Any]) -> None:
    chain, found = clusters.lineage(view.ask, analysis["taxonomy_id"])
    if not found:
        st.write("These causes were never refitted: each is still the one that it was at first."
                 " A refit is made by harness failures RUN --refit")  # fmt: skip
        return
    st.altair_chart(charts_clusters.descents(found, [row["taxonomy_id"] for row in chain]), width="stretch",
                    alt="What became of each cause in each refit")  # fmt: skip
    order = {row["taxonomy_id"]: place for place, row in enumerate(reversed(chain))}
    st.dataframe(
        [{"old": row["old"], "became": row["kind"], "new": row["new"], "cosine": row["cosine"],
          "jaccard": row["jaccard"], "refit": row["taxonomy_id"][:10]}
         for row in sorted(found, key=lambda row: order[row["taxonomy_id"]])],
        hide_index=True,
        column_config={
            "cosine": st.column_config.NumberColumn(format="%.2f", help="Likeness of their centres"),
            "jaccard": st.column_config.NumberColumn(format="%.2f", help="Failures in both, of those in either"),
        },
    )  # fmt: skip


def _opened(view: View, key: str, ids: Sequence[str]) -> None:
    if rows := st.session_state[key].selection.rows:
        view.put(sample=ids[rows[0]])


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    said, wanted = row["answer"] or "", _unquoted(row["target"] or "")
    return {
        "sample": row["name"] or row["sample_id"][:12], "suite": row["suite"], "mode": row["mode"],
        "answer": said[:CELL], "expected": wanted[:CELL], "typical": row["similarity"],
        "novel": "yes" if row["novel"] else None,
    }  # fmt: skip


def _order(rows: Rows) -> list[str]:
    """Return the columns that say something."""
    cells = [_cells(row) for row in rows]
    return [name for name in cells[0] if any(one[name] not in (None, "") for one in cells)]


def _unquoted(target: str) -> str:
    """Return a target, stored as JSON, as it reads."""
    try:
        found = json.loads(target)
    except ValueError:
        return target
    return found if isinstance(found, str) else "" if found is None else target
