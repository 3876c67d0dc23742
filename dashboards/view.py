"""What a page is handed: rows of the database, links to other pages, and the queries behind what it shows.

    def show(view: View) -> None:
        found = leaderboard.board(view.ask)            rows, cached until the file changes
        name = view.param("suite")                     of the address: every state is a deep link
        view.link("its failures", "clusters", run=run_id)

Texts of models go through `st.text` and `st.code`, which take nothing for markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from dashboards.queries import Rows
from harness.store import Database, read

CACHED = 512
"""Answers kept; an answer is valid as long as the file is unchanged."""


@dataclass
class View:
    """One showing of one page."""

    database: Database
    pages: Mapping[str, Any]
    """Name -> st.Page."""
    asked: list[tuple[str, Sequence[Any]]] = field(default_factory=list)

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Return the rows of a query, and remember it for `queries`."""
        self.asked.append((sql, parameters))
        state = (str(self.database.path), self.stamp, sql, json.dumps(list(parameters), default=str))
        found: Rows = _rows(self.database, *state)
        return found

    @property
    def stamp(self) -> tuple[int, int]:
        """What changes when the file does."""
        if not self.database.exists:
            return (0, 0)
        state = self.database.path.stat()
        return (state.st_mtime_ns, state.st_size)

    def param(self, name: str, default: str = "") -> str:
        """Return a parameter of the address."""
        return str(st.query_params.get(name, default))

    def put(self, **values: str | None) -> None:
        """Write parameters into the address, in one step of the browser's history; None or nothing takes one out."""
        now = st.query_params.to_dict()
        wanted = {name: value for name, value in {**now, **values}.items() if value}
        if wanted != now:
            st.query_params.from_dict(wanted)

    def link(self, label: str, page: str, **parameters: str) -> None:
        """Show a link to a page in a state."""
        if page in self.pages:
            st.page_link(self.pages[page], label=label, query_params=parameters)

    def go(self, page: str, **parameters: str) -> None:
        """Open a page in a state."""
        st.switch_page(self.pages[page], query_params=parameters)

    def queries(self) -> None:
        """Show the queries behind what the page shows."""
        if self.asked:
            with st.expander("How these numbers were made"):
                for sql, parameters in dict.fromkeys((sql, json.dumps(list(p), default=str)) for sql, p in self.asked):
                    st.code(sql.strip() + (f"\n-- with {parameters}" if parameters != "[]" else ""), language="sql")


@st.cache_data(max_entries=CACHED, show_spinner=False)  # type: ignore[untyped-decorator]
def _rows(_database: Database, path: str, stamp: tuple[int, int], sql: str, parameters: str) -> Rows:
    return read.query(_database, sql, json.loads(parameters))
