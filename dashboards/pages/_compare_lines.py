"""How far two runs are apart, per suite and per value of a tag. Part of the page `compare`.

Every figure is one of `harness.compare.compare`, made once for each state of the file: 0.2 s for a suite of 2,000
pairs, so that the page decides how many suites are compared at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from dashboards import charts_compare
from dashboards.pages._compare_address import choose, key, on_row, put, ticked
from dashboards.pages._compare_headline import left_out
from dashboards.queries import Rows
from dashboards.view import View
from harness.compare import Comparison, Line, SuiteComparison
from harness.compare import compare as compared
from harness.store import Database

SHOWN = 40
"""Values of a tag that are drawn at most."""
NUMBERS = {
    **{name: st.column_config.NumberColumn(format="%.3f") for name in ("A", "B")},
    **{name: st.column_config.NumberColumn(format="%+.3f") for name in ("B - A", "low", "high")},
    "p": st.column_config.NumberColumn(format="%.2g", help="two-sided, by itself"),
    "adjusted": st.column_config.NumberColumn("p adjusted", format="%.2g", help="for how many are looked at"),
}


def made(view: View, a: str, b: str, suites: Sequence[str], allow: Sequence[str], by: str = "") -> Comparison:
    """Return the comparison of two runs on `suites`, empty for all; `by`: tag, empty for each suite's own.

    Raises:
        UsageError: as `harness.compare.compare`.
    """
    told = [f"--suite {suite}" for suite in suites] + [f"--by {by}"] * bool(by) + [f"--allow {what}" for what in allow]
    view.asked.append((" ".join(["-- the same figures: harness compare", a, b, *told]), ()))
    state = (str(view.database.path), view.stamp, a, b, tuple(suites), tuple(allow), by)
    found: Comparison = _made(view.database, *state)
    return found


@st.cache_resource(max_entries=16, show_spinner="Pairing the runs sample by sample ...")  # type: ignore[untyped-decorator]
def _made(
    _database: Database,
    path: str,
    stamp: tuple[int, int],
    a: str,
    b: str,
    suites: tuple[str, ...],
    allow: tuple[str, ...],
    by: str,
) -> Comparison:
    """Return a comparison; sessions share it, and nothing in it can be written to."""
    return compared(_database, a, b, suites=suites or None, by=by, allow=allow)


def by_suite(view: View, found: Comparison, suite: str, look: Callable[[str | None], None]) -> None:
    """Show the forest of suites and a line each; a click on one looks into it, as `look` does."""
    lines = [(each, each.whole) for each in found.suites if each.whole]
    lines.sort(key=lambda line: line[1].delta)
    st.subheader("By suite")
    for units, group in _by_range(lines).items():
        _forest(units, group, None, look, key(view.stamp, "suites", units, suite))
    left = [left_out(each) for each, _ in lines]
    told = [name for name in left[0] if any(row[name] for row in left)]
    listed = [one.pairs.suite for one, _ in lines]
    rows = [
        {
            "suite": one.pairs.suite,
            **_cells(line),
            "metric": one.pairs.metric.name,
            **{name: row[name] for name in told},
        }
        for (one, line), row in zip(lines, left, strict=True)
    ]
    _table(rows, listed, suite, look, key(view.stamp, "table of suites", listed, suite))
    st.caption("Click a suite to look into it: by tag, and sample by sample.")


def by_tag(view: View, one: SuiteComparison, found: Comparison, allow: Sequence[str]) -> str:
    """Show the forest of a tag's values and a line each; a click keeps the flips of one. Return the tag, if any."""
    tags = sorted({tag for each in one.pairs.tags for tag in each})
    if not tags:
        return ""
    sides = st.columns([3, 1], vertical_alignment="bottom")
    sides[0].subheader("By tag")
    tag = choose(view, sides[1], "Tag", tags, "by", one.tag or tags[0], ("group", "page", "sample"))
    if tag != one.tag:
        runs = (found.reference["run_id"], found.candidate["run_id"])
        whole, one = one.whole, made(view, *runs, (one.pairs.suite,), allow, tag).suites[0]
        one = replace(one, whole=whole)
    lines = sorted(one.lines, key=lambda line: (line.p_adjusted, line.p, line.delta))
    group = view.param("group")

    def look(name: str | None) -> None:
        put(view, group=name, page=None, sample=None)

    state = (view.stamp, one.pairs.suite, tag, group)
    whole_line = one.whole and {**vars(one.whole), "name": f"all of {one.pairs.suite}"}
    _forest("B - A", [vars(line) for line in lines[:SHOWN]], whole_line, look, key("forest", *state))
    if len(lines) > SHOWN:
        st.caption(f"Drawn are the {SHOWN} of {len(lines)} values with the smallest p; the table holds all.")
    _table(
        [{tag: line.name, **_cells(line)} for line in lines],
        [line.name for line in lines],
        group,
        look,
        key("tags", *state),
    )
    st.caption(
        "Exploratory, a list to look at: p adjusted by Benjamini and Hochberg over the values of the tag. Click one to"
        " keep its flipped samples below."
    )
    return tag


def _forest(units: str, rows: Rows, whole: Any, look: Callable[[str | None], None], own: str) -> None:
    chart = charts_compare.forest(rows, units, whole, click=True)
    listed = {str(row["name"]) for row in rows}

    def told() -> None:
        found = st.session_state[own]["selection"].get(charts_compare.PICKED) or []
        name = str(found[0]["name"]) if found else None
        look(name if name in listed else None)

    st.altair_chart(chart, width="stretch", key=own, on_select=told)


def _table(rows: Rows, listed: Sequence[str], chosen: str, look: Callable[[str | None], None], own: str) -> None:
    st.dataframe(
        rows, hide_index=True, width="stretch", column_config=NUMBERS, key=own, selection_mode="single-row",
        on_select=on_row(own, listed, look), selection_default=ticked(listed, chosen),
    )  # fmt: skip


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
        "verdict": line.verdict or "none shown", "B - A": line.delta, "low": line.low, "high": line.high,
        "wins": line.wins, "losses": line.losses, "ties": line.ties, "adjusted": line.p_adjusted, "A": line.reference,
        "B": line.candidate, "n": line.n, "p": line.p, "method": line.method,
    }  # fmt: skip
