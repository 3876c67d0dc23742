"""What is watched while a training runs: three rules on plain numbers.

    watch = Watch(steps=200)
    watch.loss(17, float("nan"))        raises UsageError: the loss is nan at step 17
    watch.held_out(20, 0.41)            watch.over_fitting() -> None, or what became worse since when

- *not finite*: a loss or gradient that is NaN or infinite. The trainer's habit of putting the last average in its
  place is turned off.
- *diverging*: the mean loss of a window is more than `TIMES` that of the first window and at least `NATS` above it, or
  a held-out loss is so beside the one before the training. A window is a tenth of the steps, 5 to 20.
- *over-fitting*: at the end the held-out loss is more than `WORSE` times its lowest value. It is reported; what to do
  about it is `early_stop`.
"""

from __future__ import annotations

import math
from collections import deque

from harness.errors import UsageError

TIMES, NATS = 2.0, 1.0
WORSE = 1.1
SHOWN = 5
"""Last losses that a message shows."""


class Watch:
    """The losses of one training."""

    def __init__(self, steps: int, learning_rate: float, log: str) -> None:
        """`log`: where the log lies, for messages."""
        self.window = min(20, max(5, steps // 10))
        self.learning_rate, self.log = learning_rate, log
        self.last: deque[float] = deque(maxlen=self.window)
        self.first: float | None = None
        self.held: list[tuple[int, float]] = []

    def loss(self, step: int, loss: float, gradient: float = 0.0) -> None:
        """Take the loss and the gradient's norm of a step.

        Raises:
            UsageError: not finite, or diverging.
        """
        self.last.append(loss)
        for name, value in (("loss", loss), ("norm of the gradient", gradient)):
            if not math.isfinite(value):
                raise self._broken(f"the {name} is {value} at step {step}", "a finite one")
        if len(self.last) < self.window:
            return
        mean = sum(self.last) / self.window
        if self.first is None:
            self.first = mean
        if _diverged(self.first, mean):
            what = f"the loss diverges: {mean:.3g} over the last {self.window} steps up to step {step}"
            raise self._broken(what, f"about {self.first:.3g}, as in the first {self.window}, or less")

    def held_out(self, step: int, loss: float) -> None:
        """Take a loss on the rows held out.

        Raises:
            UsageError: not finite, or far worse than before the training.
        """
        self.held.append((step, loss))
        before = self.held[0][1]
        if not math.isfinite(loss) or _diverged(before, loss):
            raise self._broken(f"the held-out loss is {loss:.3g} at step {step}", f"about {before:.3g}, or less")

    @property
    def best(self) -> tuple[int, float] | None:
        """(step, loss) of the lowest held-out loss."""
        return min(self.held, key=lambda found: found[1], default=None)

    def is_stale(self, evaluations: int) -> bool:
        """Whether the last so many evaluations brought no better held-out loss."""
        best = self.best
        return best is not None and len(self.held) - 1 - self.held.index(best) >= evaluations

    def over_fitting(self) -> str | None:
        """Return what became worse on the rows held out since the best evaluation, None where nothing did."""
        best = self.best
        if best is None or self.held[-1][1] <= WORSE * best[1]:
            return None
        (step, low), (last, high) = best, self.held[-1]
        return f"over-fitting: the held-out loss was {low:.3g} at step {step} and is {high:.3g} at step {last}"

    def _broken(self, what: str, expected: str) -> UsageError:
        losses = ", ".join(f"{loss:.3g}" for loss in list(self.last)[-SHOWN:])
        return UsageError(
            f"{what} (the last losses: {losses}; log: {self.log})",
            expected,
            f"lower learning_rate: it is {self.learning_rate:g}, try {self.learning_rate / 4:.1g}",
        )


def _diverged(before: float, now: float) -> bool:
    return now > TIMES * before and now > before + NATS
