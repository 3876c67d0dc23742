"""Charts of causes of failure as pure functions: plain rows in, an altair chart out.

shares([{"cause": "3f9a..", "label": "off by one", "share": .34, "low": .26, "high": .43}], "3f9a..")
  .save("causes.svg")

The chosen cause stands out from grey ones, so that no chart needs a colour a cause: legible in light and dark, in print
and without colour vision. Labels are text of models: a chart draws them, nothing interprets them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pyarrow as pa

from dashboards.charts import Chart

CHOSEN, OTHER, MARK = "#e4572e", "#8a94a6", "#4c78a8"
PICK = "pick"
"""Name of the selection in a chart that may be clicked; its field is `cause`."""
LABEL = 42
"""Characters of a label on an axis."""


def shares(rows: Sequence[Mapping[str, Any]], chosen: str) -> Chart:
    """Return a bar a cause with its 95% interval, the largest on top; a click picks it."""
    data = _data(rows, chosen)
    order = [_axis(row) for row in sorted(rows, key=lambda row: -row["share"])]
    y = alt.Y("axis:N", sort=order, title=None, axis=alt.Axis(labelLimit=320))
    base = alt.Chart(data).encode(y=y)
    tips = ["label:N", "failures:Q", *(alt.Tooltip(f"{name}:Q", format=".1%") for name in ("share", "low", "high"))]
    bars = base.mark_bar(cursor="pointer").encode(
        x=alt.X("share:Q", title="share of the run's failures, 95% interval", axis=alt.Axis(format="%")),
        color=_colour(), tooltip=tips,
    )  # fmt: skip
    bars = bars.add_params(alt.selection_point(name=PICK, fields=["cause"]))
    whiskers = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q", color=alt.value(MARK))
    return alt.layer(bars, whiskers).properties(height=alt.Step(24))


def map_of(rows: Sequence[Mapping[str, Any]], chosen: str) -> Chart:
    """Return the failures at their places on the taxonomy's map, larger where several lie, the chosen cause on top."""
    drawn = sorted(rows, key=lambda row: row["cause"] == chosen)
    axis = alt.Axis(labels=False, ticks=False, grid=False, title=None)
    scale = alt.Scale(zero=False)
    points: alt.Chart = alt.Chart(_data(drawn, chosen)).mark_circle(cursor="pointer", opacity=0.6).encode(
        x=alt.X("x:Q", axis=axis, scale=scale), y=alt.Y("y:Q", axis=axis, scale=scale), color=_colour(),
        size=alt.Size("count():Q", legend=None, scale=alt.Scale(range=[30, 500])), detail="cause:N",
        tooltip=["label:N", alt.Tooltip("count():Q", title="failures here")],
    )  # fmt: skip
    points = points.add_params(alt.selection_point(name=PICK, fields=["cause"]))
    return points.properties(height=420)


def trend(rows: Sequence[Mapping[str, Any]], chosen: str) -> Chart:
    """Return the share of all answers over runs in the order of `order`: a line a cause, the chosen with intervals."""
    order = [str(row["run_id"]) for row in sorted(rows, key=lambda row: row["order"])]
    x = alt.X("run_id:N", sort=list(dict.fromkeys(order)), title=None, axis=alt.Axis(labelAngle=-30, labelLimit=180))
    y = alt.Y("share:Q", title="share of all answers", axis=alt.Axis(format="%"))
    base = alt.Chart(_data(rows, chosen)).encode(x=x)
    tips = ["label:N", "run_id:N", "failures:Q", "answers:Q", alt.Tooltip("share:Q", format=".2%")]
    lines = base.mark_line(strokeWidth=2, point=True).encode(
        y=y, detail="cause:N", color=_colour(), opacity=_either(1.0, 0.35), tooltip=tips
    )
    bounds = base.transform_filter("datum.chosen").mark_rule(strokeWidth=2, color=CHOSEN)
    return alt.layer(lines, bounds.encode(y="low:Q", y2="high:Q")).properties(height=300)


def descents(rows: Sequence[Mapping[str, Any]], taxonomies: Sequence[str]) -> Chart:
    """Return what became of causes from taxonomy to taxonomy: lines from left to right, `kind` tells how."""
    place = {name: number for number, name in enumerate(taxonomies)}
    drawn = [
        {"left": f"refit {place[row['taxonomy_id']]}", "old": _short(row["old"]) or "(none)",
         "new": _short(row["new"]) or "(none)", "kind": row["kind"], "jaccard": row["jaccard"], "cosine": row["cosine"]}
        for row in rows
    ]  # fmt: skip
    tips = ["old:N", "new:N", "kind:N", alt.Tooltip("jaccard:Q", format=".2f"), alt.Tooltip("cosine:Q", format=".2f")]
    shape = alt.Shape("kind:N", legend=alt.Legend(orient="top", title=None))
    cells: alt.Chart = alt.Chart(pa.Table.from_pylist(drawn)).mark_point(filled=True, size=90).encode(
        x=alt.X("new:N", title="cause after the refit", axis=alt.Axis(labelAngle=-30, labelLimit=200)),
        y=alt.Y("old:N", title="cause before", axis=alt.Axis(labelLimit=240)),
        color=alt.Color("kind:N", legend=alt.Legend(orient="top", title=None)), shape=shape, tooltip=tips,
    )  # fmt: skip
    if len({row["left"] for row in drawn}) == 1:
        return cells
    faceted: alt.FacetChart = cells.facet(row=alt.Row("left:N", title=None)).resolve_scale(
        x="independent", y="independent"
    )
    return faceted


def _data(rows: Sequence[Mapping[str, Any]], chosen: str) -> Any:
    """Return the rows with what charts tell apart; `axis` keeps causes of one label on bars of their own.

    A table: altair checks inline rows against the schema one by one, which takes seconds for some thousands.
    """
    told = [{**row, "chosen": row["cause"] == chosen, "axis": _axis(row)} for row in rows]
    return pa.Table.from_pylist([{k: v for k, v in row.items() if not isinstance(v, list | tuple)} for row in told])


def _axis(row: Mapping[str, Any]) -> str:
    return f"{_short(row['label'])} {row['cause'][:4]}".strip()


def _short(text: str) -> str:
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"


def _colour() -> alt.Color:
    scale = alt.Scale(domain=[True, False], range=[CHOSEN, OTHER])
    return alt.Color("chosen:N", scale=scale, legend=None)


def _either(chosen: float, other: float) -> alt.Opacity:
    return alt.Opacity("chosen:N", scale=alt.Scale(domain=[True, False], range=[chosen, other]), legend=None)
