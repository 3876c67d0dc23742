"""How far two runs are apart, per suite and per value of a tag. Part of the page `compare`.

Every figure is one of `harness.compare.compare`, made once for each state of the file: 0.2 s for a suite of 2,000
pairs, so that the page decides how many suites are compared at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards import charts_compare
from dashboards.queries import Rows
from dashboards.view import View
from harness.compare import Comparison, Line, SuiteComparison
from harness.compare import compare as compared
from harness.store import Database

SHOWN = 60
"""Values of a tag that are drawn at most."""
NUMBERS = {
    **{name: st.column_config.NumberColumn(format="%.4f") for name in ("A", "B")},
    **{name: st.column_config.NumberColumn(format="%+.4f") for name in ("B - A", "low", "high")},
    **{name: st.column_config.NumberColumn(format="%.2g") for name in ("p", "adjusted")},
}


def made(view: View, a: str, b: str, suites: Sequence[str], allow: Sequence[str], by: str = "") -> Comparison:
    """Return the comparison of two runs on `suites`, empty for all; `by`: tag, empty for each suite's own.

    Raises:
        UsageError: as `harness.compare.compare`.
    """
    named = (
        *(f"--suite {suite}" for suite in suites),
        *([f"--by {by}"] if by else []),
        *(f"--allow {w}" for w in allow),
    )
    view.asked.append((" ".join(("-- the same figures: harness compare", a, b, *named)), ()))
    found: Comparison = _made(str(view.database.path), view.stamp, a, b, tuple(suites), tuple(allow), by)
    return found


@st.cache_resource(max_entries=16, show_spinner="Pairing the runs sample by sample ...")  # type: ignore[untyped-decorator]
def _made(
    path: str, stamp: tuple[int, int], a: str, b: str, suites: tuple[str, ...], allow: tuple[str, ...], by: str
) -> Comparison:
    """Return a comparison; sessions share it, and nothing in it can be written to."""
    return compared(Database(Path(path)), a, b, suites=suites or None, by=by, allow=allow)


def by_suite(view: View, found: Comparison, of: int) -> None:
    """Show a line a suite, and the forest of them; `of`: suites that the runs share."""
    st.subheader("By suite")
    lines = [(each, each.whole) for each in found.suites if each.whole]
    if not lines:
        st.info("No sample has a score in both runs yet.")
        return
    left = [_left_out(each) for each, _ in lines]
    told = [name for name in left[0] if any(row[name] for row in left)]
    rows = [
        {
            "suite": one.pairs.suite,
            "metric": one.pairs.metric.name,
            **_cells(whole),
            **{name: row[name] for name in told},
        }
        for (one, whole), row in zip(lines, left, strict=True)
    ]
    names = tuple(one.pairs.suite for one, _ in lines)
    st.dataframe(
        rows, hide_index=True, width="stretch", column_config=NUMBERS, key="compare_suites",
        on_select=partial(_clicked, view, names), selection_mode="single-row",
    )  # fmt: skip
    over = (
        ("the one suite" if of == 1 else f"all {of} suites")
        if len(names) == of
        else f"{len(names)} of {of} shared suites, those shown"
    )
    st.caption(
        f"Intervals at {1 - found.alpha:.0%}, of paired differences in units of the metric. p is two-sided; adjusted by"
        f" Holm over {over}. Wins: samples on which B does better. What lacks a score in either run does not count."
    )
    for units, group in _by_range(lines).items():
        st.altair_chart(charts_compare.forest(group, units), width="stretch")


def by_tag(view: View, one: SuiteComparison, found: Comparison, allow: Sequence[str]) -> None:
    """Show a line per value of a tag of a suite."""
    st.subheader("By tag")
    tags = sorted({tag for each in one.pairs.tags for tag in each})
    if not tags:
        st.text("No pair of this suite carries a tag.")
        return
    first = view.param("by", one.tag)
    tag = st.selectbox("Tag", tags, index=tags.index(first) if first in tags else 0)
    view.put(by=None if tag == one.tag else tag)
    if tag != one.tag:
        runs = (found.reference["run_id"], found.candidate["run_id"])
        one = made(view, *runs, (one.pairs.suite,), allow, tag).suites[0]
    lines = sorted(one.lines, key=lambda line: (line.p_adjusted, line.p, line.delta))
    if not lines:
        return
    if len(lines) > SHOWN:
        st.caption(f"Drawn are the {SHOWN} of {len(lines)} values with the smallest p; the table holds all.")
    st.altair_chart(charts_compare.forest([vars(line) for line in lines[:SHOWN]]), width="stretch")
    rows = [{str(tag): line.name, **_cells(line)} for line in lines]
    st.dataframe(rows, hide_index=True, width="stretch", column_config=NUMBERS)
    st.caption("Exploratory, a list to look at: p adjusted by Benjamini and Hochberg over the values of the tag.")


def _clicked(view: View, names: Sequence[str]) -> None:
    """Look into the suite of the row that was clicked."""
    rows = st.session_state["compare_suites"]["selection"]["rows"]
    view.put(suite=names[rows[0]] if rows else None, sample=None, by=None, group=None, page=None)


def _by_range(lines: Sequence[tuple[SuiteComparison, Line]]) -> dict[str, Rows]:
    """Return title of an axis -> lines whose metrics share a range: others would not fit on one axis."""
    found: dict[str, Rows] = {}
    for each, whole in lines:
        metric = each.pairs.metric
        told = "" if metric.higher_is_better else ", less is better"
        found.setdefault(f"B - A (of {metric.low:g} to {metric.high:g}{told})", []).append(vars(whole))
    return found


def _cells(line: Line) -> dict[str, Any]:
    return {
        "verdict": line.verdict or "none shown", "A": line.reference, "B": line.candidate, "B - A": line.delta,
        "low": line.low, "high": line.high, "wins": line.wins, "losses": line.losses, "ties": line.ties,
        "adjusted": line.p_adjusted, "p": line.p, "n": line.n, "method": line.method,
    }  # fmt: skip


def _left_out(suite: SuiteComparison) -> dict[str, int]:
    pairs = suite.pairs
    return {
        "unpaired A": pairs.unpaired_reference, "unpaired B": pairs.unpaired_candidate, "changed": pairs.changed,
        "faults A": sum(pairs.faults_reference.values()), "faults B": sum(pairs.faults_candidate.values()),
    }  # fmt: skip
