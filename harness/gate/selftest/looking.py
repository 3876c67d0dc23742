"""Looking after every sample: false alarms, what stopping early saves, and what it costs.

Evidence is looked at in arrays of (repetitions, bets), the decision is `decide` on what the looks have found
(tests/gate/test_selftest.py holds the arrays against `looks.Looking`, which is fed record by record).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.gate.evidence import Looks
from harness.gate.policy import Sequential
from harness.gate.selftest import draws
from harness.gate.selftest.size import PLAIN, grid
from harness.gate.selftest.trial import Line, Trial, from_table
from harness.stats.power import power_of_drop

RULES = Sequential()
DROP = 0.1
SIBLINGS_SD = 0.3
"""Standard deviation of the differences between questions."""
PROMISED = 500
"""Samples from which on looking must save half of them and cost no more than five points of power."""


def equal_looked_at(trial: Trial) -> Iterator[Line]:
    """An equal candidate, looked at after every sample: below alpha at any look at most alpha."""
    for n, psi in grid(trial):
        name, setting = "equal, looked at always", f"n={n} psi={psi:g}"
        drawn = draws.differences(trial.rng(name, setting), trial.repeats, n, psi)
        yield trial.errors(name, setting, int((trial.gate.looks(-drawn).min(axis=1) <= trial.alpha).sum()))


def siblings_looked_at(trial: Trial) -> Iterator[Line]:
    """The same where four samples share a question, one bet a question."""
    for n, psi in grid(trial):
        name, setting = "equal, questions of four, looked at always", f"n={n} psi={psi:g} sd={SIBLINGS_SD:g}"
        rng = trial.rng(name, setting)
        reference, candidate, _ = draws.clustered(rng, trial.repeats, n, psi, SIBLINGS_SD, clusters=n // 4)
        bets = draws.by_cluster(reference - candidate, n // 4)
        yield trial.errors(name, setting, int((trial.gate.looks(bets).min(axis=1) <= trial.alpha).sum()))


def looked_then_tested(trial: Trial) -> Iterator[Line]:
    """Looking at a share of alpha and testing at the end with the rest: together at most alpha."""
    for n in (500,) if trial.quick else (164, 500):
        for psi in (0.2,) if trial.quick else (0.1, 0.2):
            name, setting = "equal, looked at and tested", f"n={n} psi={psi:g}"
            drawn = draws.differences(trial.rng(name, setting), trial.repeats, n, psi)
            yield trial.errors(name, setting, sum(blocked for blocked, _ in judged(trial, drawn)))


def stopped_early(trial: Trial) -> Iterator[Line]:
    """A drop of ten points: the share of samples used, and how often it is found."""
    for n in (500,) if trial.quick else (164, 500, 1000, 2000):
        for psi in (0.2,) if trial.quick else (0.1, 0.2):
            setting = f"n={n} psi={psi:g} drop={DROP:g}"
            drawn = draws.differences(trial.rng("stopped early", setting), trial.repeats, n, psi, DROP)
            found = list(judged(trial, drawn))
            fixed = power_of_drop(n, psi, DROP, trial.alpha)
            most, least = (0.5, fixed - 0.05) if n >= PROMISED else (1.0, 0.0)
            used = sum(samples for _, samples in found) / n
            yield Line("looked at, share of samples", setting, used, trial.repeats, 0.0, most)
            count = sum(blocked for blocked, _ in found)
            yield Line("looked at, drop found (exact: fixed test)", setting, count, trial.repeats, least, 1.0, fixed)


def judged(trial: Trial, drawn: Any) -> Iterator[tuple[bool, int]]:
    """Yield (whether the gate blocks, samples asked) for every row of differences, looked at from the first on."""
    import numpy as np

    n = drawn.shape[1]
    lowest = np.minimum.accumulate(trial.gate.looks(-drawn), axis=1)
    enough = lowest[:, RULES.min_items - 1 :] <= RULES.share * trial.alpha
    stop = np.where(enough.any(axis=1), RULES.min_items + enough.argmax(axis=1), n + 1)
    policy = trial.policy({"suite": PLAIN}, RULES)
    for row, p, last in zip(drawn, lowest, stop.tolist(), strict=True):
        used = min(last, n)
        wins, losses = int((row[:used] > 0).sum()), int((row[:used] < 0).sum())
        looks = Looks(
            share=RULES.share, n=used, of=n, wins=wins, losses=losses, delta=(wins - losses) / used,
            p_drop=float(p[used - 1]), exact_at=RULES.share * trial.alpha, stopped=last <= n,
        )  # fmt: skip
        table = draws.complete(wins + losses, losses, used).tolist()
        held = from_table("suite", [int(count) for count in table], looks)
        yield trial.verdict(policy, [held]).outcome == "FAIL", used


SECTIONS: tuple[Callable[[Trial], Iterator[Line]], ...] = (
    equal_looked_at, siblings_looked_at, looked_then_tested, stopped_early,
)  # fmt: skip
