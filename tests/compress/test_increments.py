"""The increments of a group: which shares are tried after which verdicts, and that it ends whatever the gate says."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.compression import Compression
from compress.recipe import Group


def walked(passes: Callable[[float], bool], share: float = 0.6, increments: int = 3) -> tuple[list[float], list[str]]:
    """Return the shares that were tried, and what was given up."""
    whole, tried = object.__new__(Compression), list[float]()
    standing: Any = SimpleNamespace(undone=[])

    def stage(_: Group, share: float) -> bool:
        tried.append(share)
        return passes(round(share, 3))

    vars(whole).update(standing=standing, cuts=lambda *_: True, stage=stage)
    whole.group(Group("g", (), share, increments))
    return tried, standing.undone


@pytest.mark.parametrize(
    ("passes", "tried", "undone"),
    [
        (lambda share: True, [0.422, 0.578, 0.6], []),
        (lambda share: share < 0.55, [0.422, 0.578, 0.5, 0.578], ["g beyond 50%"]),
        (lambda share: False, [0.422, 0.211], ["g beyond 0%"]),
        (lambda share: share != 0.6, [0.422, 0.578, 0.6, 0.589, 0.6], ["g beyond 59%"]),
    ],
)
def test_an_increment_is_halved_once(passes: Callable[[float], bool], tried: list[float], undone: list[str]) -> None:
    found = walked(passes)
    assert found[1] == undone and found[0] == pytest.approx(tried, abs=0.012)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.floats(0.05, 0.95), st.integers(1, 12))
def test_it_ends_whatever_the_gate_says(words: list[bool], share: float, increments: int) -> None:
    said = iter(words * 50)
    tried, undone = walked(lambda _: next(said), share, increments)
    last = (words * 50)[len(tried) - 1]
    assert len(tried) <= increments + 3 and bool(undone) == (not last or tried[-1] != pytest.approx(share))
