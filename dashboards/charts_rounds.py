"""Charts of improvement loops: gain by round, curves of a training, the graph from failure to score.

    gains([{"number": 1, "gain": 0.3, "low": 0.26, "high": 0.34, "accepted": True}]).save("gains.svg")
    training({"loss": [(1, 2.3)], "held_out_loss": [(5, 1.9)]}, best_step=5, broken=[]).save("loss.svg")
    dot(graph)      -> text of a directed graph in DOT; labels are quoted, so that texts of models stay texts

Pure functions. Values are handed over as plain mappings, which altair does not validate one by one: that would take ten
times as long. Cost: 10 ms a chart; curves are thinned to two points for each of `POINTS` columns.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import altair as alt

from dashboards.charts import Chart
from dashboards.queries.lineage import Graph
from harness.cli.canvas import thin

POINTS, WINDOW = 500, 40
NOISY, STEEP = 4, 20
"""Ways up and down, of a curve's range, that make it noisy; largest of smallest value that asks for logarithms."""
HELD_OUT = "held_out_"
WORDS = {True: "accepted", False: "rejected", None: "not decided"}
BASE = "base"
GREY, GATE = "#8a8f98", "#d08a1d"
COLOURS = {"accepted": "#2a9d5c", "rejected": "#e45756", "not decided": GREY, BASE: "#4c78a8"}
UNPROVEN = "no difference shown"
VERDICTS = {"better": "#2a9d5c", "worse": "#e45756", UNPROVEN: GREY}
SHAPES = ["circle", "cross", "square", "diamond"]
SIDES = {False: ("training rows", "#4c78a8"), True: ("rows held out", "#e45756")}
NODES = {
    "run": ("box", "#bcd3e8"), "report": ("note", "#e3d0dd"), "cause": ("box", "#f4c3c4"),
    "dataset": ("cylinder", "#c9e4e2"), "adapter": ("component", "#f7ecb5"), "model": ("box3d", "#c4e0c0"),
    "verdict": ("octagon", "#ddd0c8"),
}  # fmt: skip
"""Shape and colour of each kind; light ones, for the dark letters on them, on a light page and a dark one."""
LINE, LINES = 22, 4
"""Characters of a line in a node, and lines of a text."""
Points = Sequence[tuple[int, float]]


def trend(rows: Sequence[Mapping[str, Any]], metric: str, bound: float | None) -> Chart:
    """Return the score before all rounds and after each, 95% intervals, a line along what was kept, the gate's bound.

    `rows`: `round` ("base", "1", ..), `score`, `low`, `high`, `accepted` (None: not decided), `kept`.
    """
    values = [{**row, "of": BASE if row["round"] == BASE else WORDS[row["accepted"]]} for row in rows]
    order = [row["round"] for row in rows]
    colour, shape = _marked(values)
    x = alt.X("round:N", title="round", sort=order, axis=alt.Axis(labelAngle=0, labelOverlap=True))
    base = alt.Chart({"values": values}).encode(x=x)
    y = alt.Y("score:Q", title=metric, scale=alt.Scale(zero=False, padding=12))
    kept = base.transform_filter("datum.kept").mark_line(strokeWidth=1.5, color=COLOURS["accepted"], opacity=0.6)
    bars = base.mark_rule(strokeWidth=2).encode(y="low:Q", y2="high:Q", color=colour)
    told = ["round:N", "of:N", *[alt.Tooltip(f"{name}:Q", format=".4f") for name in ("score", "low", "high")]]
    points = base.mark_point(filled=True, size=90, opacity=1).encode(y=y, color=colour, shape=shape, tooltip=told)
    layers: list[Any] = [kept.encode(y=y), bars, points]
    if bound is not None:
        line = alt.Chart({"values": [{"bound": bound, "said": f"gate: at least {bound:g}"}]})
        layers.insert(0, line.mark_rule(strokeDash=[6, 4], color=GATE, strokeWidth=1.5).encode(y="bound:Q"))
        words = line.mark_text(align="left", baseline="bottom", dx=4, dy=-3, color=GATE)
        layers.append(words.encode(y="bound:Q", x=alt.value(0), text="said:N"))
    title = "Score before all rounds and after each, with 95% intervals"
    return alt.layer(*layers).properties(height=230, description=title)


def gains(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Return the gain of each decided round on what it aimed at, with its interval and a line at none."""
    values = [
        {"round": row["number"], "of": WORDS[row["accepted"]], **{k: row[k] for k in ("gain", "low", "high")}}
        for row in rows
        if row["gain"] is not None
    ]
    x = alt.X("round:O", title="round", axis=alt.Axis(labelAngle=0, labelOverlap=True))
    colour, shape = _marked(values)
    base = alt.Chart({"values": values}).encode(x=x, color=colour)
    bars = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title="gain on samples aimed at"), y2="high:Q")
    told = ["round:O", "of:N", *[alt.Tooltip(f"{name}:Q", format="+.4f") for name in ("gain", "low", "high")]]
    points = base.mark_point(filled=True, size=90, opacity=1).encode(y="gain:Q", shape=shape, tooltip=told)
    none = alt.Chart({"values": [{"none": 0}]}).mark_rule(strokeDash=[4, 4], color=GREY).encode(y="none:Q")
    title = "Gain of each round on the sealed samples that it aimed at, with its interval"
    return alt.layer(none, bars, points).properties(height=230, description=title)


def _marked(values: Sequence[Mapping[str, Any]]) -> tuple[alt.Color, alt.Shape]:
    """Return colour and shape of the states that there are; a legend where they differ."""
    held = {row["of"] for row in values}
    own = [(name, colour, shape) for (name, colour), shape in zip(COLOURS.items(), SHAPES, strict=True) if name in held]
    domain, colours, shapes = (list(column) for column in zip(*own, strict=True))
    legend = alt.Legend(orient="top") if len(own) > 1 else None
    return (
        alt.Color("of:N", title=None, scale=alt.Scale(domain=domain, range=colours), legend=legend),
        alt.Shape("of:N", title=None, scale=alt.Scale(domain=domain, range=shapes), legend=legend),
    )


def capabilities(lines: Sequence[Any]) -> Chart:
    """Return what each capability won or lost, paired: points with 95% intervals. `lines`: `harness.compare.Line`."""
    values = [
        {"name": line.name, "delta": line.delta, "low": line.low, "high": line.high, "n": line.n, "wins": line.wins,
         "losses": line.losses, "is": line.verdict or UNPROVEN} for line in lines
    ]  # fmt: skip
    scale = alt.Scale(domain=list(VERDICTS), range=list(VERDICTS.values()))
    colour = alt.Color("is:N", title=None, scale=scale, legend=alt.Legend(orient="top"))
    y = alt.Y("name:N", sort=[row["name"] for row in values], title=None, axis=alt.Axis(labelLimit=220))
    base = alt.Chart({"values": values}).encode(y=y, color=colour)
    bars = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="difference, after minus before"), x2="high:Q")
    told = ["name:N", *[alt.Tooltip(f"{name}:Q", format="+.4f") for name in ("delta", "low", "high")],
            "n:Q", "wins:Q", "losses:Q"]  # fmt: skip
    shape = alt.Shape("is:N", title=None, scale=alt.Scale(domain=list(VERDICTS), range=SHAPES[:3]))
    points = base.mark_point(filled=True, size=80, opacity=1).encode(x="delta:Q", shape=shape, tooltip=told)
    none = alt.Chart({"values": [{"none": 0}]}).mark_rule(strokeDash=[4, 4], color=GREY).encode(x="none:Q")
    title = "Difference of each capability on sealed samples, after minus before, with 95% intervals"
    return alt.layer(none, bars, points).properties(height=alt.Step(24), description=title)


def costs(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Return the seconds of each step, in the order of the steps. `rows`: `step`, `seconds`."""
    values = [{"step": f"{place}. {row['step']}", "s": row["seconds"] or 0.0} for place, row in enumerate(rows, 1)]
    chart = alt.Chart({"values": values}, description="Seconds of each step").mark_bar(height={"band": 0.7})
    y = alt.Y("step:N", sort=None, title=None, axis=alt.Axis(labelLimit=260))
    told = ["step:N", alt.Tooltip("s:Q", format=".1f")]
    drawn: alt.Chart = chart.encode(x=alt.X("s:Q", title="seconds"), y=y, tooltip=told)
    return drawn.properties(height=alt.Step(20))


def training(panel: Mapping[str, Points], best_step: int | None, broken: Sequence[int]) -> Chart:
    """Return curves that share an axis; the best step before over-fitting, and red where a value is not finite.

    A long, noisy curve of training rows is drawn pale, with a running mean over it; values that fall to less than a
    `STEEP`-th stand on a logarithmic scale.
    """
    encoded = _axes(panel)
    layers: list[Any] = []
    for one, points in panel.items():
        smooth = [] if one.startswith(HELD_OUT) else smoothed(points)
        if one.startswith(HELD_OUT):
            layers.append(_curve(one, points, encoded).mark_line(strokeWidth=2, point=True))
        else:
            layers.append(_curve(one, points, encoded).mark_line(strokeWidth=1, opacity=0.3 if smooth else 0.9))
        if smooth:
            layers.append(_curve(one, smooth, encoded).mark_line(strokeWidth=2))
    layers += _upright(broken, "#e45756", [1, 0], "not finite")
    layers += _upright([] if best_step is None else [best_step], GATE, [5, 4], "over-fits from here")
    title = f"Curves of {_named(panel)} over the steps of a training"
    return alt.layer(*layers).properties(height=220, description=title)


def smoothed(points: Points) -> Points:
    """Return a running mean over about a `WINDOW`-th of the points; empty where they are few, or smooth already."""
    finite = [(step, value) for step, value in points if math.isfinite(value)]
    wide = len(finite) // WINDOW
    values = [value for _, value in finite]
    if wide < 2 or sum(abs(b - a) for a, b in pairwise(values)) < NOISY * (max(values) - min(values)):
        return []
    found: list[tuple[int, float]] = []
    mean = 0.0
    for place, (step, value) in enumerate(finite, 1):
        mean += (value - mean) / min(place, wide)  # at first of what there is
        found.append((step, mean))
    return found


def _axes(panel: Mapping[str, Points]) -> dict[str, Any]:
    """Return what the curves of a panel share: axes, colours of those that there are."""
    values = [value for points in panel.values() for _, value in points if math.isfinite(value)]
    steep = min(values, default=0.0) > 0 and max(values) > STEEP * min(values)
    scale = alt.Scale(type="log", nice=False) if steep else alt.Scale(zero=False)
    of = [SIDES[one.startswith(HELD_OUT)] for one in panel]
    colours = alt.Scale(domain=[side for side, _ in of], range=[colour for _, colour in of])
    legend = alt.Legend(orient="top", symbolOpacity=1) if len(of) > 1 else None
    return {
        "x": alt.X("step:Q", title="step"),
        "y": alt.Y(
            "value:Q",
            title=f"{_named(panel)}{' (log)' if steep else ''}",
            scale=scale,
            axis=alt.Axis(tickCount=4, format="~g"),
        ),
        "color": alt.Color("of:N", title=None, scale=colours, legend=legend),
        "tooltip": ["of:N", "step:Q", alt.Tooltip("value:Q", format=".4g")],
    }


def _named(panel: Mapping[str, Points]) -> str:
    return next(iter(panel)).removeprefix(HELD_OUT).replace("_", " ")


def _curve(one: str, points: Points, encoded: Mapping[str, Any]) -> alt.Chart:
    of = SIDES[one.startswith(HELD_OUT)][0]
    values = [{"step": step, "value": value, "of": of} for step, value in thin(points, POINTS)]
    drawn: alt.Chart = alt.Chart({"values": values}).encode(**encoded)
    return drawn


def _upright(steps: Sequence[int], colour: str, dash: list[int], said: str) -> list[Any]:
    """Return a layer of upright lines and one of words at the first of them; none where there is no step."""
    if not steps:
        return []
    lines = alt.Chart({"values": [{"step": step} for step in steps]}).mark_rule(color=colour, strokeDash=dash)
    words = alt.Chart({"values": [{"step": steps[0], "said": said}]})
    words = words.mark_text(align="left", baseline="top", dx=4, color=colour)
    return [lines.encode(x="step:Q"), words.encode(x="step:Q", y=alt.value(2), text="said:N")]


def dot(graph: Graph, addresses: Mapping[str, str] | None = None) -> str:
    """Return a graph in DOT, from left to right; `addresses`: node -> where a click on it leads."""
    lines = [
        'digraph { rankdir=LR; ordering=out; bgcolor="transparent"; nodesep=0.12; ranksep=0.28;',
        f'edge [color="{GREY}", arrowsize=0.7]; node [fontname="sans-serif", fontsize=11, style="filled",',
        f'fontcolor="#111111", color="{GREY}", margin="0.09,0.05"];',
    ]
    for node in graph.nodes:
        shape, colour = NODES.get(node.kind, NODES["run"])
        told = [part for line in node.lines for part in textwrap.wrap(line, LINE, max_lines=LINES, placeholder="…")]
        label = "\\n".join(map(_quoted, told))
        link = (addresses or {}).get(node.id, "")
        leads = f', URL="{_quoted(link)}", target="_self"' if link else ""
        lines.append(f'"{_quoted(node.id)}" [shape="{shape}", fillcolor="{colour}", label="{label}"{leads}];')
    made = {other for _, other in graph.edges}
    for one, other in graph.edges:  # the way from failure to score is straight, what it began with stands aside
        lines.append(f'"{_quoted(one)}" -> "{_quoted(other)}" [weight={5 if one in made else 0}];')
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    """Return a text as it stands between DOT's quotes, on one line."""
    return " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
