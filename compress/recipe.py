"""What a compression is told, as a strict YAML file.

    policy: gates.yaml                     # beside the recipe; decided after every stage, on sealed samples
    training: {suite: primer, rows: 600}   # what calibrates and recovers: practice rows or a file, never a benchmark's
    stages:
      - gradual: {share: 0.5, increments: 3, steps: [{compress.prune: {method: channels}}, compress.recover]}
      - compress.awq
      - compress.gguf: {quant: Q5_K_M}
      - compress.pack

    load("quickstart").groups
      -> (Group("gradual", (Stage("compress.prune", {..}), ..), share=0.5, increments=3), Group("compress.awq", ..), ..)

A stage is a step, or a group of steps that are judged together. A group with a `share` is cut in increments by the
cubic schedule of Zhu and Gupta 2017 (arXiv 1710.01878): s_t = s (1 - (1 - t/T)^3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from harness.config import Strict, read_yaml, validate
from harness.gate import policy
from harness.gate.budget import policy_digest
from harness.hashing import digest
from harness.workbench.chain import Stage, stages
from harness.workbench.recipes import path_of, policy_of

SHIPPED = Path(__file__).with_name("recipes")
BY_ONE = "a stage is `step`, `step: {parameters}`, `name: [steps]` or `name: {share, increments, steps}`"


@dataclass(frozen=True)
class Group:
    """Steps that are judged together: one row of the table."""

    label: str
    steps: tuple[Stage, ...]
    share: float | None = None
    """What the first step is to have cut away in the end; None: it is told nothing."""
    increments: int = 1

    def shares(self) -> list[float | None]:
        """Return the share that is gone after each increment."""
        if self.share is None:
            return [None]
        return [self.share * (1.0 - (1.0 - t / self.increments) ** 3) for t in range(1, self.increments + 1)]


class Training(Strict):
    """Where rows come from: procedural practice, or a file of one's own."""

    suite: str = ""
    file: str = ""
    """Lines of {"prompt", "completion"} or {"messages"}; a relative path is relative to the recipe."""
    rows: int = Field(default=600, ge=8)
    held: int = Field(default=96, ge=8)
    """Further rows that nothing is calibrated on: divergence and perplexity are measured there."""
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one(self) -> Training:
        if bool(self.suite) == bool(self.file):
            raise ValueError("give exactly one of `suite` and `file`")
        return self


class Gradual(Strict):
    """A group in increments."""

    share: float = Field(gt=0.0, lt=1.0)
    increments: int = Field(default=4, ge=1, le=20)
    steps: list[str | dict[str, dict[str, Any] | None]] = Field(min_length=1)


class Recipe(Strict):
    """A whole recipe."""

    version: int = Field(default=1, ge=1, le=1)
    name: str = ""
    """Of the compression; empty: the file's and the model's."""
    policy: str
    """File of the gate (relative to the recipe), or `classic`. Rules without a `reference` compare with the model that
    is compressed."""
    training: Training
    settings: dict[str, str] = Field(default_factory=dict)
    """`--set key=value` of the model and of all that is made of it."""
    data: str | None = None
    """Folder with the suites' official files; None: HARNESS_DATA."""
    seed: int = Field(default=0, ge=0)
    budget: dict[str, float] = Field(default_factory=dict)
    embedder: str = "auto"
    """Of failures, where steps make rows for what broke."""
    speed: bool = True
    """Whether each stage is also timed (`harness bench`)."""
    stages: list[str | dict[str, Any]] = Field(min_length=1)

    @field_validator("stages")
    @classmethod
    def _readable(cls, raw: list[Any]) -> list[Any]:
        for one in raw:
            _group(one)
        return raw

    @property
    def groups(self) -> tuple[Group, ...]:
        """The stages in order."""
        return tuple(map(_group, self.stages))

    @property
    def digest(self) -> str:
        """Of everything that changes what is made."""
        return digest(self.model_dump(mode="json", exclude={"budget"}))


def _group(raw: Any) -> Group:
    if isinstance(raw, str):
        return Group(raw, stages([raw]))
    if not isinstance(raw, Mapping) or len(raw) != 1:
        raise ValueError(BY_ONE)
    ((label, told),) = raw.items()
    if isinstance(told, list):
        for one in told:
            if not isinstance(one, str) and not (isinstance(one, Mapping) and len(one) == 1):
                raise ValueError(BY_ONE)
        if not told:
            raise ValueError(f"{label}: no steps")
        return Group(label, stages(told))
    if isinstance(told, Mapping) and "steps" in told:
        given = Gradual.model_validate(told)
        return Group(label, stages(given.steps), given.share, given.increments)
    return Group(label, stages([raw]))


@dataclass(frozen=True)
class Loaded:
    """A recipe and where it lies."""

    recipe: Recipe
    path: Path

    @property
    def policy(self) -> str:
        """The policy as `gate.judge.Terms.read` takes it."""
        return policy_of(self.path, self.recipe.policy)

    @property
    def file(self) -> Path:
        """Of the training rows, where they come from one."""
        return self.path.parent / Path(self.recipe.training.file).expanduser()

    @property
    def digest(self) -> str:
        """Of all that a compression is held to: the recipe and what its policy says."""
        return digest(self.recipe.digest, policy_digest(policy.load(self.policy)))

    def named(self, model: str) -> str:
        """Return the name of a compression of `model`."""
        last = Path(model.partition(":")[2] or model).name
        return self.recipe.name or f"{self.path.stem}-{''.join(c if c.isalnum() or c in '._-' else '-' for c in last)}"


def load(named: str, name: str = "") -> Loaded:
    """Return the recipe of a file, or one that ships with the project (`quickstart`); `name` goes over its own.

    Raises:
        UsageError: no such file, an unknown key (with the nearest), a stage that cannot be read.
    """
    path = path_of(named, SHIPPED, "harness compress tiny --recipe quickstart")
    recipe = read_yaml(path, Recipe)
    if name:
        recipe = validate({**recipe.model_dump(), "name": name}, Recipe, str(path))
    return Loaded(recipe, path)
