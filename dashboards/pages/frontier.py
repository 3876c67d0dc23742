"""Compressions: what each stage cost and saved, which models are worth their size, and what broke where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboards import charts_frontier
from dashboards.queries import Rows, frontier, sealed
from dashboards.queries.sealed import Score
from dashboards.view import View

TITLE, ICON, ORDER = "Frontier", ":material/compress:", 6
ALL = "all compressions"
HIT = 20
"""Lines of the damage map at most."""
MIB = 2**20
Scores = Mapping[tuple[str, str], Score]
NUMBER = st.column_config.NumberColumn
FORMATS = {"MiB": "%.2f", "bits": "%.2f", "KL": "%.4f", "KL of the stage": "%.4f", "tokens/s": "%.0f", "s": "%.0f"}


def show(view: View) -> None:
    """Show a compression, or all of them."""
    known = {row["compression"]: row for row in frontier.compressions(view.ask)}
    if not known:
        st.info("No compression yet. Type: harness compress tiny --recipe quickstart")
        return
    names = [*known, *([ALL] if len(known) > 1 else [])]
    name = st.selectbox("Compression", names, key="name", bind="query-params")
    rows = frontier.stages(view.ask, list(known) if name == ALL else [name])
    if name != ALL:
        _ended(known[name])
    scores = sealed.scores(view.ask, view.database, [row["run_id"] for row in rows])
    _frontier(view, rows, scores, name)
    if name != ALL:
        _damage(rows)


def _ended(start: Mapping[str, Any]) -> None:
    st.text(f"{start['outcome']}: {start['why']}" if start["outcome"] else "not at its end: it runs, or was killed")
    st.caption(f"Of {start['model']}, started {start['starts']} times, last at {start['started_at']:%Y-%m-%d %H:%M}.")


def _frontier(view: View, rows: Rows, scores: Scores, name: str) -> None:
    """Show the table, and quality against size and speed on one suite."""
    # Other versions or scorers are other scales: each has an axis of its own.
    axes = {f"{one.suite} {one.fingerprint}": one for one in scores.values()}
    shown = [{**row, "is": _plain(row)} for row in rows]
    axis = None
    if axes:
        named = st.selectbox("Quality is the score on", sorted(axes), key="suite", bind="query-params")
        axis = axes[named]
        shown = _marked(rows, {run: one for (run, _), one in scores.items() if _same(one, axis)}, name != ALL)
    _table(view, shown, scores, name)
    if axis is None:
        st.caption("No stage has a score on sealed samples yet.")
        return
    points = [row for row in shown if row.get("score") is not None and row["size"]]
    metric = f"{axis.suite}: {axis.metric}"
    left, right = st.columns(2)
    left.altair_chart(charts_frontier.against(points, "size", metric), width="stretch")
    if any(row["speed"] for row in points):
        right.altair_chart(charts_frontier.against(points, "speed", metric), width="stretch")
    else:
        right.caption("No stage was timed.")
    st.caption(
        "Optimal: no other kept model is at least as good in quality, size and speed and better in one. Intervals that"
        " overlap prove no difference; the pairs of compare see finer."
    )


def _same(one: Score, axis: Score) -> bool:
    return (one.suite, one.fingerprint) == (axis.suite, axis.fingerprint)


def _marked(rows: Rows, scores: Mapping[str, Score], numbered: bool) -> Rows:
    """Return the rows with `score`, `low`, `high`, `size` (MiB), `speed`, `sign` and what each `is`."""
    found = []
    for row in rows:
        one = scores.get(row["run_id"])
        values = {name: getattr(one, how) if one else None for name, how in
                  (("score", "value"), ("low", "low"), ("high", "high"), ("good", "good"))}  # fmt: skip
        size = None if row["size_bytes"] is None else row["size_bytes"] / MIB
        sign = str(row["number"]) if numbered else ""  # a number says nothing among several compressions
        found.append({**row, **values, "size": size, "speed": row["tokens_per_s"], "sign": sign, "is": _plain(row)})
    choices = [row for row in found if row["good"] is not None and row["size_bytes"] and row["kept"] is not False]
    marks = frontier.optimal([(row["good"], row["size_bytes"], row["speed"]) for row in choices])
    for row, best in zip(choices, marks, strict=True):
        row["is"] = "optimal" if best else "dominated"
    return found


def _plain(row: Mapping[str, Any]) -> str:
    return "rolled back" if row["kept"] is False else "not scored"


def _table(view: View, rows: Rows, scores: Scores, name: str) -> None:
    runs = [row["run_id"] for row in rows]

    def choose() -> None:
        if chosen := st.session_state["stages"].selection.rows:
            st.session_state["stage"] = labels[chosen[0]]

    labels = [row["name"] for row in rows]
    suites = sorted({suite for run, suite in scores if run in runs})
    config = {key: NUMBER(format=form) for key, form in FORMATS.items()} | {"top-1": NUMBER(format="percent")}
    st.dataframe(
        [_cells(row, suites, scores, name == ALL) for row in rows],
        hide_index=True, key="stages", on_select=choose, selection_mode="single-row",
        column_config=config | dict.fromkeys(suites, NUMBER(format="%.3f")),
    )  # fmt: skip
    st.caption("KL in nats a token, top-1 agreement: to the model before all stages. Scores are of sealed samples.")
    chosen = st.selectbox("Open a stage", labels, index=None, key="stage", bind="query-params")
    if chosen in labels:
        _links(view, rows[labels.index(chosen)])


def _cells(row: Mapping[str, Any], suites: Sequence[str], scores: Scores, whole: bool) -> dict[str, Any]:
    kept = {True: "kept", False: "rolled back", None: "open"}[row["kept"]]
    own = {suite: one.value if (one := scores.get((row["run_id"], suite))) else None for suite in suites}
    return {
        **({"compression": row["compression"]} if whole else {}),
        "no.": row["number"], "stage": row["step"], "is": row["is"], "gate": row["verdict"], "kept": kept,
        "MiB": None if row["size_bytes"] is None else row["size_bytes"] / MIB, "bits": row["bits"], **own,
        "KL": row["kl"], "KL of the stage": row["kl_step"], "top-1": row["top1"], "tokens/s": row["tokens_per_s"],
        "s": row["seconds"], "why": row["why"],
    }  # fmt: skip


def _links(view: View, row: Mapping[str, Any]) -> None:
    with st.container(horizontal=True):
        if row["run_id"]:
            view.link("its samples", "samples", run=row["run_id"])
            view.link("why it fails", "clusters", run=row["run_id"])
        if row["run_id"] and row["run_before"] and row["run_id"] != row["run_before"]:
            view.link("compare with the one before", "compare", a=row["run_before"], b=row["run_id"])
        if row["gate_id"]:
            view.link("its gate", "gates", gate=row["gate_id"])
    if row["artifact_id"]:
        st.code(f"harness why {row['artifact_id']}", language=None)


def _damage(rows: Rows) -> None:
    st.subheader("What broke")
    cells = frontier.damage(rows)
    if not cells:
        st.caption("No sample broke at any stage, or no stage was compared with the one before.")
        return
    lines = list(dict.fromkeys(cell["capability"] for cell in cells))
    kept = [cell for cell in cells if cell["capability"] in lines[:HIT]]
    st.altair_chart(charts_frontier.damage(kept), width="stretch")
    rest = f" The {len(lines) - HIT} least hit are left out here." if len(lines) > HIT else ""
    st.caption(
        "Broken and mended sealed samples by stage, of the model right before; * a loss that is significant at 5% over"
        f" all capabilities of its stage.{rest}"
    )
    with st.expander("The same as a table"):
        st.dataframe([{k: v for k, v in cell.items() if k != "number"} for cell in cells], hide_index=True)
