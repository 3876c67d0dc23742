"""The walk of an artifact: what it was made of, back to the base and the failures; what was made of it and scored."""

from __future__ import annotations

from typing import Any

from harness.types import Artifact
from improve.lineage import brief
from improve.lineage.kin import Kin
from improve.lineage.names import Named
from improve.lineage.node import Node, Walk, count
from improve.lineage.world import World


def walk(world: World, named: Named) -> Walk:
    """Return the walk of an artifact."""
    one = world.artifacts[named.id]
    told = brief.artifact(world, one)
    of = Node(told.what, told.id, told.text, {**told.facts, **_record(world, one)})
    up = [*_made(world, one), *Kin(world).ancestors(one).below]
    kin = Kin(world)
    down = [kin.descendants(child) for child in world.children(one.id)]
    runs = [run_id for run_id in world.runs if (found := world.opened(run_id)) and found.id == one.id]
    down += [brief.run(world, run_id) for run_id in runs]
    down += [brief.outcome(world, row) for row in world.rounds_with(one.id)]
    up = up or [Node("nothing", "", "made by no step that is known here")]
    return Walk(of, up, down or [Node("nothing", "", "nothing was made of it, and no round used it")])


def _record(world: World, one: Artifact) -> dict[str, Any]:
    """Return the run record of a model, the report of a dataset; whole, for whoever reads JSON."""
    record = world.told(one, "run.json")
    return {"record": record} if record else {"report": told} if (told := world.told(one)) else {}


def _made(world: World, one: Artifact) -> list[Node]:
    """Return the execution that made it, the steps of its record in words."""
    found = []
    for row in world.executions:
        if row["artifact_id"] == one.id:
            text = f"{row['step']} v{row['version']} of loop {row['loop']}, {row['seconds']:.1f} s"
            text += f": {brief.short(row['parameters'])}"
            found.append(
                Node("step", "", text, {name: row[name] for name in ("step_key", "step", "loop", "log", "seconds")})
            )
    record = world.told(one, "run.json")
    if record:
        data, base = record.get("data") or {}, record.get("base") or {}
        told = [f"of {record.get('finished_at')}, commit {str(record.get('commit'))[:12]}"]
        told += [f"base {base.get('name')}"] if base else []
        told += [f"{count(data['rows'], 'row')}, {data.get('held_out')} held out"] if "rows" in data else []
        versions = record.get("versions") or {}
        told += [", ".join(f"{name} {version}" for name, version in sorted(versions.items()))] if versions else []
        found.append(Node("record", "", "; ".join(told)))
    return found
