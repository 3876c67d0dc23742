"""Compressions written row by row: every stage's score, size and verdict as a test wants it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gate"))

import gate_runs

from compress.damage import damage
from harness.store import Database, stages
from harness.types import Sample

MIB = 2**20
ASKED = gate_runs.samples(200)
SEALED = [sample for sample in ASKED if sample.split == "test"]


def measures(mib: float, kl: float | None = None, speed: float | None = None) -> dict[str, Any]:
    """Return measures as `compress.measures` leaves them."""
    side = {"kl_mean": kl, "kl_se": 0.001, "top1_agreement": 0.97, "top1_se": 0.002, "positions": 4000}
    against = {} if kl is None else {"base": side, "before": {**side, "kl_mean": kl / 2}}
    timed = None if speed is None else {"generate_tokens_s": speed, "memory_bytes": 3 * mib * MIB}
    return {"size_bytes": int(mib * MIB), "bits_per_weight": 16.0, "against": against, "speed": timed}


def run(database: Database, run_id: str, wrong: int, asked: Sequence[Sample] = ASKED, **told: Any) -> str:
    """Store a run that has `wrong` sealed samples wrong, the first ones, and all of dev right."""
    sealed = {sample.id for sample in [one for one in asked if one.split == "test"][:wrong]}
    return gate_runs.store(database, run_id, asked, [float(one.id not in sealed) for one in asked], **told)


def compression(
    database: Database,
    name: str,
    told: Sequence[Mapping[str, Any]],
    base: Mapping[str, Any],
    outcome: str = "passed",
    damaged: bool = False,
) -> None:
    """Store a compression. Each of `told`: step, wrong, measures, and whatever columns of `stages` it wants.

    `damaged`: with what each stage broke, which takes a second a stage.
    """
    stages.start(database, name, {"stages": []}, "digest", "tiny")
    before = run(database, f"{name}-base", base["wrong"])
    stages.tell(database, name, base="ba5e", run_base=before, measures=base["measures"])
    for number, one in enumerate(told, start=1):
        stages.begin(database, name, number, step=one["step"], run_before=before, parameters={})
        run_id = run(database, f"{name}-{number}", one["wrong"])
        kept = one.get("kept", True)
        columns = {"verdict": "PASS" if kept else "FAIL", "kept": kept, "why": "" if kept else "the gate refuses it"}
        columns |= {"artifact_id": f"{number:016x}", "model": f"gguf:{number}.gguf", "seconds": 12.0 * number}
        told_apart = {key: value for key, value in one.items() if key not in ("wrong", "step")}
        broke = damage(database, before, run_id) if damaged else None
        stages.note(database, name, number, run_id=run_id, damage=broke, **{**columns, **told_apart})
        before = run_id if kept else before
    stages.finish(database, name, outcome, "for a reason")
