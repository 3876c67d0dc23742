"""Charts of improvement loops: gain by round, curves of a training, the graph from failure to score.

    gains([{"number": 1, "gain": 0.3, "low": 0.26, "high": 0.34, "accepted": True}]).save("gains.svg")
    training({"loss": [(1, 2.3)], "held_out_loss": [(5, 1.9)]}, best_step=5, broken=[]).save("loss.svg")
    dot(graph)      -> text of a directed graph in DOT; labels are quoted, so that texts of models stay texts

Pure functions. Values are handed over as plain mappings, which altair does not validate one by one: that would take ten
times as long. Cost: 10 ms a chart; curves are thinned to two points for each of `POINTS` columns.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart
from dashboards.queries.lineage import Graph
from harness.cli.canvas import thin

POINTS = 500
HELD_OUT = "held_out_"
WORDS = {True: "accepted", False: "rejected", None: "not decided"}
COLOURS = {"accepted": "#2a9d5c", "rejected": "#e45756", "not decided": "#8a8f98"}
SHAPES = ["circle", "cross", "square"]
OF = {False: "training rows", True: "rows held out"}
NODES = {
    "run": ("box", "#bcd3e8"), "report": ("note", "#e3d0dd"), "cause": ("box", "#f4c3c4"),
    "dataset": ("cylinder", "#c9e4e2"), "adapter": ("component", "#f7ecb5"), "model": ("box3d", "#c4e0c0"),
    "verdict": ("octagon", "#ddd0c8"),
}  # fmt: skip
"""Shape and colour of each kind; light ones, for the dark letters on them, on a light page and a dark one."""
LINE, LINES = 36, 3
"""Characters of a line in a node, and lines of a text: causes are as narrow as two thirds of it."""


def gains(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Return the gain of each decided round on what it aimed at, with its interval and a line at none."""
    values = [
        {"round": row["number"], "of": WORDS[row["accepted"]], **{k: row[k] for k in ("gain", "low", "high")}}
        for row in rows
        if row["gain"] is not None
    ]
    scale = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    colour = alt.Color("of:N", title=None, scale=scale, legend=alt.Legend(orient="top"))
    shape = alt.Shape("of:N", title=None, scale=alt.Scale(domain=list(COLOURS), range=SHAPES))
    x = alt.X("round:O", title="round", axis=alt.Axis(labelAngle=0))
    base = alt.Chart({"values": values}).encode(x=x, color=colour)
    bars = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title="gain on samples aimed at"), y2="high:Q")
    told = ["round:O", "of:N", *[alt.Tooltip(f"{name}:Q", format="+.4f") for name in ("gain", "low", "high")]]
    points = base.mark_point(filled=True, size=80, opacity=1).encode(y="gain:Q", shape=shape, tooltip=told)
    none = alt.Chart({"values": [{"none": 0}]}).mark_rule(strokeDash=[4, 4], color="gray").encode(y="none:Q")
    return alt.layer(none, bars, points).properties(height=220)


def costs(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Return the seconds of each step, in the order of the steps. `rows`: `step`, `seconds`."""
    values = [{"step": f"{place}. {row['step']}", "s": row["seconds"] or 0.0} for place, row in enumerate(rows, 1)]
    chart = alt.Chart({"values": values}).mark_bar()
    y = alt.Y("step:N", sort=None, title=None, axis=alt.Axis(labelLimit=260))
    told = ["step:N", alt.Tooltip("s:Q", format=".1f")]
    drawn: alt.Chart = chart.encode(x=alt.X("s:Q", title="seconds"), y=y, tooltip=told)
    return drawn


def training(panel: Mapping[str, Sequence[tuple[int, float]]], best_step: int | None, broken: Sequence[int]) -> Chart:
    """Return curves that share an axis; dashed the best step before over-fitting, red where a value is not finite."""
    name = next(iter(panel)).removeprefix(HELD_OUT).replace("_", " ")
    layers: list[Any] = []
    for one, points in panel.items():
        held_out = one.startswith(HELD_OUT)
        values = [{"step": step, "value": value, "of": OF[held_out]} for step, value in thin(points, POINTS)]
        chart = alt.Chart({"values": values})
        line = chart.mark_line(strokeWidth=2, point=True) if held_out else chart.mark_line(strokeWidth=1, opacity=0.7)
        layers.append(
            line.encode(
                x=alt.X("step:Q", title="step"),
                y=alt.Y("value:Q", title=name, scale=alt.Scale(zero=False)),
                color=alt.Color("of:N", title=None, scale=_sides(), legend=alt.Legend(orient="top")),
                tooltip=["of:N", "step:Q", alt.Tooltip("value:Q", format=".4g")],
            )
        )
    layers += _upright([] if best_step is None else [best_step], "gray", [4, 4]) + _upright(broken, "red", [1, 0])
    return alt.layer(*layers).properties(height=220)


def _sides() -> alt.Scale:
    return alt.Scale(domain=list(OF.values()), range=["#4c78a8", "#e45756"])


def _upright(steps: Sequence[int], colour: str, dash: list[int]) -> list[Any]:
    """Return a layer of upright lines, none where there is no step."""
    data = {"values": [{"step": step} for step in steps]}
    return [alt.Chart(data).mark_rule(color=colour, strokeDash=dash).encode(x="step:Q")] if steps else []


def dot(graph: Graph) -> str:
    """Return a graph in DOT, from top to bottom."""
    lines = [
        'digraph { rankdir=TB; bgcolor="transparent"; nodesep=0.15; ranksep=0.3; edge [color="#8a8f98"];',
        'node [fontname="sans-serif", fontsize=11, style="filled", fontcolor="#111111", color="#8a8f98"];',
    ]
    for node in graph.nodes:
        shape, colour = NODES.get(node.kind, NODES["run"])
        width = LINE * 2 // 3 if node.kind in ("cause", "verdict") else LINE
        told = [part for line in node.lines for part in textwrap.wrap(line, width, max_lines=LINES, placeholder="…")]
        label = "\\n".join(map(_quoted, told))
        lines.append(f'"{_quoted(node.id)}" [shape="{shape}", fillcolor="{colour}", label="{label}"];')
    made = {other for _, other in graph.edges}
    for one, other in graph.edges:  # the way from failure to score is straight, what it began with stands aside
        lines.append(f'"{_quoted(one)}" -> "{_quoted(other)}" [weight={5 if one in made else 0}];')
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    """Return a text as it stands between DOT's quotes, on one line."""
    return " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
