"""Two runs side by side, paired by sample: in what they differ, by how much, and on which samples.

Address: a (reference), b (candidate), suite, scope (`all`: every suite at once, however many), by (a tag), flips (which
way), group, page, sample, allow (what may differ all the same). Figures are those of `harness compare`.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboards.pages import _compare_flips as flipped
from dashboards.pages import _compare_lines as lines
from dashboards.queries import Rows, compare
from dashboards.view import View
from harness.compare import Comparison

TITLE, ICON, ORDER = "Compare", ":material/compare_arrows:", 1
ALL = "all suites"
AT_ONCE = 8000
"""Pairs that are made without being asked for: less than a second's work."""
ONE = dict.fromkeys(("by", "flips", "group", "page", "sample"))
"""What the address says of one suite."""


def show(view: View) -> None:
    """Show the comparison that the address names."""
    known = compare.runs(view.ask)
    if len(known) < 2:
        st.info(f"A comparison takes two runs; here is {'one' if known else 'none'}. Type: harness eval MODEL")
        return
    a, b = _runs(view, known)
    if a == b:
        st.info("A and B are the same run: choose two.")
        return
    suites = compare.shared(view.ask, a, b)
    if not suites:
        st.info("The two runs have no suite in common, so that no sample can be paired: choose others.")
        return
    allow = _differences(view, a, b)
    if allow is None:
        return
    suite, wide = _suite(view, suites)
    found = lines.made(view, a, b, () if wide else (suite,), allow)
    _warnings(found)
    lines.by_suite(view, found, len(suites))
    one = next((each for each in found.suites if each.pairs.suite == suite), None)
    if one is not None:
        lines.by_tag(view, one, found, allow)
        flipped.show(view, one.pairs, a, b)


def _runs(view: View, known: Rows) -> tuple[str, str]:
    """Return the runs chosen: reference and candidate; the two newest at first."""
    labels = {row["run_id"]: f"{row['run_id']} · {row['model']} · {str(row['started_at'])[:16]}" for row in known}
    names = list(labels)
    sides = st.columns(2)
    chosen = []
    for place, (letter, what, first) in enumerate((("a", "A, the reference", 1), ("b", "B, the candidate", 0))):
        asked = view.param(letter)
        match = [row["run_id"] for row in known if asked and asked in (row["run_id"], row["name"])]
        if asked and not match:
            st.warning(f"The address names a run for {letter.upper()} that is none of the newest {len(known)}:")
            st.text(asked)
        index = names.index(match[0]) if match else first
        chosen.append(sides[place].selectbox(what, names, index=index, format_func=labels.__getitem__))
    view.put(a=chosen[0], b=chosen[1])
    with st.container(horizontal=True):
        view.link("swap A and B", "compare", a=chosen[1], b=chosen[0])
        for letter, run in zip("AB", chosen, strict=True):
            view.link(f"samples of {letter}", "samples", run=run)
            view.link(f"why {letter} fails", "clusters", run=run)
    return chosen[0], chosen[1]


def _differences(view: View, a: str, b: str) -> tuple[str, ...] | None:
    """Show in what the configurations differ; return what may all the same, None where that is to be said first."""
    st.subheader("In what they differ")
    rows = compare.apart(view.ask, a, b)
    if not rows:
        st.text("Nothing: the same model under the same configuration.")
        return ()
    st.dataframe(
        [
            {
                "what": row["what"], "A": row["A"], "B": row["B"],
                "matters": "not comparable" if row["fatal"] else "worth knowing" if row["suites"] else "the models",
                "suites": ", ".join(row["suites"]),
            }
            for row in rows
        ],
        hide_index=True, width="stretch",
    )  # fmt: skip
    fatal = list(dict.fromkeys(row["what"] for row in rows if row["fatal"]))
    if not fatal:
        return ()
    asked = [what for what in view.param("allow").split(",") if what in fatal]
    allow = st.multiselect("May differ all the same", fatal, default=asked)
    view.put(allow=",".join(allow))
    if left := [what for what in fatal if what not in allow]:
        st.warning(
            f"These scores do not measure the same thing ({', '.join(left)}), so they are not compared. "
            "Evaluate again under one configuration, or say above what may differ all the same."
        )
        return None
    return tuple(allow)


def _suite(view: View, suites: Mapping[str, int]) -> tuple[str, bool]:
    """Return the suite to look into, empty for none, and whether all suites are compared at once."""
    total, names = sum(suites.values()), list(suites)
    sides = st.columns(2, vertical_alignment="bottom")
    wide = total <= AT_ONCE or len(names) == 1
    if not wide:
        label = f"compare all {len(names)} suites at once ({total:,} pairs: some seconds)"
        wide = sides[1].toggle(label, value=view.param("scope") == "all")
        view.put(scope="all" if wide else None)
    options = [ALL, *names] if wide and len(names) > 1 else names
    named = view.param("suite", options[0])
    if named not in (ALL, *names):
        st.warning("The address names a suite that the two runs do not share:")
        st.text(named)
    suite = sides[0].selectbox("Suite", options, index=options.index(named) if named in options else 0)
    if suite == ALL:
        view.put(suite=None, **ONE)
        return "", wide
    view.put(suite=suite)
    return str(suite), wide


def _warnings(found: Comparison) -> None:
    """Say which run is unfinished, and which suites have no partner."""
    for letter, side in (("A", found.reference), ("B", found.candidate)):
        if side["status"] != "done":
            st.warning(f"Run {letter} is {side['status']}: the figures are those of the samples that both have so far.")
    for letter, only in (("A", found.only_reference), ("B", found.only_candidate)):
        if only:
            st.text(f"Only {letter} has: {', '.join(only)}")
