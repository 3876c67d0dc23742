"""The walk of whatever a word names.

why(Database.at(), "4d266ff1").of     -> Node("row", "4d266ff14e59..", ..)
"""

from __future__ import annotations

from collections.abc import Callable

from harness.store import Database
from improve.lineage import artifact, call, cause, judged, loop, row, sample
from improve.lineage.names import Kind, Named, find
from improve.lineage.node import Walk
from improve.lineage.world import World

ROWS = 5
"""Rows that are named, where there may be thousands."""
WALKS: dict[Kind, Callable[[World, Named], Walk]] = {
    "loop": loop.walk, "round": loop.walk_round, "run": judged.walk_run, "gate": judged.walk_gate,
    "artifact": artifact.walk, "cause": cause.walk, "completion": call.walk, "sample": sample.walk, "row": row.walk,
}  # fmt: skip


def why(database: Database, text: str, rows: int = ROWS) -> Walk:
    """Return the walk from what `text` names: an id, the beginning of one, a sample's or run's name, LOOP or LOOP/N.

    `rows`: how many rows to name.

    Raises:
        UsageError: there is no database; nothing of that name (tells the nearest), or more than one thing.
    """
    world = World(database, rows)
    named = find(world, text)
    return WALKS[named.kind](world, named)
