"""Two runs side by side, paired by sample: in what they differ, by how much, and on which samples.

Address: a (reference), b (candidate), suite, by (a tag), flips (losses, wins), sample, allow (what may differ all the
same). Figures are those of `harness compare`; they are made once for each state of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards import charts_compare
from dashboards.pages import _compare_flips as flipped
from dashboards.queries import Rows, compare
from dashboards.view import View
from harness.compare import Comparison, Line, SuiteComparison
from harness.compare import compare as compared
from harness.store import Database

TITLE, ICON, ORDER = "Compare", ":material/compare_arrows:", 1
ALL = "all suites"
SHOWN = 60
"""Values of a tag that are drawn at most."""
NUMBERS = {
    **{name: st.column_config.NumberColumn(format="%.4f") for name in ("A", "B")},
    **{name: st.column_config.NumberColumn(format="%+.4f") for name in ("B - A", "low", "high")},
    **{name: st.column_config.NumberColumn(format="%.2g") for name in ("p", "adjusted")},
}


def show(view: View) -> None:
    """Show the comparison that the address names."""
    known = compare.runs(view.ask)
    if len(known) < 2:
        st.info(f"A comparison takes two runs; here {'is one' if known else 'is none'}. Type: harness eval MODEL")
        return
    a, b = _runs(view, known)
    if a == b:
        st.info("A and B are the same run: choose two.")
        return
    suites = compare.shared(view.ask, a, b)
    allow = _differences(view, a, b)
    if not suites:
        st.info("The two runs have no suite in common, so that no sample can be paired. Choose others.")
        return
    if allow is None:
        return
    view.asked.append((_command(a, b, allow), ()))
    found = _compared(str(view.database.path), view.stamp, a, b, (), "", allow)
    _warnings(found)
    _suites(view, found)
    suite = _suite(view, suites)
    if suite:
        one = next(each for each in found.suites if each.pairs.suite == suite)
        _tags(view, one, found, allow)
        flipped.show(view, one.pairs, a, b)


@st.cache_resource(max_entries=8, show_spinner="Pairing the runs sample by sample ...")  # type: ignore[untyped-decorator]
def _compared(
    path: str, stamp: tuple[int, int], a: str, b: str, suites: tuple[str, ...], by: str, allow: tuple[str, ...]
) -> Comparison:
    """Return a comparison; shared between sessions, so nothing may write into it."""
    return compared(Database(Path(path)), a, b, suites=suites or None, by=by, allow=allow)


def _command(a: str, b: str, allow: Sequence[str]) -> str:
    return " ".join(
        ["-- pairs, intervals and tests are those of: harness compare", a, b, *(f"--allow {w}" for w in allow)]
    )


def _runs(view: View, known: Rows) -> tuple[str, str]:
    """Return the runs chosen: reference and candidate; the two newest at first."""
    labels = {row["run_id"]: f"{row['run_id']} · {row['model']} · {row['started_at']:%Y-%m-%d %H:%M}" for row in known}
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
                "matters": "scores are not comparable" if row["fatal"] else "note" if row["suites"] else "the model",
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


def _warnings(found: Comparison) -> None:
    """Say which run is unfinished, and what has no partner."""
    for letter, side in (("A", found.reference), ("B", found.candidate)):
        if side["status"] != "done":
            st.warning(f"Run {letter} is {side['status']}: the figures are those of the samples that both have so far.")
    for letter, only in (("A", found.only_reference), ("B", found.only_candidate)):
        if only:
            st.text(f"Only {letter} has: {', '.join(only)}")


def _suites(view: View, found: Comparison) -> None:
    """Show a line a suite, and the forest of them."""
    st.subheader("By suite")
    lines = [(each, each.whole) for each in found.suites if each.whole]
    if not lines:
        st.info("No sample has a score in both runs yet.")
        return
    left = [_left_out(each) for each, _ in lines]
    told = [name for name in left[0] if any(row[name] for row in left)]
    rows = [
        {
            "suite": each.pairs.suite,
            "metric": each.pairs.metric.name,
            **_cells(whole),
            **{name: row[name] for name in told},
        }
        for (each, whole), row in zip(lines, left, strict=True)
    ]
    names = tuple(each.pairs.suite for each, _ in lines)
    st.dataframe(
        rows, hide_index=True, width="stretch", column_config=NUMBERS, key="compare_suites",
        on_select=partial(_clicked, view, names), selection_mode="single-row",
    )  # fmt: skip
    st.caption(
        f"Intervals at {1 - found.alpha:.0%}, of paired differences in units of the metric. p is two-sided; adjusted by"
        " Holm over the suites. Wins: samples on which B does better. What lacks a score in either run does not count."
    )
    for units, group in _by_range(lines).items():
        st.altair_chart(charts_compare.forest(group, units), width="stretch")


def _clicked(view: View, names: Sequence[str]) -> None:
    """Open the suite of the row that was clicked."""
    rows = st.session_state["compare_suites"]["selection"]["rows"]
    view.put(suite=names[rows[0]] if rows else None, sample=None, by=None)


def _by_range(lines: Sequence[tuple[SuiteComparison, Line]]) -> dict[str, Rows]:
    """Return title of an axis -> lines whose metrics share a range: others would not fit on one axis."""
    found: dict[str, Rows] = {}
    for each, whole in lines:
        metric = each.pairs.metric
        told = "" if metric.higher_is_better else ", less is better"
        found.setdefault(f"B - A (of {metric.low:g} to {metric.high:g}{told})", []).append(vars(whole))
    return found


def _suite(view: View, suites: Sequence[str]) -> str:
    """Return the suite to look into; empty for none."""
    named = view.param("suite", suites[0] if len(suites) == 1 else ALL)
    if named not in (ALL, *suites):
        st.warning("The address names a suite that the two runs do not share:")
        st.text(named)
    options = [ALL, *suites]
    suite = st.selectbox("Look into a suite", options, index=options.index(named) if named in options else 0)
    if suite == ALL:
        view.put(suite=None, sample=None, by=None)
        st.text("Choose a suite, or click its row above, to see its tags and the samples that flipped.")
        return ""
    view.put(suite=suite)
    return str(suite)


def _tags(view: View, one: SuiteComparison, found: Comparison, allow: tuple[str, ...]) -> None:
    """Show a line per value of a tag."""
    st.subheader("By tag")
    tags = sorted({tag for each in one.pairs.tags for tag in each})
    if not tags:
        st.text("The samples of this suite carry no tags.")
        return
    first = view.param("by", one.tag)
    tag = st.selectbox("Tag", tags, index=tags.index(first) if first in tags else 0)
    view.put(by=None if tag == one.tag else tag)
    if tag != one.tag:
        a, b = found.reference["run_id"], found.candidate["run_id"]
        suites = (one.pairs.suite,)
        one = _compared(str(view.database.path), view.stamp, a, b, suites, tag, allow).suites[0]
    lines = sorted(one.lines, key=lambda line: (line.p_adjusted, line.p, line.delta))
    if len(lines) > SHOWN:
        st.caption(f"Drawn are the {SHOWN} of {len(lines)} values with the smallest p; the table holds all.")
    if lines:
        st.altair_chart(charts_compare.forest([vars(line) for line in lines[:SHOWN]]), width="stretch")
        rows = [{str(tag): line.name, **_cells(line)} for line in lines]
        st.dataframe(rows, hide_index=True, width="stretch", column_config=NUMBERS)
        st.caption("Exploratory, a list to look at: p adjusted by Benjamini and Hochberg over the values of the tag.")


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
