"""What a section of the self-test works with: the gate on trial, seeded draws, and lines to report."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.gate.decide import decide
from harness.gate.evidence import Evidence, Looks, Pairs, SuiteEvidence
from harness.gate.policy import Defaults, Policy, Sequential, SuitePolicy
from harness.stats.sequential import log_e_paths
from harness.types import Metric, Verdict

ACCURACY = Metric("acc", "acc")


def evidence_p(scores: Any) -> Any:
    """Return the anytime-valid p after every bet; scores and result: (repetitions, bets)."""
    import numpy as np

    return np.exp(-log_e_paths(scores))


@dataclass(frozen=True)
class Gate:
    """What is on trial: how verdicts are made, and what a look sees."""

    decide: Callable[[Policy, Evidence], Verdict] = decide
    looks: Callable[[Any], Any] = evidence_p
    """Bets against "not worse" (differences times -1) -> p after each of them; both (repetitions, bets)."""


REAL = Gate()


@dataclass(frozen=True)
class Line:
    """One property of the gate: what was found, and between which rates it must lie."""

    section: str
    setting: str
    count: float
    """Comparisons in which it happened."""
    of: int
    low: float
    high: float
    expected: float | None = None
    """Exact rate, where it can be enumerated."""

    @property
    def rate(self) -> float:
        """Share in which it happened."""
        return self.count / self.of

    @property
    def ok(self) -> bool:
        """Whether the rate is within its bounds, both included."""
        return self.low <= self.rate <= self.high


@dataclass(frozen=True)
class Trial:
    """One section's means. The same seed and setting give the same draws, whatever else is run."""

    gate: Gate = REAL
    alpha: float = 0.05
    seed: int = 0
    quick: bool = False

    @property
    def repeats(self) -> int:
        """Comparisons a line."""
        return 512 if self.quick else 2048

    def rng(self, *setting: object) -> Any:
        """Return the generator of a line."""
        import numpy as np

        return np.random.default_rng([self.seed, zlib.crc32(repr(setting).encode())])

    def errors(self, section: str, setting: str, count: int) -> Line:
        """Return the line of an error that may happen at rate alpha: at most its .999 quantile over these repeats."""
        from scipy.stats import binom

        return Line(
            section, setting, count, self.repeats, 0.0, float(binom.ppf(0.999, self.repeats, self.alpha)) / self.repeats
        )

    def near(self, section: str, setting: str, count: float, expected: float, points: float = 3.0) -> Line:
        """Return the line of a rate that must lie within so many points of its exact value."""
        margin = points / 100
        low, high = max(0.0, expected - margin), min(1.0, expected + margin)
        return Line(section, setting, count, self.repeats, low, high, expected)

    def policy(self, suites: Mapping[str, SuitePolicy], sequential: Sequential | None = None) -> Policy:
        """Return a policy with these suites at this alpha. What was drawn is enough to decide on."""
        defaults = Defaults(alpha=self.alpha, min_items=1)
        return Policy(defaults=defaults, suites=dict(suites), sequential=sequential or Sequential())

    def verdict(self, policy: Policy, suites: Sequence[SuiteEvidence]) -> Verdict:
        """Return the gate's verdict on suites."""
        return self.gate.decide(policy, Evidence("selftest", "selftest", {held.suite: held for held in suites}))

    def of_tables(self, wanted: SuitePolicy, tables: Any) -> list[tuple[Verdict, int]]:
        """Return (verdict, how often) over the rows of `tables`, (repeats, 4), each different one decided once."""
        import numpy as np

        different, counts = np.unique(np.asarray(tables, dtype=int), axis=0, return_counts=True)
        policy = self.policy({"suite": wanted})
        return [
            (self.verdict(policy, [from_table("suite", row)]), int(count))
            for row, count in zip(different.tolist(), counts.tolist(), strict=True)
        ]


def tally(verdicts: Iterable[tuple[Verdict, int]], outcome: str) -> int:
    """Return how many verdicts are `outcome`."""
    return sum(count for verdict, count in verdicts if verdict.outcome == outcome)


def from_table(suite: str, table: Sequence[int], looks: Looks | None = None) -> SuiteEvidence:
    """Return independent answers with these counts: both right, candidate only, reference only, neither."""
    both, wins, losses, neither = table
    reference = (1.0,) * both + (0.0,) * wins + (1.0,) * losses + (0.0,) * neither
    candidate = (1.0,) * (both + wins) + (0.0,) * (losses + neither)
    return replace(from_columns(suite, reference, candidate), looks=looks)


def from_columns(
    suite: str, reference: tuple[float, ...], candidate: tuple[float, ...], clusters: tuple[str, ...] | None = None
) -> SuiteEvidence:
    """Return pairs of scores as evidence."""
    pairs = {"reference": Pairs(reference, candidate, clusters, run="reference")}
    return SuiteEvidence(suite, ACCURACY, candidate, clusters, len(candidate), pairs=pairs)
