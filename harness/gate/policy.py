"""What a gate promises, as a strict YAML file.

    version: 1
    reference: {run: main}                       # a run, or the name of a baseline; --baseline says it too
    defaults: {alpha: 0.05, min_items: 100}
    suites:
      humaneval: {absolute: {min: 0.72, mode: point}, non_inferiority: {margin: 0.05}}
      mmlu:      {cluster: subject, relative: {min_ratio: 0.95}}

Every key has a default but `suites`; an unknown key is an error that names the nearest. `check` holds the names of a
policy (suites, metrics, tags, references) against what is installed, before a token is spent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from harness.config import Strict, read_yaml
from harness.errors import UsageError

CLASSIC = Path(__file__).with_name("classic.yaml")
MEASURES = (
    "size_mib", "peak_memory_mib", "load_s", "first_token_s", "prompt_tokens_per_s", "generated_tokens_per_s",
)  # fmt: skip
"""What `limits` may name: measured by `harness bench`."""


class Reference(Strict):
    """Where the other side of a comparison comes from: a stored run, or published figures in a file."""

    run: str = ""
    """Run id, run name, or the name of a baseline."""
    figures: str = ""
    """YAML file of published scores (`figures.py`); a relative path is relative to the policy's folder."""

    @model_validator(mode="after")
    def _one(self) -> Reference:
        if bool(self.run) == bool(self.figures):
            raise ValueError("a reference is a run or a file of figures: give exactly one of `run` and `figures`")
        return self


class Absolute(Strict):
    """A bound on the score itself."""

    min: float | None = None
    max: float | None = None
    mode: Literal["lower_bound", "point"] = "lower_bound"
    """`lower_bound`: the one-sided confidence bound must keep it; `point`: the score as measured."""

    @model_validator(mode="after")
    def _one(self) -> Absolute:
        if (self.min is None) == (self.max is None):
            raise ValueError("give exactly one of `min` and `max`")
        return self


class Relative(Strict):
    """At least a share of a reference's score ("120% of GPT-4": min_ratio 1.2)."""

    min_ratio: float = Field(gt=0.0)
    to: str = "reference"
    """A key of `references`, or `reference` or `previous`."""


class NonInferiority(Strict):
    """Not worse than a reference by `margin` or more."""

    margin: float = Field(gt=0.0)
    """In units of the metric: 0.03 is three points of a share."""
    to: str = "reference"


class Calibration(Strict):
    """Expected calibration error of multiple choice (Guo et al. 2017) at most this."""

    max_ece: float = Field(gt=0.0, le=1.0)
    bins: int = Field(default=15, ge=2)


class SuitePolicy(Strict):
    """The rules of one suite. Without any rule a detected regression against the reference fails."""

    metric: str = ""
    """Empty: the primary one."""
    required: bool = True
    """Whether this suite's verdict counts for the whole."""
    cluster: str = ""
    """Tag whose groups are not independent inside (subject, task). Empty: siblings of one question."""
    direction: Literal["declared", "higher_is_better", "lower_is_better"] = "declared"
    absolute: Absolute | None = None
    relative: Relative | None = None
    non_inferiority: NonInferiority | None = None
    calibration: Calibration | None = None
    max_faults: float | None = Field(default=None, ge=0.0, le=1.0)
    min_items: int | None = Field(default=None, ge=1)


class Defaults(Strict):
    """What holds for every suite that says nothing else."""

    alpha: float = Field(default=0.05, gt=0.0, lt=0.5)
    power: float = Field(default=0.8, gt=0.5, lt=1.0)
    min_items: int = Field(default=100, ge=1)
    """Fewer pairs than this decide nothing: ERROR."""
    max_faults: float = Field(default=0.01, ge=0.0, le=1.0)
    """Share of wanted records that may be without a score."""
    on_inconclusive: Literal["report", "fail", "pass"] = "report"
    """Exit code of INCONCLUSIVE: 3, 1 or 0."""


class Sequential(Strict):
    """Looking while the candidate answers, at an error rate that holds under any looking."""

    enabled: bool = False
    share: float = Field(default=0.8, gt=0.0, lt=1.0)
    """Part of alpha spent while looking; the rest is for the test at the end."""
    min_items: int = Field(default=50, ge=1)
    order_seed: int = 17
    look_every: int = Field(default=1, ge=1)


class Sandbox(Strict):
    """The weakest isolation whose verdicts on programs count."""

    min_level: Literal["weak", "medium", "strong"] = "medium"


class Budget(Strict):
    """How often a loop may look at this gate."""

    looks: int = Field(default=10, ge=1)
    """alpha is divided by it at every look of a loop (Bonferroni)."""


class Evaluate(Strict):
    """How a candidate that is a model is evaluated first (`harness eval`)."""

    limit: int | None = Field(default=None, ge=1)
    samples: int = Field(default=1, ge=1)
    prompt: Literal["auto", "raw", "chat"] = "auto"
    split: Literal["dev", "test", "all"] = "all"
    seed: int = 0
    temperature: float | None = Field(default=None, ge=0.0)
    max_tokens: int | None = Field(default=None, ge=1)
    settings: dict[str, str] = Field(default_factory=dict)
    judges: dict[str, str] = Field(default_factory=dict)


class Bound(Strict):
    """Bounds of a measure of `harness bench`."""

    min: float | None = None
    max: float | None = None
    width: int = Field(default=1, ge=1)
    """Texts generated side by side, for rates of generation."""

    @model_validator(mode="after")
    def _one(self) -> Bound:
        if (self.min is None) == (self.max is None):
            raise ValueError("give exactly one of `min` and `max`")
        return self


class Policy(Strict):
    """A whole policy file."""

    version: Literal[1] = 1
    reference: Reference | None = None
    """The pinned reference, which does not move with every accepted run: many small steps down are seen."""
    previous: Reference | None = None
    """The last accepted run, where it is to be compared as well."""
    references: dict[str, Reference] = Field(default_factory=dict)
    """Further ones by name (`gpt4`), for `relative.to` and `non_inferiority.to`."""
    defaults: Defaults = Field(default_factory=Defaults)
    sequential: Sequential = Field(default_factory=Sequential)
    sandbox: Sandbox = Field(default_factory=Sandbox)
    budget: Budget = Field(default_factory=Budget)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    limits: dict[str, Bound] = Field(default_factory=dict)
    """Measure (`MEASURES`) -> bounds."""
    suites: dict[str, SuitePolicy] = Field(min_length=1)

    def named_reference(self, name: str) -> Reference | None:
        """Return the reference that a rule's `to` names."""
        return {**self.references, "reference": self.reference, "previous": self.previous}.get(name)


def load(named: str) -> Policy:
    """Return the policy of a file, or the one that ships with the project (`classic`).

    Raises:
        UsageError: missing file, malformed YAML, unknown key (with the nearest), a value out of range.
    """
    path = Path(named).expanduser()
    if named == "classic" and not path.exists():
        path = CLASSIC
    if not path.exists():
        what = f"no policy file {named!r}"
        raise UsageError(what, "a YAML file, or `classic`", "type: harness gate RUN --policy classic")
    return read_yaml(path, Policy)
