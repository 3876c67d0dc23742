"""A small loop for the tests of lineage: real runs, analysis and steps that curate; training and merge are files.

The teacher writes, among good rows: a wrong answer (verify drops it), one nearly word for word (dedup), a copy of a
sealed sample (decontaminate), an exact repeat (generate itself), terminal escapes, and an entry that is no row.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import registry
from harness.config import EvalConfig
from harness.failures import learning
from harness.hashing import fraction
from harness.models.scripted import Scripted
from harness.runner.evaluate import evaluate
from harness.store import Database, artifacts, gates, rounds
from harness.store.rows import now
from harness.types import Artifact, Check, Request, Sample, Verdict
from harness.workbench import Workbench, keep
from harness.workbench.shelf import folder_of

EVIL = "\x1b[2J\u202e [bold]<script>"
SPEC = "scripted:why_world:teacher"
SETTINGS = {"can": "generate", "digest": "teacher"}
SUITE = "primer"
WINS = {"outcome": "PASS", "suite": "", "rule": "superiority", "note": "9 wins"}


@dataclass(frozen=True)
class Small:
    """The loop and what is to be found of it."""

    database: Database
    report: Artifact
    steps: dict[str, Artifact]
    run_before: str
    run_after: str
    gate_before: str
    gate_after: str

    def rows(self, step: str, name: str = "rows.jsonl") -> list[dict[str, Any]]:
        text = (folder_of(self.database, self.steps[step]) / name).read_text()
        return [json.loads(line) for line in text.split("\n") if line]


def samples() -> list[Sample]:
    return list(registry.suite(SUITE).samples(None))


def known(request: Request, share: float) -> str:
    """Answer all but a share of primer's questions."""
    if not _TARGETS:
        _TARGETS.update({one.data["prompt"]: str(one.target) for one in samples()})
    wrong = fraction("why", request.prompt) < share
    return f" {EVIL if wrong else _TARGETS[request.prompt]}"


_TARGETS: dict[str, str] = {}


def teacher(request: Request) -> str:
    """Write rows; asked a question, answer it."""
    if "rows" not in request.prompt:
        return " 7" if "figs" in request.prompt else " no"
    call = int(fraction(request.prompt) * 1000)
    long = f"In the village by the sea Ben, Ann and Max had put {call} figs into a basket when the rain began to fall."
    asked = [
        (f"Ben has {call} figs. How many are seven?", "7"),
        (f"Which number is {EVIL} among {call} figs?", "7"),
        (f"Ann has {call} figs. How many are eight?", "8"),
        (f"{long} How many of them are seven?", "7"),
        (f"{long} How many of those are seven?", "7"),
        (sealed().data["prompt"].removeprefix("Q: ").removesuffix("\nA:"), "no"),
        (f"BEN has {call} FIGS: how many are seven", "7"),
    ]
    rows: list[Any] = [{"question": question, "answer": answer} for question, answer in asked]
    return json.dumps({"rows": [*rows, {"question": f"{call}"}]})


def sealed() -> Sample:
    """Return the sealed sample that the teacher copies."""
    return next(one for one in samples() if one.split == "test")


def build(folder: Path) -> Small:
    """Make the world: a finished round that was accepted, and one under way in which a step broke."""
    database = Database.at(folder / "results" / "h.duckdb")
    runs = [_evaluated(database, name, share) for name, share in (("before", 0.5), ("after", 0.2))]
    gate_ids = [_judged(database, run, outcome) for run, outcome in zip(runs, ("FAIL", "PASS"), strict=True)]
    base = Artifact("ba5e" * 4, "model", str(folder), "d" * 64, (), {"base": "scripted:before"})
    artifacts.add(database, base)
    rounds.start(database, "mend", {"model": base.made_by["base"]}, "0" * 32, str(base.made_by["base"]))
    report = learning.learn(database, "mend", runs[0], base, embedder="lsa", examples=4)
    bench = Workbench(database, "mend", settings={SPEC: SETTINGS})
    told = {"run_before": runs[0], "gate_before": gate_ids[0], "model": "scripted:before", "verdict_before": "FAIL"}
    rounds.begin(database, "mend", 1, **told, spent_before={})
    rounds.note(database, "mend", 1, report=report.id, causes=learning.causes_of(folder_of(database, report)))
    steps = _made(bench, base, report)
    rounds.note(
        database, "mend", 1, artifacts=[one.id for one in steps.values()], rows=10, candidate=steps["improve.merge"].id,
        model_after="scripted:after", run_after=runs[1], gate_after=gate_ids[1], verdict_after="PASS", aimed=12,
        decision={"outcome": "PASS", "checks": [WINS]},
        accepted=True, why="", cost={"seconds": 3.0}, finished_at=now(),
    )  # fmt: skip
    rounds.begin(database, "mend", 2, **told, spent_before={})
    rounds.note(database, "mend", 2, artifacts=[steps["improve.verify"].id])
    artifacts.add_step(
        database, "f" * 32, step="improve.finetune", version="1", parameters={}, inputs=[], artifact_id=None,
        fault="InfrastructureError: memory ran out", log="steps/f/log.txt", loop="mend", seconds=1.0,
    )  # fmt: skip
    rounds.finish(database, "mend", "broken", f"memory ran out {EVIL}")
    return Small(database, report, steps, runs[0], runs[1], gate_ids[0], gate_ids[1])


def _evaluated(database: Database, name: str, share: float) -> str:
    model = Scripted(lambda request: known(request, share), can=frozenset({"generate"}), digest=name, name=name)
    config = EvalConfig(model=f"scripted:{name}", suites=[SUITE], name=f"run-{name}")
    return evaluate(config, database, model).run_id


def _judged(database: Database, run_id: str, outcome: Any) -> str:
    checks = (Check(SUITE, "absolute", outcome, 0.5, 0.7, note="of 80 samples"),)
    verdict = Verdict(outcome, checks, run_id)
    return gates.add(database, verdict, policy="gates.yaml", split="test", loop="mend", sealed=True)


def _made(bench: Workbench, base: Artifact, report: Artifact) -> dict[str, Artifact]:
    asks: Mapping[str, Mapping[str, Any]] = {
        "improve.generate": {
            "teacher": SPEC, "rows": 40, "rows_per_call": 6, "exemplars_per_call": 2, "teacher_form": "raw",
        },
        "improve.verify": {"teacher": SPEC, "samples": 1, "agree": 1},
        "improve.dedup": {},
        "improve.decontaminate": {"suites": [SUITE], "embedder": "words"},
    }  # fmt: skip
    made: dict[str, Artifact] = {}
    last = report
    for name, parameters in asks.items():
        last = made[name] = bench.make(name, [last], parameters)
    made["improve.finetune"] = _adapter(bench.database, base, last)
    made["improve.merge"] = _merged(bench.database, made["improve.finetune"], base)
    return made


def _adapter(database: Database, base: Artifact, dataset: Artifact) -> Artifact:
    """Keep an adapter that left the second row out, and ended after two rows."""
    folder = database.folder / "adapter-to-be"
    folder.mkdir()
    rows = [json.loads(line) for line in (folder_of(database, dataset) / "rows.jsonl").read_text().split("\n") if line]
    (folder / "dropped.jsonl").write_text(json.dumps({**rows[1], "dropped": "too_long"}) + "\n")
    record = {
        "step": "improve.finetune", "parameters": {"held_out": 0.0, "seed": 0, "batch": 1, "accumulation": 1},
        "data": {"rows": len(rows) - 1, "held_out": 0, "tokens": 10 * (len(rows) - 1)},
        "training": {"steps": 2, "tokens": 20, "loss": 0.5}, "versions": {"trl": "1.16.0"}, "commit": "c0ffee",
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    return keep(database, folder, "adapter", (base.id, dataset.id), {"step": "improve.finetune", "loop": "mend"})


def _merged(database: Database, adapter: Artifact, base: Artifact) -> Artifact:
    folder = database.folder / "merged-to-be"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"step": "improve.merge", "agreement": {"same_texts": 4, "rows": 4}}))
    return keep(database, folder, "model", (adapter.id, base.id), {"step": "improve.merge", "loop": "mend"})


def copied(small: Small, folder: Path) -> Database:
    """Return a copy of the world's results that a test may damage."""
    shutil.copytree(small.database.folder, folder / "copy")
    return Database.at(folder / "copy" / small.database.path.name)


def why(database: Database, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `harness why` to its end."""
    words = [sys.executable, "-m", "harness", "why", *map(str, arguments), "--db", str(database.path)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, env={**os.environ})
