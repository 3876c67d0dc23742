"""The walk of a sample: how each run answered it and which cause that was put into; the rows made after it, by round.

Of a sealed sample no row may come; what is shown then are its scores, and the rows that were dropped for being near it.
A loop is never told these figures: they are for people.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness.workbench.rows import Row
from improve.lineage import answers, brief, scan
from improve.lineage.laps import Lap, laps, node
from improve.lineage.names import Named
from improve.lineage.node import Node, Walk, count, quoted
from improve.lineage.row import exemplars
from improve.lineage.scan import Want
from improve.lineage.world import RoundRow, World

SEALED = "a loop is shown no sample of test, and rows that repeat one are dropped"


def walk(world: World, named: Named) -> Walk:
    """Return the walk of a sample."""
    row = answers.about(world, named.suite, named.id)
    suite = str(row["suite"])
    text = f"{row['name'] or '(no name)'} of {suite} ({row['split']})"
    facts = {"suite": suite, "name": row["name"], "split": row["split"], "target": row["target"]}
    up = [_answer(world, one) for one in answers.of_sample(world, suite, named.id)]
    up = up or [Node("answers", "", "no run asked it")]
    if row["split"] == "test":
        up.append(Node("sealed", "", SEALED))
    shown = laps(world, Want(named.id, lambda one: named.id in exemplars(one)))
    down = [node(world, lap, _extra(world, row, lap), _none(world, row, lap)) for lap in shown]
    near = _near(world, named.id)
    return Walk(Node("sample", named.id, text, facts), up, [*(down or [Node("rounds", "", NO_ROUND)]), *near])


NO_ROUND = "no loop has run in this database"


def _answer(world: World, one: dict[str, Any]) -> Node:
    said = f", said {quoted(one['text'])}" if one["text"] is not None else ""
    below = [brief.cause(world, one["cause"])] if one["cause"] else []
    facts = {name: one[name] for name in ("run_id", "attempt", "score", "mode", "answer", "fault_message", "cause")}
    key = str(one["key"] or "")
    return Node("answer", key, f"in run {one['run_id']}: {answers.verdict(one)}{said}", facts, below)


def _extra(world: World, row: dict[str, Any], lap: Lap) -> list[Node]:
    """Return the sample's own score before and after a round, and the rows that its cause had."""
    if lap.row is None:
        return []
    found = []
    run_id = lap.row["run_before"]
    causes = {
        one["cause"] for one in answers.of_sample(world, row["suite"], row["sample_id"]) if one["run_id"] == run_id
    }
    made = _made(world, lap.row)
    for cause in sorted(filter(None, causes)):
        told = made.get(cause) or (lap.row["causes"] or {}).get(cause)
        had = f"; {count(told['rows'], 'row')} made for it" if told and "rows" in told else ""
        shown = brief.cause(world, cause, told)
        found.append(Node("cause", cause, f"its failure counted as {shown.text}{had}", dict(told or {})))
    if row["split"] == "test" and lap.row["aimed"] is not None:
        text = f"{lap.row['aimed']} sealed samples were aimed at; which ones is stored nowhere"
        found.append(Node("aim", "", text, {"aimed": lap.row["aimed"]}))
    scored = answers.before_after(world, row["suite"], row["sample_id"], run_id, lap.row["run_after"])
    return [*found, *([scored] if scored else [])]


def _made(world: World, row: RoundRow) -> dict[str, Any]:
    """Return cause -> label, failures, rows, as the round's generator tells."""
    for one in world.of_round(row):
        causes = world.told(one).get("causes")
        if one.kind == "dataset" and isinstance(causes, dict) and all(isinstance(v, dict) for v in causes.values()):
            return causes
    return {}


def _none(world: World, row: dict[str, Any], lap: Lap) -> str:
    return "no row was made after it" if row["split"] == "dev" else "no row was made after it, as it must be"


def _near(world: World, sample_id: str) -> list[Node]:
    """Return the rows that were dropped because they repeat the sample."""

    def repeats(row: Row) -> bool:
        told = row.get("dropped")
        near = told.get("near") if isinstance(told, dict) else None
        return isinstance(near, dict) and near.get("sample") == sample_id

    stages = [scan.stage(world, one, Want(sample_id, repeats)) for one in scan.datasets(world)]
    lost = sum((one.dropped for one in stages), Counter[str]())
    if not lost:
        return []
    rows = [row for one in stages for row in one.dropped_rows][: world.rows]
    text = f"{count(lost.total(), 'row')} dropped for repeating it ({brief.reasons(lost)})"
    return [Node("repeats", "", text, {"dropped": dict(lost)}, [brief.row(one, scan.reason(one)) for one in rows])]
