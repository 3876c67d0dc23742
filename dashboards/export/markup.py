"""HTML elements of which every text is escaped: there is no way to put a plain string in as markup.

    element("p", "a <b>", id="x")               -> Markup('<p id="x">a &lt;b&gt;</p>')
    table(("model", "score"), [("m", 0.5)])     -> Markup('<table>..')

Texts are one line in which nothing is invisible: terminal escapes and bidi overrides stand as `\\x1b`. Names of
elements and of attributes are our own, never data. Source: the HTML standard, 13.1.2 (text and quoted attributes), met
by `html.escape`. Cost: microseconds an element.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from harness.gate.outputs.escape import line

WIDTH = 300
"""Characters of a text at most."""


class Markup(str):
    """Text that is HTML already: made by this module, or drawn by the chart library."""

    __slots__ = ()


Part = str | int | float | datetime | None


def text(value: Part) -> str:
    """Return a value as people read it: numbers with four digits, times to the minute, nothing for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else line(value, WIDTH)


def element(name: str, *children: Part, **attributes: str) -> Markup:
    """Return an element around its children; what is no `Markup` is escaped. `class_` is the attribute `class`."""
    inner = "".join(child if isinstance(child, Markup) else html.escape(text(child)) for child in children)
    told = "".join(f' {key.strip("_")}="{html.escape(line(value, WIDTH))}"' for key, value in attributes.items())
    return Markup(f"<{name}{told}>{inner}</{name}>")


def table(columns: Sequence[str], rows: Iterable[Sequence[Part]], left: Collection[str] = ()) -> Markup:
    """Return a table in a box that scrolls by itself; numbers stand to the right, and the columns of `left` do not."""
    head = element("tr", *(element("th", column, scope="col") for column in columns))
    body = [
        element("tr", *(_cell(value, column in left) for column, value in zip(columns, row, strict=True)))
        for row in rows
    ]
    whole = element("table", element("thead", head), element("tbody", *body))
    return element("div", whole, class_="scroll")


def _cell(value: Part, left: bool) -> Markup:
    if isinstance(value, int | float) and not isinstance(value, bool) and not left:
        return element("td", value, class_="number")
    return element("td", value)
