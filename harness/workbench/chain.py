"""Chains of steps, as recipes tell them: each step takes the newest of what it declares from what lies at hand.

    stages(["improve.dedup", {"improve.merge": {"dtype": "float32"}}])
      -> (Stage("improve.dedup", {}), Stage("improve.merge", {"dtype": "float32"}))
    hand = AtHand({"model": [base]}, database.folder);  hand.inputs(registry.step("improve.finetune"))

Of models a step is handed the newest of a form that it works on (`Step.works_on`): what was rounded to few bits is
never rounded again, its float weights are. Of datasets it is handed all that were not yet made into another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contracts import Step
from harness.types import Artifact
from harness.workbench.candidate import form_of


@dataclass(frozen=True)
class Stage:
    """A step of a recipe."""

    name: str
    parameters: Mapping[str, Any]


def stages(steps: Sequence[str | Mapping[str, Mapping[str, Any] | None]]) -> tuple[Stage, ...]:
    """Return the steps of a recipe's list, each `name` or `{name: parameters}`."""
    pairs = [(one, None) if isinstance(one, str) else next(iter(one.items())) for one in steps]
    return tuple(Stage(name, parameters or {}) for name, parameters in pairs)


@dataclass
class AtHand:
    """What the next step may take."""

    made: dict[str, list[Artifact]]
    """By kind, the newest last; of datasets those that nothing was made of."""
    folder: Path
    """Of the database: where paths of artifacts begin."""
    taught: tuple[Artifact, ...] = ()
    """Datasets that join the first one that is made of none."""

    def inputs(self, step: Step) -> list[Artifact]:
        """Return the inputs of a step; what is not at hand is left out."""
        found: list[Artifact] = []
        for kind in step.takes:
            here = self.made.get(kind, [])
            if kind == "model":
                here = [one for one in here if form_of(self.folder / one.path) in step.works_on]
            found += here if kind == "dataset" else here[-1:]
        return found

    def add(self, artifact: Artifact, step: Step) -> None:
        """Take what a step made; a dataset made of datasets takes their place."""
        here = self.made.setdefault(artifact.kind, [])
        if artifact.kind != "dataset":
            here.append(artifact)
        elif "dataset" in step.takes:
            self.made["dataset"] = [artifact]
        else:
            self.made["dataset"] = [artifact, *(here or self.taught)]
