"""One sample of two runs: what was asked and expected, a word diff of what both said, each whole. Part of `compare`.

Texts of models go through `st.text` and `st.code`, which take nothing for markup, and with signs for what cannot be
seen. Cost: one query for two completions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards import words
from dashboards.pages._compare_address import choose, put
from dashboards.queries import compare
from dashboards.view import View
from harness.compare import SuitePairs

TALL = 420
"""Pixels of a text before it scrolls."""
LONG, LINES = 1600, 18
"""Characters and lines of a text before it scrolls."""


def show(view: View, pairs: SuitePairs, runs: tuple[str, str], sample: str, order: Sequence[str], page: int) -> None:
    """Show a sample, and the ways to those beside it in the list `order`, of which a page holds `page`."""
    place = pairs.ids.index(sample)
    st.subheader("Side by side")
    _ways(view, sample, order, page)
    tags = "   ".join(f"{name} = {value}" for name, value in pairs.tags[place].items())
    st.text(f"{pairs.names[place]}   {tags}")
    found = compare.said(view.ask, runs, pairs.suite, sample)
    tried: list[dict[int, Mapping[str, Any]]] = [
        {row["attempt"]: row for row in found if row["run_id"] == run and row["measures"]} for run in runs
    ]
    left, right = _attempts(view, tried, pairs.metric.value)
    if left is None or right is None:
        st.text("One of the runs has no score for this sample any more.")
        return
    asked, said = st.columns([2, 3])
    with asked:
        _asked(left, right)
    with said:
        _said(left, right)
    for letter, run, row, column in zip("AB", runs, (left, right), st.columns(2), strict=True):
        with column:
            _one(view, letter, run, row, pairs, sample)


def _ways(view: View, sample: str, order: Sequence[str], page: int) -> None:
    """Show the ways to the flips before and after."""
    at = list(order).index(sample) if sample in order else None
    sides = st.columns([1, 1, 1, 3], vertical_alignment="center")
    for side, label, step in ((sides[0], "Previous flip", -1), (sides[1], "Next flip", 1)):
        to = None if at is None else at + step
        if to is None or not 0 <= to < len(order):
            side.button(label, disabled=True, width="stretch")
            continue
        turned = str(to // page + 1) if to >= page else None
        side.button(label, on_click=partial(put, view, sample=order[to], page=turned, attempt=None), width="stretch")
    sides[2].button("Close", on_click=partial(put, view, sample=None, attempt=None), width="stretch")
    sides[3].caption("not among the flips listed above" if at is None else f"flip {at + 1:,} of {len(order):,}")


def _attempts(view: View, tried: Sequence[Mapping[int, Mapping[str, Any]]], value: str) -> tuple[Any, Any]:
    """Return the attempts of both that differ most, or those chosen; None where a run has none."""
    both = sorted(set(tried[0]) & set(tried[1]))
    if not both:
        return tuple(next(iter(side.values()), None) for side in tried)  # type: ignore[return-value]
    apart = [abs(tried[1][n]["measures"][value] - tried[0][n]["measures"][value]) for n in both]
    chosen = both[apart.index(max(apart))]
    if len(both) > 1:
        chosen = int(choose(view, st, "Attempt", [str(n) for n in both], "attempt", str(chosen)))
    return tried[0][chosen], tried[1][chosen]


def _asked(left: Mapping[str, Any], right: Mapping[str, Any]) -> None:
    """Show the prompt, of both where they differ, and what was expected."""
    turns = left["turns"]
    st.text("Prompt" if turns == 1 else f"Prompt, the last of {turns}")
    if left["prompt"] == right["prompt"]:
        _text(left["prompt"], "The prompt is not stored.")
    else:
        _code(words.diff(left["prompt"], right["prompt"]), "diff")
        st.caption("The two were asked differently: words that only A was told are marked -, only B +.")
    st.text("Expected")
    _text(left["target"], "The sample holds no target.")


def _said(left: Mapping[str, Any], right: Mapping[str, Any]) -> None:
    """Show the word diff of what both said."""
    st.text("What A said (-) and what B said (+)")
    a, b = (row["text"] or row["answer"] or "" for row in (left, right))
    _code(words.diff(a, b), "diff")
    if not (left["text"] or right["text"]):
        st.caption("Neither said any text: the log-probabilities of the choices decided. Compared are the chosen ones.")
    elif a == b:
        st.caption("Both said the same, word for word.")
    else:
        st.caption("Words that only A says are marked -, those that only B says +; the others both say.")
    if words.cut(a, b):
        st.caption(
            f"Of longer texts, the first {words.WORDS:,} words and {words.CHARACTERS:,} characters are compared."
        )


def _one(view: View, letter: str, run: str, row: Mapping[str, Any], pairs: SuitePairs, sample: str) -> None:
    st.text(f"{letter}: {pairs.metric.value} {row['measures'][pairs.metric.value]:.3g}, {row['mode']}")
    _text(row["text"], "It said no text.")
    if row["answer"] is not None and row["answer"].strip() != row["text"].strip():
        st.text("Extracted answer" if row["text"] else "Chosen")
        _text(row["answer"], "Nothing.")
    if row["reasoning"]:
        with st.expander("Reasoning, which is never scored"):
            _text(row["reasoning"])
    view.link(f"this sample of {letter}: scores, tests, history", "samples", run=run, suite=pairs.suite, sample=sample)


def _text(text: str, empty: str = "") -> None:
    """Show a text of a model or a data set; where there is none, `empty`, which cannot pass for one."""
    if text.strip():
        _code(words.visible(text))
    else:
        st.caption(empty)


def _code(text: str, language: str | None = None) -> None:
    long = len(text) > LONG or text.count("\n") > LINES
    st.code(text, language=language, wrap_lines=True, height=TALL if long else "content")
