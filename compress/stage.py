"""One stage of a compression: made, evaluated, judged, measured. Each part is stored before the next begins."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.damage import damage
from compress.packing import unpacked
from compress.recipe import Group, Recipe
from harness import data, registry
from harness.failures import learning
from harness.gate import candidates, choices
from harness.store import Database, stages
from harness.store.rows import now
from harness.types import Artifact
from harness.workbench import candidate, keep
from harness.workbench.chain import AtHand, Stage
from harness.workbench.clean import DECONTAMINATE
from harness.workbench.shelf import folder_of

if TYPE_CHECKING:
    from compress.compression import Compression


EXAMPLES = 100
"""Broken samples that each cause shows to whoever makes rows."""


@dataclass
class Standing:
    """What was kept so far."""

    kept: list[Artifact]
    """Models, the base first."""
    model: str
    """Spec of the last one."""
    run_id: str
    verdict: str = ""
    undone: list[str] = field(default_factory=list)
    """Labels of stages that the gate refused."""


class Execution:
    """Of a stage."""

    def __init__(self, whole: Compression, number: int, before: Standing) -> None:
        self.whole, self.number, self.before, self.database = whole, number, before, whole.database

    def run(self, group: Group, share: float | None) -> None:
        """Make, evaluate, judge and measure; every part is stored before the next begins."""
        started, whole, before = time.monotonic(), self.whole, self.before
        made = self.made(group, share)
        folder = folder_of(self.database, made)
        spec = opened(self.database, folder, whole.model)
        self.note(artifact_id=made.id, model=spec)
        settings = candidate.settings_of(whole.model, whole.recipe.settings)
        run_id = whole.evaluated(spec, settings, f"{whole.name}-{self.number}")
        gate_id, verdict = candidates.judged(self.database, whole.terms, run_id, whole.name)
        self.note(run_id=run_id, gate_id=gate_id, verdict=verdict)
        found = whole.measured(spec, folder, {"base": whole.model, "before": before.model})
        broke = damage(self.database, before.run_id, run_id)
        why = {"FAIL": "the gate refuses it", "ERROR": "the gate cannot judge it"}.get(verdict, "")
        self.note(
            measures=found, damage=broke, kept=not why, why=why, seconds=time.monotonic() - started, finished_at=now()
        )

    def made(self, group: Group, share: float | None) -> Artifact:
        """Return what a group's steps make, each done once."""
        hand = AtHand({"model": list(self.before.kept), "dataset": [self.whole.rows]}, self.database.folder)
        ids, causes = list[str](), True
        if any("report" in registry.step(one.name).takes for one in group.steps):
            report = self.report()
            hand.made["report"] = [report]
            causes = bool(learning.causes_of(folder_of(self.database, report)))
        for place, stage in enumerate(group.steps):
            step = registry.step(stage.name)
            if not causes and step.kind == "dataset" and "report" in step.takes:
                self.whole.tell(f"  {stage.name}: nothing of dev broke, no rows are made for it")
                continue
            made = self.whole.bench.make(
                stage.name, hand.inputs(step), parameters_of(stage, self.whole.recipe, share if not place else None)
            )
            hand.add(made, step)
            self.note(artifacts=(ids := [*ids, made.id]))
            self.whole.tell(f"  {stage.name}: {made.kind} {made.id}")
        return made

    def report(self) -> Artifact:
        """Return what steps learn from: failures of `dev` that compressing brought, and choices of `dev`."""
        whole, before = self.whole, self.before
        folder = whole.folder / "report"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        same = whole.run_base == before.run_id
        broken = set() if same else learning.broken(self.database, whole.run_base, before.run_id)
        learning.write(
            self.database, before.run_id, folder, embedder=whole.recipe.embedder, examples=EXAMPLES, only=broken
        )
        choices.write(self.database, before.run_id, folder)
        by = {"step": "compress", "run_id": before.run_id, "since": whole.run_base, "compression": whole.name}
        try:
            return keep(self.database, folder, "report", (before.kept[-1].id,), by)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def note(self, **columns: Any) -> None:
        """Fill in columns of the stage's row."""
        stages.note(self.database, self.whole.name, self.number, **columns)


def parameters_of(stage: Stage, recipe: Recipe, share: float | None = None) -> dict[str, Any]:
    """Return a step's parameters in a recipe; `share`: of an increment."""
    given = dict(stage.parameters)
    if share is not None:
        given["share"] = round(share, 6)
    if registry.step(stage.name).seeded:
        given.setdefault("seed", recipe.seed)
    if stage.name == DECONTAMINATE:
        folder = data.folder(given.get("data") or recipe.data)
        given["data"] = str(folder) if folder else None
    return given


def opened(database: Database, folder: Path, model: str) -> str:
    """Return the spec that opens a model's folder; what is packed is unpacked first, once."""
    if candidate.form_of(folder) == "archive":
        folder = unpacked(folder, database.folder / "cache")
    return candidate.spec_of(folder, model)
