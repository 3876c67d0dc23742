"""One round of a loop in its parts: what decided it, what it gained, causes, steps; the rest in `_round_made`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards import charts_rounds
from dashboards.pages import _round_made
from dashboards.pages._choice import choose, tabs
from dashboards.queries import rounds
from dashboards.view import View
from harness.compare import SuiteComparison, compare
from harness.errors import HarnessError
from harness.store import Database

PARTS = ("Decision", "Gain", "Causes", "Steps", "Training", "Lineage")
Part = Callable[[View, dict[str, Any]], None]
RUNS = (("run_before", "before"), ("run_after", "after"))
SIGNED = st.column_config.NumberColumn(format="%+.4f")
SECONDS = st.column_config.NumberColumn(format="%.1f")
WIDE = 40
"""Lines of a forest at most, those with the largest difference."""


def show(view: View, row: dict[str, Any], suite: str) -> None:
    """Show a round as far as it has come; a part is made when it is opened. `suite`: whose gain is told."""
    st.subheader(f"Round {row['number']}: {_said(row)}")
    if row["why"]:
        st.text(row["why"])
    _links(view, row)
    shown: tuple[Part, ...] = (
        _decision, partial(_gain, suite=suite), _causes, _steps, _round_made.curves_of, _round_made.graph,
    )  # fmt: skip
    for tab, part in zip(tabs(view, PARTS, "part"), shown, strict=True):
        if tab.open:
            with tab:
                part(view, row)


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


def _decision(_: View, row: Mapping[str, Any]) -> None:
    checks = (row["decision"] or {}).get("checks") or []
    if not checks:
        st.caption("No candidate was compared with the model before.")
    else:
        told = ("outcome", "rule", "suite", "observed", "low", "high", "bound", "note")
        cells = [{name: check.get(name) for name in told} for check in checks]
        config = dict.fromkeys(("observed", "low", "high", "bound"), SIGNED)
        st.dataframe(cells, hide_index=True, column_config=config, placeholder="")
        st.caption(f"{row['aimed'] or 0} sealed samples were aimed at; {row['rows'] or 0} rows were trained on.")
    st.code(f"harness why {row['loop']}/{row['number']}", language=None)


def _gain(view: View, row: Mapping[str, Any], suite: str) -> None:
    """Show the paired difference on the sealed samples of a suite, whole and by capability."""
    if not (row["run_before"] and row["run_after"] and suite):
        st.caption("No model of this round was evaluated yet.")
        return
    try:
        found = _compared(str(view.database.path), view.stamp, row["run_before"], row["run_after"], suite)
    except HarnessError as error:
        st.text(f"The runs before and after cannot be compared on {suite}: {error.what}")
        return
    if (whole := found.whole) is None:
        st.caption("No sealed sample has a score in both.")
        return
    st.text(
        f"{whole.name}: {whole.reference:.4f} → {whole.candidate:.4f}, {whole.delta:+.4f}"
        f" [{whole.low:+.4f}, {whole.high:+.4f}]; {whole.wins} won, {whole.losses} lost of {whole.n}"
    )
    lines = sorted(found.lines, key=lambda line: -abs(line.delta))[:WIDE]
    if lines:
        ordered = sorted(lines, key=lambda line: -line.delta)
        st.altair_chart(charts_rounds.capabilities(ordered), width="stretch")
    st.caption(
        "Sealed samples of the suite chosen above, paired; 95% intervals. Better and worse: after adjusting over its"
        " capabilities (Benjamini and Hochberg)."
    )


@st.cache_data(max_entries=32, show_spinner=False)  # type: ignore[untyped-decorator]
def _compared(path: str, stamp: tuple[int, int], before: str, after: str, suite: str) -> SuiteComparison:
    return compare(Database(Path(path)), before, after, suites=[suite], split="test").suites[0]


def _causes(view: View, row: Mapping[str, Any]) -> None:
    causes = rounds.causes(view.ask, row)
    if not causes:
        st.caption("No cause of failure is known: the round has not come so far.")
        return
    labels = {one["cause"]: one["label"] for one in causes}
    keys, put = list(labels), partial(view.put, loop=row["loop"], round=str(row["number"]))

    def clicked() -> None:
        if rows := st.session_state["causes"].selection.rows:
            put(cause=keys[rows[0]])

    cells = [
        {
            "cause": one["label"], "failures": one["failures"], "still failing": one["still"],
            "mended": None if one["still"] is None else 1 - one["still"] / max(1, one["failures"]), "id": one["cause"],
        }
        for one in causes
    ]  # fmt: skip
    st.dataframe(
        cells, hide_index=True, key="causes", on_select=clicked, selection_mode="single-row", placeholder="",
        column_config={
            "cause": st.column_config.TextColumn(width="large"),
            "mended": st.column_config.ProgressColumn(format="percent", max_value=1.0),
        },
    )  # fmt: skip
    st.caption(
        "Failures of dev samples before the round, and how many of these same samples still fail after. The round"
        " learned from them: this tells where it took and proves no gain; that stands under Gain, on sealed samples."
    )
    told = "choose a row above, or its id"
    chosen = choose(view, st, "Open a cause", "cause", keys, "", placeholder=told, put=put)
    if chosen:
        st.text(labels[chosen])
        view.link("its failures", "clusters", run=row["run_before"] or "", cause=chosen)
        st.code(f"harness why {chosen}", language=None)


def _steps(view: View, row: Mapping[str, Any]) -> None:
    found = rounds.steps(view.ask, row)
    if not found:
        st.caption("No step is done.")
        return
    left, right = st.columns([3, 2])
    kinds = sorted({what for one in found for what in one["booked"] if what != "seconds"})
    told = [
        {
            "step": one["step"], "seconds": one["seconds"], **{what: one["booked"].get(what) for what in kinds},
            "fault": one["fault"], "made": f"{one['kind']} {one['artifact_id'][:8]}" if one["artifact_id"] else None,
            "parameters": _parameters(one["parameters"]), "log": one["log"],
        }
        for one in found
    ]  # fmt: skip
    order = [name for name in told[0] if name != "fault" or any(one["fault"] for one in found)]
    left.dataframe(told, hide_index=True, column_order=order, column_config={"seconds": SECONDS}, placeholder="")
    right.altair_chart(charts_rounds.costs(found), width="stretch")


def _parameters(stored: str | None) -> str:
    return ", ".join(
        f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in json.loads(stored or "{}").items()
    )
