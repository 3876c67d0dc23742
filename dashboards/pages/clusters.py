"""Why a run fails: its causes with intervals, one of them looked at, and how they came to be.

Shows what `harness failures RUN` has stored. The worst cause is open from the start, with its most typical failure, so
that a run of the leaderboard is one click from an example of what it does wrong most.
Sources: causes, members and lineage of the store; shares and changes by `harness.failures.trends`, made again only when
the file changes. Cost: two passes over a run's records at the first look.
"""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards import charts_clusters
from dashboards.pages import _cause
from dashboards.queries import Rows, clusters
from dashboards.view import View
from harness.failures import trends
from harness.failures.taxonomy import UNASSIGNED
from harness.store import Database, read

TITLE, ICON, ORDER = "Failure clusters", ":material/bubble_chart:", 3
NOBODY = "no run"
LARGE = 4000
"""Failures from which runs are compared on request only: the paired tests take seconds."""
COMPARED = ("before", "after", "delta", "verdict")
SHOWN = ("label", "failures", "share", "low", "high", "rate", *COMPARED)
UNLIKE = "like no known cause"


def show(view: View) -> None:
    """Show why the run that the address names fails; the newest analysed one without."""
    found = clusters.analyses(view.ask)
    if not _analysed(view, found):
        return
    analysis, before = _chosen(view, found)
    standing, asked = _standing(str(view.database.path), view.stamp, analysis, before)
    view.asked.extend(asked)
    causes = clusters.causes(view.ask, analysis["taxonomy_id"])
    rows = _rows(standing, causes)
    _figures(standing, rows, before)
    if not standing.failures:
        st.success("Nothing fails here.")
        return
    chosen = _one(view, rows)
    _overview(view, rows, chosen["cause"])
    same = [row for row in found if row["taxonomy_id"] == analysis["taxonomy_id"]]
    _cause.show(view, analysis, same, rows, chosen, _said(standing, chosen, rows))


def _analysed(view: View, found: Rows) -> bool:
    """Return whether there is something to show; else say which command makes it."""
    named, runs = view.param("run"), list(dict.fromkeys(row["run_id"] for row in found))
    if named in runs or (runs and not named):
        return True
    what = "This run has no failure analysis yet" if named else "No failure analysis is stored yet"
    st.info(f"{what}, or nothing of it fails. The analysis is made by this command:")
    st.code(f"harness failures {shlex.quote(named) if named else 'RUN'}", language="sh")
    if runs and (other := st.selectbox("Or open a run that is analysed", runs, index=None)):
        view.put(run=other)
        st.rerun()
    return False


def _chosen(view: View, found: Rows) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the analysis looked at and the one compared with."""
    columns = st.columns([3, 3, 3])
    runs = {row["run_id"]: row for row in reversed(found)}
    ids = [*dict.fromkeys(row["run_id"] for row in found)]
    named = view.param("run")
    run = columns[0].selectbox(
        "Run", ids, index=ids.index(named) if named in ids else 0,
        format_func=lambda i: f"{i} · {runs[i]['started_at']:%Y-%m-%d %H:%M}",
    )  # fmt: skip
    own = {row["taxonomy_id"]: row for row in found if row["run_id"] == run}
    taxonomy = _taxonomy(view, columns[1], own)
    analysis = own[taxonomy]
    others = {row["run_id"]: row for row in found if row["taxonomy_id"] == taxonomy and row["run_id"] != run}
    quick = analysis["failures"] <= LARGE
    usual = _before(str(view.database.path), view.stamp, analysis, [*others.values()]) if quick else ""
    asked, options = view.param("against"), [NOBODY, *others]
    asked = asked if asked in options else usual or NOBODY
    against = columns[2].selectbox("Compare with", options, index=options.index(asked))
    if run != (named or ids[0]):
        view.put(sample=None, at=None)
    view.put(
        run=run if run != ids[0] or named else None,
        against=against if against != (usual or NOBODY) else None,
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
    named, names = view.param("taxonomy") or (fitting or [""])[0], [*own]
    taxonomy = str(column.selectbox(
        "Causes of", names, index=names.index(named) if named in names else 0,
        format_func=lambda name: f"split {own[name]['split']} · {', '.join(own[name]['suites'])} · {name}",
    ))  # fmt: skip
    if split and not fitting:
        st.info("This run was not analysed on the split that the address names; below is another. It is analysed by:")
        run = own[taxonomy]["run_id"]
        st.code(f"harness failures {shlex.quote(run)} --split {shlex.quote(split)}", language="sh")
    else:
        view.put(split=own[taxonomy]["split"] if len(own) > 1 else None)
    view.put(taxonomy=taxonomy if taxonomy != names[0] else None)
    return taxonomy


def _rows(standing: clusters.Standing, causes: Rows) -> Rows:
    """Return a row a cause that has failures now or had some before, the largest share first, the unlike last."""
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


def _figures(standing: clusters.Standing, rows: Rows, before: dict[str, Any] | None) -> None:
    unlike = standing.shares[UNASSIGNED].failures
    with st.container(horizontal=True):
        st.metric("Failures", f"{standing.failures:,} of {standing.answers:,} answers")
        st.metric("Causes", sum(1 for row in rows if row["cause"] != UNASSIGNED and row["failures"]))
        st.metric("Like no known cause", unlike)
    if standing.pending:
        st.warning(
            f"{standing.pending} failures were scored after the analysis and are in no cause yet. "
            "Type the same `harness failures` command again."
        )
    if before and not standing.changes:
        st.caption("No sample of the run compared with has the same content: there is nothing to compare.")


def _one(view: View, rows: Rows) -> dict[str, Any]:
    """Return the row of the cause looked at: that of the address, else the worst."""
    by_id = {row["cause"] or _cause.NONE: row for row in rows}
    ids = [*by_id]
    named = view.param("cause")
    asked = st.selectbox(
        "Cluster", ids, index=ids.index(named) if named in ids else 0,
        format_func=lambda i: f"{by_id[i]['label']} ({by_id[i]['failures']})",
    )  # fmt: skip
    if asked != (named or ids[0]):
        view.put(cause=asked, sample=None, at=None)
    return by_id[asked]


def _overview(view: View, rows: Rows, chosen: str) -> None:
    total = sum(row["failures"] for row in rows) or 1
    drawn = [row for row in rows if row["failures"]]
    key = f"clusters-bars-{view.stamp}-{total}"
    st.altair_chart(
        charts_clusters.shares(drawn, chosen), width="stretch", key=key, on_select=partial(_cause.clicked, key),
        alt="Bars: the share of each cause in the run's failures with its 95% interval",
    )  # fmt: skip
    table = f"{key}-table"
    compared = any(row["verdict"] for row in rows)
    st.dataframe(
        [{name: row[name] for name in SHOWN if compared or name not in COMPARED} for row in rows],
        hide_index=True, key=table, selection_mode="single-row",
        on_select=partial(_rowed, table, [row["cause"] or _cause.NONE for row in rows]),
        column_config={
            **{name: st.column_config.NumberColumn(format="percent") for name in ("share", "low", "high", "rate")},
            "rate": st.column_config.NumberColumn("of answers", format="percent"),
            "before": st.column_config.NumberColumn(help="Failing samples of the run compared with, among the shared"),
            "after": st.column_config.NumberColumn(help="Failing samples of this run, among the shared"),
            "delta": st.column_config.NumberColumn(format="percent", help="After minus before, of the shared samples"),
            "verdict": st.column_config.TextColumn("change", help="Exact paired test, adjusted over the causes"),
        },
    )  # fmt: skip


def _rowed(key: str, ids: list[str]) -> None:
    if rows := st.session_state[key].selection.rows:
        _cause.pick(ids[rows[0]])


def _said(standing: clusters.Standing, chosen: dict[str, Any], rows: Rows) -> str:
    """Return what changed in words; empty without a comparison."""
    change = standing.changes.get(chosen["cause"])
    labels = {row["cause"]: row["label"] for row in rows if row["cause"]}
    return trends.sentence(change, chosen["label"], standing.flows, labels) if change else ""


@st.cache_data(max_entries=32, show_spinner="counting causes")  # type: ignore[untyped-decorator]
def _standing(
    path: str, stamp: tuple[int, int], analysis: dict[str, Any], before: dict[str, Any] | None
) -> tuple[clusters.Standing, list[tuple[str, Any]]]:
    database, asked = Database(Path(path)), []

    def ask(sql: str, parameters: Any) -> Rows:
        asked.append((sql, parameters))
        return read.query(database, sql, list(parameters))

    return clusters.standing(ask, analysis, before), asked


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
