"""All causes of a run side by side: bars with intervals, and the map; a click opens a cause or a failure."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts_clusters
from dashboards.pages._cause import NONE
from dashboards.queries import Rows, clusters
from dashboards.view import View

COMPARED = ("before", "after", "delta", "verdict")
SHOWN = ("label", "failures", "share", "low", "high", "rate", *COMPARED)


def show(view: View, analysis: dict[str, Any], rows: Rows, chosen: dict[str, Any]) -> None:
    """Show the causes as bars, and their failures on the map in the same colours."""
    _bars(view, analysis, rows, chosen["cause"])
    _map(view, analysis, rows, chosen["cause"])


def _bars(view: View, analysis: dict[str, Any], rows: Rows, chosen: str) -> None:
    # A key of what is chosen: a new chart has no mark selected, so that a second click on a bar is one again.
    key = f"clusters-bars-{analysis['run_id']}-{analysis['taxonomy_id']}-{chosen}"
    st.altair_chart(
        charts_clusters.shares([row for row in rows if row["failures"]], chosen), width="stretch", key=key,
        on_select=partial(clicked, view, key), alt="The share of each cause in the run's failures, with 95% intervals",
    )  # fmt: skip
    st.caption("Share of the run's failures with its 95% interval, and their number. A click opens a cause.")


def _map(view: View, analysis: dict[str, Any], rows: Rows, chosen: str) -> None:
    found = clusters.points(view.ask, analysis)
    if not any(row["x"] or row["y"] for row in found):
        st.caption("There is no map: places are made where causes are clusters. With more failures: "
                   "`harness failures RUN --refit`")  # fmt: skip
        return
    key = f"clusters-map-{analysis['run_id']}-{analysis['taxonomy_id']}-{chosen}-{view.param('sample')}"
    st.altair_chart(
        charts_clusters.map_of(found, rows, chosen, view.param("sample")), width="stretch", key=key,
        on_select=partial(clicked, view, key), alt="Failures as points, coloured by cause: near ones went wrong alike",
    )  # fmt: skip
    places = found[0]["places"]
    thinned = f" {len(found):,} of {places:,} places are drawn, evenly chosen." if places > len(found) else ""
    st.caption(
        "Map of the failures in the colours of the bars: near points went wrong alike, larger ones are several. "
        f"A click opens a failure.{thinned}"
    )


def clicked(view: View, key: str) -> None:
    """Open the cause, and the failure if it names one, that was clicked in the chart `key`."""
    picked = st.session_state[key].selection.get(charts_clusters.PICK) or []
    if picked and "cause" in picked[0]:
        view.put(cause=picked[0]["cause"] or NONE, sample=picked[0].get("key"), at=None)


def table(view: View, rows: Rows, chosen: str) -> None:
    """Show the causes as a table, changes against the run compared with included; a click on a row opens it."""
    ids = [row["cause"] for row in rows]
    key = f"clusters-table-{chosen}"
    compared = any(row["verdict"] for row in rows)
    st.dataframe(
        [{name: row[name] for name in SHOWN if compared or name not in COMPARED} for row in rows],
        hide_index=True, key=key, selection_mode="single-row", on_select=partial(_rowed, view, key, ids),
        selection_default={"selection": {"rows": [ids.index(chosen)]}},
        column_config={
            **{name: st.column_config.NumberColumn(format="percent") for name in ("share", "low", "high")},
            "label": st.column_config.TextColumn("cause", width="large"),
            "rate": st.column_config.NumberColumn("of answers", format="percent"),
            "before": st.column_config.NumberColumn(help="Failing samples of the run compared with, among the shared"),
            "after": st.column_config.NumberColumn(help="Failing samples of this run, among the shared"),
            "delta": st.column_config.NumberColumn(format="percent", help="After minus before, of the shared samples"),
            "verdict": st.column_config.TextColumn("change", help="Exact paired test, adjusted over the causes"),
        },
    )  # fmt: skip


def _rowed(view: View, key: str, ids: list[str]) -> None:
    if rows := st.session_state[key].selection.rows:
        view.put(cause=ids[rows[0]] or NONE, sample=None, at=None)
