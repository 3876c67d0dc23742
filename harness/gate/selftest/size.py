"""Error rates: how often an equal candidate is blocked, and a drop of the margin itself passes. At most alpha."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.gate.policy import NonInferiority, Relative, SuitePolicy
from harness.gate.selftest import draws
from harness.gate.selftest.trial import Line, Trial, from_columns, from_table, tally

PLAIN = SuitePolicy()
FAMILY = (164, 500, 164, 500, 164, 500)
"""Samples of six suites."""
MARGIN = 0.03
RHO, RIGHT = 0.95, 0.8


def grid(trial: Trial, least_psi: float = 0.0) -> Iterator[tuple[int, float]]:
    """Yield (n, psi) of the protocol; two corners of it when quick."""
    for n in (164, 2000) if trial.quick else (164, 500, 2000):
        for psi in (0.1,) if trial.quick else (0.05, 0.1, 0.2):
            if psi > least_psi:
                yield n, psi


def spread_of(psi: float) -> float:
    """Return the standard deviation of subject effects that goes with a discordance."""
    return 0.05 if psi < 0.1 else 0.1


def equal_independent(trial: Trial) -> Iterator[Line]:
    """An equal candidate, independent samples: blocked at most alpha."""
    for n, psi in grid(trial):
        name, setting = "equal, independent", f"n={n} psi={psi:g}"
        drawn = draws.tables(trial.rng(name, setting), trial.repeats, n, psi)
        yield trial.errors(name, setting, tally(trial.of_tables(PLAIN, drawn), "FAIL"))


def equal_clustered(trial: Trial) -> Iterator[Line]:
    """An equal candidate that is better in some subjects and worse in others: blocked at most alpha."""
    yield from _clustered(trial, "equal, clustered", PLAIN, 0.0, "FAIL")


def equal_family(trial: Trial) -> Iterator[Line]:
    """Six suites, equal candidate: any block at most alpha."""
    for psi in (0.2,) if trial.quick else (0.1, 0.2):
        name, setting = "equal, six suites", f"n={FAMILY[0]}..{FAMILY[1]} psi={psi:g}"
        rng = trial.rng(name, setting)
        drawn = [draws.tables(rng, trial.repeats, n, psi).astype(int).tolist() for n in FAMILY]
        policy = trial.policy({f"suite {k}": PLAIN for k in range(len(FAMILY))})
        verdicts = (
            trial.verdict(policy, [from_table(f"suite {k}", table) for k, table in enumerate(row)])
            for row in zip(*drawn, strict=True)
        )
        yield trial.errors(name, setting, sum(verdict.outcome == "FAIL" for verdict in verdicts))


def better(trial: Trial) -> Iterator[Line]:
    """A candidate that is better by five points: blocked at most alpha (in truth, never)."""
    for n, psi in grid(trial):
        name, setting = "better, independent", f"n={n} psi={psi:g} gain={min(psi, 0.05):g}"
        drawn = draws.tables(trial.rng(name, setting), trial.repeats, n, psi, -min(psi, 0.05))
        yield trial.errors(name, setting, tally(trial.of_tables(PLAIN, drawn), "FAIL"))


def margin_independent(trial: Trial) -> Iterator[Line]:
    """A true drop of exactly the margin: passes at most alpha."""
    wanted = SuitePolicy(non_inferiority=NonInferiority(margin=MARGIN))
    for n, psi in grid(trial, MARGIN):
        name, setting = "drop of the margin, independent", f"n={n} psi={psi:g} m={MARGIN:g}"
        drawn = draws.tables(trial.rng(name, setting), trial.repeats, n, psi, MARGIN)
        yield trial.errors(name, setting, tally(trial.of_tables(wanted, drawn), "PASS"))


def margin_clustered(trial: Trial) -> Iterator[Line]:
    """The same with subjects that differ."""
    wanted = SuitePolicy(non_inferiority=NonInferiority(margin=MARGIN))
    yield from _clustered(trial, "drop of the margin, clustered", wanted, MARGIN, "PASS")


def ratio_independent(trial: Trial) -> Iterator[Line]:
    """A true ratio of exactly `min_ratio`: its check passes at most alpha. (The drop itself may well be detected.)"""
    wanted = SuitePolicy(relative=Relative(min_ratio=RHO))
    for n, psi in grid(trial, RIGHT * (1 - RHO)):
        name, setting = "ratio of the bound, independent", f"n={n} psi={psi:g} rho={RHO:g}"
        drawn = draws.ratio_tables(trial.rng(name, setting), trial.repeats, n, psi, RIGHT, RHO)
        passed = (
            count
            for verdict, count in trial.of_tables(wanted, drawn)
            if any(check.rule == "relative" and check.outcome == "PASS" for check in verdict.checks)
        )
        yield trial.errors(name, setting, sum(passed))


def _clustered(trial: Trial, name: str, wanted: SuitePolicy, drop: float, error: str) -> Iterator[Line]:
    policy = trial.policy({"suite": wanted})
    for n, psi in grid(trial, drop):
        setting = f"n={n} psi={psi:g} sd={spread_of(psi):g}"
        rng = trial.rng(name, setting)
        references, candidates, clusters = draws.clustered(rng, trial.repeats, n, psi, spread_of(psi), drop)
        count = 0
        for reference, candidate in zip(references.tolist(), candidates.tolist(), strict=True):
            held = from_columns("suite", tuple(reference), tuple(candidate), clusters)
            count += trial.verdict(policy, [held]).outcome == error
        yield trial.errors(name, setting, count)


SECTIONS: tuple[Callable[[Trial], Iterator[Line]], ...] = (
    equal_independent, equal_clustered, equal_family, better, margin_independent, margin_clustered, ratio_independent,
)  # fmt: skip
