"""Charts of compressions: quality against what it costs, and the map of what broke.

    against([{"name": "q/1 cut", "score": .71, "low": .68, "high": .73, "size": 3.1, "is": "optimal"}], "size", "acc")
    damage([{"stage": "1 cut", "number": 1, "capability": "skill json", "loss": 0.08, "significant": False, ..}])

Pure functions. Costs stand on a logarithmic scale, since stages halve and quarter them. States differ in colour and in
shape; a significant loss carries a star, which is readable without colour. Values are plain mappings, which altair does
not validate one by one. Cost: milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart

TITLES = {"size": "size, MiB (log)", "speed": "tokens generated per second (log)"}
STATES = {"optimal": "#2a9d5c", "dominated": "#8a8f98", "rolled back": "#e45756"}
SHAPES = ["circle", "square", "cross"]
FIELDS = ("name", "sign", "is", "score", "low", "high")


def against(rows: Sequence[Mapping[str, Any]], cost: str, metric: str) -> Chart:
    """Return points with 95% intervals over `cost`, size in MiB or speed in tokens a second; not measured: left out."""
    values = [{"cost": row[cost], **{name: row[name] for name in FIELDS}} for row in rows if (row[cost] or 0) > 0]
    scale = alt.Scale(type="log", nice=False, padding=24)
    x = alt.X("cost:Q", title=TITLES[cost], scale=scale, axis=alt.Axis(format="~g"))
    y = alt.Y("score:Q", title=f"{metric}, 95% interval", scale=alt.Scale(zero=False))
    legend = alt.Legend(orient="top")
    colour = alt.Color(
        "is:N", title=None, scale=alt.Scale(domain=list(STATES), range=list(STATES.values())), legend=legend
    )
    shape = alt.Shape("is:N", title=None, scale=alt.Scale(domain=list(STATES), range=SHAPES))
    told = ["name:N", "is:N", alt.Tooltip("cost:Q", title=cost, format=".4g"),
            *[alt.Tooltip(f"{name}:Q", format=".4f") for name in ("score", "low", "high")]]  # fmt: skip
    base = alt.Chart({"values": values}).encode(x=x, color=colour)
    bars = base.mark_rule(strokeWidth=1.5).encode(y="low:Q", y2="high:Q")
    points = base.mark_point(filled=True, size=80, opacity=1).encode(y=y, shape=shape, tooltip=told)
    signs = base.mark_text(align="left", dx=7, dy=-7).encode(y=y, text="sign:N")
    return alt.layer(bars, points, signs).properties(height=320)


def damage(cells: Sequence[Mapping[str, Any]]) -> Chart:
    """Return a heat map, stages to the right and what was hit downwards, in the order of `cells`."""
    values = [{**cell, "told": f"-{cell['broken']} +{cell['mended']}{_star(cell)}"} for cell in cells]
    rows = list(dict.fromkeys(cell["capability"] for cell in cells))
    columns = [stage for _, stage in sorted({(cell["number"], cell["stage"]) for cell in cells})]
    most = max((abs(cell["loss"]) for cell in cells), default=0.0) or 1.0
    scale = alt.Scale(scheme="redblue", reverse=True, domain=[-most, most])
    base = alt.Chart({"values": values}).encode(
        x=alt.X("stage:N", sort=columns, title=None, axis=alt.Axis(orient="top", labelAngle=0, labelLimit=150)),
        y=alt.Y("capability:N", sort=rows, title=None, axis=alt.Axis(labelLimit=320)),
    )
    legend = alt.Legend(format="+.0%", orient="bottom")
    told = ["capability:N", "stage:N", "n:Q", "broken:Q", "mended:Q",
            *[alt.Tooltip(f"{name}:Q", format="+.3f") for name in ("delta", "low", "high")],
            alt.Tooltip("p adjusted:Q", format=".3g")]  # fmt: skip
    boxes = base.mark_rect().encode(
        color=alt.Color("loss:Q", title="net loss", scale=scale, legend=legend), tooltip=told
    )
    # The middle of the scale is light whatever the theme, its ends dark.
    far = f"abs(datum.loss) > {0.6 * most}"
    text = base.mark_text(fontSize=11).encode(
        text="told:N", color=alt.condition(far, alt.value("white"), alt.value("black"))
    )
    return alt.layer(boxes, text).properties(height=alt.Step(24))


def _star(cell: Mapping[str, Any]) -> str:
    return "*" if cell["significant"] else ""
