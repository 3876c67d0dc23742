"""What a round made: its trainings' curves with their marks, and the graph from failure to score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from dashboards import charts_rounds, names
from dashboards.pages._choice import choose
from dashboards.queries import lineage, sealed
from dashboards.queries.lineage import Node
from dashboards.view import View
from harness.cli import curves
from harness.errors import HarnessError
from harness.store import Database

LIVE_S = 5
BROKEN = 20
"""Values that are not finite and are marked in a chart, the first."""


def curves_of(view: View, row: Mapping[str, Any]) -> None:
    """Show the trainings of a round; those of one that is open are drawn anew every few seconds."""
    st.fragment(_curves, run_every=LIVE_S if row["accepted"] is None else None)(view, row)


def _curves(view: View, row: Mapping[str, Any]) -> None:
    made = tuple(row["artifacts"] or ())
    try:
        every = _trainings(view.database, view.stamp, row["loop"], made)
    except HarnessError as error:  # drawn again by itself: nobody above catches it then
        st.error(names.plain(f"{error.what}. Expected: {error.expected}. {error.next}"))
        return
    is_open = row["accepted"] is None
    found = [one for one in every if one.artifact_id in made or is_open]
    if not found:
        st.caption("No training left curves in this round.")
    for one in found:
        _training(one)


def _training(one: curves.Training) -> None:
    """Show what became of a training, and its curves two in a line."""
    state = "it runs, or was killed" if one.state == "open" else one.state
    st.text(f"{one.step or 'training'} {one.step_key[:12]}: {state}")
    for mark in one.marks:
        st.text(f"⚠ {mark}")
    if lowest := _lowest(one.curves.get("held_out_loss", [])):
        st.caption(lowest)
    panels = curves.panels(one.curves)
    for start in range(0, len(panels), 2):
        for place, (column, panel) in enumerate(zip(st.columns(2), panels[start : start + 2], strict=False)):
            broken = [step for points in panel.values() for step, value in points if not math.isfinite(value)]
            best = one.best_step if start + place == 0 else None
            column.altair_chart(charts_rounds.training(panel, best, broken[:BROKEN]), width="stretch")


def _lowest(points: list[tuple[int, float]]) -> str:
    finite = [point for point in points if math.isfinite(point[1])]
    if not finite:
        return ""
    step, value = min(finite, key=lambda point: point[1])
    return f"Held-out loss: lowest {value:.4g} at step {step}, last {finite[-1][1]:.4g} at step {finite[-1][0]}."


@st.cache_data(max_entries=16, show_spinner=False)  # type: ignore[untyped-decorator]
def _trainings(_of: Database, stamp: tuple[int, int], loop: str, made: tuple[str, ...]) -> list[curves.Training]:
    return curves.of_loop(_of, loop, made)


def graph(view: View, row: Mapping[str, Any]) -> None:
    """Show the graph of a round; a node leads on, clicked or chosen."""
    found = sealed.scores(view.ask, view.database, [row["run_before"], row["run_after"]])
    whole = lineage.of_round(view.ask, row, found)
    if not whole.edges:
        st.caption("Nothing is made yet.")
        return
    named = {one.named: one for one in whole.nodes if one.named}
    # The page's own address, word for word: with another one the browser's way back would lead through it.
    own = {"loop": row["loop"], "round": str(row["number"]), "part": "Lineage"}
    state = {**st.query_params.to_dict(), **own}
    addresses = {one.id: f"?{urlencode({**state, 'walk': one.named})}" for one in named.values()}
    drawn = lineage.compact(whole)
    st.graphviz_chart(charts_rounds.dot(drawn, addresses), width="stretch", alt="From failure to score")
    told = "click a box above, or choose a thing"
    chosen = choose(view, st, "Walk on from", "walk", list(named), "", placeholder=told, put=partial(view.put, **own))
    if chosen:
        _walk(view, row, named[chosen])


def _walk(view: View, row: Mapping[str, Any], node: Node) -> None:
    """Show what a node is, and where to go on from it."""
    st.text(" · ".join(line for line in node.lines if line))
    with st.container(horizontal=True):
        if node.kind == "run":
            view.link("its samples", "samples", run=node.named)
            view.link("why it fails", "clusters", run=node.named)
        elif node.kind in ("cause", "report"):
            cause = {"cause": node.named} if node.kind == "cause" else {}
            view.link("its failures", "clusters", run=row["run_before"] or "", **cause)
    st.code(f"harness why {node.named}", language=None)
