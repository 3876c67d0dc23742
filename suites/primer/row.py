"""What a generator draws from and what it yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


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
