"""Charts of one sample: what a model gave its choices, and what runs made of it over time.

chosen(["A. red", "B. brown"], [0.2, 0.8], 1).save("choices.svg")
strip([{"run": "tiny-0a..", "label": "tiny", "date": "2026-01-01", "attempt": 0, "score": 1.0, "mode": "right"}], "")

Both say by more than colour which is which: the right choice carries a tick, a cell of the strip its score.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart

LABEL = 60
"""Characters of a choice beside its bar."""
RIGHT, NEUTRAL = "#2a9d5c", "#8a94a6"
WRONG = ("#d1495b", "#c77c1e", "#8a63c9", "#3f7fb5", "#a3586d", "#6b7f2a")
"""Colours of modes; all read well under white figures."""
WIDE = 1150
"""Pixels that the labels of a strip share."""
LABELLED, FIGURED = 24, 30
"""Runs up to which a strip has labels, and cells have figures."""
ROW, BAR = 34, 28
"""Pixels of the height of a cell, and of a bar with its gap."""


def chosen(choices: Sequence[str], shares: Sequence[float], right: int | None) -> Chart:
    """Return a bar a choice, in the order they were offered; `shares` are probabilities in [0, 1], `right` a place."""
    rows = [
        {"choice": f"{'✓ ' if place == right else ''}{text[:LABEL]}", "place": place, "probability": share,
         "kind": "expected" if place == right else "other"}
        for place, (text, share) in enumerate(zip(choices, shares, strict=True))
    ]  # fmt: skip
    base = alt.Chart({"values": rows}).encode(
        y=alt.Y("place:O", title=None, axis=alt.Axis(labelExpr=_names(rows), labelLimit=280)),
        x=alt.X("probability:Q", scale=alt.Scale(domain=[0, 1]), title="probability among the choices"),
        tooltip=["choice:N", alt.Tooltip("probability:Q", format=".4f"), "kind:N"],
    )
    scale = alt.Scale(domain=["expected", "other"], range=[RIGHT, NEUTRAL])
    bars = base.mark_bar().encode(color=alt.Color("kind:N", scale=scale, legend=None))
    figures = base.mark_text(align="left", dx=4, color=NEUTRAL).encode(text=alt.Text("probability:Q", format=".3f"))
    drawn: Chart = alt.layer(bars, figures)
    told = "Probability of each choice; the right one is green and ticked"
    return drawn.properties(height=alt.Step(BAR), description=told)


def strip(rows: Sequence[Mapping[str, Any]], here: str) -> Chart:
    """Return a cell a record, runs from left to right as they come, coloured by mode; the run `here` is framed.

    A click on a cell selects its `run`, under the name `picked`.
    """
    runs = list(dict.fromkeys(str(row["run"]) for row in rows))
    base = alt.Chart({"values": list(rows)}).encode(
        x=alt.X("run:N", sort=runs, title=None, axis=_axis(rows, len(runs))),
        y=alt.Y("attempt:O", title="attempt", axis=alt.Axis() if any(row["attempt"] for row in rows) else None),
        tooltip=["label:N", "run:N", "date:N", "score:Q", "mode:N", "attempt:O"],
    )
    framed = alt.condition(f"datum.run === {json.dumps(here)}", alt.value(3), alt.value(0))
    colours = alt.Color(
        "mode:N", scale=_colours(rows), title=None, legend=alt.Legend(orient="top", labelLimit=260, symbolStrokeWidth=0)
    )
    cells = base.mark_rect(cornerRadius=3, stroke=NEUTRAL).encode(
        color=colours, strokeWidth=framed, opacity=alt.value(1.0)
    )
    cells = cells.add_params(alt.selection_point(name="picked", fields=["run"]))
    figures = base.mark_text(color="white").encode(text=alt.Text("score:Q", format=".3~g"))
    drawn: Chart = alt.layer(cells, figures) if len(runs) <= FIGURED else alt.layer(cells)
    told = "What each run made of this sample, oldest run first, coloured by mode"
    return drawn.properties(height=alt.Step(ROW), description=told)


def _axis(rows: Sequence[Mapping[str, Any]], count: int) -> alt.Axis:
    if count > LABELLED:
        return alt.Axis(labels=False, ticks=False, title=f"{count} runs, oldest to newest")
    named = [{"choice": row["label"], "place": row["run"]} for row in rows]
    flat = count <= WIDE // 140
    return alt.Axis(
        labelExpr=_names(named), labelAngle=0 if flat else -40, labelLimit=WIDE // count if flat else 120, ticks=False
    )


def _colours(rows: Sequence[Mapping[str, Any]]) -> alt.Scale:
    modes = sorted({str(row["mode"]) for row in rows})
    wrong = [mode for mode in modes if mode != "right" and not mode.startswith("fault: ")]
    colour = {mode: WRONG[place % len(WRONG)] for place, mode in enumerate(wrong)}
    return alt.Scale(domain=modes, range=["#2a9d5c" if m == "right" else colour.get(m, NEUTRAL) for m in modes])


def _names(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return an expression that names a place: places tell apart what has the same name."""
    return f"({json.dumps({str(row['place']): str(row['choice']) for row in rows})})[datum.value]"
