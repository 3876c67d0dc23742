"""Charts of the report alone, and how a chart becomes a picture within a page.

    svg(quality([{"model": "q4", "score": .7, "low": .68, "high": .72, "size_bytes": 3e8, "optimal": True}], "x"))
      -> '<svg xmlns="http://www.w3.org/2000/svg" ..'

vl-convert draws without a browser and without a network; texts come out escaped, links and scripts there are none. On
white, whatever the page's colours are. Source: Vega-Lite's documentation of layered views. Cost: a second for the first
picture, tens of milliseconds for each further one.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart

OPTIMAL = ("optimal", "another is as good and as small")
COLOURS = ("#1b7f4b", "#9a9a9a")
MIB = 2**20


def quality(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Return quality with 95% intervals against size in MiB, those that are worth their size in colour."""
    values = [
        {
            **{key: row[key] for key in ("model", "score", "low", "high")},
            "MiB": row["size_bytes"] / MIB, "what": OPTIMAL[not row["optimal"]],
        }
        for row in rows
    ]  # fmt: skip
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("MiB:Q", title="size in MiB", scale=alt.Scale(zero=False, padding=20)),
        color=alt.Color("what:N", title=None, scale=alt.Scale(domain=list(OPTIMAL), range=list(COLOURS))),
    )
    scale = alt.Scale(zero=False)
    bars = base.mark_rule().encode(y=alt.Y("low:Q", title="score, 95% interval", scale=scale), y2="high:Q")
    points = base.mark_point(filled=True, size=60).encode(y="score:Q")
    # All names would cover one another: stages of a compression are alike in size and score.
    named = base.transform_filter(alt.datum.what == OPTIMAL[0])
    names = named.mark_text(align="left", dx=6, fontSize=10, limit=160).encode(y="score:Q", text="model:N")
    return alt.layer(bars, points, names).properties(width=520, height=260)


def shares(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Return a bar with its 95% interval for each cause: its share of a run's failures, in the order given."""
    values = [{"cause": row["model"], **{key: row[key] for key in ("score", "low", "high")}} for row in rows]
    y = alt.Y("cause:N", sort=None, title=None, axis=alt.Axis(labelLimit=260))
    base = alt.Chart(alt.InlineData(values=values)).encode(y=y)
    bars = base.mark_bar(opacity=0.6).encode(x=alt.X("score:Q", title="share of the failures, 95% interval"))
    return alt.layer(bars, base.mark_rule().encode(x="low:Q", x2="high:Q")).properties(width=420)


def svg(chart: Chart) -> str:
    """Return a chart as an SVG element on white."""
    drawn = io.StringIO()
    chart.configure(background="white").configure_view(stroke=None).configure_legend(orient="top").save(
        drawn, format="svg"
    )
    return drawn.getvalue()
