"""What looking costs and saves, simulated: error rates, samples used, power beside the fixed test.

Seeded; `pytest -s tests/gate/test_sequential_power.py` prints the tables. Independent right or wrong answers, a look
after every sample from the fiftieth on, share .8 of alpha .05. The simulation repeats the rule of `gate.looks` on whole
arrays; the first test holds it against `Looking` itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, norm

from harness.gate.decide import decide
from harness.gate.evidence import Evidence, Pairs, SuiteEvidence
from harness.gate.looks import HOPE, Looking
from harness.gate.policy import NonInferiority, Policy, SuitePolicy
from harness.gate.stage import Stage, stage
from harness.stats.power import power_of_drop
from harness.stats.proportions import tango_z
from harness.stats.sequential import log_e_paths, p_after_looking
from harness.types import Metric

ALPHA, SHARE, LEAST, REPEATS = 0.05, 0.8, 50, 2000
AT_MOST = binom.ppf(0.999, REPEATS, ALPHA) / REPEATS
"""What a test of exactly alpha exceeds once in a thousand simulations."""
SIZES, DROPS = (164, 500, 1000, 2000), (0.02, 0.03, 0.05, 0.10)


@dataclass(frozen=True)
class Runs:
    """Outcomes of many repetitions."""

    used: Any
    """Samples asked, (repeats,)."""
    failed: Any
    passed: Any


def drawn(n: int, psi: float, drop: float, repeats: int = REPEATS) -> Any:
    """Return (repeats, n) differences: 1, 0 or -1."""
    uniform = np.random.default_rng([n, round(1000 * psi), round(1000 * drop)]).random((repeats, n))
    return np.where(uniform < (psi - drop) / 2, 1.0, np.where(uniform < psi, -1.0, 0.0))


def looked_at(d: Any, margin: float | None = None) -> Runs:
    """Return what sequential mode makes of one suite's differences; with a margin that is its only rule."""
    n, at = d.shape[1], np.arange(1, d.shape[1] + 1)
    spent, late = SHARE * ALPHA, (1 - SHARE) * ALPHA
    dropped = np.maximum.accumulate(log_e_paths(-d), axis=1) >= -np.log(spent)
    kept = np.zeros_like(dropped)
    known = dropped
    if margin is not None:
        kept = np.maximum.accumulate(log_e_paths((d + margin) / (1 - margin)), axis=1) >= -np.log(spent)
        spread = np.cumsum(d * d, axis=1) / at
        above = np.cumsum(d, axis=1) + n * margin - norm.isf(late) * np.sqrt(spread * n)
        left = np.sqrt(spread * (n - at))
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = np.where(left == 0, above <= 0, norm.cdf(above / left) < HOPE)
        known = kept | (dropped & lost)
    known = known & (at >= LEAST)
    stopped = known.any(axis=1)
    used = np.where(stopped, known.argmax(axis=1) + 1, n)
    losses, wins = (d < 0).sum(axis=1), (d > 0).sum(axis=1)
    ended = tables(lambda w, x: p_after_looking(w, x, 1.0, spent) <= ALPHA, wins, losses)
    rows = np.arange(len(d))
    passed = kept[rows, used - 1] | (~stopped & keeps(wins, losses, n, margin, late))
    failed = (dropped[rows, used - 1] | (~stopped & ended)) & ~passed
    return Runs(used, failed, passed)


def keeps(wins: Any, losses: Any, n: int, margin: float | None, alpha: float) -> Any:
    """Return where Tango's lower bound lies above -margin."""
    if margin is None:
        return np.zeros(len(wins), dtype=bool)
    return tables(lambda w, x: tango_z(w, x, n, margin) > norm.isf(alpha), wins, losses)


def tables(is_true: Callable[[int, int], bool], wins: Any, losses: Any) -> Any:
    """Return where something is true of (wins, losses), each pair of counts looked at once."""
    pairs, which = np.unique(np.stack([wins, losses], axis=1), axis=0, return_inverse=True)
    return np.array([is_true(int(w), int(x)) for w, x in pairs])[which.ravel()]


@pytest.mark.parametrize("margin", [None, 0.05])
@pytest.mark.parametrize("drop", [0.0, 0.1])
def test_the_simulation_is_the_rule(margin: float | None, drop: float) -> None:
    d = drawn(300, 0.2, drop, repeats=40)
    runs = looked_at(d, margin)
    ids = [f"{place:04}" for place in range(300)]
    rule = None if margin is None else NonInferiority(margin=margin)
    for row, used in zip(d, runs.used, strict=True):
        reference = {i: float(x < 0) for i, x in zip(ids, row, strict=True)}
        fixed = stage(
            SuitePolicy(non_inferiority=rule), Metric("acc", "acc"), reference, dict(zip(ids, ids, strict=True)), {},
            300, alpha=ALPHA, share=SHARE, family=1, min_items=LEAST,
        )  # fmt: skip
        assert isinstance(fixed, Stage)
        looking = Looking(fixed)
        for i, x in zip(ids, row, strict=True):
            looking.add(i, {"acc": reference[i] + x})
        looking.close()
        assert looking.looks.n == used


@pytest.mark.slow
@pytest.mark.parametrize("psi", [0.05, 0.1, 0.2])
def test_equal_models_are_blocked_at_most_alpha(psi: float) -> None:
    for n in SIZES:
        equal = drawn(n, psi, 0.0)
        alone, margin = looked_at(equal), looked_at(equal, 0.05)
        print(
            f"equal n={n:4} psi={psi:.2f}: blocked {alone.failed.mean():.3f}; margin .05: blocked"
            f" {margin.failed.mean():.3f}, passed {margin.passed.mean():.3f}, used {margin.used.mean() / n:.2f} of n"
        )
        assert alone.failed.mean() <= AT_MOST and margin.failed.mean() <= AT_MOST


@pytest.mark.slow
@pytest.mark.parametrize("psi", [0.05, 0.1, 0.2])
def test_a_drop_equal_to_the_margin_passes_at_most_alpha(psi: float) -> None:
    for n in SIZES:
        for margin in (0.03, 0.05):
            passed = looked_at(drawn(n, psi, margin), margin).passed.mean()
            print(f"drop = margin = {margin:.2f} n={n:4} psi={psi:.2f}: passed {passed:.3f}")
            assert passed <= AT_MOST


@pytest.mark.slow
@pytest.mark.parametrize("psi", [0.1, 0.2])
def test_planted_drops_stop_early_at_hardly_less_power(psi: float) -> None:
    print(f"\npsi={psi}     n  drop   used/n   found   fixed")
    for n in SIZES:
        for drop in DROPS:
            runs, fixed = looked_at(drawn(n, psi, drop)), power_of_drop(n, psi, drop, ALPHA)
            used, found = runs.used.mean() / n, runs.failed.mean()
            print(f"        {n:5}  {drop:.2f}   {used:6.2f}   {found:.3f}   {fixed:.3f}")
            assert found >= fixed - 0.08
            if n >= 500 and drop == 0.10:
                assert used <= 0.5 and found >= fixed - 0.05


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0.03, 0.05])
def test_ten_points_stop_early_beside_a_margin_too(margin: float) -> None:
    for n in SIZES:
        runs = looked_at(drawn(n, 0.2, 0.1), margin)
        fixed = power_of_drop(n, 0.2, 0.1, ALPHA)
        used, found = runs.used.mean() / n, runs.failed.mean()
        print(f"margin={margin:.2f} n={n:4}: used {used:.2f} of n, found {found:.3f}, fixed {fixed:.3f}")
        if n >= 500:
            assert used <= 0.5 and found >= fixed - 0.05


@pytest.mark.slow
def test_a_family_of_six_is_blocked_at_most_alpha() -> None:
    k, n, level = 6, 500, SHARE * ALPHA / 6
    ps = np.empty((k, REPEATS))
    for place in range(k):
        d = np.where(np.random.default_rng([place, n]).random((REPEATS, n)) < 0.15, 1.0, 0.0)
        d *= np.random.default_rng([place, n, 1]).choice([-1.0, 1.0], size=d.shape)
        highest = np.exp(-log_e_paths(-d).max(axis=1).clip(min=0.0))
        losses, wins = (d < 0).sum(axis=1), (d > 0).sum(axis=1)
        ends = [p_after_looking(int(w), int(x), float(p), level) for w, x, p in zip(wins, losses, highest, strict=True)]
        ps[place] = ends
    blocked = ps.min(axis=0) * k <= ALPHA  # Holm's first step
    print(f"family of six, equal: any blocked {blocked.mean():.3f}, unadjusted {(ps <= ALPHA).any(axis=0).mean():.3f}")
    assert blocked.mean() <= AT_MOST
    assert (ps <= ALPHA).any(axis=0).mean() > AT_MOST, "without Holm this test must see it"


REPEATED = 400


def clustered(seed: int, graded: bool) -> tuple[Any, Any]:
    """Return (reference, candidate) of 600 samples in clusters of five that share their luck."""
    rng = np.random.default_rng(seed)
    shared = rng.random((2, 120)).repeat(5, axis=1)
    own = rng.random((2, 600))
    luck = np.where(rng.random((2, 600)) < 0.8, shared, own)
    return tuple(np.round(luck, 2) if graded else (luck < 0.6).astype(float))


def blocked_share(graded: bool, siblings: int) -> float:
    """Return how often an equal candidate is blocked when so many neighbours are one bet."""
    ids = [f"{place:04}" for place in range(600)]
    groups = {i: f"{place // siblings:04}" for place, i in enumerate(ids)}
    metric, wanted, failed = Metric("acc", "acc"), SuitePolicy(), 0
    policy = Policy(suites={"suite": wanted})
    for seed in range(REPEATED):
        reference, candidate = clustered(seed, graded)
        fixed = stage(
            wanted, metric, dict(zip(ids, reference.tolist(), strict=True)), groups, {}, 600, alpha=ALPHA, share=SHARE,
            family=1, min_items=LEAST,
        )  # fmt: skip
        assert isinstance(fixed, Stage)
        looking = Looking(fixed)
        for i, value in zip(ids, candidate.tolist(), strict=True):
            looking.add(i, {"acc": value})
        looking.close()
        sides = Pairs(tuple(reference.tolist()), tuple(candidate.tolist()), tuple(groups.values()))
        held = SuiteEvidence("suite", metric, sides.candidate, wanted=600, pairs={"reference": sides})
        held = replace(held, looks=looking.looks)
        failed += decide(policy, Evidence("run", "model", {"suite": held})).outcome == "FAIL"
    return failed / REPEATED


@pytest.mark.slow
@pytest.mark.parametrize("graded", [False, True])
def test_clusters_are_one_bet(graded: bool) -> None:
    right, wrong, most = (
        blocked_share(graded, 5),
        blocked_share(graded, 1),
        binom.ppf(0.999, REPEATED, ALPHA) / REPEATED,
    )
    print(f"clusters of five, {'graded' if graded else 'right or wrong'}: blocked {right:.3f}, unclustered {wrong:.3f}")
    assert right <= most
    assert wrong > most, "bets on single samples of a cluster must be seen"
