"""Mistakes that gates make, planted one by one in the real decision: the self-test must name each of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from harness.gate import decide as deciding
from harness.gate import rules, selftest
from harness.gate.decide import decide
from harness.gate.evidence import Evidence
from harness.gate.policy import Policy
from harness.gate.selftest import Gate
from harness.stats import Contrast, contrast
from harness.types import Outcome, Verdict

NORMAL = NormalDist()
Decide = Callable[[Policy, Evidence], Verdict]


def contrasting(change: Callable[..., Contrast]) -> Gate:
    """Return the real gate with another contrast of pairs."""

    def mutant(policy: Policy, evidence: Evidence) -> Verdict:
        with patch.object(rules, "contrast", change):
            return decide(policy, evidence)

    return Gate(mutant)


def adjusting(change: Callable[[dict[Any, float]], dict[Any, float]]) -> Gate:
    """Return the real gate with another adjustment for many tests."""

    def mutant(policy: Policy, evidence: Evidence) -> Verdict:
        with patch.object(deciding, "holm", change):
            return decide(policy, evidence)

    return Gate(mutant)


def saying(change: Callable[[Outcome], Outcome]) -> Gate:
    """Return the real gate, misquoted."""
    return Gate(lambda policy, evidence: replace(v := decide(policy, evidence), outcome=change(v.outcome)))


def by_z(found: Contrast, se: float, alpha: float) -> Contrast:
    z, reach = found.delta / se if se else 0.0, NORMAL.inv_cdf(1 - alpha) * se
    return replace(
        found, low=found.delta - reach, high=found.delta + reach, p_drop=NORMAL.cdf(z), p_gain=NORMAL.cdf(-z), se=se
    )


def unpaired(x: Any, y: Any, clusters: Any = None, alpha: float = 0.05, rho: float = 1.0) -> Contrast:
    found = contrast(x, y, clusters, alpha, rho)
    spread = [share * (1 - share) for share in (found.reference, found.candidate)]
    return by_z(found, math.sqrt((rho * rho * spread[0] + spread[1]) / found.n), alpha)


def unclustered(x: Any, y: Any, clusters: Any = None, alpha: float = 0.05, rho: float = 1.0) -> Contrast:
    return contrast(x, y, None, alpha, rho)


def inside(x: Any, y: Any, clusters: Any = None, alpha: float = 0.05, rho: float = 1.0) -> Contrast:
    found = contrast(x, y, clusters, alpha, rho)
    return replace(found, low=found.delta)


def two_sided(x: Any, y: Any, clusters: Any = None, alpha: float = 0.05, rho: float = 1.0) -> Contrast:
    found = contrast(x, y, clusters, alpha, rho)
    return replace(found, p_drop=found.p_two_sided)


def smaller_tail(x: Any, y: Any, clusters: Any = None, alpha: float = 0.05, rho: float = 1.0) -> Contrast:
    found = contrast(x, y, clusters, alpha, rho)
    return replace(found, p_drop=min(found.p_drop, found.p_gain))


def swapped(x: Any, y: Any, clusters: Any = None, alpha: float = 0.05, rho: float = 1.0) -> Contrast:
    return contrast(y, x, clusters, alpha, rho)


def observed_error(x: Any, y: Any, clusters: Any = None, alpha: float = 0.05, rho: float = 1.0) -> Contrast:
    """The t test that this project's ratios had: it takes the error of few discordant samples as it finds it."""
    found = contrast(x, y, clusters, alpha, rho)
    return by_z(found, found.se, alpha)


def doubled(policy: Policy, evidence: Evidence) -> Verdict:
    defaults = policy.defaults.model_copy(update={"alpha": 2 * policy.defaults.alpha})
    return decide(policy.model_copy(update={"defaults": defaults}), evidence)


def peeking(bets: Any) -> Any:
    """McNemar's test (normal) after every sample."""
    discordant = np.maximum(1, np.cumsum(bets != 0, axis=1))
    z = np.cumsum(bets, axis=1) / np.sqrt(discordant)
    return np.vectorize(NORMAL.cdf)(-z)


MUTANTS: dict[str, tuple[Gate, str]] = {
    "unpaired standard error": (contrasting(unpaired), "drops"),
    "no Holm": (adjusting(dict), "equal_family"),
    "Bonferroni for Holm": (adjusting(lambda ps: {k: min(1.0, p * len(ps)) for k, p in ps.items()}), "all_of_six"),
    "clusters ignored": (contrasting(unclustered), "equal_clustered"),
    "clusters ignored at the margin": (contrasting(unclustered), "margin_clustered"),
    "never fails": (saying(lambda said: "INCONCLUSIVE" if said == "FAIL" else said), "drops"),
    "never passes": (saying(lambda said: "INCONCLUSIVE" if said == "PASS" else said), "equal_passes"),
    "estimate inside the margin passes": (contrasting(inside), "margin_independent"),
    "alpha doubled": (Gate(doubled), "drops"),
    "two-sided p": (contrasting(two_sided), "drops"),
    "smaller tail": (contrasting(smaller_tail), "better"),
    "reference and candidate swapped": (contrasting(swapped), "better"),
    "peeking": (Gate(looks=peeking), "equal_looked_at"),
    "peeking, decided": (Gate(looks=peeking), "looked_then_tested"),
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", (1, 2, 3))
@pytest.mark.parametrize("name", MUTANTS)
def test_mistake_is_caught(name: str, seed: int) -> None:
    """The real gate passes the same lines (test_selftest.py, same seeds)."""
    gate, section = MUTANTS[name]
    assert not selftest.run(quick=True, seed=seed, gate=gate, sections=[section]).ok


@pytest.mark.slow
def test_t_for_right_or_wrong_is_caught_where_few_differ() -> None:
    """Its error is 8% instead of 5%: only the whole self-test, with its small discordance, is fine enough."""
    report = selftest.run(gate=contrasting(observed_error), sections=["ratio_independent"])
    assert "n=164 psi=0.05 rho=0.95" in {line.setting for line in report.failed}
