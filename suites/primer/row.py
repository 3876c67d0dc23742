"""What a generator draws from and what it yields."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness.hashing import digest

T = TypeVar("T")


class Dice:
    """Seeded draws through `random.Random(int).randrange` alone, so that they are the same in every Python."""

    def __init__(self, *seed: Any) -> None:
        self._random = random.Random(int(digest("primer", *seed), 16))

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


@dataclass(frozen=True)
class Row:
    """A question of the suite with everything needed to mark an answer."""

    question: str
    answer: str
    """The reference answer, without surrounding blanks, on one line."""
    key: str
    """Canonical form of what is asked, whatever the wording: two rows with one key are one question."""
    check: Mapping[str, Any] = field(default_factory=lambda: {"kind": "exact"})
    """How an answer is marked (`marking.py`): JSON data."""
    context: str = ""
    """A line that stands before the question."""

    @property
    def prompt(self) -> str:
        """The raw prompt, `Q: ...` and `A:` on two lines."""
        before = f"{self.context}\n" if self.context else ""
        return f"{before}Q: {self.question}\nA:"
