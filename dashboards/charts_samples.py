"""Charts of one sample: what a model gave its choices, and what runs made of it over time.

chosen([" red", " brown"], [0.2, 0.8], "brown").save("choices.svg")
strip([{"run_id": "tiny-0a..", "model": "tiny", "started_at": .., "score": 1.0, "mode": "right"}]).save("strip.svg")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart

LABEL = 40
"""Characters of a choice beside its bar."""


def chosen(choices: Sequence[str], shares: Sequence[float], target: str) -> Chart:
    """Return a bar a choice, in the order they were offered; `shares` are probabilities in [0, 1]."""
    rows = [
        {"choice": f"{place}. {text.strip()[:LABEL]}", "probability": share, "kind": _kind(text, target)}
        for place, (text, share) in enumerate(zip(choices, shares, strict=True), 1)
    ]
    bars = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("choice:N", sort=None, title=None, axis=alt.Axis(labelLimit=320)),
        x=alt.X("probability:Q", scale=alt.Scale(domain=[0, 1]), title="probability among the choices"),
        tooltip=["choice:N", alt.Tooltip("probability:Q", format=".4f"), "kind:N"],
    )
    scale = alt.Scale(domain=["expected", "other"], range=["#2a9d5c", "#8a94a6"])
    drawn: Chart = bars.mark_bar().encode(color=alt.Color("kind:N", scale=scale, title=None))
    return drawn.properties(height=max(60, 26 * len(rows)))


def strip(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Return a point a record, runs from oldest to newest, coloured by mode; faults, without a score, stand at zero."""
    values = [
        {
            "run": str(row["run_id"]), "model": str(row["model"]), "date": str(row["started_at"]),
            "score": 0.0 if row["score"] is None else row["score"], "mode": str(row["mode"]),
        }
        for row in reversed(rows)
    ]  # fmt: skip
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("run:N", sort=None, title=None, axis=alt.Axis(labelAngle=-40, labelLimit=140)),
        y=alt.Y("score:Q", title="score"),
        color=alt.Color("mode:N", title=None),
        tooltip=["run:N", "model:N", "date:N", "score:Q", "mode:N"],
    )
    drawn: Chart = base.mark_point(filled=True, size=90)
    return drawn.properties(height=150)


def _kind(choice: str, target: str) -> str:
    return "expected" if target and choice.strip() == target.strip() else "other"
