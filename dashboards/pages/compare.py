"""Two runs side by side, paired by sample: in what they differ, by how much, and on which samples.

Address: a (reference), b (candidate), suite, scope (`all`: every suite at once, however many), by (a tag), group (a
value of it), flips (which way), page, sample, attempt, allow (what may differ all the same). Figures are those of
`harness compare`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from dashboards import names
from dashboards.pages import _compare_flips as flipped
from dashboards.pages import _compare_lines as lines
from dashboards.pages._compare_address import choose, put
from dashboards.pages._compare_headline import headline
from dashboards.queries import Rows, compare
from dashboards.view import View
from harness.compare import Comparison

TITLE, ICON, ORDER = "Compare", ":material/compare_arrows:", 1
ALL = "all suites"
AT_ONCE = 8000
"""Pairs that are made without being asked for: less than a second's work."""
ONE = ("by", "group", "flips", "page", "sample", "attempt")
"""What the address says of one suite."""


def show(view: View) -> None:
    """Show the comparison that the address names."""
    known = compare.runs(view.ask)
    if len(known) < 2:
        here = f"one, {known[0]['run_id']}" if known else "none"
        st.info(names.plain(f"A comparison takes two runs; here is {here}. Type: harness eval MODEL --suite SUITE"))
        return
    a, b = _runs(view, known)
    if a == b:
        st.info("A and B are the same run, which differs from itself in nothing: choose another for A or B.")
        return
    suites = compare.shared(view.ask, a, b)
    if not suites:
        st.info(
            "The two runs have no suite in common, so that no sample can be paired: choose others, or let one answer"
            " what the other did. Type: harness eval MODEL --suite SUITE"
        )
        return
    allow = _differences(view, a, b, len(suites))
    if allow is None:
        return
    suite, wide = _suite(view, suites)
    found = lines.made(view, a, b, () if wide else (suite,), allow)
    _warnings(found)
    one = next((each for each in found.suites if each.pairs.suite == suite), None)
    headline(found, one, len(suites))
    if len(found.suites) > 1 and any(each.whole for each in found.suites):
        lines.by_suite(view, found, suite, lambda name: put(view, suite=name, **dict.fromkeys(ONE)))
    if one is not None and one.whole is not None:
        tag = lines.by_tag(view, one, found, allow)
        flipped.show(view, one.pairs, tag, a, b)


def _runs(view: View, known: Rows) -> tuple[str, str]:
    """Return the runs chosen: reference and candidate; the two newest at first."""
    labels = {row["run_id"]: _named(row) for row in known}
    sides = st.columns(2)
    chosen = []
    for place, (letter, what, first) in enumerate((("a", "A, the reference", 1), ("b", "B, the candidate", 0))):
        asked = view.param(letter)
        match = [row["run_id"] for row in known if asked and asked in (row["run_id"], row["name"])]
        if asked and not match:
            st.warning(f"The address names a run for {letter.upper()} that is none of the newest {len(known)}:")
            st.text(asked)
        run = match[0] if match else known[first]["run_id"]
        clears = ("page", "sample", "attempt")
        chosen.append(choose(view, sides[place], what, list(labels), letter, run, clears, format_func=labels.get))
    with st.container(horizontal=True, vertical_alignment="center"):
        # A button: Streamlit does not write the address for a link to the page that one is on.
        swapped = partial(view.put, a=chosen[1], b=chosen[0], page=None, flips=None)
        st.button("swap A and B", icon=":material/swap_horiz:", type="tertiary", on_click=swapped)
        for letter, run in zip("AB", chosen, strict=True):
            view.link(f"samples of {letter}", "samples", run=run)
            view.link(f"why {letter} fails", "clusters", run=run)
    return chosen[0], chosen[1]


def _named(row: Mapping[str, Any]) -> str:
    """Return a run as a person tells it from others: model, its name, when, and the id that is unique."""
    said = [names.model(row["model"]), row["name"] or "", f"{row['started_at']:%Y-%m-%d %H:%M}", row["run_id"]]
    return " · ".join(part for part in said if part)


def _differences(view: View, a: str, b: str, shared: int) -> tuple[str, ...] | None:
    """Show in what the configurations differ; return what may all the same, None where that is to be said first."""
    st.subheader("In what they differ")
    rows = compare.apart(view.ask, a, b)
    first = [row for row in rows if not row["detail"]]
    details = [row for row in rows if row["detail"]]
    if first:
        _table(first, shared)
    elif details:
        st.text("In nothing that should matter.")
    else:
        st.text("Nothing: the same model under the same configuration.")
    if details:
        with st.expander(
            f"{len(details)} more that should not matter: {', '.join(row['what'] for row in details[:4])} ..."
        ):
            _table(details, shared)
    fatal = list(dict.fromkeys(row["what"] for row in rows if row["fatal"]))
    return _allowed(view, fatal)


def _table(rows: Rows, shared: int) -> None:
    """Show a line per difference; what it does to scores, and of which suites, only where that tells something."""
    moved = any(row["suites"] for row in rows)
    spared = any(row["suites"] and len(row["suites"]) < shared for row in rows)
    cells = [
        {
            "what": row["what"], "A": row["A"], "B": row["B"],
            **({"kind": _kind(row)} if moved else {}),
            **({"suites": ", ".join(row["suites"])} if spared else {}),
        }
        for row in rows
    ]  # fmt: skip
    st.dataframe(cells, hide_index=True, width="stretch", height="content")


def _kind(row: Mapping[str, Any]) -> str:
    return "not comparable" if row["fatal"] else "may move scores" if row["suites"] else "the models"


def _allowed(view: View, fatal: list[str]) -> tuple[str, ...] | None:
    """Return what makes runs incomparable and may differ all the same; None where something else does."""
    if not fatal:
        return ()
    own = "compare_allow"
    st.session_state[own] = [what for what in view.param("allow").split(",") if what in fatal]

    def write() -> None:
        put(view, allow=",".join(st.session_state[own]))

    allow = st.multiselect("May differ all the same", fatal, key=own, on_change=write)
    if left := [what for what in fatal if what not in allow]:
        again = " `harness rescore RUN` scores again with today's scorer." if {"version", "scorer"} & set(left) else ""
        st.warning(
            f"These scores do not measure the same thing ({names.plain(', '.join(left))}), so they are not compared. "
            f"Evaluate again under one configuration, or say above what may differ all the same.{again}"
        )
        return None
    return tuple(allow)


def _suite(view: View, suites: Mapping[str, int]) -> tuple[str, bool]:
    """Return the suite to look into, empty for none, and whether all suites are compared at once."""
    total, known = sum(suites.values()), list(suites)
    wide = total <= AT_ONCE or len(known) == 1
    named = view.param("suite")
    if named and named not in known:
        st.warning("The address names a suite that the two runs do not share:")
        st.text(named)
    if len(known) == 1:
        return known[0], wide
    sides = st.columns(2, vertical_alignment="bottom")
    if not wide:
        own = "compare_scope"
        st.session_state[own] = wide = view.param("scope") == "all"
        label = f"compare all {len(known)} suites at once ({total:,} pairs: some seconds)"
        sides[1].toggle(label, key=own, on_change=lambda: put(view, scope="all" if st.session_state[own] else None))
    options = [ALL, *known] if wide else known
    suite = choose(view, sides[0], "Suite", options, "suite", options[0], ONE)
    return "" if suite == ALL else suite, wide


def _warnings(found: Comparison) -> None:
    """Say which run is unfinished, and which suites have no partner."""
    for letter, side in (("A", found.reference), ("B", found.candidate)):
        if side["status"] != "done":
            st.warning(f"Run {letter} is {side['status']}: the figures are those of the samples that both have so far.")
    for letter, only in (("A", found.only_reference), ("B", found.only_candidate)):
        if only:
            st.text(f"Only {letter} has: {', '.join(only)}")
