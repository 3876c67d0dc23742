"""Charts of gates, calibration and benches, as pure functions: plain rows in, an altair chart out.

    checks(verdict.checks)                       intervals of the checks of a gate, each with its threshold
    reliability({"as it stands": bins})          said against right, by `gate.calibration.reliability`
    confidences({"as it stands": bins})          how many answers were how sure
    rates(rows, "tokens/s")                      medians by width and model with the range of their repeats

Cost: milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards.charts import Chart
from harness.gate.calibration import Bin
from harness.gate.outputs.status import place
from harness.types import Check

COLOURS = {"PASS": "#2e9e5b", "FAIL": "#d64545", "INCONCLUSIVE": "#c98a1b", "ERROR": "#8257c9"}
"""Readable on light and on dark; the outcome is a shape, too."""


def checks(found: Sequence[Check]) -> Chart | None:
    """Return a panel a rule: observed value, its interval, and the threshold as a tick; None where none is known."""
    rows = [_row(check) for check in found if _finite(check.observed, check.low, check.high)]
    if not rows:
        return None
    x, y = alt.X("low:Q", title=None, scale=alt.Scale(zero=False, padding=12)), alt.Y("suite:N", title=None)
    scale = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    colour = alt.Color("outcome:N", scale=scale, legend=alt.Legend(orient="top"))
    base = alt.Chart(alt.InlineData(values=rows))
    told = ["suite:N", "rule:N", "outcome:N", "observed:Q", "low:Q", "high:Q", "threshold:Q"]
    bars = base.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q", y=y, color=colour)
    points = base.mark_point(filled=True, size=90).encode(
        x="observed:Q", y=y, color=colour, shape=alt.Shape("outcome:N", scale=alt.Scale(domain=list(COLOURS))),
        tooltip=told,
    )  # fmt: skip
    bounds = base.mark_tick(thickness=3, size=22, color="#888888").encode(x="threshold:Q", y=y, tooltip=told)
    panels = alt.layer(bars, bounds, points).properties(height=alt.Step(28), width=420)
    heads = alt.Row("rule:N", title=None, header=alt.Header(labelAngle=0, labelAlign="left"))
    facets: alt.FacetChart = panels.facet(row=heads).resolve_scale(x="independent", y="independent")
    return facets


def reliability(series: Mapping[str, Sequence[Bin]]) -> Chart:
    """Return mean confidence against the share of right answers, with Wilson intervals; the diagonal is perfect."""
    perfect = alt.Chart(alt.InlineData(values=[{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": 1.0}]))
    diagonal = perfect.mark_line(strokeDash=[4, 4], color="#888888").encode(x="x:Q", y="y:Q")
    base = alt.Chart(alt.InlineData(values=_bins(series)))
    x = alt.X("said:Q", title="mean confidence", scale=alt.Scale(domain=[0, 1]))
    y = alt.Y("right:Q", title="share right, 95% interval", scale=alt.Scale(domain=[0, 1]))
    colour = alt.Color("probabilities:N", title=None, sort=list(series), legend=alt.Legend(orient="top"))
    bars = base.mark_rule(strokeWidth=2).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    points = base.mark_point(filled=True).encode(
        x=x, y=y, color=colour, shape=alt.Shape("probabilities:N", sort=list(series), legend=None),
        size=alt.Size("n:Q", title="answers", scale=alt.Scale(range=[30, 300]), legend=None),
        tooltip=["probabilities:N", "bin:N", "n:Q", alt.Tooltip("said:Q", format=".3f"),
                 alt.Tooltip("right:Q", format=".3f"), alt.Tooltip("low:Q", format=".3f"),
                 alt.Tooltip("high:Q", format=".3f")],
    )  # fmt: skip
    return alt.layer(diagonal, bars, points).properties(height=380)


def confidences(series: Mapping[str, Sequence[Bin]]) -> Chart:
    """Return how many answers lie in each bin of confidence."""
    bars: alt.Chart = alt.Chart(alt.InlineData(values=_bins(series))).mark_bar(opacity=0.6).properties(height=180)
    drawn: alt.Chart = bars.encode(
        x=alt.X("from:Q", title="confidence", scale=alt.Scale(domain=[0, 1])), x2="to:Q",
        y=alt.Y("n:Q", title="answers (logarithmic)", stack=None, scale=alt.Scale(type="symlog")), y2=alt.datum(0),
        color=alt.Color("probabilities:N", title=None, sort=list(series), legend=alt.Legend(orient="top")),
        tooltip=["probabilities:N", "bin:N", "n:Q"],
    )  # fmt: skip
    return drawn


def rates(rows: Sequence[Mapping[str, Any]], unit: str) -> Chart:
    """Return medians by width, a line a bench (`label`), the range of repeats as bars; busy ones are hollow crosses."""
    base = alt.Chart(alt.InlineData(values=[_plain(row) for row in rows]))
    x = alt.X("width:O", title="texts side by side (width)", axis=alt.Axis(labelAngle=0))
    y = alt.Y("median:Q", title=f"{unit}, median and range of repeats")
    colour = alt.Color("label:N", title=None, legend=alt.Legend(orient="bottom", columns=2, labelLimit=420))
    machine = alt.Shape(
        "machine:N", title=None, scale=alt.Scale(domain=["quiet", "busy"], range=["circle", "cross"]),
        legend=alt.Legend(orient="top"),
    )  # fmt: skip
    lines = base.mark_line(strokeWidth=1, opacity=0.6).encode(x=x, y=y, color=colour, detail="bench_id:N")
    bars = base.mark_rule().encode(x=x, y="low:Q", y2="high:Q", color=colour)
    points = base.mark_point(size=80).encode(
        x=x, y=y, color=colour, shape=machine,
        tooltip=["label:N", "measure:N", "width:O", "median:Q", "low:Q", "high:Q", "repeats:Q", "machine:N"],
    )  # fmt: skip
    return alt.layer(lines, bars, points).properties(height=360)


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
