"""Charts as pure functions: plain rows in, an altair chart out.

intervals([{"model": "tiny", "score": 0.74, "low": 0.72, "high": 0.76}], "model").save("board.svg")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

Chart = alt.Chart | alt.LayerChart | alt.FacetChart | alt.HConcatChart | alt.VConcatChart


def intervals(rows: Sequence[Mapping[str, Any]], by: str) -> Chart:
    """Return points with 95% intervals, one line each, the best on top."""
    data = alt.InlineData(
        values=[{"name": str(row[by]), **{k: row[k] for k in ("score", "low", "high")}} for row in rows]
    )
    sorting = alt.EncodingSortField(field="score", order="descending")
    y = alt.Y("name:N", sort=sorting, title=None)
    base = alt.Chart(data)
    bars = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="score, 95% interval"), x2="high:Q", y=y)
    points = base.mark_point(filled=True, size=60).encode(
        x="score:Q", y=y, tooltip=["name:N", alt.Tooltip("score:Q", format=".4f"), "low:Q", "high:Q"]
    )
    return alt.layer(bars, points)
