"""Adjusted p-values against statsmodels."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness import stats

FAMILIES = st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.floats(0, 1), min_size=1, max_size=12)


@pytest.mark.slow
@settings(max_examples=20)  # theirs takes a tenth of a second
@given(FAMILIES)
def test_holm_equals_statsmodels(ps: dict[str, float]) -> None:
    ours, theirs = stats.holm(ps), multipletests(list(ps.values()), method="holm")[1]
    assert list(ours) == list(ps) and list(ours.values()) == pytest.approx(list(theirs), abs=1e-12)


@given(FAMILIES)
def test_benjamini_hochberg_equals_statsmodels(ps: dict[str, float]) -> None:
    ours, theirs = stats.benjamini_hochberg(ps), multipletests(list(ps.values()), method="fdr_bh")[1]
    assert list(ours) == list(ps) and list(ours.values()) == pytest.approx(list(theirs), abs=1e-12)


@given(FAMILIES)
def test_adjusting_keeps_the_order_and_never_lowers(ps: dict[str, float]) -> None:
    for adjusted in (stats.holm(ps), stats.benjamini_hochberg(ps)):
        ranked = sorted(ps, key=ps.__getitem__)
        assert [adjusted[name] for name in ranked] == sorted(adjusted.values())
        assert all(adjusted[name] >= ps[name] and adjusted[name] <= 1.0 for name in ps)


def test_an_empty_family_and_one_of_one() -> None:
    assert stats.holm({}) == {} and stats.benjamini_hochberg({}) == {}
    assert stats.holm({"mmlu": 0.03}) == {"mmlu": 0.03}


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(wrong: float) -> None:
    for adjust in (stats.holm, stats.benjamini_hochberg):
        with pytest.raises(ValueError, match="'bbh'"):
            adjust({"mmlu": 0.5, "bbh": wrong})
