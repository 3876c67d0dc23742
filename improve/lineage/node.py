"""What a walk is made of: things with a line on each, and below them what they lead to.

Node("row", "4d26..", "dropped by improve.dedup: near", {"of": "41.."}).document()
  -> {"what": "row", "id": "4d26..", "text": "..", "facts": {"of": "41.."}, "below": []}

`text` may hold what a model wrote: it is foreign wherever it is shown. `facts` are the figures behind it, JSON data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN = 100
"""Characters of a question or an answer in a line."""


@dataclass(frozen=True)
class Node:
    """One thing, and what it leads to."""

    what: str
    """Of which kind: `row`, `sample`, `cause`, `call`, `dataset`, `adapter`, `model`, `run`, `gate`, `round`, .."""
    id: str
    """What `harness why` takes; empty where it takes nothing."""
    text: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    below: Sequence[Node] = ()

    def document(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {**vars(self), "facts": _plain(self.facts), "below": [one.document() for one in self.below]}


@dataclass(frozen=True)
class Walk:
    """The answer: the thing, where it came from, what became of it."""

    of: Node
    up: Sequence[Node]
    down: Sequence[Node]

    def document(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            **self.of.document(),
            "up": [one.document() for one in self.up],
            "down": [one.document() for one in self.down],
        }


def _plain(value: Any) -> Any:
    """Return JSON data: None for what JSON has no number for, text for a time."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def quoted(text: Any, width: int = SHOWN) -> str:
    """Return a text of a model on one line, in quotation marks, cut to `width`."""
    shown = str(text).strip().replace("\n", "\\n")
    return f"“{shown if len(shown) <= width else shown[: width - 1] + '…'}”"


def count(number: int, noun: str) -> str:
    """Return `1 row`, `3 rows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
