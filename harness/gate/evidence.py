"""What a gate decides on: plain numbers of one candidate, gathered from the store, or made up by a simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.types import Metric


@dataclass(frozen=True)
class Pairs:
    """Scores of candidate and reference on the same samples."""

    reference: tuple[float, ...]
    candidate: tuple[float, ...]
    clusters: tuple[str, ...] | None = None
    """A name per pair; pairs of one cluster are not independent. None: all are."""
    refused: str = ""
    """Why the two may not be compared, or empty."""
    run: str = ""
    """The reference's run."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A published score."""

    value: float
    n: int | None = None
    """Samples it was measured on; None: taken as exact."""
    source: str = ""


@dataclass(frozen=True)
class Looks:
    """What looking while the candidate answered has found: tests that hold under any looking (sequential mode)."""

    share: float
    """Part of alpha that the looks spend; the test at the end has the rest."""
    n: int
    """Pairs looked at, in the seeded order."""
    of: int
    """Pairs there would be."""
    wins: int
    losses: int
    delta: float
    """Mean difference so far; negative is worse."""
    p_drop: float
    """Anytime-valid p of "not worse than the reference"."""
    p_margin: float | None = None
    """Anytime-valid p of "worse by the margin or more"; None where that was not looked at."""
    exact_at: float | None = None
    """The p_drop at which looking stops, where all bets were on right or wrong of independent samples: what the looks
    have used of alpha is then counted exactly. None elsewhere."""
    stopped: bool = False
    """Whether the answer was known before the end, and the rest of the samples does not count."""


@dataclass(frozen=True)
class SuiteEvidence:
    """One suite of the candidate's run."""

    suite: str
    metric: Metric
    values: tuple[float, ...]
    """A value per scored sample; their mean is the metric."""
    clusters: tuple[str, ...] | None = None
    wanted: int = 0
    """Records that the run wants."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """`boundary/kind` -> count."""
    sandbox: str = ""
    """Level of isolation the programs ran in; empty where none did."""
    pairs: Mapping[str, Pairs] = field(default_factory=dict)
    """Name of a reference that is a run -> pairs."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Name of a reference that is published -> its figure for this metric."""
    confidences: tuple[tuple[float, bool], ...] = ()
    """Multiple choice: (probability of the chosen answer among the choices, whether it is right)."""
    scaling: str = ""
    """How these probabilities were calibrated; empty: they are the softmax of the log-likelihoods."""
    looks: Looks | None = None
    """None where there was only the test at the end."""


@dataclass(frozen=True)
class Evidence:
    """Everything about a candidate."""

    candidate: str
    """Run id."""
    model: str
    suites: Mapping[str, SuiteEvidence]
    speeds: Mapping[tuple[str, int], float] = field(default_factory=dict)
    """(measure of `policy.MEASURES`, width) -> median of the latest bench."""
    split: str = "all"
    sealed: bool = False
    """Whether the model was trained through the loop, so that only `test` samples count."""
    loop: str = ""
    looks: int = 0
    """Looks of this loop at this policy before."""
