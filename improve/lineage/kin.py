"""Artifacts with their ancestors, back to the base and the failures; and with everything that was made of them.

Kin(world).ancestors(adapter)     -> adapter above its base and its dataset, that above the datasets before it, ..

Lineages join again: the rows of a round meet in the next one. Each artifact is unfolded where it is met first, and only
named after that; a tree of all ways would double with each round.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Artifact
from improve.lineage import brief
from improve.lineage.node import Node
from improve.lineage.world import World


class Kin:
    """Unfolds artifacts, each once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._met: set[str] = set()

    def ancestors(self, one: Artifact) -> Node:
        """Return an artifact above its parents; a report above the verdict and the run that it came of."""
        parents = self.world.parents(one)
        if self._again(one, parents):
            return self._named(one)
        above = [self.ancestors(parent) for parent in parents]
        if one.kind == "report" and (run_id := one.made_by.get("run_id")):
            asked = dict.fromkeys(row["gate_before"] for row in self.world.rounds if row["report"] == one.id)
            gates = [brief.gate(self.world, gate_id) for gate_id in asked]
            above = [*gates, brief.run(self.world, str(run_id), above)]
        return brief.artifact(self.world, one, above)

    def descendants(self, one: Artifact) -> Node:
        """Return an artifact above what was made of it; a candidate above its round."""
        children = self.world.children(one.id)
        if self._again(one, children):
            return self._named(one)
        below = [self.descendants(child) for child in children]
        below += [brief.outcome(self.world, row) for row in self.world.rounds if row["candidate"] == one.id]
        return brief.artifact(self.world, one, below)

    def _again(self, one: Artifact, kin: Sequence[Artifact]) -> bool:
        met = one.id in self._met
        self._met.add(one.id)
        return met and bool(kin)

    def _named(self, one: Artifact) -> Node:
        told = brief.artifact(self.world, one)
        return Node(told.what, told.id, f"{told.text} (unfolded above)", told.facts)
