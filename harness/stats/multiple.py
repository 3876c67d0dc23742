"""Many tests at once: adjusted p-values, to be held against alpha like single ones.

    holm({"mmlu": 0.01, "bbh": 0.04, "humaneval": 0.03})   ->  {"mmlu": 0.03, "bbh": 0.06, "humaneval": 0.06}

`holm` bounds the chance of *any* false alarm in the family, whatever the dependence between its tests: it is what a
verdict may rest on. `benjamini_hochberg` bounds the expected share of false ones among the alarms, for independent or
positively dependent tests: lists to look at (subjects, tags), never a verdict.

Sources: Holm 1979, Scandinavian Journal of Statistics 6:65; Benjamini and Hochberg 1995, JRSS B 57:289.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def holm(ps: Mapping[Name, float]) -> dict[Name, float]:
    """Return Holm's adjusted p by name, in the order given: all p_holm <= alpha are rejected at family-wise alpha.

    Raises:
        ValueError: a p outside [0, 1], nan included.
    """
    adjusted, largest = dict(_checked(ps)), 0.0
    for rank, name in enumerate(sorted(ps, key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[name]))
        adjusted[name] = largest
    return adjusted


def benjamini_hochberg(ps: Mapping[Name, float]) -> dict[Name, float]:
    """Return Benjamini and Hochberg's adjusted p (false discovery rate) by name, in the order given.

    Raises:
        ValueError: a p outside [0, 1], nan included.
    """
    adjusted, least = dict(_checked(ps)), 1.0
    for passed, name in enumerate(sorted(ps, key=ps.__getitem__, reverse=True)):
        least = min(least, len(ps) / (len(ps) - passed) * ps[name])
        adjusted[name] = least
    return adjusted


def _checked(ps: Mapping[Name, float]) -> Mapping[Name, float]:
    wrong = [name for name, p in ps.items() if not 0.0 <= p <= 1.0]
    if wrong:
        raise ValueError(f"no probability: {ps[wrong[0]]!r} of {wrong[0]!r}")
    return ps
