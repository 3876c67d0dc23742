"""The walks of a run and of a gate: the model behind it back to the base, and the rounds that began or ended there."""

from __future__ import annotations

from collections.abc import Sequence

from harness.store import failures, gates
from improve.lineage import brief
from improve.lineage.kin import Kin
from improve.lineage.names import Named
from improve.lineage.node import Node, Walk, count
from improve.lineage.world import RoundRow, World


def walk_run(world: World, named: Named) -> Walk:
    """Return the walk of a run."""
    begun = [row for row in world.rounds if row["run_before"] == named.id]
    ended = [row for row in world.rounds if row["run_after"] == named.id]
    judged = [brief.gate(world, row["gate_id"]) for row in gates.latest(world.database, candidate=named.id)]
    told = [brief.artifact(world, one) for one in world.artifacts.values() if one.made_by.get("run_id") == named.id]
    down = [*judged, *_causes(world, named.id), *told, *_rounds(world, begun, "began here")]
    none = [Node("rounds", "", "no gate judged it and no round began with it")]
    return Walk(
        brief.run(world, named.id), [*model(world, named.id), *_rounds(world, ended, "made its model")], down or none
    )


def walk_gate(world: World, named: Named) -> Walk:
    """Return the walk of a verdict."""
    row, checks = gates.verdict(world.database, named.id)
    begun = [one for one in world.rounds if one["gate_before"] == named.id]
    ended = [one for one in world.rounds if one["gate_after"] == named.id]
    found = [brief.check({**vars(one), "numbers": dict(one.numbers)}) for one in checks]
    up = [
        brief.run(world, row["candidate"], model(world, row["candidate"])),
        *found,
        *_rounds(world, ended, "asked for it"),
    ]
    down = [
        Node("round", one.id, one.text, one.facts, _learned(world, begun))
        for one in _rounds(world, begun, "began here")
    ]
    return Walk(brief.gate(world, named.id), up, down or [Node("rounds", "", "no round began with it")])


def model(world: World, run_id: str) -> list[Node]:
    """Return the artifact that a run opened, back to its base; the spec where it is none that is known here."""
    known = world.runs.get(run_id)
    if known is None:
        return []
    one = world.opened(run_id)
    return [Kin(world).ancestors(one)] if one else [Node("model", "", f"{known['model']}: made by no step known here")]


def _causes(world: World, run_id: str) -> list[Node]:
    """Return the causes of a run's failures, the largest first."""
    found: dict[str, int] = {}
    for taxonomy in failures.taxonomies(world.database):
        for row in failures.members(world.database, taxonomy["taxonomy_id"], run_id):
            if row["cause_id"]:
                found[row["cause_id"]] = found.get(row["cause_id"], 0) + 1
        if found:  # of the newest taxonomy that knows the run
            break
    largest = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return [brief.cause(world, cause, {"failures": size}) for cause, size in largest]


def _rounds(world: World, rows: Sequence[RoundRow], how: str) -> list[Node]:
    told = [brief.outcome(world, row) for row in rows]
    return [Node(one.what, one.id, f"{how}: {one.text}", one.facts) for one in told]


def _learned(world: World, rows: Sequence[RoundRow]) -> list[Node]:
    found = []
    for row in rows:
        if report := world.artifacts.get(row["report"] or ""):
            found.append(brief.artifact(world, report))
        causes = sorted((row["causes"] or {}).items(), key=lambda one: (-one[1]["failures"], one[0]))
        found += [brief.cause(world, cause, told) for cause, told in causes]
        if row["rows"] is not None:
            found.append(Node("rows", "", f"{count(row['rows'], 'row')} to train on", {"rows": row["rows"]}))
    return found
