"""What a loop is told, as a strict YAML file; dotted words of the command line go over it.

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
the round's candidate. A recipe that would train on rows which were not decontaminated is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, field_validator

from harness import registry
from harness.config import Strict, read_yaml, validate
from harness.errors import UsageError, nearest
from harness.hashing import digest
from improve.curation import DECONTAMINATE, require

SHIPPED = Path(__file__).with_name("recipes")
KINDS = ("usd", "tokens", "seconds", "gpu_minutes")
"""What a budget may cap."""
MAY_CHANGE = frozenset({"rounds", "patience", "budget"})
"""Keys that say how long a loop goes on: changed, it is the same loop."""


class Accept(Strict):
    """When a round is accepted (`harness.gate.accept`)."""

    alpha: float = Field(default=0.05, gt=0.0, lt=0.5)
    """Over all rounds: each decides at alpha / rounds."""
    margin: float = Field(default=0.03, gt=0.0, lt=1.0)
    """What samples that were not aimed at may lose, as a share of the metric's range."""


class Failures(Strict):
    """How failures are grouped (`harness failures`)."""

    embedder: str = "auto"
    examples: int = Field(default=12, ge=1)
    """Failures of the dev split that each cause shows to whoever makes rows."""


class Teacher(Strict):
    """A model that steps ask."""

    settings: dict[str, str] = Field(default_factory=dict)
    """`--set key=value`."""
    usd_per_prompt_token: float = Field(default=0.0, ge=0)
    usd_per_token: float = Field(default=0.0, ge=0)


@dataclass(frozen=True)
class Stage:
    """A step of a recipe."""

    name: str
    parameters: Mapping[str, Any]


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
        pairs = [(one, None) if isinstance(one, str) else next(iter(one.items())) for one in self.steps]
        return tuple(Stage(name, parameters or {}) for name, parameters in pairs)

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
        beside = self.path.parent / Path(self.recipe.policy).expanduser()
        return str(beside) if beside.is_file() else self.recipe.policy


def load(named: str, changes: Sequence[str] = ()) -> Loaded:
    """Return the recipe of a file, or one that ships with the project (`quickstart`), with changes `KEY=VALUE` on top.

    Raises:
        UsageError: no such file; an unknown key, step or parameter (with the nearest); rows that would train without
            being decontaminated; steps that have nothing to work on; a budget in money for a teacher without a price.
    """
    path = Path(named).expanduser()
    if not path.is_file():
        shipped = SHIPPED / f"{named}.yaml"
        if not shipped.is_file():
            known = sorted(one.stem for one in SHIPPED.glob("*.yaml") if not one.stem.endswith("gates"))
            what = f"no recipe {named!r}"
            raise UsageError(what, f"a YAML file, or {nearest(named, known)}", "type: harness improve quickstart")
        path = shipped
    recipe = read_yaml(path, Recipe)
    if changes:
        raw = recipe.model_dump()
        for change in changes:
            _change(raw, change)
        recipe = validate(raw, Recipe, "--set")
    check(recipe, str(path))
    return Loaded(recipe, path)


def check(recipe: Recipe, where: str) -> None:
    """Refuse a recipe that cannot work, before anything is paid for. See `load`."""
    for what in recipe.budget:
        if what not in KINDS:
            raise UsageError(f"{where}: budget: nothing is counted in {what!r}", nearest(what, KINDS), f"mend {where}")
    stages = recipe.stages
    require([stage.name for stage in stages])
    at_hand = {"report", "model"}
    for stage in stages:
        step = registry.step(stage.name)
        if lacking := [kind for kind in step.takes if kind not in at_hand]:
            what = f"{where}: {stage.name} takes a {lacking[0]}, and no step before it makes one"
            raise UsageError(what, f"at hand: {', '.join(sorted(at_hand))}", "mend the order of `steps`")
        if stage.name == DECONTAMINATE and stage.parameters.get("suites"):
            what = f"{where}: {DECONTAMINATE} would hold rows against {stage.parameters['suites']} alone"
            raise UsageError(what, "all suites that are here: no benchmark sample trains, ever", "take `suites` out")
        step.check(stage.parameters)
        at_hand.add(step.kind)
    if registry.step(stages[-1].name).kind != "model":
        what = f"{where}: the last step, {stages[-1].name}, makes a {registry.step(stages[-1].name).kind}"
        raise UsageError(what, "a model: the candidate of the round", "add - improve.merge")
    _priced(recipe, where)


def _priced(recipe: Recipe, where: str) -> None:
    asked = [str(stage.parameters.get("teacher") or "") for stage in recipe.stages]
    for spec in filter(None, asked):
        teacher = recipe.teachers.get(spec)
        free = teacher is None or not (teacher.usd_per_token or teacher.usd_per_prompt_token)
        if "usd" in recipe.budget and free and spec.startswith("openai:") and teacher is None:
            what = f"{where}: budget.usd caps money, and nobody said what {spec!r} costs"
            raise UsageError(what, "its price, which may be 0", f"teachers: {{{spec!r}: {{usd_per_token: ..}}}}")


def _change(raw: dict[str, Any], change: str) -> None:
    """Put one `dotted.key=value` into a recipe; the value is read as YAML."""
    key, equals, text = change.partition("=")
    if not equals:
        raise UsageError(f"--set {change!r} is not KEY=VALUE", "for example rounds=1", "type: --set rounds=1")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"--set {change!r}: not a YAML value", "a number, word or list", "quote it") from error
    for place, one in enumerate(raw["steps"]):
        name, parameters = (one, None) if isinstance(one, str) else next(iter(one.items()))
        if key.startswith(f"{name}."):
            raw["steps"][place] = {name: {**(parameters or {}), key.removeprefix(f"{name}."): value}}
            return
    *path, last = key.split(".")
    inside = raw
    for part in path:
        if not isinstance(inside.get(part), dict):
            raise UsageError(f"--set: the recipe has no {key!r}", nearest(part, inside), "look at the recipe")
        inside = inside[part]
    inside[last] = value
