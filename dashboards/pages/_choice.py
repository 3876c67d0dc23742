"""Choices whose only place is the address: a box shows what it says, a choice writes it.

    run = choose(view, column, "Run", "run", ["tiny-0a..", "tiny-1b.."], format_func=str.upper, clears=("cause",))

A box bound to the address by Streamlit itself would put the formatted text there; these keep ids, so that a link holds
when a label changes. Going back in the browser changes the address, and so the box.
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
    usual: str = "",
    format_func: Callable[[str], str] = str,
    clears: Sequence[str] = (),
) -> str:
    """Return the option that the parameter `name` of the address says, `usual` (the first) where it says none.

    `place`: what draws the box. `clears`: parameters that another choice takes out of the address.
    """
    usual = usual or options[0]
    asked = view.param(name)
    chosen, key = asked if asked in options else usual, f"choice-{name}"
    st.session_state[key] = chosen
    written = (view, key, name, usual, tuple(clears))
    place.selectbox(label, options, key=key, format_func=format_func, on_change=_chosen, args=written)
    return chosen


def _chosen(view: View, key: str, name: str, usual: str, clears: Sequence[str]) -> None:
    value = st.session_state[key]
    view.put(**dict.fromkeys(clears), **{name: None if value == usual else value})
