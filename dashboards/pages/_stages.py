"""The stages of a compression: what it came to, their table, and one of them with its links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboards import names
from dashboards.pages._choice import Put
from dashboards.queries import Rows
from dashboards.queries.sealed import Score
from dashboards.view import View

NUMBER = st.column_config.NumberColumn
FORMATS = {"MiB": "%.2f", "bits": "%.2f", "KL": "%.4f", "KL of the stage": "%.4f", "tokens/s": "%.0f", "s": "%.0f"}
SIGNS = {"optimal": "★ optimal", "rolled back": "✗ rolled back", "broke": "✗ broke", "open": "… open"}


def headline(start: Mapping[str, Any], rows: Rows, axis: Score | None) -> None:
    """Show how a compression ended, and the model before against the last one that was kept."""
    first, last = rows[0], [row for row in rows if row["state"] == "kept"][-1]
    places = st.columns([1.6, 2.6, 3.2, 2.6, 1.8])
    states = [row["state"] for row in rows[1:]]
    failed = sum(state in ("rolled back", "broke") for state in states)
    _metric(places[0], "Outcome", start["outcome"] or "open", names.plain(f"of {names.model(start['model'])}"))
    _metric(places[1], "Size, MiB", _way(first["size"], last["size"], ".2f"),
            _times(first["size"], last["size"], "smaller", "larger"))  # fmt: skip
    if axis is not None:
        _metric(places[2], f"Sealed samples of {names.plain(axis.suite)}", _way(first["score"], last["score"], ".3f"),
                " → ".join(f"[{row['low']:.3f}, {row['high']:.3f}]" for row in (first, last) if row["low"] is not None)
                or "not scored")  # fmt: skip
    _metric(places[3], "Tokens per second", _way(first["speed"], last["speed"], ".0f"),
            _times(last["speed"], first["speed"], "faster", "slower"))  # fmt: skip
    _metric(places[4], "Stages kept", f"{states.count('kept')} of {len(states)}", f"{failed} failed")
    ended = f"{start['outcome']}: {start['why']}" if start["outcome"] else "not at its end: it runs, or was killed"
    starts = "started" if start["starts"] == 1 else f"started {start['starts']} times, last"
    st.text(f"{ended} · {starts} at {start['started_at']:%Y-%m-%d %H:%M} UTC")


def _metric(place: Any, label: str, value: str, below: str) -> None:
    place.metric(label, value, below, delta_color="off", delta_arrow="off")


def _way(first: float | None, last: float | None, form: str) -> str:
    return " → ".join("–" if value is None else format(value, form) for value in (first, last))


def _times(more: float | None, less: float | None, word: str, opposite: str) -> str:
    if not more or not less:
        return "not measured"
    return f"{more / less:.2g}× {word}" if more >= less else f"{less / more:.2g}× {opposite}"


def table(put: Put, rows: Rows, scores: Mapping[tuple[str, str], Score], whole: bool) -> None:
    """Show the stages; a chosen row opens its stage. `whole`: of several compressions."""
    runs = [row["run_id"] for row in rows]
    labels = [row["name"] for row in rows]

    def clicked() -> None:
        if chosen := st.session_state["stages"].selection.rows:
            put(stage=labels[chosen[0]])

    suites = sorted({suite for run, suite in scores if run in runs})
    config = {key: NUMBER(format=form) for key, form in FORMATS.items()} | {"top-1": NUMBER(format="percent")}
    st.dataframe(
        [_cells(row, suites, scores, whole) for row in rows],
        hide_index=True, key="stages", on_select=clicked, selection_mode="single-row", placeholder="",
        column_config=config | dict.fromkeys(suites, NUMBER(format="%.3f")),
    )  # fmt: skip
    st.caption("KL in nats a token, top-1 agreement: to the model before all stages. Scores are of sealed samples.")


def _cells(
    row: Mapping[str, Any], suites: Sequence[str], scores: Mapping[tuple[str, str], Score], whole: bool
) -> dict[str, Any]:
    own = {suite: one.value if (one := scores.get((row["run_id"], suite))) else None for suite in suites}
    return {
        **({"compression": row["compression"]} if whole else {}),
        "no.": row["number"], "stage": row["step"], "is": SIGNS.get(row["is"], row["is"]), "gate": row["verdict"],
        "MiB": row["size"], "bits": row["bits"], **own, "KL": row["kl"], "KL of the stage": row["kl_step"],
        "top-1": row["top1"], "tokens/s": row["tokens_per_s"], "s": row["seconds"], "why": row["why"],
    }  # fmt: skip


def opened(view: View, row: Mapping[str, Any]) -> None:
    """Show a stage in a line, and where to go on from it."""
    with st.container(border=True):
        told = [f"{row['compression']}, stage {row['number']}: {row['step']}", row["is"], *_figures(row)]
        st.text(" · ".join(told + ([f"gate {row['verdict']}"] if row["verdict"] else [])))
        if row["why"]:
            st.text(row["why"])
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


def _figures(row: Mapping[str, Any]) -> list[str]:
    told = [] if row["score"] is None else [f"{row['score']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"]
    told += [f"{row['size']:.2f} MiB"] if row["size"] else []
    return told + ([f"{row['speed']:.0f} tokens/s"] if row["speed"] else [])
