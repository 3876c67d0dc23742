"""How samples were answered: by run, with the cause that a failure was put into.

of_sample(world, "primer", "9f..")[0]
  -> {"run_id": "tiny-425e..", "score": 0.0, "mode": "wrong_order", "text": " ..", "cause": "6cd4bf776ffb", ..}
still_failing(world, "tiny-425e..", {("primer", "9f..")})    -> (1, 1)     failing, scored

Cost: a query over the records of one sample; for many samples, over those of a run.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from harness.compare.pairs import declared_metric
from harness.failures.cases import failed
from harness.store import read
from improve.lineage.node import Node, quoted
from improve.lineage.world import World

Key = tuple[str, str]
"""Suite and sample id."""


def about(world: World, suite: str, sample_id: str) -> dict[str, Any]:
    """Return the row of a sample, the latest that was stored; {} where there is none. `suite` may be empty."""
    sql = "SELECT * FROM samples WHERE sample_id = ? AND (? = '' OR suite = ?) ORDER BY rowid DESC LIMIT 1"
    found = read.query(world.database, sql, [sample_id, suite, suite])
    return found[0] if found else {}


def of_sample(world: World, suite: str, sample_id: str) -> list[dict[str, Any]]:
    """Return each answer to a sample with its run, score, mode and text, the oldest run first."""

    def asked() -> list[dict[str, Any]]:
        rows = read.query(
            world.database,
            "SELECT r.run_id, r.attempt, r.score, r.mode, r.answer, r.fault_kind, r.fault_message, a.text, a.key"
            " FROM results r LEFT JOIN answers a ON a.key = r.completion_keys[-1]"
            " WHERE r.suite = ? AND r.sample_id = ? ORDER BY r.recorded_at, r.attempt",
            [suite, sample_id],
        )
        causes = _causes(world, suite, sample_id)
        place = {run_id: number for number, run_id in enumerate(world.runs)}
        told = [{**row, "cause": causes.get((row["run_id"], row["attempt"]), "")} for row in rows]
        return sorted(told, key=lambda row: place.get(row["run_id"], len(place)))

    found: list[dict[str, Any]] = world.once(("answers", suite, sample_id), asked)
    return found


def _causes(world: World, suite: str, sample_id: str) -> dict[tuple[str, int], str]:
    sql = (
        "SELECT run_id, attempt, cause_id FROM members WHERE suite = ? AND sample_id = ? AND cause_id <> ''"
        " QUALIFY row_number() OVER (PARTITION BY run_id, attempt ORDER BY rowid DESC) = 1"
    )
    rows = read.query(world.database, sql, [suite, sample_id], since="members")
    return {(row["run_id"], row["attempt"]): row["cause_id"] for row in rows}


def verdict(row: dict[str, Any]) -> str:
    """Return how one answer was judged: `0 wrong_order`, or its fault."""
    if row["score"] is None:
        return f"no score: {row['fault_kind']}"
    return f"{row['score']:.3g} {row['mode']}"


def before_after(world: World, suite: str, sample_id: str, before: str | None, after: str | None) -> Node | None:
    """Return how a sample was answered before and after a round; None where neither run has it."""
    found = of_sample(world, suite, sample_id)
    told = {
        name: [verdict(row) for row in found if row["run_id"] == run_id] or ["not asked"]
        for name, run_id in (("before", before), ("after", after))
    }
    if all(one == ["not asked"] for one in told.values()):
        return None
    text = " -> ".join(", ".join(one) for one in told.values())
    scores = {
        name: [row["score"] for row in found if row["run_id"] == run_id]
        for name, run_id in (("before", before), ("after", after))
    }
    return Node("score", "", text, {"suite": suite, "sample_id": sample_id, **scores})


def sample(world: World, suite: str, sample_id: str, run_id: str | None = None) -> Node:
    """Return a sample by its name; with a run, how that answered it."""
    row = about(world, suite, sample_id)
    if not row:
        return Node("sample", sample_id, "is not in this database")
    text = f"{row['name'] or ''} of {row['suite']} ({row['split']})".strip()
    for one in of_sample(world, row["suite"], sample_id) if run_id else ():
        if one["run_id"] == run_id:
            text += f": {verdict(one)}, said {quoted(one['text'] or '', 60)}"
    return Node("sample", sample_id, text, {"suite": row["suite"], "split": row["split"], "name": row["name"]})


def still_failing(world: World, run_id: str, samples: Collection[Key]) -> tuple[int, int]:
    """Return how many of the samples a run fails, and to how many it has a score."""
    scored: set[Key] = set()
    failing: set[Key] = set()
    known = read.run_suites(world.database, run_id)
    for suite in sorted({suite for suite, _ in samples} & set(known)):
        metric = declared_metric(known[suite], "")
        rows = read.query(
            world.database,
            "SELECT sample_id, measures, mode FROM results WHERE run_id = ? AND suite = ? AND measures IS NOT NULL"
            " AND sample_id IN (SELECT unnest(?::VARCHAR[]))",
            [run_id, suite, [one for name, one in samples if name == suite]],
        )
        for row in rows:
            scored.add((suite, row["sample_id"]))
            if failed(metric, row["measures"], row["mode"]):
                failing.add((suite, row["sample_id"]))
    return len(failing), len(scored)
