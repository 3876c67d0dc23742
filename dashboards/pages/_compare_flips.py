"""The samples on which two runs differ, losses first, page by page. Part of the page `compare`.

Texts of models go into cells of tables, which take nothing for markup. Cost: the list asks for the answers of the
samples that it shows, no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards import words
from dashboards.pages import _compare_said as said
from dashboards.pages._choice import whole
from dashboards.pages._compare_address import choose, key, on_row, put, ticked
from dashboards.view import View
from harness.compare import SuitePairs
from harness.compare.flips import Flip, flips, places
from harness.store import Database

PAGE = 10
"""Flipped samples on one page of the list: all are seen without scrolling in it."""
SIGNS = {"losses, then wins": (-1, 1), "losses": (-1,), "wins": (1,)}
ANY = "any"
SAID = 160
"""Characters of an answer in the list."""
NUMBERS = {
    "flip": st.column_config.TextColumn(width=30),
    **{name: st.column_config.NumberColumn(format="%.3g", width=40) for name in ("score A", "score B")},
    **{name: st.column_config.TextColumn(width=250) for name in ("answer A", "answer B")},
}


def show(view: View, pairs: SuitePairs, tag: str, a: str, b: str) -> None:
    """Show the flipped samples of a suite (losses: A does better), of one value of `tag` where chosen, and one."""
    st.subheader("Flipped samples")
    losses, wins = pairs.signs.count(-1), pairs.signs.count(1)
    if not losses + wins:
        st.text(f"None: both runs do equally well on each of {len(pairs.ids)} pairs.")
        return
    keep = _filters(view, pairs, tag)
    kept = pairs.only(keep)
    order = [kept.ids[place] for place in places(kept)]
    if not order:
        st.warning("Nothing is left: the filters above leave all flipped samples out.")
        return
    pages = -(-len(order) // PAGE)
    page = whole(view.param("page"), pages)
    group = view.param("group")
    _turn(view, page, pages, len(order), (losses, wins))
    state = (pairs.suite, pairs.metric.name, tag, group, view.param("flips"))
    listed = _flips(view.database, str(view.database.path), view.stamp, kept, (a, b), page, state)
    sample = _choose(view, listed, pairs)
    found = {"run": b, "suite": pairs.suite, "flip": a, **({"tag": f"{tag}={group}"} if tag and group else {})}
    view.link("all of them among the samples, to search and filter", "samples", **found)
    if sample:
        said.show(view, pairs, (a, b), sample, order, PAGE)


@st.cache_data(max_entries=64, show_spinner=False)  # type: ignore[untyped-decorator]
def _flips(
    _database: Database,
    path: str,
    stamp: tuple[int, int],
    _pairs: SuitePairs,
    runs: tuple[str, str],
    page: int,
    state: tuple[str, ...],
) -> list[Flip]:
    """Return a page of the flips of `_pairs`, which `state` tells from others of the same runs and file."""
    return flips(_database, _pairs, *runs, PAGE, (page - 1) * PAGE)


def _filters(view: View, pairs: SuitePairs, tag: str) -> list[bool]:
    """Return which pairs are kept: by the way they flipped, and by the value of the tag."""
    sides = st.columns(2)
    ways = list(SIGNS)
    which = choose(view, sides[0], "Which way", ways, "flips", ways[0], ("page", "sample"))
    values = sorted({each[tag] for each in pairs.tags if tag in each})
    group = ANY
    if values:
        group = choose(view, sides[1], f"Only one {tag}", [ANY, *values], "group", ANY, ("page", "sample"))
    signed = zip(pairs.signs, pairs.tags, strict=True)
    return [sign in SIGNS[which] and group in (ANY, each.get(tag)) for sign, each in signed]


def _turn(view: View, page: int, pages: int, total: int, signs: tuple[int, int]) -> None:
    """Show where in the list one is, and the ways to the pages beside."""
    sides = st.columns([1, 1, 4], vertical_alignment="center")
    for side, label, to in ((sides[0], "Previous page", page - 1), (sides[1], "Next page", page + 1)):
        go = partial(put, view, page=str(to) if to > 1 else None)
        side.button(label, disabled=not 1 <= to <= pages, on_click=go, width="stretch")
    first = (page - 1) * PAGE + 1
    shown = f"{first:,} to {min(total, first + PAGE - 1):,} of {total:,}, page {page:,} of {pages:,}"
    sides[2].caption(f"{shown}. In all {signs[0]:,} losses (A does better) and {signs[1]:,} wins (B does better).")


def _choose(view: View, listed: Sequence[Flip], pairs: SuitePairs) -> str:
    """Show the list; return the id of the sample to look at, empty for none."""
    ids = [flip.sample_id for flip in listed]
    asked = view.param("sample")
    full = next((one for one in pairs.ids if asked and one.startswith(asked)), "")
    own = key(view.stamp, "flips", ids, full)
    st.dataframe(
        [_cells(flip) for flip in listed], hide_index=True, width="stretch", height="content", column_config=NUMBERS,
        key=own, selection_mode="single-row", selection_default=ticked(ids, full),
        on_select=on_row(own, ids, lambda name: put(view, sample=name, attempt=None)),
    )  # fmt: skip
    if asked and not full:
        st.warning("The address names a sample that is not among the pairs of this suite:")
        st.text(asked)
    named = {flip.sample_id: flip.name for flip in listed}
    if full and full not in named:  # of another page of the list: a link stays good
        named = {full: pairs.names[pairs.ids.index(full)], **named}
    labels = {one: f"{name} · {one[:12]}" for one, name in named.items()}
    return choose(
        view, st, "Look at a sample", list(named), "sample", clears=["attempt"], asked=full,
        format_func=lambda one: labels.get(one, ""),        placeholder="choose, or click a row",
    )  # fmt: skip


def _cells(flip: Flip) -> dict[str, Any]:
    sides = {"A": flip.reference, "B": flip.candidate}
    return {
        "flip": "win" if flip.better else "loss", "sample": flip.name,
        **{f"answer {letter}": words.visible(side.answer[:SAID]) for letter, side in sides.items()},
        **{f"score {letter}": side.score for letter, side in sides.items()},
        **{f"mode {letter}": side.mode for letter, side in sides.items()},
    }  # fmt: skip
