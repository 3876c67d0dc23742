"""Progress of a run: a bar with rate, time left and running score on a terminal, plain lines on a pipe."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

PLAIN_S = 10.0
"""Seconds between two plain lines."""


class Meter:
    """Shows how far a run is, on stderr. `quiet` shows nothing."""

    def __init__(self, stream: TextIO = sys.stderr, quiet: bool = False) -> None:
        self.stream, self.quiet = stream, quiet
        self.bar: Progress | None = None
        self.task: TaskID | None = None
        self._suite, self._total, self._done, self._faults = "", 0, 0, 0
        self._sum, self._scored, self._since, self._said = 0.0, 0, 0.0, 0.0

    def start(self, suite: str, total: int, done: int) -> None:
        """Begin a suite of `total` records, `done` of which are stored already."""
        self._suite, self._total, self._done, self._faults = suite, total, done, 0
        self._sum, self._scored, self._since, self._said = 0.0, 0, time.monotonic(), time.monotonic()
        if self.quiet or done >= total:
            return
        if self.stream.isatty():
            self.bar = Progress(
                TextColumn("[bold]{task.description}"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}/s"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[score]}"),
                console=Console(file=self.stream),
                transient=True,
            )
            self.bar.start()
            self.task = self.bar.add_task(suite, total=total, completed=done, rate="-", score="")
        else:
            self._line()

    def advance(self, score: float | None) -> None:
        """Count one record; None is a fault."""
        self._done += 1
        if score is None:
            self._faults += 1
        else:
            self._sum += score
            self._scored += 1
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=self._done, rate=f"{self._rate():.3g}", score=self._running())
        elif not self.quiet and time.monotonic() - self._said > PLAIN_S:
            self._line()

    def finish(self) -> None:
        """End the suite."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = self.task = None

    def _rate(self) -> float:
        return (self._scored + self._faults) / max(time.monotonic() - self._since, 1e-9)

    def _running(self) -> str:
        score = f"score {self._sum / self._scored:.3f}" if self._scored else ""
        return score + (f"  faults {self._faults}" if self._faults else "")

    def _line(self) -> None:
        self._said = time.monotonic()
        left = (self._total - self._done) / self._rate() if self._rate() > 0 else 0.0
        eta = f", {left:.0f} s left" if left else ""
        print(
            f"{self._suite}: {self._done}/{self._total}{eta}  {self._running()}".rstrip(), file=self.stream, flush=True
        )
