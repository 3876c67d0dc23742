"""Charts as pure functions: plain rows in, an altair chart out.

intervals([{"model": "tiny", "score": 0.74, "low": 0.72, "high": 0.76}], "model").save("board.svg")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

Chart = alt.Chart | alt.LayerChart | alt.FacetChart | alt.HConcatChart | alt.VConcatChart
BLUE, GREY = "#4a90d9", "#8a8f98"
"""Readable on light and on dark ground."""
FIGURES = ("score", "low", "high")


def intervals(rows: Sequence[Mapping[str, Any]], by: str, at: float | None = None, up: bool = True) -> Chart:
    """Return points with 95% intervals, one line each, the best on top; `at`: a score to draw a line at.

    `up`: whether more is better.
    """
    values = [{"name": str(row[by]), **{k: row[k] for k in FIGURES}} for row in rows]
    sorting = alt.EncodingSortField(field="score", order="descending" if up else "ascending")
    y = alt.Y("name:N", sort=sorting, title=None, axis=alt.Axis(labelLimit=300, labelFlush=False))
    scale = alt.Scale(zero=False, padding=8)
    told: list[Any] = ["name:N", *(alt.Tooltip(f"{name}:Q", format=".4f") for name in FIGURES)]
    base = alt.Chart({"values": values}).encode(y=y, tooltip=told)
    bars = base.mark_rule(strokeWidth=2, color=BLUE).encode(
        x=alt.X("low:Q", title="score, 95% interval", scale=scale, axis=alt.Axis(tickCount=8)), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=60, opacity=1, color=BLUE).encode(x="score:Q")
    layers = [bars, points]
    if at is not None:
        line = alt.Chart({"values": [{"at": at}]}).mark_rule(strokeDash=[4, 4], color=GREY)
        layers.insert(0, line.encode(x="at:Q"))
    return alt.layer(*layers).properties(description=f"Scores with 95% intervals, {len(values)} lines")
