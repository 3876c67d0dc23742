"""A line on each thing: run, gate, cause, artifact, round, row. What lies behind it is the walk of its own id.

run(world, "tiny-425e..")     -> run tiny-425e..  of tiny: primer:large acc 0.740 (0.724 to 0.755)

Cost: a short read or two each; a run's scores a pass over its records.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import report as reports
from harness.store import read
from harness.types import Artifact
from harness.workbench import rows as dataset
from harness.workbench.rows import Row
from improve.lineage.node import Node, count, quoted
from improve.lineage.world import RoundRow, World, loop_name


def run(world: World, run_id: str | None, below: Sequence[Node] = ()) -> Node:
    """Return a run with its scores."""
    known = world.runs.get(run_id or "")
    if known is None:
        return Node("run", run_id or "", "is not in this database", below=below)
    suites = world.once(("scores", run_id), lambda: scores(world, str(run_id)))
    told = [
        f"{one['suite']} {one['metric']} {one['score']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
        for one in suites
        if one["score"] is not None
    ]
    facts = {"model": known["model"], "status": known["status"], "suites": suites}
    opened = world.opened(known["run_id"])
    of = f"model {opened.id}" if opened and "base" not in opened.made_by else known["model"]
    return Node("run", known["run_id"], f"of {of}: {', '.join(told) or 'no score'}", facts, below)


def scores(world: World, run_id: str) -> list[dict[str, Any]]:
    """Return suite, metric, score and its interval of all suites of a run."""
    found = []
    for one in reports.reports(world.database, run_id):
        if one.metrics:
            name, primary = one.primary
            told = {"suite": one.suite, "metric": name, "score": reports.finite(primary.value), "n": one.scored}
            found.append({**told, "low": primary.low, "high": primary.high})
    return found


def gate(world: World, gate_id: str | None, below: Sequence[Node] = ()) -> Node:
    """Return a verdict with the checks that did not pass."""
    found = world.once(("gate", gate_id), lambda: _verdict(world, gate_id))
    if not found:
        return Node("gate", gate_id or "", "is not in this database", below=below)
    row = found[0]
    failing = [one for one in found if one["said"] not in ("PASS", None)]
    text = f"{row['outcome']} by {Path(row['policy'] or '?').name}" + (f" on {row['split']}" if row["split"] else "")
    text += "".join(f"; {' '.join(filter(None, (one['suite'], one['rule'])))}: {one['note']}" for one in failing[:2])
    facts = {"outcome": row["outcome"], "candidate": row["candidate"], "policy": row["policy"], "loop": row["loop"]}
    return Node("gate", row["gate_id"], text, facts, below)


def _verdict(world: World, gate_id: str | None) -> list[dict[str, Any]]:
    """Return the row of a gate with each of its checks."""
    sql = (
        "SELECT gate_id, g.outcome, g.policy, g.split, g.candidate, g.loop, c.suite, c.rule, c.outcome AS said, c.note"
        " FROM gates g LEFT JOIN checks c USING (gate_id) WHERE g.gate_id = ? ORDER BY c.place"
    )
    return read.query(world.database, sql, [gate_id], since="gates")


def cause(world: World, cause_id: str, told: Mapping[str, Any] | None = None, below: Sequence[Node] = ()) -> Node:
    """Return a cause by its label. `told`: label and failures as a round or report has them."""
    told = told or {}
    label = world.named.get(cause_id) or told.get("label") or label_of(world, cause_id)
    size = told.get("failures", told.get("size"))
    text = quoted(label) + (f": {count(int(size), 'failure')}" if size is not None else "")
    return Node("cause", cause_id, text, {"label": label, "failures": size}, below)


def label_of(world: World, cause_id: str) -> str:
    """Return the label that the newest taxonomy gave a cause; empty where none has it."""
    sql = (
        "SELECT label FROM causes JOIN taxonomies USING (taxonomy_id) WHERE cause_id = ? ORDER BY made_at DESC LIMIT 1"
    )
    found = read.query(world.database, sql, [cause_id], since="causes")
    return str(found[0]["label"]) if found else ""


def artifact(world: World, one: Artifact, below: Sequence[Node] = ()) -> Node:
    """Return an artifact: who made it, and how many rows or what loss came out."""
    made, told = one.made_by, world.told(one)
    step = str(made.get("step") or (f"the base {made['base']}" if "base" in made else "?"))
    text = step if "base" in made else f"by {step}"
    facts: dict[str, Any] = {"kind": one.kind, "step": made.get("step"), "path": one.path, "digest": one.digest}
    if one.kind == "dataset" and told:
        facts |= {name: told.get(name) for name in ("in", "out", "dropped")}
        text += f": {told.get('out')} of {told.get('in')} rows{_reasons(told.get('dropped') or {})}"
    if one.kind == "report":
        text += f" of run {made.get('run_id', '?')}"
    record = world.told(one, "run.json") if one.kind in ("adapter", "model") else {}
    if training := record.get("training"):
        facts["training"] = training
        text += f": {training.get('steps')} steps, loss {_number(training.get('loss'))}"
    if agreement := record.get("agreement"):
        text += f": {agreement.get('same_texts')} of {agreement.get('rows')} texts as base and adapter say them"
    if world.place(one) is None:
        text += f"; its folder {one.path!r} is gone"
        facts["gone"] = True
    return Node(one.kind, one.id, text, facts, below)


def outcome(world: World, row: RoundRow, below: Sequence[Node] = ()) -> Node:
    """Return a round in a line: what the gate said before and after, whether it was accepted and why not."""
    accepted = {True: "accepted", False: "rejected", None: "under way"}[row["accepted"]]
    after = row["verdict_after"] or "not asked"
    text = f"{accepted}{': ' + row['why'] if row['why'] else ''}; the gate said {row['verdict_before']}, then {after}"
    names = ("accepted", "why", "verdict_before", "verdict_after", "rows", "aimed", "candidate", "cost")
    return Node("round", loop_name(row), text, {name: row[name] for name in names}, below)


def row(one: Row, text: str = "") -> Node:
    """Return a training row: what it asks and answers."""
    asks = dataset.question(one).strip().removeprefix("Q:").removesuffix("A:")
    said = f"{quoted(asks)} -> {quoted(dataset.answer(one), 60)}"
    return Node("row", str(one["id"]), f"{text}: {said}" if text else said)


def check(told: Mapping[str, Any]) -> Node:
    """Return one check of a gate or of an acceptance."""
    said = " ".join(filter(None, (told["outcome"], told["suite"], told["rule"])))
    return Node("check", "", f"{said}: {told['note']}" if told["note"] else said, told)


def _reasons(dropped: Mapping[str, int]) -> str:
    return f" (dropped: {reasons(dropped)})" if dropped else ""


def reasons(dropped: Mapping[str, int]) -> str:
    """Return `29 exact, 3 near`."""
    return ", ".join(f"{number} {word}" for word, number in Counter(dropped).most_common())


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "?"


def short(value: Any, width: int = 160) -> str:
    """Return JSON data on one line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= width else text[: width - 1] + "…"
