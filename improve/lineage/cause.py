"""The walk of a cause: the failures that it was seen in, run by run; the rows made for it and what they brought."""

from __future__ import annotations

from typing import Any

from harness.store import read
from improve.lineage import answers, brief
from improve.lineage.laps import Lap, laps, node
from improve.lineage.names import Named
from improve.lineage.node import Node, Walk, count
from improve.lineage.sample import NO_ROUND
from improve.lineage.scan import Want
from improve.lineage.world import World

_MEMBERS = (
    "SELECT run_id, suite, sample_id, attempt, cause_id, similarity FROM members WHERE run_id IN"
    " (SELECT run_id FROM members WHERE cause_id = ?)"
    " QUALIFY row_number() OVER (PARTITION BY run_id, suite, sample_id, attempt ORDER BY rowid DESC) = 1"
)


def walk(world: World, named: Named) -> Walk:
    """Return the walk of a cause."""
    members = read.query(world.database, _MEMBERS, [named.id], since="members")
    rows = read.query(
        world.database,
        "SELECT c.*, t.made_at FROM causes c JOIN taxonomies t USING (taxonomy_id) WHERE cause_id = ? ORDER BY made_at",
        [named.id],
        since="causes",
    )
    told = brief.cause(world, named.id)
    facts = {**told.facts, "keywords": rows[-1]["keywords"], "taxonomies": [one["taxonomy_id"] for one in rows]}
    up = [
        _run(world, run_id, members, named.id)
        for run_id in world.runs
        if any(one["run_id"] == run_id for one in members)
    ]
    found = laps(world, Want(named.id, lambda row: row.get("cause") == named.id))
    down = [node(world, lap, _failures(world, lap, members, named.id), _none(lap, named.id)) for lap in found]
    text = f"{told.text}, by {', '.join(facts['keywords'] or ()) or 'no word'}"
    of = Node("cause", named.id, text, facts)
    return Walk(of, [*up, *_descents(world, named.id)], down or [Node("rounds", "", NO_ROUND)])


def _run(world: World, run_id: str, members: list[dict[str, Any]], cause_id: str) -> Node:
    own = [one for one in members if one["run_id"] == run_id]
    held = sorted((one for one in own if one["cause_id"] == cause_id), key=lambda one: -(one["similarity"] or 0.0))
    text = f"of {world.runs[run_id]['model']}: {len(held)} of {count(len(own), 'analysed failure')}"
    shown = [answers.sample(world, one["suite"], one["sample_id"], run_id) for one in held[: world.rows]]
    return Node("run", run_id, text, {"failures": len(held), "analysed": len(own)}, shown)


def _descents(world: World, cause_id: str) -> list[Node]:
    """Return what a refit made it from, and what a later one made of it."""
    sql = "SELECT old_cause, new_cause, kind, cosine, jaccard FROM descents WHERE ? IN (old_cause, new_cause)"
    found = []
    for row in read.query(world.database, sql, [cause_id], since="descents"):
        other = row["new_cause"] if row["old_cause"] == cause_id else row["old_cause"]
        if other and other != cause_id:
            how = "became" if row["old_cause"] == cause_id else "came of"
            label = brief.cause(world, other).text
            found.append(Node("cause", other, f"{how} this in a refit ({row['kind']}): {label}", row))
    return found


def _failures(world: World, lap: Lap, members: list[dict[str, Any]], cause_id: str) -> list[Node]:
    """Return how many of the samples that failed for the cause before a round fail after it."""
    if lap.row is None or not lap.row["run_after"]:
        return []
    own = {
        (one["suite"], one["sample_id"])
        for one in members
        if one["run_id"] == lap.row["run_before"] and one["cause_id"] == cause_id
    }
    if not own:
        return []
    failing, scored = answers.still_failing(world, lap.row["run_after"], own)
    after = sum(one["run_id"] == lap.row["run_after"] and one["cause_id"] == cause_id for one in members)
    text = f"of {count(len(own), 'sample')} that failed for it before, {failing} of {scored} scored fail after"
    text += f"; {count(after, 'failure')} after the round counted as it" if after else ""
    facts = {"failed_before": len(own), "failing_after": failing, "scored_after": scored, "counted_after": after}
    return [Node("failures", "", text, facts)]


def _none(lap: Lap, cause_id: str) -> str:
    if lap.row is None or lap.row["causes"] is None:
        return "no row was made for it"
    return "the round knew it and no row came of it" if cause_id in lap.row["causes"] else "the round did not know it"
