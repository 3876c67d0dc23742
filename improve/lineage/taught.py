"""Which rows of its dataset a training really learned from: some are held out, some not come to, some left out.

    taught(world, adapter)("4d26..")    -> "trained on", "held out", "not come to" or "too_long"

Held-out rows are chosen by their ids (`improve.training.preflight`), rows are come to in the order of the file: both
can be told afterwards. Where a training ended within its first pass, the row record says how far it came.
Source: the adapter's run.json and dropped.jsonl. Cost: one pass over the dataset where a pass was not finished.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.types import Artifact
from harness.workbench.rows import DROPPED
from improve.lineage import scan
from improve.lineage.world import World

ON, HELD_OUT, LATER = "trained on", "held out", "not come to"
Fate = Callable[[str], str]


def taught(world: World, adapter: Artifact) -> Fate:
    """Return what tells, of the id of a row in the adapter's dataset, what the training made of it."""
    fate: Fate = world.once(("taught", adapter.id), lambda: _fate(world, adapter))
    return fate


def _fate(world: World, adapter: Artifact) -> Fate:
    from improve.training.preflight import is_held_out

    record, left_out = world.told(adapter, "run.json"), _left_out(world, adapter)
    told = record.get("parameters", {})
    share, seed = float(told.get("held_out") or 0.0), int(told.get("seed") or 0)

    def aside(row_id: str) -> str:
        return left_out.get(row_id) or (HELD_OUT if is_held_out(row_id, share, seed) else ON)

    reached = rows_reached(record)
    if reached is None:
        return aside
    dataset = next((one for one in world.parents(adapter) if one.kind == "dataset"), None)
    order = [one for one in (scan.order(world, dataset) if dataset else []) if aside(one) == ON]
    come_to = set(order[:reached])
    return lambda row_id: LATER if aside(row_id) == ON and order and row_id not in come_to else aside(row_id)


def rows_reached(record: dict[str, Any]) -> int | None:
    """Return how many rows a training came to, None where it came to all (or nothing is known)."""
    data, training, told = (record.get(name) or {} for name in ("data", "training", "parameters"))
    tokens, every, rows = training.get("tokens"), data.get("tokens"), data.get("rows")
    steps, batch = training.get("steps"), told.get("batch")
    if not (tokens and every and rows and steps and batch) or tokens >= every:
        return None
    one_device = steps * batch * (told.get("accumulation") or 1)
    # The record does not say how many devices shared the rows; its tokens do.
    return int(min(rows, one_device * max(1, round(tokens / every * rows / one_device))))


def _left_out(world: World, adapter: Artifact) -> dict[str, str]:
    place = world.place(adapter)
    found = scan.lines(place / DROPPED) if place else []
    return {str(row["id"]): scan.reason(row) for row in found}
