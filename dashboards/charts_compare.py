"""Forest plots of differences: rows in, an altair chart out.

forest([{"name": "mmlu", "delta": -0.03, "low": -0.04, "high": -0.02, "n": 1200, "verdict": "worse"}]).save("f.svg")
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart

COLOURS = {"better": "#2a9d5c", "worse": "#d1495b", "no difference shown": "#8a8f98"}
"""Readable on light and on dark ground."""
FIGURES = ("delta", "low", "high")


def forest(rows: Sequence[Mapping[str, Any]], units: str = "B - A") -> Chart:
    """Return differences with their intervals, one line each, the lowest on top, beside a line at zero.

    `units`: title of the axis. Infinite bounds are left out.
    """
    values = [
        {
            "name": str(row["name"]), "n": row["n"], "verdict": row["verdict"] or "no difference shown",
            **{name: row[name] if math.isfinite(row[name]) else None for name in FIGURES},
        }
        for row in rows
    ]  # fmt: skip
    y = alt.Y("name:N", sort=[row["name"] for row in sorted(values, key=lambda row: row["delta"] or 0.0)], title=None)
    colour = alt.Color(
        "verdict:N", title=None, legend=alt.Legend(orient="top"),
        scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
    )  # fmt: skip
    base = alt.Chart(alt.InlineData(values=values))
    told = ["name:N", "n:Q", *(alt.Tooltip(f"{name}:Q", format="+.4f") for name in FIGURES), "verdict:N"]
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(strokeDash=[4, 4], color="#8a8f98")
    whole = alt.layer(
        zero.encode(x="zero:Q"),
        base.transform_filter("isValid(datum.low) && isValid(datum.high)")
        .mark_rule(strokeWidth=2)
        .encode(x=alt.X("low:Q", title=units), x2="high:Q", y=y, color=colour, tooltip=told),
        base.mark_point(filled=True, size=60, opacity=1).encode(x="delta:Q", y=y, color=colour, tooltip=told),
    )
    return whole.properties(description=f"Differences with intervals ({units}), {len(values)} lines")
