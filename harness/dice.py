"""Seeded draws for procedural suites: the same in every Python and on every machine.

Dice("primer", "evaluation", "add").between(2, 9)
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

from harness.hashing import digest

T = TypeVar("T")


class Dice:
    """Draws through `random.Random(int).randrange` alone: the other methods of `random` have changed over versions."""

    def __init__(self, *seed: Any) -> None:
        """Begin at `seed`: JSON data, the suite's name first."""
        self._random = random.Random(int(digest(*seed), 16))

    def below(self, stop: int) -> int:
        """Return an integer in [0, stop)."""
        return self._random.randrange(stop)

    def between(self, low: int, high: int) -> int:
        """Return an integer in [low, high], both included."""
        return low + self._random.randrange(high - low + 1)

    def one(self, options: Sequence[T]) -> T:
        """Return one of `options`."""
        return options[self._random.randrange(len(options))]

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """Return `count` different ones of `options`, in random order."""
        left = list(options)
        return [left.pop(self._random.randrange(len(left))) for _ in range(count)]
