"""One round: report, rows, candidate, verdict, and whether it is accepted. Each part is stored before the next begins.

A recipe's steps are a chain: each takes the newest artifact of every kind that it declares, and all datasets at hand:
when rows were made these are the round's own and those that accepted rounds began with.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import data, registry
from harness.compare.pairs import paired
from harness.failures import learning
from harness.gate.accept import accept
from harness.hashing import file_sha256
from harness.store import Database, artifacts
from harness.store import rounds as rows
from harness.store.rows import now
from harness.types import Artifact, Outcome, Verdict
from harness.workbench import candidate, clean
from harness.workbench import rows as dataset
from harness.workbench.chain import AtHand
from harness.workbench.shelf import folder_of
from improve import aim
from improve.curation import kept_out

if TYPE_CHECKING:
    from harness.workbench.chain import Stage
    from improve.loop import Loop


class Stop(Exception):
    """The loop is at its end: outcome and reason."""

    def __init__(self, outcome: str, why: str) -> None:
        super().__init__(outcome)
        self.outcome, self.why = outcome, why


@dataclass(frozen=True)
class Standing:
    """The best model so far: the base, or the candidate of the last accepted round."""

    model: str
    artifact: Artifact
    run_id: str
    gate_id: str
    outcome: Outcome
    after: int = 0
    """Rounds that are behind it, accepted or not."""
    taught: tuple[Artifact, ...] = ()
    """Rows that accepted rounds began with."""

    def moved(self, database: Database, row: dict[str, Any]) -> Standing:
        """Return where the loop stands after a round."""
        own = {**vars(self), "after": self.after + 1}
        if row["accepted"]:
            made = [one for one in (artifacts.artifact(database, key) for key in row["artifacts"]) if one is not None]
            own |= {
                "model": row["model_after"], "artifact": made[-1], "run_id": row["run_after"],
                "gate_id": row["gate_after"], "outcome": row["verdict_after"],
                "taught": (*self.taught, *[one for one in made if one.kind == "dataset"][:1]),
            }  # fmt: skip
        return Standing(**own)


class Lap:
    """One round of a loop."""

    def __init__(self, loop: Loop, number: int, before: Standing) -> None:
        self.loop, self.number, self.before = loop, number, before
        self.database, self.recipe, self.bench = loop.database, loop.recipe, loop.bench

    def run(self) -> None:
        """Do what is missing of the round; raises `Stop` where no row is left to train on."""
        before = self.before
        rows.begin(
            self.database, self.loop.name, self.number, model=before.model, run_before=before.run_id,
            gate_before=before.gate_id, verdict_before=before.outcome, spent_before=dict(self.bench.budget.spent),
        )  # fmt: skip
        self.loop.tell(f"round {self.number}: the gate says {before.outcome} of {before.model}")
        told = self.recipe.failures.model_dump()
        report = learning.learn(self.database, self.loop.name, before.run_id, before.artifact, **told)
        causes = learning.causes_of(folder_of(self.database, report))
        self.note(report=report.id, causes=causes)
        for cause in causes.values():
            self.loop.tell(f"  cause: {cause['label']} ({cause['failures']} failures)")
        if not causes:
            self.barren("no failure of `dev` shows a cause to make rows for")
        made = self.made(report)
        model = candidate.spec_of(folder_of(self.database, made), self.recipe.model)
        known = self.row["run_after"] if self.row["candidate"] == made.id else None
        self.note(candidate=made.id, model_after=model)
        settings = candidate.settings_of(self.recipe.model, self.recipe.settings)
        run_id = known or self.loop.evaluated(model, settings, f"{self.loop.name}-{self.number}")
        self.note(run_after=run_id)
        gate_id, outcome = self.loop.judged(run_id)
        self.note(gate_after=gate_id, verdict_after=outcome)
        self.decide(run_id, report)

    def made(self, report: Artifact) -> Artifact:
        """Return the candidate, the last artifact of the recipe's chain."""
        hand = AtHand({"report": [report], "model": [self.loop.base]}, self.database.folder, taught=self.before.taught)
        ids: list[str] = []
        for stage in self.recipe.stages:
            step = registry.step(stage.name)
            self.bench.budget.check("seconds")
            booked, started = self.bench.budget.spent.get("seconds", 0.0), time.monotonic()
            made = self.bench.make(stage.name, hand.inputs(step), self.parameters(stage))
            own = time.monotonic() - started - (self.bench.budget.spent.get("seconds", 0.0) - booked)
            self.bench.book(max(0.0, own))
            hand.add(made, step)
            ids.append(made.id)
            self.note(artifacts=ids)
            self.loop.tell(f"  {stage.name}: {self.told(made)}")
            if made.kind == "dataset":
                self.note(rows=(count := _rows(folder_of(self.database, made))))
                if not count:
                    self.barren(f"no row survived {stage.name}")
        return made

    def parameters(self, stage: Stage) -> dict[str, Any]:
        """Return a step's parameters in this round: another seed each, and what it must be done again for."""
        given = dict(stage.parameters)
        if registry.step(stage.name).seeded:
            given["seed"] = int(given.get("seed", self.recipe.seed)) + self.number - 1
        if (replay := str(given.get("replay") or "")).endswith(".jsonl"):
            given["replay_sha256"] = file_sha256(Path(replay).expanduser())
        if stage.name == clean.DECONTAMINATE:
            folder = data.folder(given.get("data") or self.recipe.data)
            given["data"] = str(folder) if folder else None
            here = kept_out.suites_here(folder)
            given["here"] = sorted(f"{name} v{registry.suite(name).version}" for name in here)
        return given

    def told(self, made: Artifact) -> str:
        """Return a line on an artifact."""
        folder = folder_of(self.database, made)
        return f"{_rows(folder)} rows" if made.kind == "dataset" else f"{made.kind} {made.id}"

    def decide(self, run_id: str, report: Artifact) -> None:
        """Accept or reject the candidate on the sealed samples; the loop keeps the word, the row the figures."""
        failed = learning.failed_in(folder_of(self.database, report))
        hit = aim.aimed(self.database, self.before.run_id, failed, self.recipe.seed)
        pairs = paired(self.database, self.before.run_id, run_id, split="test")
        terms = self.recipe.accept
        verdict = accept(
            pairs, lambda suite, sample_id, _: (suite, sample_id) in hit, terms.alpha_of(self.number),
            terms.margin, candidate=run_id, baseline=self.before.run_id,
        )  # fmt: skip
        self.note(aimed=len(hit), decision=_shown(verdict))
        accepted = verdict.outcome == "PASS"
        words = {"FAIL": "it got worse", "INCONCLUSIVE": "no gain is proven", "ERROR": verdict.note}
        self.close(accepted, "" if accepted else words[verdict.outcome])

    def barren(self, why: str) -> None:
        """Close the round without a candidate and stop."""
        self.close(False, why)
        raise Stop("no rows", why)

    def close(self, accepted: bool, why: str) -> None:
        """Store how the round ended and what it cost."""
        before = self.row["spent_before"] or {}
        cost = {what: amount - before.get(what, 0.0) for what, amount in self.bench.budget.spent.items()}
        self.note(accepted=accepted, why=why, cost=cost, finished_at=now())
        self.loop.tell(f"round {self.number}: {'accepted' if accepted else f'rejected: {why}'}")

    @property
    def row(self) -> dict[str, Any]:
        """The round as it is stored."""
        return next(row for row in rows.rows(self.database, self.loop.name) if row["number"] == self.number)

    def note(self, **columns: Any) -> None:
        """Fill in columns of the round's row."""
        rows.note(self.database, self.loop.name, self.number, **columns)


def _rows(folder: Path) -> int:
    with (folder / dataset.ROWS).open(encoding="utf-8") as stream:
        return sum(1 for line in stream if line.strip())


def _shown(verdict: Verdict) -> dict[str, Any]:
    checks = [{**vars(check), "numbers": dict(check.numbers)} for check in verdict.checks]
    return {"outcome": verdict.outcome, "note": verdict.note, "checks": checks}
