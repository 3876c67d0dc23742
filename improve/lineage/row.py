"""The walk of a training row: who wrote it, for which cause, after which failures; and its end in each round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.store import read
from harness.types import Artifact
from harness.workbench import rows as dataset
from harness.workbench.rows import Row
from improve.lineage import answers, brief
from improve.lineage.kin import Kin
from improve.lineage.laps import Lap, laps, node
from improve.lineage.names import Named
from improve.lineage.node import Node, Walk, quoted
from improve.lineage.scan import Want
from improve.lineage.world import World


def walk(world: World, named: Named) -> Walk:
    """Return the walk of a row."""
    found = [lap for lap in laps(world, Want(named.id, lambda row: row["id"] == named.id)) if lap.stages]
    known = [(one.dataset, row) for lap in found for one in lap.stages for row in (*one.kept_rows, *one.dropped_rows)]
    born, first = min(known, key=lambda one: list(world.artifacts).index(one[0].id))
    run_id = _run_of(world, born)
    touched = [lap for lap in found if any(one.seen for one in lap.stages)]
    facts = {"prompt": dataset.question(first), "completion": dataset.answer(first), "source": first.get("source")}
    text = f"{quoted(dataset.question(first), 300)} -> {quoted(dataset.answer(first), 300)}"
    up = [*_source(world, first, run_id), *_cause(world, first, born), Kin(world).ancestors(born)]
    return Walk(
        Node("row", named.id, text, facts), up, [node(world, lap, _shown(world, lap, first, run_id)) for lap in touched]
    )


def exemplars(row: Row) -> list[str]:
    """Return the ids of the failures that were shown to whoever made a row."""
    source = row.get("source")
    return [str(one) for one in source.get("exemplars") or ()] if isinstance(source, Mapping) else []


def _run_of(world: World, born: Artifact) -> str | None:
    """Return the run whose failures a dataset was made for."""
    reports = [one for one in world.parents(born) if one.kind == "report"]
    return str(reports[0].made_by.get("run_id")) if reports else None


def _source(world: World, row: Row, run_id: str | None) -> Iterator[Node]:
    source: Any = row.get("source")
    if not isinstance(source, Mapping):
        yield Node("source", "", "its dataset does not say what it was made from")
        return
    shown = exemplars(row)
    if source.get("teacher"):
        yield call(world, str(source.get("completion") or ""), f"written by {source['teacher']}", source)
    elif source.get("generator"):
        near = "drawn from farther away" if source.get("diverse") else f"as near as {_number(source.get('similarity'))}"
        text = (
            f"{source['generator']} asked and solved it by program (seed {source.get('seed')}), {near} to the failure"
        )
        yield Node("generator", "", text, dict(source))
    elif source.get("replay"):
        yield Node("replay", "", f"of {source['replay']}: replayed, made for no failure", dict(source))
    else:
        yield Node("source", "", brief.short(dict(source)), dict(source))
    for one in shown[: world.rows]:
        yield Node("shown", one, f"failure: {answers.sample(world, '', one, run_id).text}")
    if len(shown) > world.rows:
        yield Node("shown", "", f"and {len(shown) - world.rows} more failures")


def call(world: World, key: str, text: str, facts: Mapping[str, Any]) -> Node:
    """Return a teacher's call with what it took."""
    sql = "SELECT prompt_tokens, completion_tokens, seconds FROM completions WHERE key = ? LIMIT 1"
    for row in read.query(world.database, sql, [key]):
        took = f"{row['prompt_tokens']} + {row['completion_tokens']} tokens, {row['seconds']:.1f} s"
        return Node("call", key, f"{text}: {took}", {**facts, **row})
    return Node("call", key, text, dict(facts))


def _cause(world: World, row: Row, born: Artifact) -> list[Node]:
    if not row.get("cause"):
        return []
    told = (world.told(born).get("causes") or {}).get(row["cause"])
    return [brief.cause(world, str(row["cause"]), told if isinstance(told, Mapping) else None)]


def _shown(world: World, lap: Lap, row: Row, run_id: str | None) -> list[Node]:
    """Return how the failures shown were answered before and after a round."""
    if lap.row is None:
        return []
    found = []
    for one in exemplars(row)[: world.rows]:
        told = answers.about(world, "", one)
        scored = told and answers.before_after(world, told["suite"], one, lap.row["run_before"], lap.row["run_after"])
        if scored:
            found.append(Node("shown", one, f"{told['name']}: {scored.text}", scored.facts))
    return found


def _number(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "?"
