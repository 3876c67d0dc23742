"""Charts of causes of failure as pure functions: plain rows in, an altair chart out.

shares([{"cause": "3f9a..", "label": "off by one", "share": .34, "low": .26, "high": .43}], "3f9a..")
  .save("causes.svg")

Each of the ten largest causes has a colour, the same in bars and map, so that the bars are the map's legend; the chosen
one is full, the others pale. Colours are read on white and on black. Labels are text of models: a chart draws them,
nothing interprets them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pyarrow as pa

from dashboards.charts import Chart

CHOSEN, OTHER, INK = "#e4572e", "#8a94a6", "#808895"
"""Of the chosen line, of others, of words."""
SEVERAL = ("#4c78a8", "#f2a541", "#54a24b", "#b279a2", "#45a5a0", "#e45756", "#9d755d", "#d67195", "#6f6fd1", "#a0a83c")
"""Of the largest causes; smaller ones, and what is like none, are grey."""
KINDS = {"same": "#54a24b", "split": "#f2a541", "merged": "#4c78a8", "new": "#b279a2", "gone": "#e45756"}
PICK = "pick"
"""Name of the selection in a chart that may be clicked; its fields are `cause` and, on the map, `key`."""
LABEL_PX = 300
FEW = 500
"""Places from which on the map draws them small."""


def shares(rows: Sequence[Mapping[str, Any]], chosen: str) -> Chart:
    """Return a bar a cause with its 95% interval and number of failures, in the order of the rows; a click picks it."""
    label, colour = _labels(rows), _colours(rows)
    data = [
        {**_plain(row), "axis": label[row["cause"]], "colour": colour[row["cause"]], "chosen": row["cause"] == chosen}
        for row in rows
    ]
    heavy = f"datum.value === {json.dumps(label.get(chosen, ''))} ? 'bold' : 'normal'"
    axis = alt.Axis(labelLimit=LABEL_PX, ticks=False, labelFontWeight=alt.ExprRef(heavy))
    base = alt.Chart(_table(data)).encode(
        y=alt.Y("axis:N", sort=[*label.values()], title=None, axis=axis), color=alt.Color("colour:N", scale=None)
    )
    tips = [alt.Tooltip("label:N", title="cause"), "failures:Q",
            *(alt.Tooltip(f"{name}:Q", format=".1%") for name in ("share", "low", "high"))]  # fmt: skip
    # Room on the right for the number beside the longest interval.
    scale = alt.Scale(domain=[0, 1.12 * max((row["high"] for row in rows), default=1.0)], nice=False)
    x = alt.X("share:Q", title=None, axis=alt.Axis(format=".0%", tickCount=5), scale=scale)
    bars = base.mark_bar(cursor="pointer").encode(x=x, opacity=_either(0.9, 0.4), tooltip=tips)
    bars = bars.add_params(alt.selection_point(name=PICK, fields=["cause"]))
    whiskers = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q", color=alt.value(INK))
    counts = base.mark_text(align="left", dx=5).encode(
        x="high:Q", text=alt.Text("failures:Q", format=","), color=alt.value(INK)
    )
    return alt.layer(bars, whiskers, counts).properties(height=alt.Step(26))


def map_of(
    points: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], chosen: str, sample: str = ""
) -> Chart:
    """Return places of failures, coloured by cause, larger where several lie; a click picks one.

    `points`: of `queries.clusters.points`; `rows`: the causes, the largest first. The chosen one is drawn full and on
    top, the failure `sample` with a ring.
    """
    label, colour = _labels(rows), _colours(rows)
    told = [
        {**_plain(one), "label": label.get(one["cause"], ""), "colour": colour.get(one["cause"], OTHER),
         "chosen": one["cause"] == chosen, "open": bool(sample) and one["key"] == sample}
        for one in sorted(points, key=lambda one: (one["cause"] == chosen, -one["failures"]))
    ]  # fmt: skip
    scale, sizes = alt.Scale(zero=False, padding=24), (50, 700) if len(told) <= FEW else (12, 200)
    places: alt.Chart = alt.Chart(_table(told)).mark_circle(cursor="pointer").encode(
        x=alt.X("x:Q", axis=None, scale=scale), y=alt.Y("y:Q", axis=None, scale=scale),
        color=alt.Color("colour:N", scale=None), opacity=_either(0.95, 0.4), order=alt.Order("chosen:N"),
        size=alt.Size("failures:Q", legend=None, scale=alt.Scale(type="sqrt", range=sizes)),
        stroke=alt.Stroke("open:N", scale=alt.Scale(domain=[True, False], range=[INK, "transparent"]), legend=None),
        strokeWidth=alt.value(3),
        tooltip=[alt.Tooltip("label:N", title="cause"), "sample:N", alt.Tooltip("failures:Q", title="failures here")],
    )  # fmt: skip
    places = places.add_params(alt.selection_point(name=PICK, fields=["cause", "key"]))
    return places.properties(height=340)


def trend(rows: Sequence[Mapping[str, Any]], chosen: str) -> Chart:
    """Return the share of all answers over runs in the order of `order`: a line a cause, the chosen with intervals."""
    told = [{**_plain(row), "chosen": row["cause"] == chosen} for row in rows]
    order = [str(row["run"]) for row in sorted(rows, key=lambda row: row["order"])]
    x = alt.X("run:N", sort=list(dict.fromkeys(order)), title=None, axis=alt.Axis(labelAngle=-20, labelLimit=220))
    y = alt.Y("share:Q", title="share of all answers", axis=alt.Axis(format="%"))
    base = alt.Chart(_table(told)).encode(x=x)
    tips = [alt.Tooltip("label:N", title="cause"), "run:N", "failures:Q", "answers:Q",
            alt.Tooltip("share:Q", format=".2%")]  # fmt: skip
    lines = base.mark_line(strokeWidth=2, point={"size": 60, "filled": True}).encode(
        y=y, detail="cause:N", color=_colour(), opacity=_either(1.0, 0.4), tooltip=tips
    )
    bounds = base.transform_filter("datum.chosen").mark_rule(strokeWidth=2, color=CHOSEN)
    return alt.layer(lines, bounds.encode(y="low:Q", y2="high:Q")).properties(height=300)


def descents(rows: Sequence[Mapping[str, Any]], taxonomies: Sequence[str]) -> Chart:
    """Return what became of causes, the newest refit on top: old ones left, new ones right, lines between."""
    refits = [name for name in reversed(taxonomies) if any(row["taxonomy_id"] == name for row in rows)]
    drawn = [_refit([row for row in rows if row["taxonomy_id"] == name], name) for name in refits]
    return drawn[0] if len(drawn) == 1 else alt.vconcat(*drawn)


def _refit(rows: Sequence[Mapping[str, Any]], name: str) -> Chart:
    old = {key: place for place, key in enumerate(dict.fromkeys(row["old_cause"] for row in rows if row["old_cause"]))}
    new = {key: place for place, key in enumerate(dict.fromkeys(row["new_cause"] for row in rows if row["new_cause"]))}
    height, tips = max(len(old), len(new), 1), ["old:N", "kind:N", "new:N", "jaccard:Q", "cosine:Q"]
    links = [
        {**_plain(row), "y": old[row["old_cause"]], "y2": new[row["new_cause"]], "x": 0, "x2": 1}
        for row in rows if row["old_cause"] and row["new_cause"]
    ]  # fmt: skip
    ends = {(side, key): {"x": side, "y": places[key], "kind": row["kind"], "label": row[word]} for row in rows
            for side, places, word, key in ((0, old, "old", row["old_cause"]), (1, new, "new", row["new_cause"]))
            if key}  # fmt: skip
    x = alt.X("x:Q", scale=alt.Scale(domain=[-1.1, 2.1]), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[height - 0.5, -0.5]), axis=None)
    legend = alt.Legend(orient="top", title=None)
    colour = alt.Color("kind:N", scale=alt.Scale(domain=[*KINDS], range=[*KINDS.values()]), legend=legend)
    base = alt.Chart(_table([*ends.values()])).encode(x=x, y=y)
    parts = [base.mark_point(filled=True, size=70, opacity=1).encode(color=colour, tooltip=["label:N", "kind:N"])]
    if links:
        lines = alt.Chart(_table(links)).mark_rule(strokeWidth=3, opacity=0.7)
        parts.append(lines.encode(x=x, y=y, x2="x2:Q", y2="y2:Q", color=colour, tooltip=tips))
    left, right = (base.transform_filter(f"datum.x == {side}") for side in (0, 1))
    parts.append(left.mark_text(align="right", dx=-9, color=INK, limit=380).encode(text="label:N"))
    parts.append(right.mark_text(align="left", dx=9, color=INK, limit=380).encode(text="label:N"))
    return alt.layer(*parts).properties(height=max(80, 26 * height), title=f"refit {name[:10]}: before, and after")


def _labels(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return cause -> label, with a bit of the id where several causes have one label."""
    count = Counter(row["label"] for row in rows)
    return {row["cause"]: row["label"] if count[row["label"]] == 1 else f"{row['label']} {row['cause'][:4]}".strip()
            for row in rows}  # fmt: skip


def _colours(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    large = [row["cause"] for row in rows if row["cause"]][: len(SEVERAL)]
    return {row["cause"]: OTHER for row in rows} | dict(zip(large, SEVERAL, strict=False))


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not isinstance(value, list | tuple)}


def _table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows as a table: altair checks inline rows against the schema one by one, seconds for some thousands."""
    return pa.Table.from_pylist([*rows])


def _colour() -> alt.Color:
    scale = alt.Scale(domain=[True, False], range=[CHOSEN, OTHER])
    return alt.Color("chosen:N", scale=scale, legend=None)


def _either(chosen: float, other: float) -> alt.Opacity:
    return alt.Opacity("chosen:N", scale=alt.Scale(domain=[True, False], range=[chosen, other]), legend=None)
