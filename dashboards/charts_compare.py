"""Forest plots of differences: rows in, an altair chart out.

forest([{"name": "mmlu", "delta": -0.03, "low": -0.04, "high": -0.02, "n": 1200, "verdict": "worse"}]).save("f.svg")
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart

NONE = "no difference shown"
COLOURS = {"better": "#2a9d5c", "worse": "#d1495b", NONE: "#8a8f98"}
"""Readable on light and on dark ground."""
SHAPES = {"better": "triangle-right", "worse": "triangle-left", NONE: "circle"}
"""For who sees no red or green."""
FIGURES = ("delta", "low", "high")
PICKED = "picked"
"""Name of the selection by a click anywhere on a line."""


def forest(
    rows: Sequence[Mapping[str, Any]], units: str = "B - A", whole: Mapping[str, Any] | None = None, click: bool = False
) -> Chart:
    """Return differences with their intervals, one line each, the lowest on top, beside a line at zero.

    `units`: title of the axis. `whole`: the line of all of them together, shown last. `click`: a click selects the
    `name` of a line, as `PICKED`. Infinite bounds are left out.
    """
    values = sorted(map(_value, rows), key=lambda row: row["delta"] or 0.0) + ([_value(whole)] if whole else [])
    domain = list(COLOURS)
    y = alt.Y("name:N", sort=[row["name"] for row in values], title=None, axis=alt.Axis(labelLimit=260, ticks=False))
    colour = alt.Color("verdict:N", scale=alt.Scale(domain=domain, range=list(COLOURS.values())), legend=None)
    shape = alt.Shape("verdict:N", scale=alt.Scale(domain=domain, range=list(SHAPES.values())), legend=None)
    base = alt.Chart({"values": values})
    # Channels, not their short words: altair checks those against its whole schema, each for milliseconds.
    told = [alt.Tooltip(f"{name}:{kind}") for name, kind in (("name", "N"), ("n", "Q"), ("verdict", "N"))]
    told += [alt.Tooltip(f"{name}:Q", format="+.4f") for name in FIGURES]
    ground = base.mark_rect(opacity=0).encode(y=y, tooltip=told)
    if click:
        ground = ground.add_params(alt.selection_point(name=PICKED, fields=["name"]))
    bounded = base.transform_filter("isValid(datum.low) && isValid(datum.high)")
    drawn = alt.layer(
        ground,
        alt.Chart({"values": [{}]}).mark_rule(strokeDash=[4, 4], color=COLOURS[NONE]).encode(x=alt.datum(0)),
        bounded.mark_rule(strokeWidth=2.5).encode(
            x=alt.X("low:Q", title=units, axis=alt.Axis(format="+~g", tickCount=8, grid=True, labelBound=True)),
            x2=alt.X2("high:Q"),
            y=y,
            color=colour,
            tooltip=told,
        ),
        base.mark_point(filled=True, size=130, opacity=1).encode(
            x=alt.X("delta:Q"), y=y, color=colour, shape=shape, tooltip=told
        ),
    )
    said = f"Differences {units} with intervals, {len(values)} lines; the dashed line is at zero."
    return drawn.properties(description=said, height=alt.Step(24))


def _value(row: Mapping[str, Any]) -> dict[str, Any]:
    figures = {name: row[name] if math.isfinite(row[name]) else None for name in FIGURES}
    return {"name": str(row["name"]), "n": row["n"], "verdict": row["verdict"] or NONE, **figures}
