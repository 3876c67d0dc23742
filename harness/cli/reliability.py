"""The reliability diagram of a calibrated model, as `harness show ARTIFACT` prints it.

    ━ as it stands  expected calibration error 0.196 (0.155 to 0.217), log-likelihood -4.663, Brier score 0.214
    ━ calibrated    expected calibration error 0.123 (0.090 to 0.139), log-likelihood -0.402, Brier score 0.117
      100 ┤                         ⣀⡠⠤
          │              ⣀⠤⠒⠉
        0 ┤⣀⠤⠒
            right of 100, over how sure of it in percent

Both curves are of `dev` answers, each judged by a fit that has not seen it (`compress.calibrate`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cli import canvas
from harness.cli.console import printable
from harness.models.calibration import DIAGRAM, FILE

WIDTH, HEIGHT = 72, 10
SIDES = {"before": "as it stands", "after": "calibrated"}
PERFECT: Mapping[str, canvas.Series] = {"right as often as it says": [(0, 0.0), (100, 100.0)]}


@dataclass(frozen=True)
class Calibration:
    """What a model's folder says of its calibration."""

    method: str
    """`temperature 2.4` or `platt`."""
    told: Mapping[str, Any]
    """calibration.json."""
    lines: Mapping[str, str]
    """Side -> its figures."""
    curves: Mapping[str, canvas.Series]
    """Side -> (how sure of it, right of 100), in percent, the least sure first."""


def of(folder: Path) -> Calibration | None:
    """Return what a folder says of its model's calibration; None where it says nothing that can be read."""
    try:
        told, bars = (json.loads((folder / file).read_text(encoding="utf-8")) for file in (FILE, DIAGRAM))
        method = str(told["method"])
        lines = {side: _line(told["cross_validated"][method if side == "after" else side]) for side in SIDES}
        curves = {side: [(round(100 * bar["said"]), 100.0 * bar["right"]) for bar in bars[side]] for side in SIDES}
        shown = f"temperature {told['temperature']:.3g}" if method == "temperature" else method
        return Calibration(f"{shown}, fitted to {int(told['fitted_on']['n'])} answers of dev", told, lines, curves)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def show(console: Any, found: Calibration) -> None:
    """Print the diagram, and what calibrating did to calibration error, likelihood and Brier score."""
    from rich.markup import escape

    console.print(f"[bold]calibration[/]  {escape(printable(found.method))}")
    for place, (side, named) in enumerate(SIDES.items()):
        console.print(f"[{canvas.COLOURS[place]}]━[/] {named:<13} {found.lines[side]}")
    console.print(f"[{canvas.COLOURS[2]}]━[/] {next(iter(PERFECT))}")
    for line in canvas.panel({**found.curves, **PERFECT}, min(WIDTH, console.width), HEIGHT):
        console.print(line)
    console.print(f"{'':>{canvas.LABEL}}   right of 100, over how sure of it in percent", style="dim")


def _line(found: dict[str, Any]) -> str:
    ece, nll, brier = (found[name] for name in ("ece", "nll", "brier"))
    error = f"expected calibration error {ece['value']:.3f} ({ece['low']:.3f} to {ece['high']:.3f})"
    return f"{error}, log-likelihood {-nll['value']:.3f}, Brier score {brier['value']:.3f}"
