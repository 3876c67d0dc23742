"""Charts of reviews, as pure functions: plain rows in, an altair chart out.

    means([{"run": "tuned", "mean": 7.9, "low": 7.4, "high": 8.3}], "satisfaction", (1, 10))
    spread([{"run": "tuned", "said": "8", "n": 410}], ["1", "2", .., "10"])     how often each answer was given

Colours are middle tones that stand out on light and on dark. Cost: milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart

RUNS = ("#3f8ae0", "#e07b39", "#2e9e5b", "#b565c9", "#c9a01b", "#d64545")
LABEL = 340
"""Pixels of a label at most."""


def means(rows: Sequence[Mapping[str, Any]], metric: str, scale: tuple[float, float]) -> Chart:
    """Return a line a run: its mean and 95% interval on the whole scale, in the order of `rows`."""
    base = alt.Chart({"values": [dict(row) for row in rows]})
    y = alt.Y("run:N", title=None, sort=[row["run"] for row in rows], axis=alt.Axis(labelLimit=LABEL))
    x = alt.X("low:Q", title=f"{metric}, 95% interval", scale=alt.Scale(domain=list(scale)))
    colour = _runs(rows, None)
    told = ["run:N", *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("mean", "low", "high"))]
    bars = base.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q", y=y, color=colour)
    points = base.mark_point(filled=True, size=90, opacity=1).encode(x="mean:Q", y=y, color=colour, tooltip=told)
    return alt.layer(bars, points).properties(height=alt.Step(30), description=f"{metric} by run, with intervals")


def spread(rows: Sequence[Mapping[str, Any]], answers: Sequence[str]) -> Chart:
    """Return how often each of `answers` was given, a colour a run."""
    base = alt.Chart({"values": [dict(row) for row in rows]})
    bars: alt.Chart = base.mark_bar().encode(
        x=alt.X("said:N", title=None, sort=list(answers), scale=alt.Scale(domain=list(answers)),
                axis=alt.Axis(labelAngle=0, labelLimit=LABEL)),
        xOffset=alt.XOffset("run:N", sort=list(dict.fromkeys(row["run"] for row in rows))),
        y=alt.Y("n:Q", title="ratings", axis=alt.Axis(tickMinStep=1, tickCount=4)),
        color=_runs(rows, alt.Legend(orient="top", labelLimit=LABEL)), tooltip=["run:N", "said:N", "n:Q"],
    )  # fmt: skip
    drawn: alt.Chart = bars.properties(height=200, description="How often each answer was given")
    return drawn


def _runs(rows: Sequence[Mapping[str, Any]], legend: alt.Legend | None) -> alt.Color:
    names = list(dict.fromkeys(row["run"] for row in rows))
    scale = alt.Scale(domain=names, range=[RUNS[n % len(RUNS)] for n in range(len(names))])
    return alt.Color("run:N", title=None, scale=scale, legend=legend if len(names) > 1 else None)
