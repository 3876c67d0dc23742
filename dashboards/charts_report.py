"""Charts of the report, and how a chart becomes SVG or PNG without a browser and without a network.

    svg(intervals([{"name": "q4", "score": .7, "low": .68, "high": .72}], "score, 95% interval"))  -> '<svg xmlns=..'
    png(quality([{"name": "q4", "score": .7, "low": .68, "high": .72, "size_bytes": 3e8, "optimal": True}]))  -> bytes

Pure functions. Texts come out escaped, links and scripts there are none. Labels are given the room that a wide font
takes, since whoever opens an SVG has fonts of their own. Sources: Vega-Lite's documentation of layered views;
vl-convert. Cost: a second for the first picture, tens of milliseconds for each further one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart

OPTIMAL = ("worth its size", "another is as good and as small")
COLOURS = {"": "#4c78a8", "better": "#2a9d5c", "accepted": "#2a9d5c", "worse": "#e45756", "rejected": "#e45756"}
OTHER, LINE = "#8a8f98", "#8a8f98"
MIB = 2**20
LABEL, LETTER = 60, 7.2
"""Characters of a label, and pixels of one at most."""
FONT = "Helvetica, Arial, Liberation Sans, sans-serif"
FINE = 2
"""Pixels of a PNG for each of the picture's."""
CONFIG = {
    "aria": False, "background": "white", "font": FONT, "view": {"stroke": None}, "padding": 12,
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 14},
    "legend": {"orient": "top", "labelFontSize": 12, "labelLimit": 400, "columnPadding": 48},
    "title": {"anchor": "start", "fontSize": 14},
}  # fmt: skip


def intervals(rows: Sequence[Mapping[str, Any]], title: str, mark: float | None = None) -> Chart:
    """Return points with 95% intervals, a line each in the order given; `mark`: where a dashed line stands.

    `rows`: name, score, low, high, and `state`, which is a colour where it is one of `COLOURS`.
    """
    values = [
        {"name": _short(row["name"]), "colour": COLOURS.get(row.get("state") or "", OTHER),
         **{key: _finite(row[key]) for key in ("score", "low", "high")}}
        for row in rows
    ]  # fmt: skip
    longest = max((len(_short(row["name"])) for row in rows), default=0)
    axis = alt.Axis(labelLimit=600, minExtent=min(600, longest * LETTER))
    y = alt.Y("name:N", sort=None, title=None, axis=axis)
    colour = alt.Color("colour:N", scale=None)
    scale = alt.Scale(zero=False, padding=12)
    base = alt.Chart({"values": values}).encode(y=y, color=colour)
    x = alt.X("low:Q", title=title, scale=scale, axis=alt.Axis(tickCount=6))
    bars = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q")
    layers: list[Any] = [bars, base.mark_point(filled=True, size=70, opacity=1).encode(x="score:Q")]
    if mark is not None:
        dashed = alt.Chart({"values": [{"mark": mark}]}).mark_rule(strokeDash=[4, 4], color=LINE)
        layers.insert(0, dashed.encode(x="mark:Q"))
    return alt.layer(*layers).properties(width=480, height=alt.Step(22))


def quality(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Return quality with 95% intervals against size in MiB, those that are worth their size named and in colour."""
    values = [
        {
            "name": _short(row["name"]), **{key: _finite(row[key]) for key in ("score", "low", "high")},
            "MiB": row["size_bytes"] / MIB, "what": OPTIMAL[not row["optimal"]],
        }
        for row in rows
    ]  # fmt: skip
    sizes = sorted(row["MiB"] for row in values) or [1.0]
    middle = math.sqrt(sizes[0] * sizes[-1])
    colours = alt.Scale(domain=list(OPTIMAL), range=[COLOURS["better"], OTHER])
    base = alt.Chart({"values": values}).encode(
        x=alt.X("MiB:Q", title="size, MiB (log)", axis=alt.Axis(format=".3~g", tickCount=6),
                scale=alt.Scale(type="log", nice=False, domain=[sizes[0] / 1.1, sizes[-1] * 1.1])),
        color=alt.Color("what:N", title=None, scale=colours),
    )  # fmt: skip
    scale = alt.Scale(zero=False, padding=16)
    bars = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title="score, 95% interval", scale=scale), y2="high:Q")
    shape = alt.Shape("what:N", title=None, scale=alt.Scale(domain=list(OPTIMAL), range=["circle", "square"]))
    points = base.mark_point(filled=True, size=70, opacity=1).encode(y="score:Q", shape=shape)
    layers: list[Any] = [bars, points]
    for left in (True, False):
        told = alt.Chart({"values": [row for row in _told(values) if (row["MiB"] <= middle) == left]})
        text = told.mark_text(align="left" if left else "right", dx=8 if left else -8, dy=-8, fontSize=12, limit=300)
        layers.append(text.encode(x="MiB:Q", y="score:Q", text="name:N"))
    return alt.layer(*layers).properties(width=640, height=280)


def _told(values: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a name for each point that is worth its size; those that lie upon one another share one.

    All names would cover one another: stages of a compression are alike in size and score.
    """
    points: dict[tuple[str, str], dict[str, Any]] = {}
    for row in values:
        if row["what"] == OPTIMAL[0] and row["score"] is not None:
            place = (f"{row['MiB']:.2g}", f"{row['score']:.3f}")
            points.setdefault(place, {**row, "more": -1})["more"] += 1
    more = {place: f" and {row['more']} more" if row["more"] else "" for place, row in points.items()}
    return [{**row, "name": row["name"] + more[place]} for place, row in points.items()]


def reliability(row: Mapping[str, Any]) -> Chart:
    """Return mean confidence against the share of right answers with its interval; the diagonal is perfect.

    `row`: `bins` of `harness.gate.calibration.reliability`.
    """
    values = [
        {"said": held.said, "right": held.right, "low": held.right_low, "high": held.right_high, "n": held.n}
        for held in row["bins"]
    ]
    perfect = alt.Chart({"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}).mark_line(strokeDash=[4, 4], color=LINE)
    scale = alt.Scale(domain=[0, 1])
    base = alt.Chart({"values": values}).encode(x=alt.X("said:Q", title="mean confidence", scale=scale))
    right = alt.Y("low:Q", title="share right, 95% interval", scale=scale)
    bars = base.mark_rule(strokeWidth=2, color=COLOURS[""]).encode(y=right, y2="high:Q")
    size = alt.Size("n:Q", title="answers", scale=alt.Scale(range=[30, 300]), legend=None)
    points = base.mark_point(filled=True, color=COLOURS[""], opacity=1).encode(y="right:Q", size=size)
    diagonal = perfect.encode(x=alt.X("x:Q", scale=scale), y=alt.Y("y:Q", scale=scale))
    return alt.layer(diagonal, bars, points).properties(width=360, height=320)


def svg(chart: Chart) -> str:
    """Return a chart as an SVG element on white."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(_spec(chart)))


def png(chart: Chart) -> bytes:
    """Return a chart as a PNG on white, `FINE` pixels for each of its own."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_spec(chart), scale=FINE))


def _spec(chart: Chart) -> dict[str, Any]:
    return {**chart.to_dict(), "config": CONFIG}


def _short(text: str) -> str:
    return text if len(text) <= LABEL else f"{text[: LABEL // 2]}…{text[-LABEL // 2 :]}"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
