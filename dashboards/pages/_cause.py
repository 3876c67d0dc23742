"""One cause of failure: what it is, how much of it there is, and a failure that shows it."""

from __future__ import annotations

import json
import textwrap
from string import ascii_uppercase
from typing import Any

import streamlit as st

from dashboards.pages._cause_kept import key_of, told
from dashboards.pages._choice import choose, whole
from dashboards.pages._sample_made import TOLD
from dashboards.queries import Rows, clusters
from dashboards.view import View
from harness.failures.case import Case

LONGEST = 6000
"""Characters of a text shown."""
TALL, TALL_PX = 600, 200
"""A text of more characters, or of a tenth of it in lines, gets a box of that height, in CSS pixels."""
NONE = "none"
"""In the address for what is like no known cause: its id is empty."""
WIDTH, FITS = 84, 56
"""Characters of a line of text, and of a label that its box shows whole."""


def chosen(view: View, rows: Rows) -> dict[str, Any]:
    """Return the row of the cause looked at: that of the address, else the worst."""
    by_id = {row["cause"] or NONE: row for row in rows}
    named = choose(
        view, st, "Cluster", "cause", [*by_id], clears=("sample", "at"),
        format_func=lambda i: f"{by_id[i]['label']} ({by_id[i]['failures']})",
    )  # fmt: skip
    return by_id[named]


def show(view: View, analysis: dict[str, Any], cause: dict[str, Any], said: str) -> None:
    """Show the cause of row `cause` with an example. `said`: what changed, in words."""
    with st.container(border=True, gap="xsmall"):
        st.markdown(
            f"**{cause['failures']:,} failures**: {cause['share']:.1%} of the run's "
            f"({cause['low']:.1%} to {cause['high']:.1%}), {cause['rate']:.1%} of its answers"
        )
        if len(cause["label"]) > FITS:
            text(cause["label"])
        if cause["keywords"]:
            text("Keywords: " + ", ".join(cause["keywords"]))
        if said:
            text("Against the run compared with: " + said)
    if cause["failures"]:
        _example(view, analysis, cause)


def page_of(view: View, analysis: dict[str, Any], cause: dict[str, Any]) -> tuple[int, Rows, dict[str, Any] | None]:
    """Return the page (1 is the first) that the address names, its failures, and the one that is open."""
    pages = max(1, -(-cause["failures"] // clusters.PAGE))
    page, asked = whole(view.param("at"), pages), view.param("sample")
    if asked and (place := clusters.place(view.ask, analysis, cause["cause"], asked)) is not None:
        page = place // clusters.PAGE + 1
    found = clusters.members(view.ask, analysis, cause["cause"], page - 1)
    return page, found, next((row for row in found if address(row) == asked), found[0] if found else None)


def address(row: dict[str, Any]) -> str:
    """Return a failure as the address names it."""
    return "/".join(map(str, key_of(row)))


def text(said: str) -> None:
    """Show text of a model: no markup, lines broken so that nothing scrolls sideways."""
    st.text("\n".join(textwrap.wrap(said, WIDTH)))


def _example(view: View, analysis: dict[str, Any], cause: dict[str, Any]) -> None:
    _, found, row = page_of(view, analysis, cause)
    if row is None:
        return
    key = key_of(row)
    diagnosed = told(str(view.database.path), view.stamp, analysis["run_id"], row["suite"], analysis["split"], key)
    case, diagnosis = diagnosed.get(key, (None, None))
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**An example**", help="The most typical failure first.", width="stretch")
            after = found[(found.index(row) + 1) % len(found)]
            st.button("Another", icon=":material/arrow_forward:", type="tertiary", disabled=len(found) < 2,
                      on_click=view.put, kwargs={"sample": address(after)})  # fmt: skip
        text(f"{row['suite']} · {row['name'] or row['sample_id'][:12]} · {row['mode']}")
        if case is not None and diagnosis is not None:
            text(diagnosis.text)
            _block("Question", _asked(case))
            if case.target is not None:
                _block("Expected", _plain(case.target))
            _block("Said", case.text or "(nothing)")
            for name in ("at", "got"):  # of a program
                if said := case.detail.get(name):
                    _block(TOLD[name], str(said))
        view.link(
            "this sample, with prompt and history", "samples",
            run=analysis["run_id"], suite=row["suite"], sample=row["sample_id"],
        )  # fmt: skip


def _block(name: str, body: str) -> None:
    shown = body[:LONGEST].rstrip()
    tall = len(shown) > TALL or shown.count("\n") > TALL // 60
    st.caption(name)
    st.code(shown, language=None, wrap_lines=True, height=TALL_PX if tall else "content")


def _asked(case: Case) -> str:
    """Return the question with its options, where it does not hold them."""
    options = [f"({letter}) {option}" for letter, option in zip(ascii_uppercase, case.choices, strict=False)]
    there = all(option in case.question for option in case.choices)
    return "\n".join([case.question or "(nothing stored)", *([] if there else options)])


def _plain(target: Any) -> str:
    return target if isinstance(target, str) else json.dumps(target, ensure_ascii=False, indent=1)
