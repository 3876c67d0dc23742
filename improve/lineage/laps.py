"""What became of rows in each round: kept or dropped by which step, trained on, merged, and what the gate said then.

for lap in laps(world, Want("4d26..", lambda row: row["id"] == "4d26..")):
    node(world, lap)      -> round quickstart/1 rejected: ..  with a line a step below

A dataset that is of no round (steps made by hand, a loop killed between two notes) is a lap without a round.
Cost: one pass over every dataset, those that several rounds share once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.types import Artifact
from harness.workbench.rows import Row
from improve.lineage import brief, scan
from improve.lineage.node import Node, count
from improve.lineage.scan import Stage, Want
from improve.lineage.taught import ON, rows_reached, taught
from improve.lineage.world import RoundRow, World


@dataclass(frozen=True)
class Lap:
    """The steps of one round that the rows wanted came to."""

    row: RoundRow | None
    """Of the table `rounds`; None: of no round."""
    stages: tuple[Stage, ...]
    """Those of datasets, in order; where none of the rows came, none."""
    made: tuple[Artifact, ...]
    """All artifacts, in order."""

    @property
    def rows(self) -> list[Row]:
        """The first few rows of each step, once each."""
        found = {str(row["id"]): row for one in self.stages for row in (*one.kept_rows, *one.dropped_rows)}
        return list(found.values())

    @property
    def single(self) -> bool:
        """Whether all this is about one row, though it may have come up more than once."""
        return len({row_id for one in self.stages for row_id in (*one.ids, *one.lost)}) == 1


def laps(world: World, want: Want) -> list[Lap]:
    """Return a lap for every round, and one for the datasets of none where rows came there."""
    stages = {one.id: scan.stage(world, one, want) for one in scan.datasets(world)}
    found, taken = [], set()
    for row in world.rounds:
        made = world.of_round(row)
        taken |= {one.id for one in made}
        found.append(Lap(row, _touched(stages[one.id] for one in made if one.kind == "dataset"), tuple(made)))
    others = _touched(one for key, one in stages.items() if key not in taken)
    if any(one.seen for one in others):
        ids = {one.dataset.id for one in others}
        adapters = [one for one in world.artifacts.values() if one.kind == "adapter" and ids & set(one.parents)]
        found.append(Lap(None, others, (*(one.dataset for one in others), *(a for a in adapters if a.id not in taken))))
    return found


def _touched(stages: Iterator[Stage]) -> tuple[Stage, ...]:
    return tuple(one for one in stages if one.seen or one.gone)


def node(world: World, lap: Lap, extra: Sequence[Node] = (), none: str = "no such row came up") -> Node:
    """Return a round with what became of the rows in it. `extra`: further lines; `none`: said where no row came up."""
    below = [_stage(one, lap.single) for one in lap.stages]
    if not lap.stages:
        below.append(Node("rows", "", none))
    if not lap.single:
        below += _named(world, lap)
    trained = [one for adapter in lap.made if adapter.kind == "adapter" and (one := _trained(world, lap, adapter))]
    if trained:  # what died before that is in no model
        below += [*trained, *(brief.artifact(world, one) for one in lap.made if one.kind == "model")]
        below += after(world, lap.row) if lap.row else []
    if lap.row is None:
        return Node("round", "", "of no round", below=(*below, *extra))
    return brief.outcome(world, lap.row, (*below, *extra))


def after(world: World, row: RoundRow) -> list[Node]:
    """Return how the candidate of a round was judged: run, gate, and the checks that accepted it or did not."""
    found = []
    if row["run_after"]:
        found = [brief.run(world, row["run_after"]), brief.gate(world, row["gate_after"])]
    for check in (row["decision"] or {}).get("checks", ()):
        found.append(brief.check(check))
    return found


def _stage(one: Stage, single: bool) -> Node:
    facts = {"step": one.step, "kept": len(one.ids), "dropped": dict(one.dropped)}
    if one.gone:
        return Node("dataset", one.dataset.id, f"{one.step}: {one.gone}", {**facts, "gone": one.gone})
    if not single:
        lost = f", {one.dropped.total()} dropped ({brief.reasons(one.dropped)})" if one.dropped else ""
        return Node("dataset", one.dataset.id, f"{one.step}: {count(len(one.ids), 'row')} kept{lost}", facts)
    if one.dropped and not one.ids:
        detail = {k: v for k, v in _detail(one.dropped_rows[0]).items() if k not in ("by", "reason")}
        text = f"dropped by {one.step}: {next(iter(one.dropped))}" + (f" {brief.short(detail)}" if detail else "")
        return Node("dataset", one.dataset.id, text, {**facts, "detail": detail})
    checked = (one.kept_rows[0].get("checks") or {}).get(one.step.rpartition(".")[2])
    said = f": {_verdict(one, checked)}" if checked is not None else ""
    said += f" ({one.dropped.total()} more of it dropped: {brief.reasons(one.dropped)})" if one.dropped else ""
    return Node("dataset", one.dataset.id, f"{_kept(one)} {one.step}{said}", {**facts, "verdict": checked})


def _kept(one: Stage) -> str:
    return "made by" if one.step == "improve.generate" else "kept by"


def _verdict(one: Stage, checked: Any) -> str:
    return "repeats no sample" if one.step == "improve.decontaminate" else brief.short(checked)


def _detail(row: Row) -> dict[str, Any]:
    told = row.get("dropped")
    return dict(told) if isinstance(told, dict) else {"reason": told}


def _fates(world: World, lap: Lap, adapter: Artifact) -> dict[str, str]:
    """Return row id -> what the training made of it, of the rows wanted in the adapter's dataset."""
    ids = [row_id for one in lap.stages if one.dataset.id in adapter.parents for row_id in one.ids]
    fate = taught(world, adapter)
    return {row_id: fate(row_id) for row_id in ids}


def _trained(world: World, lap: Lap, adapter: Artifact) -> Node | None:
    """Return what a training made of the rows wanted; None where none came to it."""
    fates = _fates(world, lap, adapter)
    if not fates:
        return None
    counts = Counter(fates.values())
    told = brief.artifact(world, adapter)
    if lap.single:
        text = {ON: "trained on it"}.get(next(iter(counts)), f"not trained on it ({next(iter(counts))})")
    else:
        others = brief.reasons({word: number for word, number in counts.items() if word != ON})
        text = f"trained on {counts[ON]} of them" + (f" ({others})" if others else "")
    record = world.told(adapter, "run.json")
    reached, every = rows_reached(record), (record.get("data") or {}).get("rows")
    text += f"; it ended after {reached} of {every} rows" if reached is not None else ""
    return Node("adapter", adapter.id, f"{told.text}; {text}", {**told.facts, "rows": dict(counts)})


def _named(world: World, lap: Lap) -> list[Node]:
    """Return the first few rows with the end of each: those that died first."""
    ends: dict[str, str] = {}
    for one in lap.stages:
        ends |= dict.fromkeys(one.ids, f"kept by {one.step}")
        ends |= {str(row["id"]): f"dropped by {one.step}: {scan.reason(row)}" for row in one.dropped_rows}
    for adapter in (one for one in lap.made if one.kind == "adapter"):
        ends |= _fates(world, lap, adapter)
    dropped = [row for row in lap.rows if "dropped" in row]
    shown = [*dropped, *(row for row in lap.rows if "dropped" not in row)][: world.rows]
    return [brief.row(row, ends[str(row["id"])]) for row in shown]
