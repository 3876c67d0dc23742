"""The walk of a model's completion: a teacher's call with the rows that came of it, or the answer to a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.store import read
from harness.workbench.rows import Row
from improve.lineage import answers, brief
from improve.lineage.laps import laps, node
from improve.lineage.names import Named
from improve.lineage.node import Node, Walk, quoted
from improve.lineage.row import exemplars
from improve.lineage.scan import Want
from improve.lineage.world import World

COLUMNS = "key, run_id, model_digest, kind, prompt, text, finish, prompt_tokens, completion_tokens, seconds, asked_at"


def walk(world: World, named: Named) -> Walk:
    """Return the walk of a completion."""
    row = read.query(world.database, f"SELECT {COLUMNS} FROM answers WHERE key = ? LIMIT 1", [named.id])[0]
    took = f"{row['prompt_tokens']} + {row['completion_tokens']} tokens, {row['seconds']:.1f} s, {row['finish']}"
    of = Node("call", named.id, f"said {quoted(row['text'])} ({took})", row)
    samples = _samples(world, named.id)
    found = [
        lap for lap in laps(world, Want(named.id, lambda one: named.id in keys(one))) if any(s.seen for s in lap.stages)
    ]
    rows = [one for lap in found for one in lap.rows]
    up = [*samples, *_asked(world, rows), Node("prompt", "", quoted(str(row["prompt"])[-400:], 400))]
    if not samples and not rows:
        up.insert(0, Node("rows", "", f"no row names it: asked by {row['run_id']}, a check perhaps, or repaired later"))
    return Walk(of, up, [node(world, lap) for lap in found])


def keys(row: Row) -> list[str]:
    """Return the keys of the completions that a row was made from, a repaired call's too."""
    source = row.get("source")
    if not isinstance(source, Mapping):
        return []
    return [str(one) for one in (*(source.get("completions") or ()), source.get("completion")) if one]


def _samples(world: World, key: str) -> list[Node]:
    sql = "SELECT run_id, suite, sample_id FROM records WHERE list_contains(completion_keys, ?) ORDER BY run_id"
    found = []
    for row in read.query(world.database, sql, [key]):
        told = answers.sample(world, row["suite"], row["sample_id"], row["run_id"])
        found.append(Node("sample", row["sample_id"], f"{told.text}, in run {row['run_id']}", told.facts))
    return found


def _asked(world: World, rows: list[Row]) -> list[Node]:
    """Return the causes that a teacher was asked about, and the failures that it was shown."""
    causes = dict.fromkeys(str(one["cause"]) for one in rows if one.get("cause"))
    shown = dict.fromkeys(sample for one in rows for sample in exemplars(one))
    teachers = dict.fromkeys(_teacher(one) for one in rows)
    found: list[Node] = [Node("teacher", "", one) for one in teachers if one]
    found += [brief.cause(world, one) for one in causes]
    found += [Node("shown", one, f"failure: {answers.sample(world, '', one).text}") for one in [*shown][: world.rows]]
    return found


def _teacher(row: Row) -> str:
    source: Any = row.get("source")
    return str(source.get("teacher") or "") if isinstance(source, Mapping) else ""
