"""A later checkpoint: shares shift, one cause vanishes, one is new. What a frozen taxonomy makes of it.

    later("easy", seed=0, embedder="lsa")   -> Later(known=.95, flagged=1.0, alarms=.03)

Fitted on `dev` of one world that lacks a cause; assigned to another world, drawn with another seed, that has it, and
lacks another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import planted_easy
import planted_hard
import planted_recorded
from planted import Plant, World, diagnosed, named, world

from harness.failures.taxonomy.assigning import assign
from harness.failures.taxonomy.fitting import fit

SETS: Mapping[str, Callable[[int], Sequence[Plant]]] = {
    "easy": planted_easy.primer,
    "easy, recorded": planted_easy.recorded,
    "hard, recorded": planted_recorded.recorded_hard,
    "hard": planted_hard.hard,
    "hard, other phrasings": lambda seed: planted_hard.hard(seed, phrases="held"),
}
LATER = 100
"""Added to a seed for the later checkpoint."""


@dataclass(frozen=True)
class Later:
    """Shares in [0, 1]."""

    known: float
    """Of failures of known causes: assigned to a cluster of their cause."""
    flagged: float
    """Of failures of the new cause: novel."""
    alarms: float
    """Of failures of known causes: novel."""


@cache
def planted_world(name: str, seed: int, useless: float) -> World:
    """Return a world of one of the sets."""
    return world(SETS[name](seed), seed, useless)


def later(name: str, seed: int, embedder: str, new: str, gone: str, useless: float = 0.0) -> Later:
    """Return how failures of a later checkpoint are assigned. `new`, `gone`: causes."""
    before, after = planted_world(name, seed, useless).part("dev"), planted_world(name, seed + LATER, useless)
    before = before.only(lambda i: before.causes[i] != new)
    after = after.only(lambda i: after.causes[i] != gone)
    taxonomy, found = fit(before.cases, diagnosed(before), embedder=embedder, seed=seed)
    causes = named([one.cause for one in found], before.causes)
    assigned = assign(taxonomy, diagnosed(after))
    known = [i for i, cause in enumerate(after.causes) if cause != new]
    fresh = [i for i, cause in enumerate(after.causes) if cause == new]
    right = [causes.get(assigned[i].cause) == after.causes[i] and not assigned[i].novel for i in known]
    return Later(
        sum(right) / len(known),
        sum(assigned[i].novel for i in fresh) / len(fresh),
        sum(assigned[i].novel for i in known) / len(known),
    )


def pairs(causes: Sequence[str]) -> list[tuple[str, str]]:
    """Return (new, gone) for every cause: each is new once, and the next one gone."""
    ranked = sorted(causes)
    return [(cause, ranked[(place + 1) % len(ranked)]) for place, cause in enumerate(ranked)]
