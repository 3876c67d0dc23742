"""Expected calibration error: the definition, coverage of its bounds, and the check made of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evidence_made import evidence, of, policy, suite

from harness.gate.calibration import ece, estimate
from harness.gate.decide import decide
from harness.stats.scaling import Scaling


def answers(count: int, over: float, seed: int) -> list[tuple[float, bool]]:
    """Return answers of a model that is right `over` less often than it says."""
    random = np.random.default_rng(seed)
    sure = random.uniform(0.4, 0.95, count)
    right = random.random(count) < sure - over
    return list(zip(sure.tolist(), right.tolist(), strict=True))


def test_worked_example_and_bins() -> None:
    assert ece([(0.9, True), (0.8, False), (0.6, True)], 2) == pytest.approx(0.1)
    # One bin each: |0.9 - 1|, |0.1 - 0|, weighted by a half.
    assert ece([(0.9, True), (0.1, False)], 10) == pytest.approx(0.1)
    assert ece([(1.0, True)], 15) == 0.0, "a confidence of one lies in the last bin"


@pytest.mark.parametrize("wrong", [[], [(1.1, True)], [(-0.1, False)], [(math.nan, True)]])
def test_what_is_no_confidence_is_refused(wrong: list[tuple[float, bool]]) -> None:
    with pytest.raises(ValueError, match="confidences"):
        ece(wrong, 15)


def test_bounds_narrow_with_samples() -> None:
    few, many = (estimate(answers(count, 0.1, 1), 15, 0.1, 0.05) for count in (200, 20_000))
    assert few.high - few.low > 5 * (many.high - many.low) and many.low < 0.1 < many.high


@pytest.mark.parametrize(("count", "over"), [(300, 0.2), (500, 0.1), (2000, 0.05), (2000, 0.0)])
def test_an_error_of_exactly_the_bound_is_neither_passed_nor_failed_beyond_alpha(count: int, over: float) -> None:
    """200 models each; one that is calibrated is no exception, though its estimate lies far above zero."""
    found = [estimate(answers(count, over, seed), 15, over, 0.05) for seed in range(200)]
    assert sum(one.high <= over for one in found) <= 21, "binom.ppf(.999, 200, .05)"
    assert sum(one.p_above <= 0.05 for one in found) <= 21


def test_calibrated_overconfident_and_unknown() -> None:
    wanted = policy({"quiz": {"calibration": {"max_ece": 0.08}}}, reference=None)

    def outcome(confidences: list[tuple[float, bool]]) -> str:
        held = suite(values=[1.0], confidences=tuple(confidences))
        return of(decide(wanted, evidence(held)), "calibration").outcome

    assert outcome(answers(4000, 0.0, 2)) == "PASS"
    assert outcome(answers(4000, 0.25, 2)) == "FAIL"
    assert outcome(answers(200, 0.05, 2)) == "INCONCLUSIVE"
    assert outcome([]) == "ERROR", "a suite without probabilities promises nothing about them"


def test_the_confidence_is_the_softmax_of_the_likeliest_choice() -> None:
    assert Scaling().sure([-3.1, -0.2, -4.0, -5.2]) == pytest.approx(
        math.exp(-0.2) / sum(math.exp(x) for x in (-3.1, -0.2, -4.0, -5.2))
    )
    assert Scaling().sure([-5000.0, -5001.0]) == pytest.approx(1 / (1 + math.exp(-1)))
