"""One sample of a run, whole: shown by the page `samples` where the address names one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from dashboards import names
from dashboards.pages import _sample_history, _sample_made
from dashboards.pages._choice import choose
from dashboards.pages._sample_made import code, plain, text
from dashboards.queries import Rows, sample, samples
from dashboards.queries.samples import Filter
from dashboards.view import View

TURNS = 3
"""Turns of a chat that are shown at once, the last."""
LONG, END = 1800, 1000
"""Characters of a prompt of which the end is shown first, and of that end."""


def show(view: View, wanted: Filter, sample_id: str, order: str, known: Mapping[str, str]) -> None:
    """Show a sample: the ways around it, what was asked and said, and what other runs made of it."""
    found = sample.attempts(view.ask, wanted.run, sample_id, wanted.suite)
    found = found or sample.attempts(view.ask, wanted.run, sample_id)
    _ways(view, wanted, sample_id, order)
    if not found:
        st.warning("This run has no record of that sample.")
        if wanted.suite:
            _sample_history.show(view, wanted, wanted.suite, sample_id, known, None)
        return
    suite = str(found[0]["suite"])
    found = [row for row in found if row["suite"] == suite]
    row = _attempt(view, found)
    said = sample.answers(view.ask, row["completion_keys"])
    _head(row, said, known[wanted.run])
    left, right = st.columns(2, gap="medium")
    with left:
        _asked(said, row)
    with right:
        _sample_made.show(row, said)
    if len(found) > 1:
        st.subheader("Attempts")
        st.dataframe([_line(one) for one in found], hide_index=True, placeholder="")
    _sample_history.show(view, wanted, suite, sample_id, known, row)
    _permalink(view, wanted.run, suite, sample_id, row)


def _ways(view: View, wanted: Filter, sample_id: str, order: str) -> None:
    """Show the way back and to the neighbours among the samples that fit the filter."""
    beside = samples.beside(view.ask, wanted, sample_id, order)
    before, after = (beside["before"], beside["after"]) if beside else (None, None)
    with st.container(horizontal=True, vertical_alignment="center"):
        icon = ":material/arrow_back:"
        st.button("Back to the list", icon=icon, shortcut="b", on_click=partial(_open, view, None))
        st.button("Previous sample", disabled=not before, shortcut="p", on_click=partial(_open, view, before))
        st.button("Next sample", disabled=not after, shortcut="n", on_click=partial(_open, view, after))
        st.caption(
            f"sample {beside['place']:,} of {beside['total']:,} that fit" if beside else "outside the list's filters"
        )


def _open(view: View, sample_id: str | None) -> None:
    view.put(sample=sample_id, attempt=None)


def _attempt(view: View, found: Rows) -> dict[str, Any]:
    """Return the attempt that the address names, else the first; show the choice where there is one."""
    told = {str(row["attempt"]): f"attempt {row['attempt']}: {row['mode']}" for row in found}
    if len(found) == 1:
        return found[0]
    chosen = choose(view, st, "Attempt", "attempt", list(told), format_func=told.get, width=320)
    return found[list(told).index(chosen)]


def _head(row: dict[str, Any], said: Rows, run: str) -> None:
    """Show what this is and how it went, in two lines."""
    st.subheader(names.plain(row["name"] or row["sample_id"]), anchor=False)
    tags = dict(zip(row["tag_names"] or (), row["tags"] or (), strict=True))
    st.text("   ".join([row["suite"], f"split {row['split'] or 'unknown'}", *(f"{k} = {v}" for k, v in tags.items())]))
    score = "no score" if row["score"] is None else f"{row['metric']} {row['score']:.4g}"
    read, spoken = (sum(one[name] or 0 for one in said) for name in ("prompt_tokens", "completion_tokens"))
    seconds = sum(one["seconds"] or 0 for one in said)
    facts = [score, f"{read:,} tokens read", f"{spoken:,} tokens said", f"{seconds:.3g} s", f"run {run}"]
    colour = "green" if row["mode"] == "right" else "orange" if row["fault_boundary"] else "red"
    icon = {"green": "check", "orange": "warning", "red": "close"}[colour]
    badges = [f":{colour}-badge[:material/{icon}: {names.plain(row['mode'])}]"]
    st.markdown(" ".join(badges + [f":gray-badge[{names.plain(fact)}]" for fact in facts]))


def _asked(said: Rows, row: dict[str, Any]) -> None:
    """Show the prompts as they were sent, turn by turn, and what the sample is made of."""
    if not said:
        st.info("Nothing was asked of the model, or what it said is not stored.")
    for place, answer in enumerate(said, 1):
        title = "Prompt" if len(said) == 1 else f"Prompt {place} of {len(said)}"
        turns = sample.messages(answer)
        _turns(title, turns or [("", answer["prompt"] or "")])
        if answer["asked"] or turns:
            with st.expander(f"{title}: {'as stored, settings' if turns else 'settings'}"):
                if turns:
                    code(answer["prompt"])
                if answer["asked"]:
                    code(plain(answer["asked"]))
    if row["data"]:
        with st.expander("Data and tests of the sample"):
            code(plain(row["data"]))


def _turns(title: str, turns: Sequence[tuple[str, str]]) -> None:
    """Show what was sent, of much of it the end first: examples come before the question."""
    early, last = turns[:-TURNS], turns[-TURNS:]
    if early:
        with st.expander(f"{title}: {len(early):,} earlier turns"):
            for role, words in early:
                text(role, words)
    for role, words in last:
        label = f"{title} · {role}" if role else title
        if len(words) <= LONG:
            text(label, words)
            continue
        with st.expander(f"{names.plain(label)}: whole, {len(words):,} characters"):
            code(words)
        end = words[-END:]
        text(f"{label}: its end", end[end.find("\n") + 1 :])


def _line(row: dict[str, Any]) -> dict[str, Any]:
    return {"attempt": row["attempt"], "mode": row["mode"], "score": row["score"], "answer": row["answer"]}


def _permalink(view: View, run: str, suite: str, sample_id: str, row: dict[str, Any]) -> None:
    """Show an address that holds, wherever the list's filters go."""
    st.caption("Link to this sample, whatever the list shows")
    attempt = {"attempt": str(row["attempt"])} if view.param("attempt") else {}
    page = (st.context.url or "").rstrip("/").removesuffix("/samples") + "/samples"
    link = f"{page}?{urlencode({'run': run, 'suite': suite, 'sample': sample_id, **attempt})}"
    st.code(link, language=None, wrap_lines=True)
