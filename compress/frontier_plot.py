"""A frontier as a picture, on the terminal and as SVG or PNG: quality with its interval upwards, cost to the right.

    for line in terminal(axis, "size", width=100): console.print(line)
    write(axes, "size", Path("frontier.svg"))

Costs stand on a logarithmic scale: stages halve and quarter them. On the terminal a point is the sign of its row in the
table, green where it is optimal, red where its stage was rolled back. Drawn as the curves of `harness show` are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compress.frontier import Axis, Marked
from harness.cli import chart
from harness.cli.canvas import LABEL, Canvas
from harness.cli.console import printable
from harness.errors import UsageError

SIGNS = "123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
HEIGHT, WIDTH_PX, HEIGHT_PX, KEY_PX = 14, 620, 340, 330
MIB = 2**20
AGAINST = {"size": "size, MiB", "speed": "tokens generated per second", "memory": "memory, MiB"}
STATES = {"optimal": "#2a9d5c", "dominated": "#8a8f98", "rolled back": "#e45756"}
COLOURS = {"optimal": "bold green", "dominated": "cyan", "rolled back": "red"}


def sign(place: int) -> str:
    """Return by which a point is called on the terminal."""
    return SIGNS[place] if place < len(SIGNS) else "*"


def state(one: Marked) -> str:
    """Return one of `STATES`."""
    return "optimal" if one.optimal else "dominated" if one.point.kept else "rolled back"


def cost(one: Marked, against: str) -> float | None:
    """Return where a point stands to the right, above 0; None where that was not measured."""
    point = one.point
    found = {
        "size": point.size_bytes / MIB,
        "speed": point.speed,
        "memory": None if point.memory_bytes is None else point.memory_bytes / MIB,
    }[against]
    return found if found and found > 0 else None


def terminal(axis: Axis, against: str, width: int) -> list[Any]:
    """Return the lines of a picture of `width` characters; none where nothing was measured to the right."""
    from rich.text import Text

    drawn = [(sign(place), one, x) for place, one in enumerate(axis.marked) if (x := cost(one, against)) is not None]
    if not drawn:
        return []
    canvas = Canvas(max(20, width - LABEL - 2), HEIGHT)
    low, high = _widened(min(one.point.low for _, one, _ in drawn), max(one.point.high for _, one, _ in drawn))
    left, right = min(x for *_, x in drawn), max(x for *_, x in drawn)
    span = math.log(right / left) or 1.0

    def column(x: float) -> int:
        return round(math.log(x / left) / span * (canvas.width * 2 - 1))

    def row(y: float) -> int:
        return round((y - low) / (high - low) * (HEIGHT * 4 - 1))

    # The optimal ones last: where two stand in one place, theirs is the sign that is seen.
    for name, one, x in sorted(drawn, key=lambda each: each[1].optimal):
        colour = COLOURS[state(one)]
        canvas.line((column(x), row(one.point.low)), (column(x), row(one.point.high)), colour)
        canvas.mark(column(x), HEIGHT - 1 - row(one.point.quality) // 4, name, colour)
    labels = {0: f"{high:.3g}", HEIGHT - 1: f"{low:.3g}"}
    lines = [
        Text(f"{labels.get(at, ''):>{LABEL}} {'┤' if at in labels else '│'}") + line
        for at, line in enumerate(canvas.rows())
    ]
    ends, named = (f"{left:.3g}", f"{right:.3g}"), f"{AGAINST[against]} (log)"
    below = f"{ends[0]}{named:^{canvas.width - len(ends[0]) - len(ends[1])}}{ends[1]}"
    return [*lines, Text(f"{'':>{LABEL}} └{'─' * canvas.width}"), Text(f"{'':>{LABEL}}  {below}")]


def _widened(low: float, high: float) -> tuple[float, float]:
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def write(axes: Sequence[Axis], against: str, path: Path) -> None:
    """Write the picture, a panel an axis.

    Raises:
        UsageError: nothing was measured to the right. MissingPackage, InfrastructureError: see `harness.cli.chart`.
    """
    chart.check(path)
    import altair as alt

    panels = [_panel(alt, axis, against) for axis in axes if any(cost(one, against) for one in axis.marked)]
    if not panels:
        what = f"no {against} was measured of any model"
        raise UsageError(what, "stages that were timed, or harness bench", "type: --against size")
    chart.save(alt.vconcat(*panels).resolve_scale(x="independent", y="independent"), path)


def stairs(axis: Axis, against: str) -> list[tuple[float, float]]:
    """Return (cost, quality) of the kept points that no other one beats in these two, in the order of their cost."""
    cheap = -1.0 if against == "speed" else 1.0
    kept = [(x, one.point) for one in axis.marked if one.point.kept and (x := cost(one, against)) is not None]
    found: list[tuple[float, float]] = []
    best = -math.inf
    for x, point in sorted(kept, key=lambda each: (cheap * each[0], -each[1].good)):
        if point.good > best:
            found.append((x, point.quality))
            best = point.good
    return sorted(found)


def _panel(alt: Any, axis: Axis, against: str) -> Any:
    """Return points with their signs, and beside them what the signs stand for."""
    values = _values(axis, against)
    x = alt.X("cost:Q", title=f"{AGAINST[against]} (log)", scale=alt.Scale(type="log", nice=False, padding=30))
    quality = alt.Y("quality:Q", title=printable(f"{axis.suite}: {axis.metric}"), scale=alt.Scale(zero=False))
    colour = alt.Color("is:N", title=None, scale=alt.Scale(domain=list(STATES), range=list(STATES.values())))
    points = alt.Chart(alt.Data(values=values), width=WIDTH_PX, height=HEIGHT_PX).encode(x=x, color=colour)
    steps = [{"cost": x, "quality": y} for x, y in stairs(axis, against)]
    how = "step-before" if against == "speed" else "step-after"
    line = alt.Chart(alt.Data(values=steps)).mark_line(interpolate=how, color=STATES["optimal"], opacity=0.4)
    layers = (
        line.encode(x=x, y=quality),
        points.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q"), y2="high:Q"),
        points.mark_point(filled=True, size=70, opacity=1).encode(y=quality, shape=_shape(alt)),
        points.mark_text(align="left", dx=8, dy=-8, fontSize=12).encode(y=quality, text="signs:N"),
    )
    key = alt.Chart(alt.Data(values=values), width=KEY_PX, height=18 * len(values)).encode(color=colour)
    named = key.mark_text(align="left", fontSize=12).encode(
        x=alt.value(0), y=alt.Y("place:O", axis=None), text=alt.Text("named:N")
    )
    told = f"{axis.marked[0].point.n:,} sealed samples, 95% intervals; version {axis.version}, prompt {axis.prompt}"
    title = alt.TitleParams(printable(axis.suite), subtitle=told, anchor="start")
    return alt.hconcat(alt.layer(*layers), named, title=title)


def _values(axis: Axis, against: str) -> list[dict[str, Any]]:
    """Return what is drawn, a row a point; of points in one place the first carries the signs of all."""
    drawn = [(place, one, x) for place, one in enumerate(axis.marked) if (x := cost(one, against)) is not None]
    together: dict[tuple[float, float], list[int]] = {}
    for place, one, x in drawn:
        together.setdefault((x, one.point.quality), []).append(place)
    found = []
    for place, one, x in drawn:
        here, point = together[x, one.point.quality], one.point
        rate = "" if point.speed is None else f", {point.speed:,.0f} tokens/s"
        found.append(
            {
                "place": place, "cost": x, "quality": point.quality, "low": point.low, "high": point.high,
                "signs": " ".join(map(sign, here)) if here[0] == place else "", "is": state(one),
                "named": printable(f"{sign(place)}  {point.name}{rate}", 56),
            }
        )  # fmt: skip
    return found


def _shape(alt: Any) -> Any:
    """Return signs that tell the states apart without colour."""
    return alt.Shape("is:N", title=None, scale=alt.Scale(domain=list(STATES), range=["circle", "square", "cross"]))
