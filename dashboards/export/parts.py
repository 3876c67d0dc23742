"""What the sections of the report share: the frame with what made it, folds, figures, names that may be shown around.

    counted([1, 2], "run")                     -> "2 runs"
    place("gguf:/home/ada/models/q4.gguf")     -> "gguf:q4.gguf"

A report is made to be shown around, so that nothing in it says where somebody works. Cost: microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dashboards.export.markup import Markup, Part, element, text
from harness.workbench.record import without_places

LISTED = 100
"""Rows of a table at most."""
MIB = 2**20
ARTIFACT = re.compile(r"([0-9a-f]{8,})/([^/]+)")
Draw = Callable[[str, Any], str]
"""Kind of a chart and its rows -> SVG."""


def section(name: str, title: str, told: str, parts: Sequence[Markup], empty: str, made: Sequence[str] = ()) -> Markup:
    """Return a section: heading, a line of what it tells, its parts, and folded away the commands that make them."""
    opening = [element("h2", title), *([element("p", told, class_="told")] if told and parts else [])]
    body = list(parts) or [element("p", empty)]
    lines = [element("pre", element("code", _whole(one))) for one in made if parts]
    how = [element("details", element("summary", "How these numbers were made"), *lines, class_="made")]
    return element("section", *opening, *body, *(how if lines else []), id=name)


def fold(title: Sequence[Part], *parts: Markup, opened: bool = True) -> Markup:
    """Return parts under a heading that may be folded away; on paper all are open."""
    inner = element("summary", *title)
    return element("details", inner, *parts, **({"open": ""} if opened else {}))


def figure(drawn: str, said: str) -> Markup:
    """Return a picture of the chart library with what it shows."""
    return element("figure", Markup(drawn), element("figcaption", said))


def shortened(rows: Sequence[Any], most: int = LISTED) -> Markup:
    """Return a line that says how many of the rows stand above; nothing where all do."""
    return element("p", f"The first {most} of {len(rows)} rows.") if len(rows) > most else Markup()


def counted(rows: Sequence[Any], what: str) -> str:
    """Return how many there are in words: "1 run", "2 runs"."""
    return f"{len(rows):,} {what}{'' if len(rows) == 1 else 's'}"


def interval(low: float | None, high: float | None) -> str:
    """Return bounds as people read them; empty without."""
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def signed(value: float | None) -> str:
    """Return a difference with its sign."""
    return "" if value is None else f"{value:+.4f}"


def place(foreign: Any) -> str:
    """Return a text in which of each path of this machine the last part alone is left."""
    return str(without_places(str(foreign or "")))


def model(row: Mapping[str, Any]) -> str:
    """Return a model's spec as it may be shown around: of a path the file, and its artifact where it lies in one."""
    spec = str(row["model"])
    found = ARTIFACT.search(spec)
    return f"{found[1][:12]}/{found[2]}" if found and spec.endswith(found[0]) else place(spec)


def _whole(query: str) -> Markup:
    """Return a query line by line, which `element` would fold into one."""
    return Markup("\n".join(element("span", text(line)) for line in query.strip().splitlines()))
