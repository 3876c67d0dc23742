"""The curves of trainings as a picture in a file, SVG or PNG: altair's charts, drawn by vl-convert without a browser.

    write(trainings, Path("curves.svg"))

A block of charts a training: loss first, each with its curve on the rows held out. Red: a value that is not finite; a
dashed line: the lowest held-out loss, where what came after was over-fitting. Cost: about two seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.cli import canvas
from harness.cli.curves import HELD_OUT, Training, panels
from harness.errors import InfrastructureError, MissingPackage, UsageError

ENDINGS = (".svg", ".png")
WIDTH, HEIGHT, COLUMNS = 360, 200, 2
POINTS = 1000
"""Columns of a picture: longer curves are thinned to the lowest and highest of each."""
OF, COLOURS = ("training rows", "rows held out"), ("#4c78a8", "#e45756")
"""What a curve was measured on."""


def check(path: Path) -> None:
    """Refuse a file that cannot be written, before anything is drawn.

    Raises:
        UsageError: another ending than .svg or .png. MissingPackage: altair or vl-convert is not installed.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"--plot {str(path)!r} is no picture", "a file that ends in .svg or .png", "--plot curves.svg")
    for package, module in (("altair", "altair"), ("vl-convert-python", "vl_convert")):
        try:
            __import__(module)
        except ImportError as error:
            raise MissingPackage(package, "--plot", "dashboard") from error


def write(trainings: Sequence[Training], path: Path) -> None:
    """Write the picture.

    Raises:
        UsageError, MissingPackage: see `check`. InfrastructureError: the disk refuses.
    """
    check(path)
    import altair as alt

    rows = []
    for training in trainings:
        charts = [_panel(alt, panel, training, place == 0) for place, panel in enumerate(panels(training.curves))]
        named = " ".join(filter(None, (training.title, training.step, training.step_key[:12])))
        title = alt.TitleParams(named, subtitle=list(training.marks) or [training.state], anchor="start")
        rows.append(alt.concat(*charts, columns=COLUMNS, title=title))
    save(alt.vconcat(*rows), path)


def save(picture: Any, path: Path) -> None:
    """Write a chart of altair's on white, its legend above.

    Raises:
        InfrastructureError: the disk refuses.
    """
    picture = picture.configure(background="white").configure_view(stroke=None)
    try:
        picture.configure_legend(orient="top").save(str(path), scale_factor=2)
    except OSError as error:
        what = f"cannot write {str(path)!r}: {error.strerror}"
        raise InfrastructureError(what, "a folder that you may write in", "--plot another file") from error


def _panel(alt: Any, panel: dict[str, canvas.Series], training: Training, is_first: bool) -> Any:
    name = next(iter(panel)).removeprefix(HELD_OUT)
    layers = []
    for one, points in panel.items():
        held_out = one.startswith(HELD_OUT)
        values = [{"step": step, "value": value, "of": OF[held_out]} for step, value in canvas.thin(points, POINTS)]
        chart = alt.Chart(alt.Data(values=values), width=WIDTH, height=HEIGHT)
        line = chart.mark_line(strokeWidth=2, point=True) if held_out else chart.mark_line(strokeWidth=1, opacity=0.7)
        layers.append(
            line.encode(
                x=alt.X("step:Q", title="step", axis=alt.Axis(tickMinStep=1)),
                y=alt.Y("value:Q", title=name.replace("_", " "), scale=alt.Scale(zero=False)),
                # One scale for all panels, so that they share a legend.
                color=alt.Color("of:N", title=None, scale=alt.Scale(domain=list(OF), range=list(COLOURS))),
            )
        )
    broken = [step for points in panel.values() for step, value in points if not math.isfinite(value)]
    best = [training.best_step] if is_first and training.best_step is not None else []
    return alt.layer(*layers, *_rules(alt, broken, "red", [1, 0]), *_rules(alt, best, "gray", [4, 4]))


def _rules(alt: Any, steps: Sequence[int], colour: str, dash: list[int]) -> list[Any]:
    """Return an upright line at each step, no layer where there is none."""
    if not steps:
        return []
    data = alt.Data(values=[{"step": step} for step in steps])
    return [alt.Chart(data).mark_rule(color=colour, strokeDash=dash, strokeWidth=1.5).encode(x="step:Q")]
