"""What gates said: every verdict, newest first, and each of its checks with all that was decided from.

The address holds the state: `gate` opens one verdict, `outcome`, `words` and `page` are the filters of the list.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import PurePath
from typing import Any

import streamlit as st

from dashboards import charts_gates, names
from dashboards.pages._choice import choose, page_of, turn, typed
from dashboards.queries import Rows
from dashboards.queries import gates as queries
from dashboards.view import View
from harness.errors import UsageError
from harness.gate.outputs import document
from harness.gate.outputs.comment import SAID
from harness.gate.outputs.status import place, shown, tolerated
from harness.types import Check, Verdict

TITLE, ICON, ORDER = "Gates", ":material/verified:", 5
ALL = "all outcomes"
SHOWN = 50
"""Verdicts of a page of the list."""
SIGNS = {"PASS": "✓ PASS", "FAIL": "✗ FAIL", "INCONCLUSIVE": "? INCONCLUSIVE", "ERROR": "! ERROR"}
BOXES = {"PASS": st.success, "FAIL": st.error, "INCONCLUSIVE": st.warning, "ERROR": st.error}
FIGURE = st.column_config.NumberColumn(format="%.4g")
NOTES = st.column_config.TextColumn(width="large")


def show(view: View) -> None:
    """Show one verdict where the address names one, else the list."""
    if named := view.param("gate"):
        st.button("All verdicts", icon=":material/arrow_back:", on_click=partial(view.put, gate=None))
        _one(view, named)
    else:
        _list(view)


def _list(view: View) -> None:
    outcome, words = _filters(view)
    counts = queries.counts(view.ask, words)
    total = counts[outcome] if outcome else sum(counts.values())
    if not total:
        _nothing(sum(queries.counts(view.ask).values()))
        return
    page, pages = page_of(view, total, SHOWN)
    rows = queries.page(view.ask, outcome, words, SHOWN, (page - 1) * SHOWN)
    st.caption(" · ".join(f"{SIGNS[name]} {count}" for name, count in counts.items() if count))
    _table(view, rows)
    turn(view, page, pages, f"{total} verdicts")


def _filters(view: View) -> tuple[str, str]:
    """Return outcome and words; empty for all."""
    left, right = st.columns([1, 3])
    told = {"": ALL, **{name: name for name in queries.OUTCOMES}}
    outcome = choose(view, left, "Outcome", "outcome", list(told), clears=("page",), format_func=told.get)
    words = typed(view, right, "Model, run, policy or loop contains", "words", clears=("page",))
    return outcome, words


def _nothing(others: int) -> None:
    if others:
        st.warning(f"Nothing is left of {others} verdicts: the filters above leave all of them out.")
    else:
        st.info("No verdict yet. Type: harness gate MODEL --policy gates.yaml")


def _table(view: View, rows: Rows) -> None:
    """Show the list; a click on a row, or a choice below it, opens a verdict."""
    ids = [str(row["gate_id"]) for row in rows]
    label = {row["gate_id"]: f"{row['decided_at']:%Y-%m-%d %H:%M}  {SIGNS[row['outcome']]}  {row['candidate']}"
             for row in rows}  # fmt: skip

    def clicked() -> None:
        places = st.session_state["gates-table"]["selection"]["rows"]
        view.put(gate=ids[places[0]] if places and places[0] < len(ids) else None)

    st.dataframe(
        [_cells(row) for row in rows], hide_index=True, key="gates-table", on_select=clicked, placeholder="",
        selection_mode="single-row",
        column_config={"decided": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
                       "note": st.column_config.TextColumn(width="medium")},
    )  # fmt: skip
    choose(
        view, st, "Open a verdict", "gate", ids, "", format_func=label.__getitem__,
        placeholder="or click the box of a row",
    )  # fmt: skip


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "outcome": SIGNS[row["outcome"]], "decided": row["decided_at"], "candidate": row["candidate"],
        "reference": row["reference"], "kept": f"{row['kept']} of {row['checks']}", "loop": row["loop"],
        "policy": PurePath(row["policy"] or "").name, "note": row["note"], "gate": row["gate_id"],
    }  # fmt: skip


def _one(view: View, named: str) -> None:
    try:
        row, verdict = queries.verdict(view.ask, named)
    except UsageError as error:  # it repeats what the address says, which may be anything
        st.warning("The address names no one verdict.")
        st.text(f"{error.what}: {error.expected}")
        return
    BOXES[verdict.outcome](f"**{SIGNS[verdict.outcome]}**, exit code {row['exit_code']}. {SAID[verdict.outcome]}")
    found = shown(verdict)
    why = [
        f"{SIGNS[check.outcome]}  {place(check)}, {check.rule}: {check.note or 'no note'}"
        for check in found if check.outcome != "PASS" and check.rule != "verdict"
    ]  # fmt: skip
    st.text("\n".join([verdict.note, *why]))
    _figures(row, verdict)
    _links(view, row, verdict)
    _checks(found)
    _history(view, row)
    _sources(row, verdict)


def _figures(row: dict[str, Any], verdict: Verdict) -> None:
    passed = sum(check.outcome == "PASS" for check in verdict.checks)
    facts = {
        "candidate": verdict.candidate, "reference": verdict.baseline or "none",
        "model": names.model(row["model"] or "unknown"), "loop": row["loop"] or "none, a person asked",
        "policy": PurePath(row["policy"] or "not stored").name,
        "checks kept": f"{passed} of {len(verdict.checks)}",
        "decided": f"{row['decided_at']:%Y-%m-%d %H:%M}", "gate": verdict.id,
        "samples": "test, sealed" if row["sealed"] else str(row["split"]),
        "alpha, one-sided": f"{row['way']}" + ("" if row["alpha"] is None else f", {row['alpha']:.4g}"),
    }  # fmt: skip
    told = list(facts.items())
    for line in (told[:5], told[5:]):
        for column, (name, value) in zip(st.columns(5), line, strict=True):
            column.caption(name, help=names.plain(str(row["model"])) if name == "model" else None)
            column.text(value)


def _checks(found: list[Check]) -> None:
    if not found:
        st.info("The gate ended before a check was made.")
        return
    st.subheader("Checks, worst first")
    st.dataframe(
        [_check_cells(check) for check in found], hide_index=True, placeholder="",
        column_config=dict.fromkeys(("observed", "threshold", "low", "high", "p", "p (Holm)"), FIGURE)
        | {"note": NOTES},
    )  # fmt: skip
    st.caption("Interval: low to high. p: one-sided, of “the promise holds”. Needed: samples that would settle it.")
    if (chart := charts_gates.checks(found)) is not None:
        st.altair_chart(chart)
        st.caption("Point: observed. Bar: its interval. Grey tick: the threshold.")
    with st.expander("Every number of every check"):
        numbers = [
            {"suite": place(check), "rule": check.rule, "number": name, "value": value}
            for check in found for name, value in check.numbers.items()
        ]  # fmt: skip
        st.dataframe(numbers, hide_index=True, column_config={"value": st.column_config.NumberColumn(format="%.6g")})


def _check_cells(check: Check) -> dict[str, Any]:
    numbers = check.numbers
    sign = f"{SIGNS[check.outcome]} (a drop, tolerated)" if tolerated(check) else SIGNS[check.outcome]
    return {
        "outcome": sign if check.required else f"{sign} (not required)", "suite": place(check), "rule": check.rule,
        "observed": check.observed, "threshold": check.bound, "low": check.low, "high": check.high,
        "n": numbers.get("n", numbers.get("wanted")), "needed": numbers.get("needed"), "p": numbers.get("p"),
        "p (Holm)": numbers.get("p_holm"), "note": check.note,
    }  # fmt: skip


def _history(view: View, row: dict[str, Any]) -> None:
    """Show what was said before and after, of the same loop or model; a click opens another verdict."""
    rows = queries.history(view.ask, row)
    if len({each["gate"] for each in rows}) < 2:
        return
    st.subheader("Before and after")
    st.caption(
        f"The latest verdicts of the same {'loop' if row['loop'] else 'model'}; a click on a point opens its own."
    )
    key = f"gates-history-{row['gate_id']}"

    def clicked() -> None:
        if points := st.session_state[key]["selection"]["verdict"]:
            view.put(gate=points[0]["gate"])

    st.altair_chart(charts_gates.history(rows, row["gate_id"]), width="content", key=key, on_select=clicked)
    view.link("All of them", "gates", words=row["loop"] or row["model"] or "")


def _sources(row: dict[str, Any], verdict: Verdict) -> None:
    with st.expander("Policy"):
        st.code(f"{row['policy']}\ndigest {row['policy_digest']}", language=None, wrap_lines=True)
        st.code(row["policy_text"] or "# the text was not stored", language="yaml", wrap_lines=True)
    held = json.dumps(document(verdict, row), indent=1)
    with st.expander("Machine JSON"):
        st.download_button("Download", held, f"{verdict.id}.json", "application/json", icon=":material/download:")
        st.code(held, language="json", wrap_lines=True, height=360)


def _links(view: View, row: dict[str, Any], verdict: Verdict) -> None:
    with st.container(horizontal=True):
        view.link("Samples of the candidate", "samples", run=verdict.candidate)
        view.link("Why it fails", "clusters", run=verdict.candidate)
        if verdict.baseline and verdict.baseline != verdict.candidate:
            view.link("Compare with the reference", "compare", a=verdict.baseline, b=verdict.candidate)
        for check in [check for check in verdict.checks if check.rule == "calibration"][:1]:
            view.link("Reliability diagram", "calibration", model=verdict.candidate, suite=check.suite)
        view.link("Speeds", "bench", model=row["model_digest"] or row["model"] or "")
