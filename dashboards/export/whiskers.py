"""Intervals drawn inside a table, one a row on the scale of the column: a point, its whisker, and a mark to hold it to.

    scale = Scale.of([(0.61, 0.68), (0.7, 0.76)])
    scale.drawn(0.65, 0.61, 0.68)            -> Markup('<svg class="whisker" ..><line ../><circle ../></svg>')
    scale.title                              -> "0.60 to 0.77"

Lines take the colour of the text around them, so that light, dark and paper are the page's business. Cost:
microseconds, and 300 bytes a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboards.export.markup import Markup, element

WIDTH, HEIGHT, EDGE = 150, 14, 5


@dataclass(frozen=True)
class Scale:
    """Numbers to pixels of a drawing, from left to right."""

    low: float
    high: float

    @classmethod
    def of(cls, bounds: Iterable[tuple[float | None, float | None]], marks: Sequence[float] = ()) -> Scale:
        """Return the scale that holds all bounds and marks; 0 to 1 where there are none."""
        found = [x for pair in bounds for x in pair if x is not None and math.isfinite(x)] + list(marks)
        low, high = min(found, default=0.0), max(found, default=1.0)
        return cls(low, high) if high > low else cls(low - 0.5, high + 0.5)

    @property
    def title(self) -> str:
        """What the edges of the drawing stand for."""
        return f"{self.low:.3g} to {self.high:.3g}"

    def drawn(
        self, value: float | None, low: float | None, high: float | None, mark: float | None = None, state: str = ""
    ) -> Markup:
        """Return a row's drawing, empty without a value; `mark` is a dashed line, `state` a class of the page's."""
        if value is None or not math.isfinite(value):
            return Markup()
        left, right = (value if x is None or not math.isfinite(x) else x for x in (low, high))
        middle = f"{HEIGHT / 2:g}"
        parts = [
            *([self._line(mark, mark, ("0", str(HEIGHT)), "mark")] if mark is not None and math.isfinite(mark) else []),
            self._line(left, right, (middle, middle), "range"),
            element("circle", cx=self._at(value), cy=middle, r="3.5"),
        ]
        shape = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "width": str(WIDTH), "height": str(HEIGHT), "role": "img"}
        told = {"aria-label": f"{value:.4g}, {left:.4g} to {right:.4g}"}
        return element("svg", *parts, class_=f"whisker {state}".strip(), **shape, **told)

    def _line(self, left: float, right: float, ys: tuple[str, str], kind: str) -> Markup:
        return element("line", x1=self._at(left), x2=self._at(right), y1=ys[0], y2=ys[1], class_=kind)

    def _at(self, value: float) -> str:
        share = min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))
        return f"{EDGE + share * (WIDTH - 2 * EDGE):.1f}"
