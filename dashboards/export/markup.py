"""HTML elements of which every text is escaped: there is no way to put a plain string in as markup.

    element("p", "a <b>", id="x")               -> Markup('<p id="x">a &lt;b&gt;</p>')
    table(("model", "score"), [("m", 0.5)])     -> Markup('<table>..')

Texts are one line in which nothing is invisible: terminal escapes and bidi overrides stand as `\\x1b`. Names of
elements and of attributes are our own, never data. Source: the HTML standard, 13.1.2 (text and quoted attributes), met
by `html.escape`. Cost: microseconds an element.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from datetime import datetime

from harness.gate.outputs.escape import line

WIDTH = 300
"""Characters of a text at most."""
LONG = 36
"""Characters from which a cell is broken into lines, and of a column's name at most."""


class Markup(str):
    """Text that is HTML already: made by this module, or drawn by the chart library."""

    __slots__ = ()


class Number(Markup):
    """Markup that is a number as it is to be shown: it stands to the right in a table."""

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


def score(value: float | None, strong: bool = False) -> Part:
    """Return a score with four decimals, so that a column of them can be read down; empty without one."""
    if value is None:
        return ""
    shown = Number(f"{value:.4f}")
    return Number(element("strong", shown)) if strong else shown


def table(columns: Sequence[str], rows: Iterable[Sequence[Part]]) -> Markup:
    """Return a table in a box that scrolls by itself; numbers stand to the right, a column without a cell is left out.

    A column whose name is empty holds drawings or marks.
    """
    lines = [list(row) for row in rows]
    kept = [place for place in range(len(columns)) if any(row[place] not in (None, "") for row in lines)]
    head = element("tr", *(_head(columns[place], [row[place] for row in lines]) for place in kept))
    body = [element("tr", *(_cell(row[place]) for place in kept)) for row in lines]
    whole = element("table", element("thead", head), element("tbody", *body))
    return element("div", whole, class_="scroll", tabindex="0")


def _head(column: str, cells: Sequence[Part]) -> Markup:
    number = all(_is_number(cell) or cell in (None, "") for cell in cells)
    return element("th", line(column, LONG), scope="col", **({"class_": "number"} if number else {}))


def _cell(value: Part) -> Markup:
    if _is_number(value):
        return element("td", value, class_="number")
    long = isinstance(value, str) and not isinstance(value, Markup) and len(value) > LONG
    return element("td", value, **({"class_": "long"} if long else {}))


def _is_number(value: Part) -> bool:
    return isinstance(value, Number) or (isinstance(value, int | float) and not isinstance(value, bool))
