"""Charts of gates, calibration and benches, as pure functions: plain rows in, an altair chart out.

    checks(verdict.checks)                       intervals of the checks of a gate, each with its threshold
    history(rows, "gate-2f9a36b57b")             outcome of every check over verdicts; a click names its gate
    reliability({"as it stands": bins})          said against right, by `gate.calibration.reliability`
    confidences({"as it stands": bins})          how many answers were how sure
    rates(rows, "tokens/s")                      medians by bench and width with the range of their repeats

Colours are middle tones that stand out on light and on dark; an outcome and a busy machine are a shape, too. Data goes
in as plain values: altair's own containers check every row against a schema. Cost: milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart
from harness.gate.calibration import Bin
from harness.gate.outputs.status import place
from harness.types import Check

COLOURS = {"PASS": "#2e9e5b", "FAIL": "#d64545", "INCONCLUSIVE": "#c98a1b", "ERROR": "#8257c9"}
SHAPES = {"PASS": "circle", "FAIL": "square", "INCONCLUSIVE": "triangle-up", "ERROR": "cross"}
SIDES = ("#8d939e", "#e07b39")
"""Before and after calibration."""
WIDTHS = ("#3f8ae0", "#e07b39", "#2e9e5b", "#b565c9", "#c9a01b", "#d64545")
GREY = "#8d939e"
LABEL = 340
"""Pixels of a label at most."""
MARGIN = 36
"""Pixels of the labels of an axis at least."""


def checks(found: Sequence[Check]) -> Chart | None:
    """Return a panel a rule: observed value, its interval, and the threshold as a tick; None where none is known."""
    rows = [_row(check) for check in found if _finite(check.observed, check.low, check.high)]
    if not rows:
        return None
    axis = alt.Axis(tickCount=6, format="~g")
    x = alt.X("low:Q", title=None, axis=axis, scale=alt.Scale(zero=False, padding=16))
    y = alt.Y("suite:N", title=None, axis=alt.Axis(labelLimit=LABEL))
    base = alt.Chart({"values": rows})
    told = ["suite:N", "rule:N", "outcome:N", *(_told(name) for name in ("observed", "low", "high", "threshold"))]
    colour, shape = _outcome({row["outcome"] for row in rows})
    bars = base.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q", y=y, color=colour)
    points = base.mark_point(filled=True, size=90, opacity=1).encode(
        x="observed:Q", y=y, color=colour, shape=shape, tooltip=told
    )
    bounds = base.mark_tick(thickness=3, size=22, color=GREY).encode(x="threshold:Q", y=y, tooltip=told)
    panels = alt.layer(bars, bounds, points).properties(height=alt.Step(28), width=760)
    head = alt.Header(title=None, labelAnchor="start", labelFontWeight="bold", labelFontSize=13)
    facets: alt.FacetChart = panels.facet(alt.Facet("rule:N", header=head), columns=1)
    drawn: alt.FacetChart = facets.resolve_scale(x="independent", y="independent").properties(
        spacing=20, description="Checks of a gate: observed values with intervals, and thresholds"
    )
    return drawn


def history(rows: Sequence[Mapping[str, Any]], shown: str) -> Chart:
    """Return outcomes: a column a verdict (`number`, 1 the oldest), a row a check; the one `shown` is marked.

    The selection `verdict` names the gate of a point that is clicked.
    """
    base = alt.Chart({"values": [dict(row) for row in rows]})
    x = alt.X("number:O", title="verdicts, the newest on the right", axis=alt.Axis(labelAngle=0, labelOverlap=True))
    y = alt.Y("what:N", title=None, sort=list(dict.fromkeys(row["what"] for row in rows)),
              axis=alt.Axis(labelLimit=LABEL))  # fmt: skip
    colour, shape = _outcome({row["outcome"] for row in rows})
    marked = base.transform_filter(alt.datum.gate == shown).mark_rect(opacity=0.18, color=GREY).encode(x=x, y=y)
    points = base.mark_point(filled=True, size=130, opacity=1).encode(
        x=x, y=y, color=colour, shape=shape, tooltip=["outcome:N", "what:N", "decided:N", "candidate:N", "gate:N"]
    )
    clicked = points.add_params(alt.selection_point("verdict", fields=["gate"]))
    return alt.layer(marked, clicked).properties(
        width=alt.Step(30), height=alt.Step(24), description="Outcome of every check over the verdicts"
    )


def reliability(series: Mapping[str, Sequence[Bin]]) -> Chart:
    """Return mean confidence against the share of right answers, with Wilson intervals; the diagonal is perfect."""
    perfect = alt.Chart({"values": [{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": 1.0}]})
    diagonal = perfect.mark_line(strokeDash=[4, 4], color=GREY).encode(x="x:Q", y="y:Q")
    base = alt.Chart({"values": _bins(series)})
    x = alt.X("said:Q", title="mean confidence", scale=alt.Scale(domain=[0, 1]), axis=_tenths())
    y = alt.Y("right:Q", title="share right, 95% interval", scale=alt.Scale(domain=[0, 1]), axis=_tenths())
    colour = _sides(series, alt.Legend(orient="top", symbolType="square", symbolSize=120))
    bars = base.mark_rule(strokeWidth=2).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    points = base.mark_point(filled=True, opacity=1).encode(
        x=x, y=y, color=colour, shape=alt.Shape("probabilities:N", sort=list(series), legend=None),
        size=alt.Size("n:Q", title="answers", scale=alt.Scale(range=[40, 300]), legend=None),
        tooltip=["probabilities:N", "bin:N", "n:Q", *(_told(name) for name in ("said", "right", "low", "high"))],
    )  # fmt: skip
    return alt.layer(diagonal, bars, points).properties(
        height=380, description="Reliability diagram: mean confidence against the share of right answers"
    )


def confidences(series: Mapping[str, Sequence[Bin]], name: str) -> Chart:
    """Return how many answers lie in each bin of confidence by the probabilities `name`."""
    base = alt.Chart({"values": [row for row in _bins(series) if row["probabilities"] == name]})
    x = alt.X("from:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=_tenths())
    axis = alt.Axis(minExtent=MARGIN, values=[0, 1, 10, 100, 1000, 10_000, 100_000], format="~s")
    y = alt.Y("n:Q", title="answers (log)", axis=axis, scale=alt.Scale(type="symlog"))
    colour = _sides(series, None)
    bars = base.mark_bar().encode(
        x=x, x2="to:Q", y=y, y2=alt.datum(0), color=colour, tooltip=["probabilities:N", "bin:N", "n:Q"]
    )
    counts = base.transform_calculate(mid="(datum.from + datum.to) / 2").mark_text(dy=-7, fontSize=11)
    told = counts.encode(x="mid:Q", y=y, text="n:Q", color=colour)
    return alt.layer(bars, told).properties(height=110, description=f"Answers by confidence, {name}")


def rates(rows: Sequence[Mapping[str, Any]], unit: str) -> Chart:
    """Return medians, a line a bench (`label`), a colour a width, with the range of repeats; busy ones are hollow."""
    base = alt.Chart({"values": [_plain(row) for row in rows]})
    labels = list(dict.fromkeys(row["label"] for row in rows))
    x = alt.X("median:Q", title=f"{unit}, median and range of repeats", axis=alt.Axis(format="~s"))
    y = alt.Y("label:N", title=None, sort=labels, axis=alt.Axis(labelLimit=LABEL))
    widths = sorted({row["width"] for row in rows})
    scale = alt.Scale(domain=widths, range=[WIDTHS[n % len(WIDTHS)] for n in range(len(widths))])
    colour = alt.Color("width:O", title="texts side by side", scale=scale, legend=alt.Legend(orient="top"))
    full = alt.FillOpacity(
        "machine:N", scale=alt.Scale(domain=["quiet", "busy"], range=[1.0, 0.0]), legend=None
    )  # fmt: skip
    bars = base.mark_rule(strokeWidth=2, opacity=0.7).encode(x="low:Q", x2="high:Q", y=y, color=colour)
    points = base.mark_point(size=80, opacity=1).encode(
        x=x, y=y, color=colour, fill=alt.Fill("width:O", scale=scale, legend=None), fillOpacity=full,
        tooltip=["label:N", "measure:N", "width:O", *(_told(name, ".5~g") for name in ("median", "low", "high")),
                 "repeats:Q", "machine:N"],
    )  # fmt: skip
    return alt.layer(bars, points).properties(height=alt.Step(26), description=f"{unit} by bench and width")


def _outcome(there: Collection[str]) -> tuple[alt.Color, alt.Shape]:
    """Return the scales of outcomes; the legend holds those that are there."""
    names = [name for name in COLOURS if name in there]
    legend = alt.Legend(orient="top", title=None)
    return (
        alt.Color("outcome:N", scale=alt.Scale(domain=names, range=[COLOURS[n] for n in names]), legend=legend),
        alt.Shape("outcome:N", scale=alt.Scale(domain=names, range=[SHAPES[n] for n in names]), legend=legend),
    )


def _sides(series: Mapping[str, Sequence[Bin]], legend: alt.Legend | None) -> alt.Color:
    names = list(series)
    scale = alt.Scale(domain=names, range=list(SIDES[: len(names)]))
    return alt.Color("probabilities:N", title=None, scale=scale, legend=legend)


def _tenths() -> alt.Axis:
    """Return the axis of shares; the same margin for all, so that charts below one another share their left edge."""
    return alt.Axis(values=[n / 10 for n in range(11)], format=".1f", minExtent=MARGIN)


def _told(name: str, form: str = ".4~g") -> alt.Tooltip:
    return alt.Tooltip(f"{name}:Q", format=form)


def _row(check: Check) -> dict[str, Any]:
    threshold = check.bound if _finite(check.bound) else None
    figures = {"observed": check.observed, "low": check.low, "high": check.high, "threshold": threshold}
    return {"suite": place(check), "rule": check.rule, "outcome": check.outcome, **figures}


def _bins(series: Mapping[str, Sequence[Bin]]) -> list[dict[str, Any]]:
    return [
        {"probabilities": name, "bin": f"{held.low:.2f} to {held.high:.2f}", "from": held.low, "to": held.high,
         "n": held.n, "said": held.said, "right": held.right, "low": held.right_low, "high": held.right_high}
        for name, bins in series.items() for held in bins
    ]  # fmt: skip


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("label", "bench_id", "measure", "width", "median", "low", "high", "repeats")
    return {**{name: row[name] for name in names}, "machine": "busy" if row["busy"] else "quiet"}


def _finite(*values: float | None) -> bool:
    return all(value is not None and math.isfinite(value) for value in values)
