"""The samples on which two runs differ, losses first, and a word diff of what both said. Part of the page `compare`.

Texts of models go through `st.text`, `st.code` and cells of tables, which take nothing for markup. Cost: the list asks
for the answers of the samples that it shows, the diff for two completions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards import words
from dashboards.queries import compare
from dashboards.view import View
from harness.compare import SuitePairs
from harness.compare.flips import Flip, flips
from harness.store import Database

PAGE = 20
"""Flipped samples on one page of the list."""
SIGNS = {"losses, then wins": (-1, 1), "losses": (-1,), "wins": (1,)}
ANY = "any"
SAID = 160
"""Characters of an answer in the list."""
NUMBERS = {name: st.column_config.NumberColumn(format="%.3g") for name in ("score A", "score B")}


def show(view: View, pairs: SuitePairs, a: str, b: str) -> None:
    """Show the flipped samples of a suite (losses: A does better), and one of them."""
    st.subheader("Flipped samples")
    losses, wins = pairs.signs.count(-1), pairs.signs.count(1)
    if not losses + wins:
        st.text(f"None: both runs do equally well on each of {len(pairs.ids)} pairs.")
        return
    st.caption(f"{losses} losses (A does better) and {wins} wins (B does better) among {len(pairs.ids)} pairs.")
    view.link("all of them among the samples, to search and filter", "samples", run=b, suite=pairs.suite, flip=a)
    sides = st.columns(3)
    which, group = _filters(view, pairs, sides)
    signs = SIGNS[which]
    keep = [s in signs and group in (ANY, t.get(pairs.group_tag)) for s, t in zip(pairs.signs, pairs.tags, strict=True)]
    total = sum(keep)
    if not total:
        st.warning("Nothing is left: the filters above leave all flipped samples out.")
        return
    pages = (total + PAGE - 1) // PAGE
    page = sides[2].number_input(f"Page of {pages}", 1, pages, value=min(pages, _whole(view.param("page"))))
    view.put(page=str(page) if page > 1 else None)
    key = (pairs.suite, which, group)
    listed = _flips(str(view.database.path), view.stamp, pairs.only(keep), (a, b), int(page) * PAGE, key)
    sample = _choose(view, listed[(int(page) - 1) * PAGE :], pairs)
    if sample:
        _both(view, pairs, (a, b), sample)


@st.cache_data(max_entries=64, show_spinner=False)  # type: ignore[untyped-decorator]
def _flips(
    path: str, stamp: tuple[int, int], _pairs: SuitePairs, runs: tuple[str, str], count: int, key: tuple[str, ...]
) -> list[Flip]:
    """Return the first `count` flips of `_pairs`, which `key` tells from others of the same runs and file."""
    return flips(Database(Path(path)), _pairs, *runs, count)


def _filters(view: View, pairs: SuitePairs, sides: Sequence[Any]) -> tuple[str, str]:
    """Return which way the samples flipped, and the value of the suite's own tag (`ANY`: all)."""
    ways, asked = list(SIGNS), view.param("flips")
    which = sides[0].selectbox("Which way", ways, index=ways.index(asked) if asked in ways else 0)
    view.put(flips=None if which == ways[0] else which)
    tagged = zip(pairs.signs, pairs.tags, strict=True)
    values = sorted({tags[pairs.group_tag] for sign, tags in tagged if sign and pairs.group_tag in tags})
    if not values:
        return str(which), ANY
    groups, asked = [ANY, *values], view.param("group")
    group = sides[1].selectbox("Only one group", groups, index=groups.index(asked) if asked in groups else 0)
    view.put(group=None if group == ANY else group)
    return str(which), str(group)


def _choose(view: View, listed: Sequence[Flip], pairs: SuitePairs) -> str:
    """Show the list; return the id of the sample to look at, empty for none."""
    ids = [flip.sample_id for flip in listed]
    st.dataframe(
        [_cells(flip) for flip in listed], hide_index=True, width="stretch", column_config=NUMBERS,
        key="compare_flips", on_select=partial(_clicked, view, ids), selection_mode="single-row",
    )  # fmt: skip
    named = view.param("sample")
    full = next((one for one in pairs.ids if named and one.startswith(named)), "")
    if named and not full:
        st.warning("The address names a sample that is not among the pairs of this suite:")
        st.text(named)
    names = {flip.sample_id: flip.name for flip in listed}
    if full and full not in names:  # of another page of the list: a link stays good
        ids, names = [full, *ids], {full: pairs.names[pairs.ids.index(full)], **names}
    index = ids.index(full) if full else None
    words_of = {one: f"{name} · {one[:12]}" for one, name in names.items()}
    chosen = st.selectbox(
        "Look at a sample", ids, index=index, format_func=words_of.__getitem__, placeholder="choose, or click a row"
    )
    view.put(sample=chosen)
    return chosen or ""


def _clicked(view: View, ids: Sequence[str]) -> None:
    """Look at the sample of the row that was clicked."""
    rows = st.session_state["compare_flips"]["selection"]["rows"]
    view.put(sample=ids[rows[0]] if rows else None)


def _cells(flip: Flip) -> dict[str, Any]:
    sides = {"A": flip.reference, "B": flip.candidate}
    return {
        "flip": "win" if flip.better else "loss", "sample": flip.name, "group": flip.group,
        **{f"score {letter}": side.score for letter, side in sides.items()},
        **{f"mode {letter}": side.mode for letter, side in sides.items()},
        **{f"answer {letter}": side.answer[:SAID] for letter, side in sides.items()},
    }  # fmt: skip


def _both(view: View, pairs: SuitePairs, runs: tuple[str, str], sample: str) -> None:
    """Show what both runs said to a sample: word diff first, then each whole."""
    found = compare.said(view.ask, runs, pairs.suite, sample)
    tried: list[dict[int, Mapping[str, Any]]] = [
        {row["attempt"]: row for row in found if row["run_id"] == run and row["measures"]} for run in runs
    ]
    left, right = _attempts(tried, pairs.metric.value)
    if left is None or right is None:
        st.text("One of the runs has no score for this sample any more.")
        return
    st.text(f"Expected: {left['target']}")
    if not (left["text"] or right["text"]):
        st.text("Neither said any text: the log-probabilities of the choices decided. Compared are the chosen ones.")
    a, b = (row["text"] or row["answer"] or "" for row in (left, right))
    st.code(words.diff(a, b), language="diff", wrap_lines=True)
    st.caption("Words that only A says are marked -, those that only B says +.")
    if words.cut(a, b):
        st.caption(f"Of longer texts, the first {words.WORDS} words are compared.")
    for letter, run, row, column in zip("AB", runs, (left, right), st.columns(2), strict=True):
        with column:
            _one(view, letter, run, row, pairs, sample)


def _attempts(tried: Sequence[Mapping[int, Mapping[str, Any]]], value: str) -> tuple[Any, Any]:
    """Return the attempts of both that differ most, or those chosen; None where a run has none."""
    both = sorted(set(tried[0]) & set(tried[1]))
    if not both:
        return tuple(next(iter(side.values()), None) for side in tried)  # type: ignore[return-value]
    apart = [abs(tried[1][n]["measures"][value] - tried[0][n]["measures"][value]) for n in both]
    chosen = both[apart.index(max(apart))]
    if len(both) > 1:
        chosen = st.selectbox("Attempt", both, index=both.index(chosen))
    return tried[0][chosen], tried[1][chosen]


def _one(view: View, letter: str, run: str, row: Mapping[str, Any], pairs: SuitePairs, sample: str) -> None:
    st.text(f"{letter}: {pairs.metric.value} {row['measures'][pairs.metric.value]:.3g}, {row['mode']}")
    if row["answer"] is not None:
        st.text(f"Extracted answer: {row['answer']}")
    if row["text"]:
        st.code(row["text"], language=None, wrap_lines=True)
    if row["reasoning"]:
        with st.expander("Reasoning, which is never scored"):
            st.code(row["reasoning"], language=None, wrap_lines=True)
    view.link(f"this sample of {letter}: prompt, scores, history", "samples", run=run, suite=pairs.suite, sample=sample)


def _whole(text: str) -> int:
    """Return a page number of the address, 1 where it is none."""
    return max(1, int(text)) if text.isascii() and text.isdigit() else 1
