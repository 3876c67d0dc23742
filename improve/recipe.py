"""What a loop is told, as a strict YAML file; dotted words of the command line go over it (`improve.overrides`).

    model: tiny
    policy: gates.yaml                 # beside the recipe; the loop ends when it says PASS
    rounds: 3
    budget: {seconds: 1200, usd: 5}
    steps:
      - improve.generate: {suite: primer, rows: 600}
      - improve.mix: {replay: primer}
      - improve.decontaminate
      - improve.finetune: {steps: 300, learning_rate: 4.0e-3}
      - improve.merge

    load("recipe.yaml", ["rounds=1", "improve.finetune.steps=50"])

Each step takes the newest artifact of the kinds that it declares; the first model at hand is the base, the last one is
the round's candidate. A recipe that cannot work is refused before anything is paid for (`improve.soundness`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from harness.config import Strict, read_yaml, validate
from harness.gate import policy
from harness.gate.budget import policy_digest
from harness.hashing import digest
from harness.workbench.chain import Stage, stages
from harness.workbench.recipes import path_of, policy_of

SHIPPED = Path(__file__).with_name("recipes")
NO_NAME = frozenset('/\\:*?"<>|')
"""What no folder of a loop may hold in its name."""
MAY_CHANGE = frozenset({"rounds", "patience", "budget"})
"""Keys that say how long a loop goes on: changed, it is the same loop."""


class Accept(Strict):
    """When a round is accepted (`harness.gate.accept`)."""

    alpha: float = Field(default=0.05, gt=0.0, lt=0.5)
    """Over all rounds, however many there will be (`alpha_of`)."""
    margin: float = Field(default=0.03, gt=0.0, lt=1.0)
    """What samples that were not aimed at may lose, as a share of the metric's range."""

    def alpha_of(self, number: int) -> float:
        """Return the part of alpha that a round decides at: 6 / (pi number)^2 of it, which sum to one without end."""
        return self.alpha * 6.0 / (math.pi * number) ** 2


class Failures(Strict):
    """How failures are grouped (`harness failures`)."""

    suites: list[str] = Field(default_factory=list)
    """Those of the policy that are learned from; empty: all. The others only guard what the model can do."""
    embedder: str = "auto"
    examples: int = Field(default=12, ge=1)
    """Failures of the dev split that each cause shows to whoever makes rows."""


class Teacher(Strict):
    """A model that steps ask."""

    settings: dict[str, str] = Field(default_factory=dict)
    """`--set key=value`."""
    usd_per_prompt_token: float = Field(default=0.0, ge=0)
    usd_per_token: float = Field(default=0.0, ge=0)


class Recipe(Strict):
    """A whole recipe."""

    version: int = Field(default=1, ge=1, le=1)
    name: str = ""
    """Of the loop: its rounds, budget and looks at the gate go by it. Empty: the file's."""
    model: str
    """Spec of the base."""
    settings: dict[str, str] = Field(default_factory=dict)
    """`--set key=value` of the base and of every candidate."""
    data: str | None = None
    """Folder with the suites' official files; None: HARNESS_DATA."""
    policy: str
    """File of the gate (relative to the recipe), or `classic`."""
    rounds: int = Field(default=3, ge=1)
    patience: int = Field(default=2, ge=1)
    """Rounds in a row without one accepted, after which the loop ends."""
    seed: int = Field(default=0, ge=0)
    budget: dict[str, float] = Field(default_factory=dict)
    accept: Accept = Field(default_factory=Accept)
    failures: Failures = Field(default_factory=Failures)
    teachers: dict[str, Teacher] = Field(default_factory=dict)
    """By spec."""
    steps: list[str | dict[str, dict[str, Any] | None]] = Field(min_length=1)

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if name.startswith(".") or NO_NAME & set(name) or not name.isprintable():
            raise ValueError("a loop's name is also that of a folder: letters, digits, - and _")
        return name

    @field_validator("steps")
    @classmethod
    def _one_name_each(cls, steps: list[Any]) -> list[Any]:
        for one in steps:
            if isinstance(one, dict) and len(one) != 1:
                raise ValueError(f"a step is `name` or `name: {{..}}`, not {sorted(one)}")
        return steps

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The steps in order."""
        return stages(self.steps)

    @property
    def digest(self) -> str:
        """Of everything that changes what a loop does, but for how long it goes on."""
        return digest(self.model_dump(mode="json", exclude=set(MAY_CHANGE)))


@dataclass(frozen=True)
class Loaded:
    """A recipe and where it lies."""

    recipe: Recipe
    path: Path

    @property
    def loop(self) -> str:
        """Name of the loop."""
        return self.recipe.name or self.path.stem

    @property
    def policy(self) -> str:
        """The policy as `gate.judge.Terms.read` takes it."""
        return policy_of(self.path, self.recipe.policy)

    @property
    def digest(self) -> str:
        """Of all that a loop is held to: the recipe and what its policy says."""
        return digest(self.recipe.digest, policy_digest(policy.load(self.policy)))


def load(named: str, changes: Sequence[str] = ()) -> Loaded:
    """Return the recipe of a file, or one that ships with the project (`quickstart`), with changes `KEY=VALUE` on top.

    Raises:
        UsageError: no such file or policy; an unknown key, step or parameter (with the nearest); rows that would train
            without being decontaminated; steps that have nothing to work on; a budget in money for a teacher without a
            price. Names the file and the key.
    """
    from improve import overrides, soundness

    path = path_of(named, SHIPPED, "harness improve quickstart")
    recipe, where = read_yaml(path, Recipe), str(path)
    if changes:
        where = f"{where} with --set {' '.join(changes)}"
        recipe = validate(overrides.over(recipe.model_dump(), changes), Recipe, where)
    loaded = Loaded(recipe, path)
    soundness.check(loaded, where)
    return loaded
