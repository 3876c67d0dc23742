"""The run that is looked at: which one, where to go from it, and what it can do. Part of `leaderboard`.

A click in a table and the box below it say the same to the address (`run`); the box is the way by keyboard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts_leaderboard, names
from dashboards.pages import _leaderboard_scores as scores
from dashboards.pages._choice import choose
from dashboards.queries import Rows, leaderboard
from dashboards.queries.leaderboard_baseline import Apart, comparable
from dashboards.view import View

MIB = 2**20
WHOLE, TALL = 20, 620
"""Rows of a table that is shown whole; pixels of a longer one."""
TAGS = 40
"""Values of a tag that are drawn at most."""
APART = {
    "difference": st.column_config.NumberColumn(format="%+.4f", help="minus the baseline, on the same samples"),
    "its interval": st.column_config.TextColumn(help="95%, of paired differences"),
    "verdict": st.column_config.TextColumn(width=90, help="p, adjusted by Holm over the rows shown, is at most 0.05"),
}
"""Columns of a difference."""


def table(view: View, name: str, cells: Rows, runs: Sequence[str], columns: Mapping[str, Any], **more: Any) -> None:
    """Show a table; a click on a row looks at its run."""
    anchor = _anchor(view)
    chosen = [place for place, run in enumerate(runs) if run == view.param("run")][:1]
    # Another key where the run was chosen elsewhere: only a new table takes a selection from outside.
    key = f"board-{name}-{anchor}"
    st.dataframe(
        cells, hide_index=True, placeholder="", column_config=columns, key=key, selection_mode="single-row",
        height="content" if len(cells) <= WHOLE else TALL,
        on_select=partial(_clicked, view, key, tuple(runs)), selection_default={"selection": {"rows": chosen}}, **more,
    )  # fmt: skip


def filled(cells: Rows, optional: Sequence[str]) -> list[str]:
    """Return the columns of cells, without the optional ones that no row fills."""
    return [name for name in cells[0] if name not in optional or any(row[name] for row in cells)]


def box(view: View, labels: Mapping[str, str]) -> str:
    """Show the box of runs; return the one looked at, empty for none."""
    told = {"": "choose one here, or click its row", **labels}
    return choose(view, st, "Look at a run", "run", list(told), format_func=lambda run: told[run])


def show(view: View, rows: Rows, run: str, baseline: str, suite: str = "") -> None:
    """Show where to go from a run, and its scores: by capability of the suite, or by suite.

    `rows`: of the run's model, and of the baseline.
    """
    own = [row for row in rows if row["run_id"] != baseline] or rows
    first = next((row for row in own if row["run_id"] == run), own[0])
    st.subheader(names.plain(names.model(first["model"])))
    st.caption(names.plain(" \u00b7 ".join(_facts(first))))
    _links(view, run, baseline, suite)
    if suite:
        _by_tag(view, first, next((row for row in rows if row["run_id"] == baseline != run), None))
    else:
        _by_suite(view, own, [row for row in rows if row["run_id"] == baseline], baseline)


def apart_cells(found: Apart | None) -> dict[str, Any]:
    """Return the cells of a difference: blank where there is none."""
    if found is None:
        return {"difference": None, "its interval": None, "verdict": None}
    return {
        "difference": found.delta, "its interval": f"{found.low:+.3f} to {found.high:+.3f}",
        "verdict": found.verdict or "none shown",
    }  # fmt: skip


def _facts(row: Mapping[str, Any]) -> list[str]:
    size = f"{row['size_bytes'] / MIB:,.1f} MiB" if row["size_bytes"] else ""
    speed = f"{row['tokens_per_s']:,.0f} tokens/s" if row["tokens_per_s"] else ""
    told = [row["model"], f"run {row['run_id']}", row["name"] or "", row["quantisation"] or "", size, speed]
    return [part for part in (*told, str(row["started_at"] or "")[:16], leaderboard.note(row)) if part]


def _links(view: View, run: str, baseline: str, suite: str) -> None:
    there = {"suite": suite} if suite else {}
    with st.container(horizontal=True):
        view.link("its samples", "samples", run=run, **there)
        view.link("why it fails", "clusters", run=run)
        if baseline and baseline != run:
            view.link("compare with the baseline", "compare", a=baseline, b=run, **there)
        else:
            view.link("compare with another run", "compare", b=run)
        if gate := leaderboard.gate_of(view.ask, run):
            view.link("its gate", "gates", gate=gate)
        view.link("calibration", "calibration", model=run)


def _by_tag(view: View, row: dict[str, Any], base: dict[str, Any] | None) -> None:
    sides = {"this run": row, **({"baseline": base} if base else {})}
    found = {name: scores.groups(view, side) for name, side in sides.items()}
    values = sorted(found["this run"], key=lambda value: found["this run"][value].value, reverse=not row["up"])
    if len(values) < 2:
        return
    st.markdown(f"**{names.plain(row['suite'])} by {names.plain(row['group_tag'])}**, the weakest first")
    lines = [
        {"name": value, "model": name, "score": made[value].value, "low": made[value].low, "high": made[value].high,
         "n": made[value].n}
        for value in values[:TAGS] for name, made in found.items() if value in made
    ]  # fmt: skip
    st.altair_chart(charts_leaderboard.capabilities(lines, list(sides), row["metric"]), width="stretch")
    if len(values) > TAGS:
        st.caption(f"The {TAGS} weakest of {len(values)} are drawn; the page Compare lists all.")


def _by_suite(view: View, own: Rows, base: Rows, baseline: str) -> None:
    found = scores.apart(view, baseline, comparable(baseline, [*own, *base])) if base else {}
    before = {(row["suite"], row["fingerprint"]): row for row in base}
    cells = []
    for row in own:
        there = before.get((row["suite"], row["fingerprint"]))
        far = apart_cells(found.get((row["run_id"], row["suite"])))
        pinned = {"baseline": there["score"] if there else None, **far} if base else {}
        cells.append({
            "suite": row["suite"], "rank": row["rank"], "score": row["score"], "95% interval": interval(row), **pinned,
            "n": row["n"], "metric": row["metric"], "note": leaderboard.note(row), "run": row["run_id"],
        })  # fmt: skip
    st.dataframe(cells, hide_index=True, placeholder="", column_order=filled(cells, ("note",)), column_config={
        "score": st.column_config.NumberColumn(format="%.4f"),
        "baseline": st.column_config.NumberColumn(format="%.4f"), **APART,
    })  # fmt: skip
    if baseline and not found and any(row["run_id"] != baseline for row in own):
        st.caption("No suite of this model can be paired with the baseline's: the page Compare says why.")
    sides = [("this model", own), *([("baseline", base)] if base and base != own else [])]
    lines = [
        {"name": row["suite"], "model": name, **{key: row[key] for key in ("score", "low", "high", "n")}}
        for name, side in sides for row in side if row["score"] is not None and (row["floor"], row["ceiling"]) == (0, 1)
    ]  # fmt: skip
    if len({line["name"] for line in lines}) > 1:
        st.altair_chart(charts_leaderboard.capabilities(lines, [name for name, _ in sides]), width="stretch")


def interval(row: Mapping[str, Any]) -> str | None:
    """Return an interval in words."""
    return None if row["score"] is None else f"{row['low']:.3f} to {row['high']:.3f}"


def _anchor(view: View) -> str:
    """Return the run that was last chosen elsewhere than in a table."""
    run = view.param("run")
    if run != st.session_state.get("board-seen"):
        st.session_state["board-seen"] = st.session_state["board-anchor"] = run
    return str(st.session_state.get("board-anchor", ""))


def _clicked(view: View, key: str, runs: tuple[str, ...]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    run = runs[rows[0]] if rows and rows[0] < len(runs) else ""
    st.session_state["board-seen"] = run
    view.put(run=run)
