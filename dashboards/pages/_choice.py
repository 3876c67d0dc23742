"""Choices whose only place is the address: a box shows what it says, a choice writes it.

    run = choose(view, column, "Run", "run", ["tiny-0a..", "tiny-1b.."], format_func=str.upper, clears=("cause",))

The address speaks first: a choice is written there by the widget's callback, and the widget is set from it at every
drawing, so that a link, the way back and a second click all do what they say. Drawing writes nothing there, which would
be a step that the way back cannot undo. A box bound to the address by Streamlit itself would put the formatted text
there; these keep ids, so that a link holds when a label changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dashboards.view import View


def choose(
    view: View,
    place: Any,
    label: str,
    name: str,
    options: Sequence[str],
    usual: str | None = None,
    clears: Sequence[str] = (),
    asked: str = "",
    put: Callable[..., None] | None = None,
    **how: Any,
) -> str:
    """Return the option that the parameter `name` of the address says, `usual` where it says none.

    `place`: what draws the box. `usual`: the first option unless told; empty: nothing is chosen. `clears`: parameters
    that another choice takes out of the address. `asked`: what the address means, where it says so in other words.
    `put`: writes the address. `how`: for the box.
    """
    usual = options[0] if usual is None else usual
    asked, key, write = asked or view.param(name), f"choice-{name}", put or view.put
    chosen = asked if asked in options else usual
    st.session_state[key] = chosen if chosen in options else None

    def written() -> None:
        value = st.session_state[key]
        write(**dict.fromkeys(clears), **{name: None if value == usual else value})

    place.selectbox(label, options, index=0 if usual in options else None, key=key, on_change=written, **how)
    return chosen
