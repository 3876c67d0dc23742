"""Temperature and Platt scaling: planted parameters come back, the formulas hold, nothing changes an answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from harness.stats import scaling
from harness.stats.scaling import Answer, Scaling

SUMS = st.lists(st.floats(-60.0, 0.0), min_size=2, max_size=6)


def planted(count: int, over: float, seed: int, choices: int = 4) -> list[Answer]:
    """Return answers whose log-likelihoods are `over` times what the right ones were drawn by."""
    random = np.random.default_rng(seed)
    logits = random.normal(0.0, 2.0, (count, choices))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    right = [int(random.choice(choices, p=share)) for share in shares]
    return [(tuple((over * row).tolist()), target) for row, target in zip(logits, right, strict=True)]


@pytest.mark.parametrize("over", [0.5, 1.0, 3.0])
def test_a_planted_temperature_comes_back_and_is_the_minimum(over: float) -> None:
    answers = planted(4000, over, 1)
    found = scaling.temperature(answers)
    assert found == pytest.approx(over, rel=0.08)

    def loss(at: float) -> float:
        return sum(math.log(sum(math.exp((x - sums[right]) / at) for x in sums)) for sums, right in answers)

    assert found == pytest.approx(minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x, rel=1e-3)


def test_platt_is_the_minimum_of_the_smoothed_likelihood() -> None:
    answers = planted(1500, 2.0, 2)
    odds = np.array([scaling.odds(sums) for sums, _ in answers])
    right = np.array([scaling.likeliest(sums) == target for sums, target in answers])
    wanted = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))

    def loss(at: np.ndarray) -> float:
        z = at[0] * odds + at[1]
        return float((np.logaddexp(0, z) - wanted * z).sum())

    assert scaling.platt(answers) == pytest.approx(minimize(loss, (1.0, 0.0)).x, abs=1e-3)


def test_answers_that_are_all_right_all_wrong_or_all_alike_have_finite_scalings() -> None:
    for right, at in ((0, scaling.COLDEST), (1, scaling.HOTTEST)):
        answers: list[Answer] = [((-0.5, -1.5), right)] * 20
        assert scaling.temperature(answers) == at
        sure = Scaling("platt", 1.0, *scaling.platt(answers)).sure((-0.5, -1.5))
        # Platt's smoothed targets: 21 of 22, 1 of 22.
        assert sure == pytest.approx(21 / 22 if right == 0 else 1 / 22, abs=1e-6)


def test_worked_example_and_odds() -> None:
    assert Scaling("temperature", temperature=3.1).sure((-0.1, -6.0)) == pytest.approx(0.870, abs=5e-4)
    assert Scaling().sure((-0.1, -6.0)) == pytest.approx(0.997, abs=5e-4)
    assert scaling.odds((-1.0, -1.0)) == 0.0 and scaling.odds((0.0, -1e6)) == scaling.FARTHEST
    assert Scaling("platt", slope=1.0, intercept=0.0).sure((-0.1, -6.0)) == pytest.approx(Scaling().sure((-0.1, -6.0)))


@given(SUMS, st.floats(0.01, 100.0), st.floats(-5.0, 5.0), st.floats(-5.0, 5.0))
def test_a_confidence_is_a_probability_and_a_temperature_keeps_the_order(
    sums: list[float], temperature: float, slope: float, intercept: float
) -> None:
    for one in (Scaling(), Scaling("temperature", temperature), Scaling("platt", 1.0, slope, intercept)):
        assert 0.0 <= one.sure(sums) <= 1.0
        assert scaling.read(one.numbers()) == one if one.method != "none" else True
    assert Scaling("temperature", temperature).sure(sums) >= 1 / len(sums) - 1e-9
    cooler, hotter = (Scaling("temperature", t).sure(sums) for t in (temperature, temperature * 2))
    assert hotter <= cooler + 1e-9, "hotter is never surer"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"method": "none"},
        {"method": "temperature"},
        {"method": "temperature", "temperature": 0},
        {"method": "temperature", "temperature": -1.0},
        {"method": "temperature", "temperature": True},
        {"method": "temperature", "temperature": "2"},
        {"method": "temperature", "temperature": 10**400},
        {"method": "temperature", "temperature": math.nan},
        {"method": "platt", "slope": 1.0},
        {"method": "platt", "slope": math.inf, "intercept": 0.0},
        {"method": ["platt"], "slope": 1.0, "intercept": 0.0},
    ],
)
def test_what_is_no_scaling_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no scaling"):
        scaling.read(told)


@pytest.mark.parametrize("answers", [[], [((-1.0,), 0)], [((math.nan, -1.0), 0)], [((-1.0, -2.0), 2)]])
def test_what_is_no_answer_is_refused(answers: list[Answer]) -> None:
    for fit in (scaling.temperature, scaling.platt):
        with pytest.raises(ValueError, match="no answer"):
            fit(answers)
