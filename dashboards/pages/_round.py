"""One round of a loop: what decided it, causes, steps and costs, trainings, the graph from failure to score."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards import charts_rounds
from dashboards.queries import lineage, rounds, sealed
from dashboards.view import View
from harness.cli import curves
from harness.errors import HarnessError
from harness.store import Database

LIVE_S = 5
BROKEN = 20
"""Values that are not finite and are marked in a chart, the first."""
RUNS = (("run_before", "before"), ("run_after", "after"))


def show(view: View, row: dict[str, Any]) -> None:
    """Show a round as far as it has come."""
    st.subheader(f"Round {row['number']}: {_said(row)}")
    if row["why"]:
        st.text(row["why"])
    st.code(f"harness why {row['loop']}/{row['number']}", language=None)
    _links(view, row)
    left, right = st.columns(2)
    with left:
        _decision(row)
    with right:
        _causes(view, row)
    _steps(view, row)
    # A training that runs draws its curves anew; what is over stays as it is.
    st.fragment(_curves, run_every=LIVE_S if row["accepted"] is None else None)(view, row)
    _graph(view, row)


def _said(row: Mapping[str, Any]) -> str:
    decided = {None: "not decided", True: "accepted", False: "rejected"}[row["accepted"]]
    return f"{decided}, gate {row['verdict_before'] or 'not asked'} → {row['verdict_after'] or 'not asked'}"


def _links(view: View, row: Mapping[str, Any]) -> None:
    with st.container(horizontal=True):
        if row["run_before"] and row["run_after"]:
            view.link("compare before and after", "compare", a=row["run_before"], b=row["run_after"])
        for column, when in RUNS:
            if row[column]:
                view.link(f"samples {when}", "samples", run=row[column])
                view.link(f"why it fails {when}", "clusters", run=row[column])
        for column, when in (("gate_before", "before"), ("gate_after", "after")):
            if row[column]:
                view.link(f"gate {when}", "gates", gate=row[column])


def _decision(row: Mapping[str, Any]) -> None:
    st.markdown("**What decided it**")
    checks = (row["decision"] or {}).get("checks") or []
    if not checks:
        st.caption("No candidate was compared with the model before.")
        return
    names = ("outcome", "rule", "suite", "observed", "low", "high", "bound", "note")
    number = st.column_config.NumberColumn(format="%+.4f")
    cells = dict.fromkeys(("observed", "low", "high", "bound"), number)
    st.dataframe([{name: check.get(name) for name in names} for check in checks], hide_index=True, column_config=cells)
    st.caption(f"{row['aimed'] or 0} sealed samples were aimed at; {row['rows'] or 0} rows were trained on.")


def _causes(view: View, row: Mapping[str, Any]) -> None:
    st.markdown("**Causes of failure that it learned from**")
    causes = sorted((row["causes"] or {}).items(), key=lambda item: (-item[1]["failures"], item[0]))
    if not causes:
        st.caption("None is known.")
        return
    told = [{"failures": one["failures"], "cause": one["label"], "id": key} for key, one in causes]
    st.dataframe(told, hide_index=True)
    labels = {key: one["label"] for key, one in causes}
    chosen = st.selectbox("Open a cause", list(labels), format_func=labels.__getitem__, index=None)
    if chosen:
        view.link("its failures", "clusters", run=row["run_before"] or "", cause=chosen)


def _steps(view: View, row: Mapping[str, Any]) -> None:
    st.markdown("**Steps and what they cost**")
    found = rounds.steps(view.ask, row)
    if not found:
        st.caption("No step is done.")
        return
    kinds = sorted({what for one in found for what in one["booked"] if what != "seconds"})
    told = [
        {
            "step": one["step"], "made": f"{one['kind']} {one['artifact_id']}" if one["artifact_id"] else None,
            "seconds": one["seconds"], **{what: one["booked"].get(what) for what in kinds}, "fault": one["fault"],
            "parameters": json.dumps(json.loads(one["parameters"] or "{}"), ensure_ascii=False), "log": one["log"],
        }
        for one in found
    ]  # fmt: skip
    seconds = st.column_config.NumberColumn(format="%.1f")
    hidden = ["fault"] if not any(one["fault"] for one in found) else []
    order = [name for name in told[0] if name not in hidden]
    st.dataframe(told, hide_index=True, column_order=order, column_config={"seconds": seconds})
    st.altair_chart(charts_rounds.costs(found), width="stretch")


def _curves(view: View, row: Mapping[str, Any]) -> None:
    st.markdown("**Training curves**")
    made = set(row["artifacts"] or ())
    try:
        every = _trainings(str(view.database.path), view.stamp, row["loop"])
    except HarnessError as error:  # drawn again by itself: nobody above catches it then
        st.error(f"{error.what}. Expected: {error.expected}. {error.next}")
        return
    is_open = row["accepted"] is None
    found = [one for one in every if one.artifact_id in made or (is_open and one.state != "done")]
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
    if one.best_step is not None:
        st.caption(f"Dashed: step {one.best_step}, after which it over-fitted.")
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
def _trainings(path: str, stamp: tuple[int, int], loop: str) -> list[curves.Training]:
    return curves.of(Database(Path(path)), "loop", loop)


def _graph(view: View, row: Mapping[str, Any]) -> None:
    st.markdown("**From failure to score**")
    found = sealed.scores(view.ask, view.database, [row["run_before"], row["run_after"]])
    graph = lineage.of_round(view.ask, row, found)
    if not graph.edges:
        st.caption("Nothing is made yet.")
        return
    st.graphviz_chart(charts_rounds.dot(graph))
    named = {one.named: " ".join(one.lines) for one in graph.nodes if one.named}
    chosen = st.selectbox("Walk on from", list(named), format_func=lambda one: f"{named[one]} ({one})", index=None)
    if chosen:
        st.code(f"harness why {chosen}", language=None)
