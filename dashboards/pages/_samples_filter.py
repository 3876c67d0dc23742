"""What of a run is looked at: the widgets of the list of samples. The address alone holds their state.

A widget shows what the address says, and a choice writes it there, in one step of the browser's history: so a link,
a reload and the way back all show the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from dashboards import names
from dashboards.pages._choice import Put, choose, typed
from dashboards.queries import Rows, samples
from dashboards.queries.samples import Filter
from dashboards.view import View

FIELDS = ("suite", "tag", "mode", "outcome", "cluster", "text", "within", "flip", "way")
"""Fields of a filter that stand in the address as they are."""
OWN = {"text": ("text", "within"), "flip": ("flip", "way"), "slower": ("slower_s",)}
"""What goes with a filter, where that is not the field of its name."""
RIGHT = {"": "all", "right": "right", "wrong": "wrong", "fault": "fault"}
WAYS = {"": "worse or better", "worse": "worse", "better": "better"}
PARTS = {"": "anywhere", "prompt": "the prompt", "completion": "the completion", "answer": "the extracted answer"}
SAID = 40
"""Characters of a value on a button."""
SHAPE = [3, 2, 2, 2, 2, 2]
LATE_S = 1e6
SLOWER = "samples-slower"
"""Key of the box of seconds."""


def addressed(view: View, run: str) -> Filter:
    """Return the filter that the address describes."""
    try:
        slower = float(view.param("slower", "0"))
    except ValueError:
        slower = 0.0
    slower = slower if 0 <= slower < LATE_S else 0.0
    return Filter(run=run, slower_s=slower, **{name: view.param(name) for name in FIELDS})


def asked(view: View, wanted: Filter, order: str, known: Mapping[str, str]) -> None:
    """Show the widgets. `known`: run -> its name."""
    run, suite = wanted.run, wanted.suite
    modes = {name: f"{name} ({count:,})" for name, count in samples.modes(view.ask, run, suite).items()}
    tags = {name: name for name in samples.tags(view.ask, run, suite)}
    others = {name: told for name, told in known.items() if name != run}
    top, below = st.columns(SHAPE), st.columns(SHAPE)
    put = partial(view.put, run=run, page=None)  # a choice begins the list anew, and stays with the run that is shown
    box = partial(_box, view, put)
    box(top[0], "run", "Run", known, run, pinned=True)
    suites = {name: name for name in samples.suites(view.ask, run)}
    box(top[1], "suite", "Suite", {"": "all suites", **suites}, suite)
    box(top[2], "outcome", "Score", RIGHT, wanted.outcome)
    box(top[3], "mode", "Mode", {"": "all modes", **modes}, wanted.mode)
    box(top[4], "tag", "Tag", {"": "all tags", **tags}, wanted.tag)
    box(top[5], "cluster", "Cause of failure", _causes(view, run), wanted.cluster)
    typed(view, below[0], "Text contains", "text", put=put, placeholder="whatever its case")
    box(below[1], "within", "Text in", PARTS, wanted.within)
    box(below[2], "flip", "Other score than in run", {"": "no other run", **others}, wanted.flip)
    box(below[3], "way", "Here it is", WAYS, wanted.way, disabled=not wanted.flip)
    st.session_state[SLOWER] = wanted.slower_s
    below[4].number_input(
        "Seconds at least", 0.0, LATE_S, step=0.1, format="%.2f", key=SLOWER, on_change=partial(_waited, put)
    )
    box(below[5], "order", "Order", {name: name for name in samples.ORDERS}, order)


def chips(view: View, wanted: Filter, known: Mapping[str, str]) -> None:
    """Show a button for every filter that is set, which takes it out, and one for all of them."""
    named = _set(view, wanted, known)
    if not named:
        return
    with st.container(horizontal=True):
        for name, told in named.items():
            label, icon, drop = names.plain(told), ":material/close:", partial(_drop, view, name)
            st.button(label, key=f"without-{name}", icon=icon, help="Take this filter out", on_click=drop)
        drop = partial(_drop, view, *named)
        st.button("Clear all filters", key="clear", type="tertiary", shortcut="x", on_click=drop)


def emptied(view: View, wanted: Filter, known: Mapping[str, str]) -> None:
    """Say which filter leaves nothing: how many records fit without each."""
    named = _set(view, wanted, known)
    if not named:
        st.warning("Nothing is recorded of this run yet. Type: harness eval tiny --suite primer")
        return
    left = {name: samples.count(view.ask, without(wanted, name)) for name in named}
    blamed = [name for name, count in left.items() if count]
    if not blamed:
        st.warning("No record fits, whichever one filter is taken out: clear all of them.")
        return
    st.warning("No record fits all filters together. Without one of them:")
    with st.container(horizontal=True):
        for name in blamed:
            label, drop = names.plain(f"{left[name]:,} without {named[name]}"), partial(_drop, view, name)
            st.button(label, key=f"blamed-{name}", icon=":material/filter_alt_off:", on_click=drop)


def without(wanted: Filter, name: str) -> Filter:
    """Return a filter without one that is set."""
    empty: dict[str, Any] = {field: getattr(Filter(wanted.run), field) for field in OWN.get(name, (name,))}
    return replace(wanted, **empty)


def _set(view: View, wanted: Filter, known: Mapping[str, str]) -> dict[str, str]:
    """Return name -> words of the filters that are set."""
    causes = _causes(view, wanted.run) if wanted.cluster else {}
    told = {
        "suite": ("suite", wanted.suite), "outcome": ("score", RIGHT.get(wanted.outcome, wanted.outcome)),
        "mode": ("mode", wanted.mode), "tag": ("tag", wanted.tag),
        "cluster": ("cause", causes.get(wanted.cluster, wanted.cluster)),
        "text": (f"text in {PARTS.get(wanted.within, wanted.within)}", wanted.text),
        "flip": (WAYS.get(wanted.way, wanted.way) + " than", known.get(wanted.flip, wanted.flip)),
        "slower": ("seconds at least", f"{wanted.slower_s:g}"),
    }  # fmt: skip
    held = [name for name in told if getattr(wanted, OWN.get(name, (name,))[0])]
    return {name: f"{told[name][0]}: {_cut(told[name][1])}" for name in held}


def _causes(view: View, run: str) -> dict[str, str]:
    found: Rows = samples.clusters(view.ask, run)
    named = {"": "all causes", **{row["cause_id"]: f"{row['label']} ({row['n']:,})" for row in found}}
    return {**named, samples.UNASSIGNED: "no cause: unassigned"} if found else named


def _box(
    view: View, put: Put, place: Any, name: str, label: str, options: Mapping[str, str], value: str, **how: Any
) -> None:
    """Show a box; a value of the address that is no option is one all the same, never dropped."""
    options = options if value in options else {**options, value: value}
    twice = {told for told, count in Counter(options.values()).items() if count > 1}
    shown = {one: f"{told} · {one[:12]}" if told in twice else told for one, told in options.items()}
    choose(
        view, place, label, name, list(shown), asked=value, put=put, format_func=lambda one: shown.get(one, one), **how
    )


def _waited(put: Put) -> None:
    seconds = st.session_state[SLOWER]
    put(slower=f"{seconds:g}" if seconds else None)


def _drop(view: View, *filters: str) -> None:
    fields = [field for name in filters for field in OWN.get(name, (name,)) if field != "slower_s"]
    view.put(**dict.fromkeys((*filters, *fields), None), page=None)


def _cut(text: str) -> str:
    return text if len(text) <= SAID else text[: SAID - 1] + "…"
