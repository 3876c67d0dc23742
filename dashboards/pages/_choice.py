"""Widgets whose only place is the address: each shows what it says, and a choice writes it.

    run = choose(view, column, "Run", "run", ["tiny-0a..", "tiny-1b.."], format_func=str.upper, clears=("cause",))
    words = typed(view, column, "Model contains", "words", clears=("page",))
    newest = switch(view, column, "newest of each model", "newest")
    for tab, part in zip(tabs(view, ("Steps", "Lineage"), "part"), parts): ...

The address speaks first: a choice is written there by the widget's callback, and the widget is set from it at every
drawing, so that a link, the way back and a second click all do what they say. Drawing writes nothing there, which would
be a step that the way back cannot undo. Widgets bound to the address by Streamlit itself would put formatted texts
there, and keep others from being written in the same step; these keep ids, so that a link holds when a label changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards.view import View

Put = Callable[..., None]
ON = "yes"
"""What a switch says in the address."""
LAST = 10**8 - 1
"""The largest number that an address may name."""


def choose(
    view: View,
    place: Any,
    label: str,
    name: str,
    options: Sequence[str],
    usual: str | None = None,
    clears: Sequence[str] = (),
    asked: str = "",
    pinned: bool = False,
    put: Put | None = None,
    **how: Any,
) -> str:
    """Return the option that the parameter `name` of the address says, `usual` where it says none.

    `place`: what draws the box. `usual`: the first option unless told; empty: nothing is chosen. `clears`: parameters
    that another choice takes out of the address. `asked`: what the address means, where it says so in other words.
    `pinned`: a choice of what is usual is written too, for that may be another tomorrow. `put`: writes the address.
    `how`: for the box.
    """
    usual = options[0] if usual is None else usual
    asked = asked or view.param(name)
    chosen = asked if asked in options else usual
    written = partial(_write, put or view.put, name, clears, "" if pinned else usual)
    key = _key(name, chosen if chosen in options else None)
    place.selectbox(label, options, index=0 if usual in options else None, key=key, on_change=written, **how)
    return chosen


def typed(
    view: View,
    place: Any,
    label: str,
    name: str,
    clears: Sequence[str] = (),
    put: Put | None = None,
    **how: Any,
) -> str:
    """Return the text that the parameter `name` says, empty for none."""
    chosen, written = view.param(name), partial(_write, put or view.put, name, clears, "")
    place.text_input(label, key=_key(name, chosen), on_change=written, **how)
    return chosen


def switch(
    view: View,
    place: Any,
    label: str,
    name: str,
    clears: Sequence[str] = (),
    on: str = ON,
    put: Put | None = None,
    **how: Any,
) -> bool:
    """Return whether the parameter `name` says `on`."""
    chosen = view.param(name) == on
    written = partial(_write, put or view.put, name, clears, "", on)
    place.toggle(label, key=_key(name, chosen), on_change=written, **how)
    return chosen


def tabs(view: View, labels: Sequence[str], name: str) -> Sequence[Any]:
    """Return tabs: the one that the parameter `name` says is `open`, else the first; only that needs drawing."""
    asked = view.param(name)
    key = _key(name, asked if asked in labels else labels[0])
    shown: Sequence[Any] = st.tabs(labels, key=key, on_change=partial(_write, view.put, name, (), labels[0]))
    return shown


def page_of(view: View, total: int, shown: int) -> tuple[int, int]:
    """Return which page of a list the parameter `page` says, from 1, and how many there are."""
    pages = max(1, -(-total // shown))
    return whole(view.param("page"), pages), pages


def whole(text: str, most: int = LAST) -> int:
    """Return a number of the address, from 1 to `most`; 1 where it is none."""
    return min(most, max(1, int(text))) if text.isdecimal() and len(text) <= len(str(LAST)) else 1


def turn(view: View, page: int, pages: int, told: str) -> None:
    """Show the ways to the pages before and after, where there are any."""
    if pages == 1:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, to in (("Newer", page - 1), ("Older", page + 1)):
            turned = partial(view.put, page=str(to) if to > 1 else None)
            st.button(label, disabled=not 1 <= to <= pages, on_click=turned)
        st.caption(f"page {page} of {pages}, {told}")


def _key(name: str, value: Any) -> str:
    """Return the key of a widget, which now shows the value."""
    key = f"choice-{name}"
    st.session_state[key] = value
    return key


def _write(put: Put, name: str, clears: Sequence[str], usual: str, on: str = ON) -> None:
    value = st.session_state[f"choice-{name}"]
    value = on if value is True else value or None
    put(**dict.fromkeys(clears), **{name: None if value == usual else value})
