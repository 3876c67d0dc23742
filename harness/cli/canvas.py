"""Curves drawn on a terminal, in Braille dots: every character is two dots wide and four high.

    panel({"loss": [(1, 1.6), (2, 0.9), ..]}, width=72, height=8)

      1.6 ┤⠑⢄⠀⠀⠀⠀⠀⠀
          │⠀⠀⠑⢄⡀⠀⠀⠀
      0.1 ┤⠀⠀⠀⠀⠈⠒⠒⠤
          └────────
           1      300

Of points that fall into one column the lowest and the highest are drawn, so that no spike is lost. What is not finite
cannot be drawn: a red cross stands at its step. Drawn here and not by a library, because the one that is known for it
was written anew this year with another interface, and this is all there is to it. Cost: milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

Series = Sequence[tuple[int, float]]
"""(step, value) in the order of the steps."""
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bit of a dot in a Braille character, by column and row (Unicode 16, block U+2800)."""
COLOURS = ("cyan", "yellow", "magenta", "green")
LABEL = 9
"""Characters left of a panel."""


class Canvas:
    """Characters by place, each with its dots and the colour of who drew last."""

    def __init__(self, width: int, height: int) -> None:
        """`width`, `height`: in characters."""
        self.width, self.height = width, height
        self._dots = [[0] * width for _ in range(height)]
        self._colours = [[""] * width for _ in range(height)]
        self._marks: dict[tuple[int, int], tuple[str, str]] = {}

    def dot(self, x: int, y: int, colour: str) -> None:
        """Set a dot; x to the right, y upwards, in dots."""
        column, row = x // 2, self.height - 1 - y // 4
        self._dots[row][column] |= DOTS[x % 2][3 - y % 4]
        self._colours[row][column] = colour

    def line(self, start: tuple[int, int], end: tuple[int, int], colour: str) -> None:
        """Set the dots between two."""
        (x, y), (to_x, to_y) = start, end
        count = max(abs(to_x - x), abs(to_y - y), 1)
        for i in range(count + 1):
            self.dot(round(x + (to_x - x) * i / count), round(y + (to_y - y) * i / count), colour)

    def mark(self, x: int, row: int, sign: str, colour: str) -> None:
        """Put a sign into the character at a dot's column, in a row from above."""
        self._marks[row, x // 2] = (sign, colour)

    def rows(self) -> list[Text]:
        """Return the lines, the highest first."""
        from rich.text import Text

        found = []
        for row, (dots, colours) in enumerate(zip(self._dots, self._colours, strict=True)):
            line = Text()
            for column, (bits, colour) in enumerate(zip(dots, colours, strict=True)):
                sign, colour = self._marks.get((row, column)) or (chr(0x2800 + bits), colour)
                line.append(sign, style=colour or None)
            found.append(line)
        return found


def panel(curves: Mapping[str, Series], width: int, height: int, steps: Iterable[int] = ()) -> list[Text]:
    """Return the lines of a panel with axes: `width` characters with labels, `height` rows of dots above the axis.

    Curves share both axes. `steps`: where a dotted upright line stands.
    """
    from rich.text import Text

    canvas = Canvas(max(10, width - LABEL - 2), height)
    (first, last), (low, high) = limits(curves)
    right, top = canvas.width * 2 - 1, height * 4 - 1

    def column(step: int) -> int:
        return round((step - first) / (last - first) * right)

    for place, points in enumerate(curves.values()):
        colour = COLOURS[place % len(COLOURS)]
        drawn = [(column(s), round((v - low) / (high - low) * top)) for s, v in thin(points, right)]
        scattered = len(curves) > 1 and len(drawn) > canvas.width
        for i, end in enumerate(drawn):
            canvas.line(end if scattered else drawn[max(0, i - 1)], end, colour)
        for step, _ in (point for point in points if not math.isfinite(point[1])):
            canvas.mark(column(step), 0, "×", "bold red")
    for step in steps:
        for row in range(height):
            canvas.mark(column(step), row, "┊", "dim")
    labels = {0: f"{high:.3g}", height - 1: f"{low:.3g}"}
    lines = [
        Text(f"{labels.get(row, ''):>{LABEL}} {'┤' if row in labels else '│'}") + line
        for row, line in enumerate(canvas.rows())
    ]
    ends = f"{first}{last:>{canvas.width - len(str(first))}}"
    return [*lines, Text(f"{'':>{LABEL}} └{'─' * canvas.width}"), Text(f"{'':>{LABEL}}  {ends}")]


def limits(curves: Mapping[str, Series]) -> tuple[tuple[int, int], tuple[float, float]]:
    """Return ((first step, last step), (lowest, highest finite value)); never an empty range."""
    steps = [step for points in curves.values() for step, _ in points] or [0]
    values = [value for points in curves.values() for _, value in points if math.isfinite(value)] or [0.0]
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    return (min(steps), max(max(steps), min(steps) + 1)), (low, high)


def thin(points: Series, columns: int) -> list[tuple[int, float]]:
    """Return at most about two finite points for each of so many columns: the lowest and the highest, in order."""
    finite = [point for point in points if math.isfinite(point[1])]
    if len(finite) <= 2 * columns:
        return finite
    first, span = finite[0][0], max(1, finite[-1][0] - finite[0][0])
    boxes: dict[int, list[tuple[int, float]]] = {}
    for point in finite:
        boxes.setdefault((point[0] - first) * columns // (span + 1), []).append(point)
    kept = [{min(box, key=lambda p: p[1]), max(box, key=lambda p: p[1])} for box in boxes.values()]
    return sorted(point for box in kept for point in box)
