"""A database with a loop of three rounds and a compression of three stages, its labels hostile: rounds and frontier."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gate"))

import gate_runs

from harness.store import Database, artifacts, rounds, stages
from harness.store.curves import Curves
from harness.store.rows import now
from harness.types import Artifact, Metric
from harness.workbench import keep

HOSTILE = '<script>alert(1)</script> "] evil [label="'
LOOP = "nightly"
WORSE = "over-fitting: the held-out loss was 0.4 at step 20 and is 0.9 at step 40"
ACC = Metric("acc", "acc")
MACRO = Metric("by subject", "acc", "macro:subject")
RUNS = {"base": [1.0, 0.0] * 100, "better": [1.0, 1.0, 1.0, 0.0] * 50, "worse": [1.0, 0.0, 0.0, 0.0] * 50}


@cache
def once(base: Path) -> tuple[Database, dict[str, str]]:
    """Return a database that all tests may read, and none may write. `base`: of pytest's."""
    (base / "laps").mkdir()
    database = Database(base / "laps" / "h.duckdb")
    return database, make(database)


def make(database: Database) -> dict[str, str]:
    """Fill a database; return role -> id of runs and artifacts."""
    asked = gate_runs.samples(200)
    for name, values in RUNS.items():
        gate_runs.store(database, name, asked, values, metrics=(MACRO,) if name == "worse" else (ACC,))
    ids = _loop(database)
    _compression(database)
    return ids


def check(rule: str, observed: float, outcome: str = "PASS") -> dict[str, Any]:
    """Return a check of a decision as rounds store it."""
    bounds = {"low": observed - 0.05, "high": observed + 0.05, "bound": 0.0}
    return {"rule": rule, "suite": "", "outcome": outcome, "observed": observed, **bounds, "note": HOSTILE}


def _loop(database: Database) -> dict[str, str]:
    recipe = {"budget": {"seconds": 100.0, "usd": 5.0}, "rounds": 3, "steps": ["a", "b"]}
    rounds.start(database, LOOP, recipe, "digest", "tiny")
    base = Artifact("ba5e" * 4, "model", "/nowhere/base", "of the base", made_by={"base": "tiny"})
    report = Artifact("5e90" * 4, "report", "gone", "d", (base.id,), {"step": "harness.failures"})
    data = Artifact("da7a" * 4, "dataset", "gone", "d", (report.id,), {"step": "improve.generate"})
    for one in (base, report, data):
        artifacts.add(database, one)
    _done(database, "aa" * 16, "improve.generate", data)
    _trained(database, "bb" * 16, 40, rises=True)
    adapter = _adapter(database, "bb" * 16, (base, data))
    causes = {f"cause{n}": {"label": f"{HOSTILE} {n}", "failures": 10 - n} for n in range(9)}
    ids = [data.id, adapter.id]
    start = {"model": "tiny", "run_before": "base", "verdict_before": "FAIL", "spent_before": {}}
    for number, accepted, run, gain in ((1, True, "better", 0.25), (2, False, "worse", -0.25)):
        rounds.begin(database, LOOP, number, **start)
        checks = [check("superiority", gain), check("non_inferiority", -0.01)]
        rounds.note(
            database, LOOP, number, report=report.id, causes=causes, artifacts=ids, rows=90, candidate=adapter.id,
            run_after=run, verdict_after="PASS" if accepted else "FAIL", aimed=50, accepted=accepted,
            decision={"outcome": "PASS", "note": "", "checks": checks}, why="" if accepted else HOSTILE,
            cost={"seconds": 36.0, "usd": 0.5}, finished_at=now(),
        )  # fmt: skip
    rounds.begin(database, LOOP, 3, **start)
    _trained(database, "cc" * 16, 7)
    artifacts.book(database, LOOP, "cc" * 16, "seconds", 25.0)
    artifacts.add_step(
        database, "dd" * 16, step="improve.verify", version="1", parameters={}, inputs=[], artifact_id=None,
        fault=HOSTILE, log="log.txt", loop=LOOP, seconds=1.0,
    )  # fmt: skip
    return {"data": data.id, "adapter": adapter.id, "report": report.id, "model": base.id}


def _trained(database: Database, key: str, steps: int, rises: bool = False) -> None:
    curves = Curves(database, key)
    for step in range(1, steps + 1):
        curves.measure(step, {"loss": float("nan") if step == 5 else 2.0 * 0.9**step, "learning_rate": 1e-3})
        if step % 5 == 0:
            curves.measure(step, {"held_out_loss": 0.02 * step if rises else 2.0 * 0.93**step})
    curves.flush()


def _adapter(database: Database, key: str, parents: Sequence[Artifact]) -> Artifact:
    folder = database.folder / key
    folder.mkdir()
    (folder / "weights").write_text(key)
    told = {"training": {"over_fitting": WORSE}, "held_out_loss": {"best_step": 20}}
    (folder / "run.json").write_text(json.dumps(told))
    made = keep(database, folder, "adapter", tuple(one.id for one in parents), {"step": "improve.finetune"})
    _done(database, key, "improve.finetune", made)
    return made


def _done(database: Database, key: str, step: str, made: Artifact) -> None:
    columns = {"parameters": {"seed": 0}, "inputs": list(made.parents), "fault": None, "log": "log.txt"}
    artifacts.add_step(
        database, key, step=step, version="1", artifact_id=made.id, loop=LOOP, seconds=2.0, **columns
    )  # fmt: skip


def _compression(database: Database) -> None:
    stages.start(database, "small", {"steps": []}, "digest", "tiny")
    stages.tell(database, "small", run_base="base", measures=measures(4_000_000, 200.0, closeness=False))
    for number, run, size, kept in ((1, "better", 1_000_000, True), (2, "worse", 500_000, False)):
        stages.begin(database, "small", number, step=f"cut {HOSTILE}", run_before="base")
        stages.note(
            database, "small", number, run_id=run, verdict="PASS", kept=kept, seconds=9.0, artifact_id="ba5e" * 4,
            measures=measures(size, 400.0), damage=damage(9 * number), why="" if kept else HOSTILE,
        )  # fmt: skip
    stages.begin(database, "small", 3, step="next", run_before="better")


def measures(size: int, speed: float, closeness: bool = True) -> dict[str, Any]:
    """Return what is measured of a model."""
    to = {"kl_mean": 0.05, "top1_agreement": 0.9}
    against = {"base": to, "before": to} if closeness else {}
    return {"size_bytes": size, "bits_per_weight": 8.0, "against": against, "speed": {"generate_tokens_s": speed}}


def damage(broken: int) -> dict[str, Any]:
    """Return what a stage broke: of two capabilities, and of a cause of failure."""
    own = {"n": 50, "mended": 1, "delta": -0.1, "low": -0.2, "high": 0.0, "p_adjusted": 0.04}
    hit = {"suite": "mmlu", "tag": "subject", "capability": HOSTILE, "broken": broken, "verdict": "worse", **own}
    spared = {"suite": "mmlu", "tag": "subject", "capability": "s1", "broken": 0, "verdict": "", **own}
    cause = {
        "label": "off by one",
        "cause": "c",
        "n": 30,
        "broken": 2,
        "mended": 0,
        "delta": 0.1,
        "low": 0,
        "high": 0.2,
    }
    return {"capabilities": [hit, spared], "clusters": [cause], "suites": {}, "refused": {}}


def many(database: Database, count: int) -> None:
    """Add as many decided rounds to the loop and judged stages to the compression, copies of the first ones."""
    for table in ("rounds", "stages"):
        copies = f"SELECT * EXCLUDE (i) REPLACE (i AS number) FROM {table}, range(10, ?) r(i) WHERE number = 1"
        with database.write() as connection:
            connection.execute(f"INSERT INTO {table} BY NAME {copies}", [10 + count])
