"""Charts of compressions: quality against what it costs, and the map of what broke.

    against([{"name": "q/1 cut", "score": .71, "low": .68, "high": .73, "size": 3.1, "is": "optimal"}], "size", "acc")
    damage([{"stage": "1 cut", "number": 1, "capability": "skill json", "loss": 0.08, "significant": False, ..}])

Pure functions. Costs stand on a logarithmic scale, since stages halve and quarter them; a line joins the stages of a
compression that were kept, in their order. States differ in colour and in shape; a significant loss carries a star,
which is readable without colour. Values are plain mappings, which altair does not validate one by one. Cost:
milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart

TITLES = {"size": "size, MiB (log)", "speed": "tokens generated per second (log)"}
GREY = "#8a8f98"
STATES = {"optimal": ("#2a9d5c", "circle"), "dominated": (GREY, "square"), "rolled back": ("#e45756", "cross")}
FIELDS = ("name", "compression", "number", "sign", "is", "score", "low", "high")
PICKED = "picked"
"""Name of the selection: a click yields the `name` of a stage."""
NEAR = 0.03
"""Of an axis: points nearer than that share a sign."""
SAID = 4
"""Numbers in a sign; of further ones their count."""


def against(rows: Sequence[Mapping[str, Any]], cost: str, metric: str, chosen: str = "") -> Chart:
    """Return points with 95% intervals over `cost`, size in MiB or speed in tokens a second; not measured: left out.

    `chosen`: the name of a stage that has a ring around it.
    """
    values = [{"cost": row[cost], **{name: row[name] for name in FIELDS}} for row in rows if (row[cost] or 0) > 0]
    values = [{**row, "sign": sign} for row, sign in zip(values, signs(values), strict=True)]
    scale = alt.Scale(type="log", nice=False, padding=24)
    x = alt.X("cost:Q", title=TITLES[cost], scale=scale, axis=alt.Axis(format="~g", labelOverlap=True))
    y = alt.Y("score:Q", title=f"{metric}, 95% interval", scale=alt.Scale(zero=False))
    colour, shape = _marked(values)
    told = ["name:N", "is:N", alt.Tooltip("cost:Q", title=cost, format=".4g"),
            *[alt.Tooltip(f"{name}:Q", format=".4f") for name in ("score", "low", "high")]]  # fmt: skip
    base = alt.Chart({"values": values}).encode(x=x)
    way = base.transform_filter("datum.is != 'rolled back'").mark_line(strokeWidth=1, color=GREY, strokeDash=[3, 3])
    way = way.encode(y=y, order="number:Q", detail="compression:N")
    bars = base.mark_rule(strokeWidth=1.5, opacity=0.8).encode(y="low:Q", y2="high:Q", color=colour)
    ring = base.transform_filter(alt.FieldEqualPredicate(field="name", equal=chosen))
    ring = ring.mark_point(size=330, strokeWidth=2, color=GREY).encode(y=y)
    points = base.mark_point(filled=True, size=110, opacity=1, cursor="pointer")
    points = points.encode(y=y, color=colour, shape=shape, tooltip=told)
    points = points.add_params(alt.selection_point(name=PICKED, fields=["name"]))
    words = base.mark_text(align="left", dx=9, dy=-9, color=GREY, fontSize=12).encode(y=y, text="sign:N")
    title = f"Quality against {cost}: a point a stage, optimal ones marked"
    return alt.layer(way, bars, ring, points, words).properties(height=300, description=title)


def signs(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what stands beside each point: points that lie on one another share a sign at the first of them."""
    places = [(math.log(row["cost"]), row["score"]) for row in values]
    wide, tall = (max(axis) - min(axis) or 1.0 for axis in zip(*places, strict=True)) if places else (1.0, 1.0)
    tall = max(
        tall, max((row["high"] for row in values), default=0.0) - min((row["low"] for row in values), default=0.0)
    )
    told: list[list[str]] = [[] for _ in values]
    for place, (row, (x, y)) in enumerate(zip(values, places, strict=True)):
        near = (first for first, (a, b) in enumerate(places[:place])
                if told[first] and abs(a - x) < NEAR * wide and abs(b - y) < NEAR * tall)  # fmt: skip
        told[next(near, place)].append(row["sign"])
    return [", ".join(filter(None, one[:SAID])) + (f" +{len(one) - SAID}" if any(one[SAID:]) else "") for one in told]


def _marked(values: Sequence[Mapping[str, Any]]) -> tuple[alt.Color, alt.Shape]:
    """Return colour and shape of the states that there are."""
    held = {row["is"] for row in values}
    own = {name: look for name, look in STATES.items() if name in held} or STATES
    legend = alt.Legend(orient="top")
    colours, shapes = ([look[side] for look in own.values()] for side in (0, 1))
    return (
        alt.Color("is:N", title=None, scale=alt.Scale(domain=list(own), range=colours), legend=legend),
        alt.Shape("is:N", title=None, scale=alt.Scale(domain=list(own), range=shapes), legend=legend),
    )


def damage(cells: Sequence[Mapping[str, Any]]) -> Chart:
    """Return a heat map, stages to the right and what was hit downwards, in the order of `cells`."""
    values = [{**cell, "told": _told(cell)} for cell in cells]
    rows = list(dict.fromkeys(cell["capability"] for cell in cells))
    columns = [stage for _, stage in sorted({(cell["number"], cell["stage"]) for cell in cells})]
    most = max((abs(cell["loss"]) for cell in cells), default=0.0) or 1.0
    scale = alt.Scale(scheme="redblue", reverse=True, domain=[-most, most])
    base = alt.Chart({"values": values}).encode(
        x=alt.X("stage:N", sort=columns, title=None, axis=alt.Axis(orient="top", labelAngle=0, labelLimit=150),
                scale=alt.Scale(domain=columns)),
        y=alt.Y("capability:N", sort=rows, title=None, axis=alt.Axis(labelLimit=320)),
    )  # fmt: skip
    touched = "datum.broken + datum.mended > 0"
    legend = alt.Legend(format="+.0%", orient="bottom")
    told = ["capability:N", "stage:N", "n:Q", "broken:Q", "mended:Q",
            *[alt.Tooltip(f"{name}:Q", format="+.3f") for name in ("delta", "low", "high")],
            alt.Tooltip("p adjusted:Q", format=".3g")]  # fmt: skip
    boxes = base.transform_filter(touched).mark_rect().encode(
        color=alt.Color("loss:Q", title="net loss", scale=scale, legend=legend), tooltip=told
    )  # fmt: skip
    # The middle of the scale is light whatever the theme, its ends dark.
    far = f"abs(datum.loss) > {0.6 * most}"
    text = base.transform_filter(touched).mark_text(fontSize=11).encode(
        text="told:N", color=alt.condition(far, alt.value("white"), alt.value("black"))
    )  # fmt: skip
    none = base.transform_filter(f"!({touched})").mark_text(color=GREY).encode(text=alt.value("·"))
    title = "Broken and mended samples by stage and capability"
    return alt.layer(boxes, text, none).properties(height=alt.Step(24), description=title)


def _told(cell: Mapping[str, Any]) -> str:
    """Return what broke and what mended, as far as there is any, and the star of a significant loss."""
    counts = (f"{sign}{cell[name]}" for sign, name in (("-", "broken"), ("+", "mended")) if cell[name])
    return " ".join(counts) + ("*" if cell["significant"] else "")
