"""Intervals and estimators against scipy, worked examples and brute force."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint

from harness import stats


@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_wilson_equals_scipy(n: int, share: float) -> None:
    right = round(share * n)
    ours = stats.wilson(right, n)
    theirs = scipy_stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert ours.low == pytest.approx(theirs.low, abs=1e-9) and ours.high == pytest.approx(theirs.high, abs=1e-9)
    assert ours.low <= ours.value <= ours.high


@pytest.mark.parametrize(("n", "right", "k"), [(5, 2, 1), (5, 2, 3), (6, 0, 2), (6, 6, 2), (10, 1, 10), (4, 3, 2)])
def test_pass_at_k_equals_brute_force(n: int, right: int, k: int) -> None:
    attempts = [True] * right + [False] * (n - right)
    draws = list(itertools.combinations(attempts, k))
    assert stats.pass_at_k(n, right, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_k_refuses_too_few_attempts() -> None:
    with pytest.raises(ValueError, match="at least 10"):
        stats.pass_at_k(5, 5, 10)


def test_mean_of_real_values_is_the_normal_interval() -> None:
    values = [0.1, 0.4, 0.35, 0.8, 0.77, 0.5]
    ours = stats.mean(values)
    half = scipy_stats.norm.ppf(0.975) * scipy_stats.sem(values)
    assert (ours.low, ours.high) == pytest.approx((sum(values) / 6 - half, sum(values) / 6 + half))


def test_macro_weighs_groups_alike() -> None:
    ours = stats.macro({"a": [1.0] * 90, "b": [0.0] * 10})
    assert ours.value == 0.5 and ours.n == 100


def test_ratio_is_the_ratio_of_sums() -> None:
    assert stats.ratio([1, 2, 3], [2, 2, 6]).value == pytest.approx(0.6)


def test_nothing_is_not_a_zero() -> None:
    for nothing in (stats.wilson(0, 0), stats.mean([]), stats.macro({}), stats.ratio([], [])):
        assert math.isnan(nothing.value) and (nothing.low, nothing.high) == (0.0, 1.0)


def test_letters() -> None:
    grades = {"A": 0.9, "B": 0.8, "F": 0.0}
    assert [stats.letter(x, grades) for x in (1.0, 0.9, 0.89, 0.1, math.nan)] == ["A", "A", "B", "F", "-"]


@given(n=st.integers(1, 500), share=st.floats(0, 1), alpha=st.sampled_from([0.1, 0.05, 0.02]))
def test_wilson_equals_statsmodels(n: int, share: float, alpha: float) -> None:
    right = round(share * n)
    ours = stats.wilson(right, n, float(scipy_stats.norm.isf(alpha / 2)))
    assert (ours.low, ours.high) == pytest.approx(proportion_confint(right, n, alpha, method="wilson"), abs=1e-9)
