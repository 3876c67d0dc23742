"""Charts of the leaderboard: models x suites at a glance, and what a model can do, capability by capability.

    matrix(cells, ["tiny", "tuned"], ["mmlu", "bbh"])     -> a coloured table; a click gives `run` and `suite`
    capabilities([{"name": "json", "model": "tiny", "score": .7, "low": .6, "high": .8, "n": 90}], ["tiny"])

Colour is rank, not score: cells of one colour in a column are not told apart. Scores of two suites are never compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import BLUE, FIGURES, Chart

BEST, WORST = "#17607d", "#dcebf0"
ALONE = "#b4bfc4"
INK, PAPER = "#14313b", "#ffffff"
"""On cells that have a colour of their own, so that light and dark pages look the same."""
SERIES = (BLUE, "#e08a3c")
PLAIN: dict[str, Any] = {"domain": False, "ticks": False, "labelFontSize": 12, "labelFlush": False}
CLICKED = "cell"
"""Name of the selection: fields `run` and `suite`."""
ROOM = 22
"""Columns at most that have room for a third decimal."""
WIDE, HIGH = 960, 700
"""Pixels of all columns, and of all rows, where they have room."""
LEVEL = 6
"""Columns at most whose titles stand level."""


def matrix(rows: Sequence[Mapping[str, Any]], models: Sequence[str], columns: Sequence[str]) -> Chart:
    """Return cells with scores: rows have `model`, `column`, `run`, `suite`, `score`, `low`, `high`, `n`, `rank`, `of`.

    And `note`, which marks a cell with a star; a row without a score, or alone in its column, is a grey cell.
    """
    digits = 3 if len(columns) <= ROOM else 2
    step = max(24, min(170, WIDE // len(columns)))
    values = [_cell(row, digits) for row in rows]
    chosen = alt.selection_point(name=CLICKED, fields=["run", "suite"], on="click", clear=False)
    flat = len(columns) <= LEVEL
    across = alt.Axis(orient="top", labelAngle=0 if flat else -40, labelLimit=step if flat else 200, **PLAIN)
    base = alt.Chart({"values": values}).encode(
        x=alt.X("column:N", sort=list(columns), title=None, axis=across),
        y=alt.Y("model:N", sort=list(models), title=None, axis=alt.Axis(labelLimit=250, **PLAIN)),
        tooltip=["model:N", "column:N", "score:N", "interval:N", "rank:N", "n:Q", "note:N", "run:N"],
    )
    colour = alt.Color("place:Q", scale=alt.Scale(domain=[0, 1], range=[BEST, WORST]), legend=None)
    cells = base.mark_rect(cornerRadius=2, cursor="pointer").encode(
        color=alt.condition("datum.told", colour, alt.value(ALONE))
    )
    ink = alt.condition("datum.told && datum.place < 0.45", alt.value(PAPER), alt.value(INK))
    texts = base.mark_text(fontSize=11, cursor="pointer").encode(text="text:N", color=ink)
    words = f"Scores of {len(models)} models in {len(columns)} columns; colour is the rank within a column"
    whole: alt.LayerChart = (
        alt.layer(cells.add_params(chosen), texts)
        .properties(description=words, width=alt.Step(step), height=alt.Step(max(17, min(26, HIGH // len(models)))))
        .configure_scale(bandPaddingInner=0.06)
        .configure_view(stroke=None)
    )
    return whole


def capabilities(rows: Sequence[Mapping[str, Any]], models: Sequence[str], title: str = "score") -> Chart:
    """Return bars with 95% intervals, a line per `name` in the order given, side by side for each of `models`."""
    values = [{key: row[key] for key in ("name", "model", "n", *FIGURES)} for row in rows]
    y = alt.Y("name:N", sort=list(dict.fromkeys(row["name"] for row in values)), title=None,
              axis=alt.Axis(labelLimit=260, labelFlush=False))  # fmt: skip
    offset = alt.YOffset("model:N", sort=list(models))
    colour = alt.Color(
        "model:N", title=None, legend=alt.Legend(orient="top", labelLimit=400) if len(models) > 1 else None,
        scale=alt.Scale(domain=list(models), range=list(SERIES[: len(models)])),
    )  # fmt: skip
    told: list[Any] = ["name:N", "model:N", "n:Q", *(alt.Tooltip(f"{name}:Q", format=".4f") for name in FIGURES)]
    base = alt.Chart({"values": values}).encode(y=y, yOffset=offset, color=colour, tooltip=told)
    bars = base.mark_bar(opacity=0.45).encode(
        x=alt.X("score:Q", title=f"{title}, 95% interval", axis=alt.Axis(tickCount=10))
    )
    ranges = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q")
    return alt.layer(bars, ranges).properties(
        description=f"Scores by capability of {len(models)} models", height=alt.Step(13 if len(models) > 1 else 20)
    )


def _cell(row: Mapping[str, Any], digits: int) -> dict[str, Any]:
    kept = {key: row[key] for key in ("model", "column", "run", "suite", "n", "note")}
    if row["score"] is None:
        return {**kept, "text": "\u00b7", "place": 0, "told": False, "score": "none yet", "interval": "", "rank": ""}
    mark = "*" if row["note"] else ""
    return {
        **kept, "text": f"{row['score']:.{digits}f}{mark}", "score": f"{row['score']:.4f}",
        "place": (row["rank"] - 1) / max(1, row["of"] - 1), "told": row["of"] > 1,
        "rank": f"{row['rank']} of {row['of']}",
        "interval": f"{row['low']:.3f} to {row['high']:.3f}",
    }  # fmt: skip
