"""The walks of a loop and of one round: everything it was told, made, and decided, in order."""

from __future__ import annotations

from harness.store import artifacts
from improve.lineage import brief
from improve.lineage.judged import model
from improve.lineage.laps import after
from improve.lineage.names import Named
from improve.lineage.node import Node, Walk, count
from improve.lineage.world import RoundRow, World


def walk(world: World, named: Named) -> Walk:
    """Return the walk of a loop."""
    starts = [row for row in world.loops if row["loop"] == named.id]
    rounds = [row for row in world.rounds if row["loop"] == named.id]
    latest = starts[-1] if starts else {}
    ended = (
        f"{latest['outcome']}: {latest['why']}" if latest.get("outcome") else "no end is stored: it runs, or was killed"
    )
    spent = artifacts.spent(world.database, named.id)
    cost = ", ".join(f"{amount:.4g} {what}" for what, amount in spent.items())
    text = f"{ended}; {count(len(rounds), 'round')}, {count(len(starts), 'start')}" + (f"; {cost}" if cost else "")
    facts = {"outcome": latest.get("outcome"), "why": latest.get("why"), "starts": len(starts), "cost": spent}
    of = Node("loop", named.id, text, {**facts, "recipe": latest.get("recipe"), "digest": latest.get("recipe_digest")})
    up = [Node("base", "", str(latest.get("model") or ""))] if latest else []
    if rounds:
        up += [brief.run(world, rounds[0]["run_before"]), brief.gate(world, rounds[0]["gate_before"])]
    down = [brief.outcome(world, row, (*_learned(world, row), *_made(world, row))) for row in rounds]
    return Walk(of, up, down or [Node("rounds", "", "no round has begun")])


def walk_round(world: World, named: Named) -> Walk:
    """Return the walk of a round."""
    row = next(one for one in world.rounds if (one["loop"], one["number"]) == (named.id, named.number))
    began = [
        brief.gate(world, row["gate_before"]),
        brief.run(world, row["run_before"], model(world, row["run_before"])),
    ]
    return Walk(brief.outcome(world, row), [*began, *_learned(world, row)], _made(world, row))


def _learned(world: World, row: RoundRow) -> list[Node]:
    """Return the report that a round learned from, with its causes, the largest first."""
    causes = sorted((row["causes"] or {}).items(), key=lambda one: (-one[1]["failures"], one[0]))
    shown = [brief.cause(world, cause, told) for cause, told in causes]
    report = world.artifacts.get(row["report"] or "")
    return [brief.artifact(world, report, shown)] if report else shown


def _made(world: World, row: RoundRow) -> list[Node]:
    """Return what the steps of a round made, those that broke, and how the candidate was judged."""
    found = [brief.artifact(world, one) for one in world.of_round(row)]
    for one in world.executions:
        during = row["started_at"] <= one["finished_at"] and (
            row["finished_at"] is None or one["finished_at"] <= row["finished_at"]
        )
        if one["fault"] and one["loop"] == row["loop"] and during:
            text = f"{one['step']}: {one['fault']} (log: {one['log']})"
            found.append(Node("broke", "", text, {name: one[name] for name in ("step", "fault", "log", "seconds")}))
    found += after(world, row)
    cost = ", ".join(f"{amount:.4g} {what}" for what, amount in (row["cost"] or {}).items() if amount)
    if cost:
        found.append(Node("cost", "", cost, dict(row["cost"])))
    return found or [Node("nothing", "", "the round has made nothing yet")]
