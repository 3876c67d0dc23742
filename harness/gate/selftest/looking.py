"""Looking after every sample: false alarms, what stopping early saves, and what it costs.

Evidence is looked at in arrays of (repetitions, bets), the decision is `decide` on what the looks have found
(tests/gate/test_selftest.py holds the arrays against `looks.Looking`, which is fed record by record).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.gate.evidence import Looks
from harness.gate.policy import NonInferiority, Sequential, SuitePolicy
from harness.gate.selftest import draws
from harness.gate.selftest.size import MARGIN, PLAIN, grid
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
    """An equal candidate, looked at with a share of alpha, tested with the rest: blocked at most alpha."""
    yield from _either(trial, "equal, looked at and tested", None, "FAIL")


def margin_looked_at(trial: Trial) -> Iterator[Line]:
    """A true drop of exactly the margin, looked at and tested: passes at most alpha."""
    yield from _either(trial, "drop of the margin, looked at and tested", MARGIN, "PASS")


def _either(trial: Trial, name: str, margin: float | None, error: str) -> Iterator[Line]:
    for n in (500,) if trial.quick else (164, 500):
        for psi in (0.2,) if trial.quick else (0.1, 0.2):
            setting = f"n={n} psi={psi:g}" + (f" m={margin:g}" if margin else "")
            drawn = draws.differences(trial.rng(name, setting), trial.repeats, n, psi, margin or 0.0)
            yield trial.errors(name, setting, sum(said == error for said, _ in judged(trial, drawn, margin)))


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
            count = sum(said == "FAIL" for said, _ in found)
            yield Line("looked at, drop found (exact: fixed test)", setting, count, trial.repeats, least, 1.0, fixed)


def judged(trial: Trial, drawn: Any, margin: float | None = None) -> Iterator[tuple[str, int]]:
    """Yield (outcome, samples asked) for every row of differences, looked at from the first on.

    With a margin only its proof stops: whether a drop stops as well changes nothing about how often it passes.
    """
    import numpy as np

    n, spent = drawn.shape[1], RULES.share * trial.alpha
    drops = np.minimum.accumulate(trial.gate.looks(-drawn), axis=1)
    keeps = None if margin is None else np.minimum.accumulate(trial.gate.looks((drawn + margin) / (1 - margin)), axis=1)
    enough = (drops if keeps is None else keeps)[:, RULES.min_items - 1 :] <= spent
    stop = np.where(enough.any(axis=1), RULES.min_items + enough.argmax(axis=1), n + 1)
    wanted = PLAIN if margin is None else SuitePolicy(non_inferiority=NonInferiority(margin=margin))
    policy = trial.policy({"suite": wanted}, RULES)
    for k, last in enumerate(stop.tolist()):
        used = min(last, n)
        wins, losses = int((drawn[k, :used] > 0).sum()), int((drawn[k, :used] < 0).sum())
        looks = Looks(
            share=RULES.share, n=used, of=n, wins=wins, losses=losses, delta=(wins - losses) / used,
            p_drop=float(drops[k, used - 1]), p_margin=None if keeps is None else float(keeps[k, used - 1]),
            exact_at=spent, stopped=last <= n,
        )  # fmt: skip
        table = draws.complete(wins + losses, losses, used).tolist()
        held = from_table("suite", [int(count) for count in table], looks)
        yield trial.verdict(policy, [held]).outcome, used


SECTIONS: tuple[Callable[[Trial], Iterator[Line]], ...] = (
    equal_looked_at, siblings_looked_at, looked_then_tested, margin_looked_at, stopped_early,
)  # fmt: skip
