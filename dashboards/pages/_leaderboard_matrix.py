"""All suites at a glance: a coloured cell a model and comparable suite, and a line a model. Part of `leaderboard`."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts_leaderboard
from dashboards.pages import _leaderboard_run as one
from dashboards.queries import Rows, leaderboard
from dashboards.queries.leaderboard_matrix import Column, Line, Matrix, matrix
from dashboards.view import View

MODELS, COLUMNS = 60, 40
"""Of cells that are drawn at most."""
KEY = "board-matrix"
NUMBERS = {
    "mean rank": st.column_config.NumberColumn(format="%.2f", help="over all suites, of models with a score in each"),
    "macro score": st.column_config.NumberColumn(format="%.4f", help="mean score over all suites, likewise"),
    "MiB": st.column_config.NumberColumn(format="%.1f"), "tokens/s": st.column_config.NumberColumn(format="%.0f"),
    "model": st.column_config.TextColumn(width=300), "date": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
}  # fmt: skip


def show(view: View, rows: Rows, fitting: Rows, baseline: str) -> None:
    """Show the matrix of `rows`, of which the lines of models that have one of `fitting` are left."""
    made = matrix(rows)
    wanted = {leaderboard.model_key(row) for row in fitting}
    lines = [line for line in made.models if line.key in wanted]
    if view.param("complete") == "yes":
        whole = [line for line in lines if line.mean_rank is not None]
        if not whole:
            st.info(f"No model has a score in all {made.suites} suites, so all {len(lines)} are shown.")
        lines = whole or lines
    _cells(view, made, lines)
    _lines(view, made, lines, baseline)


def _cells(view: View, made: Matrix, lines: list[Line]) -> None:
    columns = list(made.columns)[:COLUMNS]
    of = {column: sum(column in line.cells for line in made.models) for column in columns}
    cells = [
        {**line.cells[column], "model": line.label, "column": made.columns[column], "of": of[column],
         "run": line.cells[column]["run_id"], "note": leaderboard.note(line.cells[column])}
        for line in lines[:MODELS] for column in columns if column in line.cells
    ]  # fmt: skip
    st.altair_chart(
        charts_leaderboard.matrix(cells, [line.label for line in lines[:MODELS]], [made.columns[c] for c in columns]),
        width="content", key=KEY, selection_mode=charts_leaderboard.CLICKED, on_select=partial(_clicked, view),
    )  # fmt: skip
    told = ["Colour is the rank within a column, the darkest is the best: cells of one colour are not told apart."]
    if any(cell["note"] for cell in cells):
        told.append("A star: not every sample has a score.")
    if len(lines) > MODELS or len(made.columns) > COLUMNS:
        told.append(f"Drawn are {len(lines[:MODELS])} of {len(lines)} models, {len(columns)} of {len(made.columns)}"
                    " columns; the table below holds every model.")  # fmt: skip
    st.caption(" ".join([*told, "A click on a cell opens its suite."]))


def _lines(view: View, made: Matrix, lines: list[Line], baseline: str) -> None:
    cells = [_line(line, made.suites) for line in lines]
    order = one.filled(cells, ("mean rank", "macro score", "note", "MiB", "tokens/s"))
    looked = view.param("run")
    # A model may have been asked its suites in several runs: any of them leads to its line.
    runs = [looked if looked in _runs(line) else line.last["run_id"] for line in lines]
    one.table(view, "models", cells, runs, NUMBERS, column_order=order)
    pinned = " Choose a model: its differences to the baseline are told suite by suite." if baseline else ""
    st.caption(_means(made) + pinned)
    labels = {
        run: f"{line.label} \u00b7 {run}"
        for line in lines for run in sorted(_runs(line), key=lambda run: run != line.last["run_id"])
    }  # fmt: skip
    if run := one.box(view, labels):
        line = next(line for line in lines if run in _runs(line))
        base = [row for each in made.models for row in each.cells.values() if row["run_id"] == baseline]
        own = [*line.cells.values()]
        one.show(view, [*own, *(row for row in base if row not in own)], run, baseline)


def _means(made: Matrix) -> str:
    if not made.complete:
        return f"No model has a score in all {made.suites} suites, so none has a mean rank."
    told = (
        f"Mean rank and macro score are of the {made.complete} of {len(made.models)} models that have a score in all"
        f" {made.suites} suites."
    )
    if len(made.columns) == made.suites:
        return told
    return f"{told} Of a suite in several columns, which may not be compared, the one with the most models counts."


def _runs(line: Line) -> set[str]:
    return {row["run_id"] for row in line.cells.values()}


def _line(line: Line, suites: int) -> dict[str, Any]:
    last = line.last
    return {
        "model": line.label, "suites": f"{line.scored} of {suites}", "mean rank": line.mean_rank,
        "macro score": line.macro, "note": _notes(line.cells),
        "MiB": last["size_bytes"] / one.MIB if last["size_bytes"] else None, "tokens/s": last["tokens_per_s"],
        "date": last["started_at"], "newest run": last["run_id"],
    }  # fmt: skip


def _notes(cells: Any) -> str:
    found: dict[Column, str] = {column: leaderboard.note(row) for column, row in cells.items()}
    told = [f"{suite}: {note}" for (suite, _), note in found.items() if note]
    return "; ".join(told[:2]) + (f" and {len(told) - 2} more" if len(told) > 2 else "")


def _clicked(view: View) -> None:
    """Open the suite of the cell that was clicked, its run looked at."""
    cells = st.session_state[KEY]["selection"][charts_leaderboard.CLICKED]
    if cells:
        view.put(suite=cells[0]["suite"], run=cells[0]["run"])
