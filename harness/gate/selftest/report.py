"""Runs the sections and gathers their lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.gate.selftest import looking, power, size
from harness.gate.selftest.trial import REAL, Gate, Line, Trial

Section = Callable[[Trial], Iterator[Line]]
SECTIONS: dict[str, Section] = {
    section.__name__: section for section in (*size.SECTIONS, *power.SECTIONS, *looking.SECTIONS)
}


@dataclass(frozen=True)
class Report:
    """What a self-test found."""

    lines: tuple[Line, ...]
    alpha: float
    seed: int
    quick: bool
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every line is within its bounds."""
        return all(line.ok for line in self.lines)

    @property
    def exit_code(self) -> int:
        """0, or 1 where a line is not."""
        return 0 if self.ok else 1

    @property
    def failed(self) -> tuple[Line, ...]:
        """Lines out of their bounds."""
        return tuple(line for line in self.lines if not line.ok)


def run(
    quick: bool = False,
    seed: int = 0,
    alpha: float = 0.05,
    gate: Gate = REAL,
    sections: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Return what the self-test of a gate finds.

    `sections`: names of `SECTIONS`, all of them where none is given. `tell` hears what is about to be tested.
    """
    started, trial = time.monotonic(), Trial(gate, alpha, seed, quick)
    lines: list[Line] = []
    for name in sections or SECTIONS:
        tell((SECTIONS[name].__doc__ or name).splitlines()[0])
        lines += SECTIONS[name](trial)
    return Report(tuple(lines), alpha, seed, quick, time.monotonic() - started)
