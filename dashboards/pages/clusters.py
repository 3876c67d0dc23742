"""Why a run fails: its causes with intervals, one of them looked at, and how they came to be.

Shows what `harness failures RUN` has stored. The worst cause is open from the start, its most typical failure beside
it: from a run of the leaderboard it is one click to an example of what it does wrong most.
Sources: causes, members and lineage of the store; shares and changes by `harness.failures.trends`, made again only when
the file changes. Cost: two passes over a run's records at the first look.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards import names
from dashboards.pages import _cause, _cause_more, _causes
from dashboards.pages._choice import choose
from dashboards.queries import Rows, clusters
from dashboards.view import View
from harness.failures import trends
from harness.failures.taxonomy import UNASSIGNED
from harness.store import Database, read

TITLE, ICON, ORDER = "Failure clusters", ":material/bubble_chart:", 3
NOBODY = "no run"
LARGE = 4000
"""Failures from which runs are compared on request only: the paired tests take seconds."""
SUITES = 3
"""Named in a box at most."""
UNLIKE = "like no known cause"
OF_A_RUN = ("cause", "sample", "at")
"""Parameters of the address that another run makes void."""


def show(view: View) -> None:
    """Show why the run that the address names fails; the newest analysed one without."""
    found = clusters.analyses(view.ask)
    if not _analysed(view, found):
        return
    analysis, before = _chosen(view, found)
    causes = clusters.causes(view.ask, analysis["taxonomy_id"])
    ids = [row["cause_id"] for row in causes]
    standing, asked = _standing(str(view.database.path), view.stamp, analysis, ids, before)
    view.asked.extend(asked)
    rows = _rows(standing, causes)
    _told(standing, rows, before)
    if not standing.failures:
        st.success("Nothing fails here.")
        return
    left, right = st.columns([11, 10], gap="medium")
    with right:
        chosen = _cause.chosen(view, rows)
        _cause.show(view, analysis, chosen, _said(standing, chosen, rows))
    with left:
        _causes.show(view, analysis, rows, chosen)
    same = [row for row in found if row["taxonomy_id"] == analysis["taxonomy_id"]]
    _cause_more.show(view, analysis, same, rows, chosen)


def _analysed(view: View, found: Rows) -> bool:
    """Return whether there is something to show; else say which command makes it."""
    named, runs = view.param("run"), {row["run_id"]: row for row in found}
    if named in runs or (runs and not named):
        return True
    what = "This run has no failure analysis yet" if named else "No failure analysis is stored yet"
    st.info(f"{what}, or nothing of it fails. The analysis is made by this command:")
    st.code(f"harness failures {shlex.quote(named) if named else 'RUN'}", language="sh")
    if runs:
        choose(
            view, st, "Or open a run that is analysed", "run", ["", *runs], clears=("split", *OF_A_RUN),
            format_func=lambda run: _run(runs[run]) if run else "choose a run",
        )  # fmt: skip
    return False


def _chosen(view: View, found: Rows) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the analysis looked at and the one compared with."""
    columns = st.columns(3)
    runs = {row["run_id"]: row for row in reversed(found)}
    ids = [*dict.fromkeys(row["run_id"] for row in found)]
    clears = ("taxonomy", "against", *OF_A_RUN)
    run = choose(
        view, columns[0], "Run", "run", ids, clears=clears, pinned=True, format_func=lambda one: _run(runs[one])
    )
    own = {row["taxonomy_id"]: row for row in found if row["run_id"] == run}
    taxonomy = _taxonomy(view, columns[1], own)
    analysis = own[taxonomy]
    others = {row["run_id"]: row for row in found if row["taxonomy_id"] == taxonomy and row["run_id"] != run}
    quick = analysis["failures"] <= LARGE
    usual = _before(str(view.database.path), view.stamp, analysis, [*others.values()]) if quick else ""
    against = choose(
        view, columns[2], "Compare with", "against", [NOBODY, *others], usual or None,
        format_func=lambda one: _run(others[one]) if one in others else one,
    )  # fmt: skip
    if why := against in others and _refused(str(view.database.path), view.stamp, against, run, analysis["suites"]):
        st.warning("These two runs may not be compared, so no change is shown:")
        st.text(why)
        return analysis, None
    return analysis, others.get(against)


def _taxonomy(view: View, column: Any, own: dict[str, dict[str, Any]]) -> str:
    """Return the taxonomy looked at: that of the address, the newest of the address's split, or the newest."""
    split = view.param("split")
    fitting = [name for name, row in own.items() if row["split"] == split]
    taxonomy = choose(
        view, column, "Causes of", "taxonomy", [*own], fitting[0] if fitting else None, OF_A_RUN,
        format_func=lambda name: f"split {own[name]['split']} · {_suites(own[name]['suites'])} · {name[:10]}",
    )  # fmt: skip
    if split and not fitting:
        st.info("This run was not analysed on the split that the address names; below is another. It is analysed by:")
        run = own[taxonomy]["run_id"]
        st.code(f"harness failures {shlex.quote(run)} --split {shlex.quote(split)}", language="sh")
    return taxonomy


def _suites(held: list[str]) -> str:
    return ", ".join(held) if len(held) <= SUITES else f"{', '.join(held[:SUITES])} and {len(held) - SUITES} more"


def _run(row: dict[str, Any]) -> str:
    """Return a run as a person would say it; the end of its id keeps runs of one minute apart."""
    when = f"{row['started_at']:%Y-%m-%d %H:%M}" if row["started_at"] else "no date"
    return f"{names.model(row['name'] or row['model'])} · {when} · {row['run_id'][-4:]}"


def _rows(standing: clusters.Standing, causes: Rows) -> Rows:
    """Return a row a cause that this run or the one before has failures of, the worst first."""
    known = {row["cause_id"]: row for row in causes}
    rows = []
    for cause, share in standing.shares.items():
        change, row = standing.changes.get(cause), known.get(cause, {})
        if share.failures or (change and change.before):
            rows.append({
                "cause": cause, "label": row.get("label", UNLIKE), "failures": share.failures,
                "share": share.of_failures.value, "low": share.of_failures.low, "high": share.of_failures.high,
                "rate": share.of_answers.value, "before": change and change.before, "after": change and change.after,
                "delta": change and change.delta, "verdict": change.verdict if change else "",
                "keywords": row.get("keywords") or [], "label_source": row.get("label_source", ""),
            })  # fmt: skip
    return sorted(rows, key=lambda row: (row["cause"] == UNASSIGNED, -row["failures"], row["cause"]))


def _told(standing: clusters.Standing, rows: Rows, before: dict[str, Any] | None) -> None:
    """Show what the causes are counted of."""
    unlike = standing.shares[UNASSIGNED].failures
    count = sum(1 for row in rows if row["cause"] != UNASSIGNED and row["failures"])
    causes = "one cause" if count == 1 else f"{count} causes"
    also = f" {unlike:,} of them are like no known cause." if unlike else ""
    st.markdown(f"**{standing.failures:,} of {standing.answers:,} answers** fail, for **{causes}**.{also}")
    if standing.pending:
        st.warning(
            f"{standing.pending} failures were scored after the analysis and are in no cause yet. "
            "Type the same `harness failures` command again."
        )
    if before and not standing.changes:
        st.caption("No sample of the run compared with has the same content: there is nothing to compare.")


def _said(standing: clusters.Standing, chosen: dict[str, Any], rows: Rows) -> str:
    """Return what changed in words; empty without a comparison."""
    change = standing.changes.get(chosen["cause"])
    labels = {row["cause"]: row["label"] for row in rows if row["cause"]}
    return trends.sentence(change, chosen["label"], standing.flows, labels) if change else ""


@st.cache_data(max_entries=32, show_spinner="counting causes")  # type: ignore[untyped-decorator]
def _standing(
    path: str, stamp: tuple[int, int], analysis: dict[str, Any], ids: list[str], before: dict[str, Any] | None
) -> tuple[clusters.Standing, list[tuple[str, Any]]]:
    database, asked = Database(Path(path)), []

    def ask(sql: str, parameters: Any) -> Rows:
        asked.append((sql, parameters))
        return read.query(database, sql, list(parameters))

    return clusters.standing(ask, analysis, ids, before), asked


@st.cache_data(max_entries=128, show_spinner=False)  # type: ignore[untyped-decorator]
def _before(path: str, stamp: tuple[int, int], analysis: dict[str, Any], others: Rows) -> str:
    """Return the run compared with unless told otherwise: the latest earlier one of another model; empty without."""
    for row in others:
        earlier = row["started_at"] < analysis["started_at"] and row["model_key"] != analysis["model_key"]
        if earlier and not _refused(path, stamp, row["run_id"], analysis["run_id"], analysis["suites"]):
            return str(row["run_id"])
    return ""


@st.cache_data(max_entries=512, show_spinner=False)  # type: ignore[untyped-decorator]
def _refused(path: str, stamp: tuple[int, int], before: str, after: str, suites: list[str]) -> str:
    why = trends.refused(Database(Path(path)), before, after, suites)
    return "; ".join(f"{suite}: {reason}" for suite, reason in why.items())
