"""Widgets whose value is the address: every choice a deep link, every link a choice. Part of the page `compare`.

    suite = choose(view, st, "Suite", ["mmlu", "primer"], "suite", "mmlu")

The first choice writes the two runs along (`put`). Tables and charts take a new key with each state (`key`), so that
each click on them is told, and told once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards.pages import _choice
from dashboards.view import View
from harness.hashing import digest


def choose(
    view: View, place: Any, label: str, options: Sequence[str], name: str, default: str = "",
    clears: Sequence[str] = (), **how: Any,
) -> str:  # fmt: skip
    """Return what the address says of `name` where that is an option, else `default` (empty: nothing is chosen)."""
    return _choice.choose(view, place, label, name, options, default, clears, put=partial(put, view), **how)


def put(view: View, **values: str | None) -> None:
    """Write parameters into the address, and the two runs: whoever is sent it sees the same ones."""
    runs = {side: st.session_state[f"choice-{side}"] for side in ("a", "b")}
    view.put(**{**values, **runs})


def key(*state: Any) -> str:
    """Return the key of a table or chart in a state."""
    return "compare_" + digest(*map(str, state))[:16]


def on_row(own: str, names: Sequence[str], write: Callable[[str | None], None]) -> Callable[[], None]:
    """Return the callback of a table: it writes the name of the row that is ticked, None where none is."""

    def told() -> None:
        rows = st.session_state[own]["selection"]["rows"]
        write(names[rows[0]] if rows else None)

    return told


def ticked(names: Sequence[str], name: str) -> dict[str, Any]:
    """Return the selection of a table in which the row of that name is ticked."""
    return {"selection": {"rows": [list(names).index(name)] if name in names else []}}
