"""One compression: stage after stage made, evaluated, gated, measured, and kept or undone.

    compress(loaded, "tiny", Database.at())    -> Ended("quickstart-tiny", "passed", "every stage is kept ..", rows, ..)

All state lies in the store: a stage is a row that is filled in as it goes; what was made, asked, judged and measured is
found there and not done again. A stage whose gate says FAIL is undone: the next one begins with what was kept before.
In a group with a share the increment is halved after a FAIL, and the group ends at its second FAIL.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compress.measures import measure
from compress.recipe import Group, Loaded
from compress.soundness import DRAW, draws
from compress.stage import Execution, Standing, parameters_of
from harness import registry
from harness.errors import HarnessError, UsageError
from harness.gate import candidates, check
from harness.gate.judge import Terms
from harness.hashing import digest
from harness.runner.place import check_room, locked
from harness.store import Database, artifacts, stages
from harness.types import Artifact
from harness.workbench import BudgetSpent, Workbench, candidate
from harness.workbench.chain import AtHand, Stage
from harness.workbench.clean import DECONTAMINATE
from harness.workbench.shelf import folder_of

Tell = Callable[[str], None]
EXIT = {"passed": 0, "not sure": 3, "budget": 3}
"""Exit code by outcome; 1 for the others."""
ROWS = "rows.jsonl"


@dataclass(frozen=True)
class Ended:
    """How a compression ended."""

    name: str
    outcome: str
    why: str
    rows: list[dict[str, Any]]
    """Of `stages`."""
    base: dict[str, Any]
    """The row of `compressions`."""

    @property
    def exit_code(self) -> int:
        """0 all kept and passing, 3 not sure or the budget is spent, 1 undone or failing."""
        return EXIT.get(self.outcome, 1)


def compress(loaded: Loaded, model: str, database: Database, tell: Tell = lambda _: None, quiet: bool = True) -> Ended:
    """Do what is missing of a compression; started again, it goes on where it was.

    Raises:
        UsageError: recipe, policy or model are wrong; the compression ran by another recipe.
        InfrastructureError: a step, an evaluation or the gate broke; what was made stays.
    """
    name, key = loaded.named(model), digest(loaded.digest, model)
    check_room(database)
    with locked(database.folder / "compressions" / name, f"the compression {name!r}"):
        for known in stages.compressions(database, name)[-1:]:
            if known["recipe_digest"] != key:
                what = f"the compression {name!r} has run by another recipe, policy or model"
                raise UsageError(what, "the same ones", "type: --name NEW")
        made = Compression(loaded, model, name, database, tell, quiet)
        stages.start(database, name, loaded.recipe.model_dump(mode="json"), key, model)
        try:
            outcome, why = made.run()
        except BudgetSpent as error:
            outcome, why = "budget", error.what
        except KeyboardInterrupt:
            stages.finish(database, name, "interrupted", "by the user")
            raise
        except HarnessError as error:
            stages.finish(database, name, "broken", error.what)
            raise
        stages.finish(database, name, outcome, why)
    return Ended(name, outcome, why, stages.rows(database, name), stages.compressions(database, name)[-1])


class Compression:
    """One start of a compression."""

    def __init__(
        self, loaded: Loaded, model: str, name: str, database: Database, tell: Tell, quiet: bool
    ) -> None:  # fmt: skip
        self.loaded, self.recipe, self.name, self.database = loaded, loaded.recipe, name, database
        self.model, self.tell, self.quiet = model, tell, quiet
        self.bench = Workbench(database, name, self.recipe.budget)
        self.base = candidate.adopt(database, model, self.recipe.settings)
        self.terms = Terms.read(loaded.policy)
        self.number = 0

    def run(self) -> tuple[str, str]:
        """Do all stages; return the outcome and why."""
        self.tell(f"base: {self.model}")
        run_id = self.evaluated(self.model, dict(self.recipe.settings), "base")
        if self.terms.policy.reference is None:
            self.terms = Terms.read(self.loaded.policy, baseline=run_id)
        check.check(self.terms.policy, self.terms.named, self.database, self.terms.folder, None, self.recipe.data)
        self.rows, self.held = self.drawn()
        known = [one["measures"] for one in stages.compressions(self.database, self.name) if one["measures"]]
        found = known[-1] if known else self.measured(self.model, Path(self.base.path), {})
        stages.tell(self.database, self.name, base=self.base.id, run_base=run_id, measures=found)
        self.run_base = run_id
        self.standing = Standing([self.base], self.model, run_id)
        for group in self.recipe.groups:
            self.group(group)
        return self.ended()

    def ended(self) -> tuple[str, str]:
        """Return outcome and reason of what stands."""
        if self.standing.undone:
            return "undone", f"the gate refused: {', '.join(self.standing.undone)}"
        if self.standing.verdict == "PASS":
            return "passed", "every stage is kept, and the gate passes the last one"
        return "not sure", f"every stage is kept, and the gate says {self.standing.verdict} of the last one"

    def group(self, group: Group) -> None:
        """Do a group's increments, or its one stage."""
        todo, gone, failed = group.shares(), 0.0, 0
        while todo and failed < 2:
            share = todo[0]
            if share is not None and len(todo) > 1 and not self.cuts(group, share):
                todo.pop(0)
                continue
            if self.stage(group, share):
                gone = share or 0.0
                todo.pop(0)
            elif share is None or not self.cuts(group, half := (gone + share) / 2):
                break
            else:
                failed += 1
                todo.insert(0, half)
        if todo and share is not None:
            self.standing.undone.append(f"{group.label} beyond {gone:.0%}")

    def cuts(self, group: Group, share: float) -> bool:
        """Return whether a share can be cut from what stands: widths come in multiples."""
        first = group.steps[0]
        folder = folder_of(self.database, self.newest(first))
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            registry.step(first.name).foresee(config, folder, {**first.parameters, "share": share})
        except UsageError:
            return False
        return True

    def newest(self, stage: Stage) -> Artifact:
        """Return the model that a step would take."""
        hand = AtHand({"model": list(self.standing.kept)}, self.database.folder)
        found = [one for one in hand.inputs(registry.step(stage.name)) if one.kind == "model"]
        return found[-1] if found else self.base

    def stage(self, group: Group, share: float | None) -> bool:
        """Do what is missing of a stage; return whether it is kept."""
        self.number += 1
        label = group.label if share is None else f"{group.label} {share:.0%}"
        before = self.standing
        stages.begin(
            self.database, self.name, self.number, step=label, before=before.kept[-1].id, run_before=before.run_id,
            parameters={"steps": [{one.name: one.parameters} for one in group.steps], "share": share},
        )  # fmt: skip
        row = self.row
        if row["kept"] is None:
            self.tell(f"stage {self.number}: {label}")
            Execution(self, self.number, before).run(group, share)
            row = self.row
            undone = "" if row["kept"] else f" undone: {row['why']}"
            self.tell(f"stage {self.number}: {row['verdict']}{undone}")
        if row["kept"]:
            made = artifacts.artifact(self.database, row["artifact_id"])
            assert made is not None
            self.standing = Standing([*before.kept, made], row["model"], row["run_id"], row["verdict"], before.undone)
        elif share is None:
            before.undone.append(label)
        return bool(row["kept"])

    def drawn(self) -> tuple[Artifact, Path]:
        """Return the rows that calibrate and recover, none of them a benchmark's, and the file of those held back."""
        trained, aside = draws(self.loaded)
        drawn = self.bench.make(DRAW, [], trained)
        clean = self.bench.make(DECONTAMINATE, [drawn], parameters_of(Stage(DECONTAMINATE, {}), self.recipe))
        held = self.bench.make(DRAW, [], aside)
        return clean, folder_of(self.database, held) / ROWS

    def evaluated(self, spec: str, settings: dict[str, str], named: str) -> str:
        """Return the run of a model."""
        log = self.folder / f"{named}.log"
        run_name = "" if named == "base" else named
        policy, data = self.terms.policy, self.recipe.data
        return candidates.evaluated(self.bench, policy, spec, settings, data, run_name, log, self.quiet, self.tell)

    def measured(self, spec: str, folder: Path, references: Mapping[str, str]) -> dict[str, Any]:
        """Return size, divergence from the references, perplexity and speed."""
        # All of them: they say which `tiny` the base is.
        settings = self.recipe.settings
        return measure(self.database, spec, settings, folder, references, self.held, self.recipe.speed)

    @property
    def folder(self) -> Path:
        """Logs of this compression."""
        return self.database.folder / "compressions" / self.name

    @property
    def row(self) -> dict[str, Any]:
        """The stage as it is stored."""
        return next(row for row in stages.rows(self.database, self.name) if row["number"] == self.number)
