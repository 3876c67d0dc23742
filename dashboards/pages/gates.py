"""What gates said: every verdict, newest first, and each of its checks with all that was decided from.

The address holds the state: `gate` opens one verdict, `outcome`, `words` and `page` are the filters of the list.
"""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

import streamlit as st

from dashboards import charts_gates
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


def show(view: View) -> None:
    """Show one verdict where the address names one, else the list."""
    if named := view.param("gate"):
        if st.button("All verdicts", icon=":material/arrow_back:"):
            view.put(gate=None)
            st.rerun()
        _one(view, named)
    else:
        _list(view)


def _list(view: View) -> None:
    asked = st.columns([2, 4, 1])
    options = [ALL, *queries.OUTCOMES]
    named = view.param("outcome")
    at = options.index(named) if named in options else 0
    chosen = asked[0].selectbox("Outcome", options, index=at, key="gates-outcome")
    words = asked[1].text_input("Model, run, policy or loop contains", view.param("words"), key="gates-words")
    counts = queries.counts(view.ask, words)
    total = sum(counts.values()) if chosen == ALL else counts[chosen]
    pages = max(1, -(-total // SHOWN))
    asked_page = view.param("page", "1")
    start = min(pages, max(1, int(asked_page[:6]) if asked_page.isdecimal() else 1))
    page = int(asked[2].number_input("Page", 1, pages, start, key="gates-page"))
    outcome = "" if chosen == ALL else chosen
    view.put(outcome=outcome, words=words, page=str(page) if page > 1 else None)
    if not total:
        _nothing(sum(queries.counts(view.ask).values()))
        return
    rows = queries.page(view.ask, outcome, words, SHOWN, (page - 1) * SHOWN)
    st.caption(" · ".join(f"{SIGNS[name]} {count}" for name, count in counts.items()) + f" · page {page} of {pages}")
    if picked := _pick(rows):
        view.put(gate=picked)
        st.rerun()


def _nothing(others: int) -> None:
    if others:
        st.warning(f"Nothing is left of {others} verdicts: the filters above leave all of them out.")
    else:
        st.info("No verdict yet. Type: harness gate MODEL --policy gates.yaml")


def _pick(rows: Rows) -> str:
    """Show the list; return the gate that a person chose, empty without one."""
    made = st.dataframe(
        [_cells(row) for row in rows], hide_index=True, key="gates-table", on_select="rerun",
        selection_mode="single-row",
        column_config={"decided": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
                       "note": st.column_config.TextColumn(width="large")},
    )  # fmt: skip
    names = [row["gate_id"] for row in rows]
    chosen = st.selectbox("Open a verdict", names, index=None, placeholder="or click a row", key="gates-one")
    places = [at for at in made["selection"]["rows"] if at < len(names)]
    return str(chosen or (names[places[0]] if places else ""))


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "outcome": SIGNS[row["outcome"]], "decided": row["decided_at"], "candidate": row["candidate"],
        "reference": row["reference"], "kept": f"{row['kept']} of {row['checks']}",
        "policy": PurePath(row["policy"] or "").name, "loop": row["loop"],
        "split": "sealed test" if row["sealed"] else row["split"], "note": row["note"], "gate": row["gate_id"],
    }  # fmt: skip


def _one(view: View, named: str) -> None:
    try:
        row, verdict = queries.verdict(view.ask, named)
    except UsageError as error:  # it repeats what the address says, which may be anything
        st.warning("The address names no one verdict.")
        st.text(f"{error.what}: {error.expected}")
        return
    BOXES[verdict.outcome](f"**{SIGNS[verdict.outcome]}**, exit code {row['exit_code']}. {SAID[verdict.outcome]}")
    told = {
        "candidate": verdict.candidate, "model": row["model"], "reference": verdict.baseline or "none",
        "loop": row["loop"] or "none, a person asked", "note": verdict.note,
    }  # fmt: skip
    st.code("\n".join(f"{name:<9} {value}" for name, value in told.items()), language=None, wrap_lines=True)
    _figures(row, verdict)
    _checks(verdict)
    _links(view, row, verdict)
    held, text = json.dumps(document(verdict, row), indent=1), row["policy_text"] or ""
    st.download_button("Download JSON", held, f"{verdict.id}.json", "application/json", icon=":material/download:")
    with st.expander("Policy"):
        st.code(f"{row['policy']}\ndigest {row['policy_digest']}", language=None, wrap_lines=True)
        st.code(text or "# the text was not stored", language="yaml", wrap_lines=True)


def _figures(row: dict[str, Any], verdict: Verdict) -> None:
    passed = sum(check.outcome == "PASS" for check in verdict.checks)
    facts = {
        "checks kept": f"{passed} of {len(verdict.checks)}",
        "alpha, one-sided": "-" if row["alpha"] is None else f"{row['alpha']:.4g}",
        "samples": "test, sealed" if row["sealed"] else str(row["split"]),
        "way": str(row["way"]),
        "decided": f"{row['decided_at']:%Y-%m-%d %H:%M}",
    }
    for column, (name, value) in zip(st.columns(len(facts)), facts.items(), strict=True):
        column.caption(name)
        column.text(value)


def _checks(verdict: Verdict) -> None:
    found = shown(verdict)
    if not found:
        st.info("The gate ended before a check was made.")
        return
    st.subheader("Checks, worst first")
    st.dataframe(
        [_check_cells(check) for check in found], hide_index=True,
        column_config=dict.fromkeys(("observed", "threshold", "low", "high", "p", "p (Holm)"), FIGURE)
        | {"note": st.column_config.TextColumn(width="large")},
    )  # fmt: skip
    st.caption("Interval: low to high. p: one-sided, of “the promise holds”. Needed: samples that would settle it.")
    for check in found:
        if check.outcome != "PASS":
            st.text(f"{SIGNS[check.outcome]}  {place(check)}, {check.rule}: {check.note or 'no note'}")
    if (chart := charts_gates.checks(found)) is not None:
        st.altair_chart(chart)
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
        "n": numbers.get("n", numbers.get("wanted")), "p": numbers.get("p"), "p (Holm)": numbers.get("p_holm"),
        "needed": numbers.get("needed"), "note": check.note,
    }  # fmt: skip


def _links(view: View, row: dict[str, Any], verdict: Verdict) -> None:
    with st.container(horizontal=True):
        view.link("Samples of the candidate", "samples", run=verdict.candidate)
        view.link("Why it fails", "clusters", run=verdict.candidate)
        if verdict.baseline and verdict.baseline != verdict.candidate:
            view.link("Compare with the reference", "compare", a=verdict.baseline, b=verdict.candidate)
        if any(check.rule == "calibration" for check in verdict.checks):
            view.link("Reliability diagram", "calibration", model=verdict.candidate)
        view.link("Speeds", "bench", model=row["model_digest"] or row["model"] or "")
