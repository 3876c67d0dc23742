"""Contrasts against scipy and statsmodels, and what must hold for any numbers."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.stats import Contrast, contrast
from harness.stats.signflip import sign_flip

BITS = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=80)
REALS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from([0.0, 0.3, 0.5, 1.0])), min_size=1, max_size=60
)
NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=80, max_size=80)


def real_pairs(n: int, seed: int) -> tuple[list[float], list[float]]:
    generator = np.random.default_rng(seed)
    reference = generator.random(n)
    return list(reference), list(np.clip(reference + generator.normal(-0.03, 0.2, n), 0, 1))


def names_of_unequal_groups(n: int, groups: int, seed: int) -> list[str]:
    """Return n names of exactly `groups` clusters; later ones are larger."""
    weights = np.arange(1, groups + 1) / sum(range(1, groups + 1))
    drawn = np.random.default_rng(seed).choice(groups, n - groups, p=weights)
    return [str(g) for g in [*range(groups), *drawn]]


def close(found: Contrast, low: float, high: float, p_drop: float, p_gain: float) -> None:
    assert (found.low, found.high, found.p_drop, found.p_gain) == pytest.approx((low, high, p_drop, p_gain), abs=1e-9)


@pytest.mark.parametrize("n", [30, 164, 1000])
def test_t_equals_scipy(n: int) -> None:
    reference, candidate = real_pairs(n, seed=n)
    found = contrast(reference, candidate, alpha=0.05)
    less = scipy_stats.ttest_rel(candidate, reference, alternative="less")
    more = scipy_stats.ttest_rel(candidate, reference, alternative="greater")
    assert found.method == "t"
    close(found, more.confidence_interval(0.95).low, less.confidence_interval(0.95).high, less.pvalue, more.pvalue)


@pytest.mark.parametrize(("n", "groups"), [(200, 30), (300, 57), (1000, 200)])
def test_clustered_t_equals_statsmodels(n: int, groups: int) -> None:
    reference, candidate = real_pairs(n, seed=n)
    names = names_of_unequal_groups(n, groups, seed=n)
    found = contrast(reference, candidate, names, alpha=0.05)
    model = sm.OLS(np.subtract(candidate, reference), np.ones(n)).fit(
        cov_type="cluster", cov_kwds={"groups": np.asarray([int(g) for g in names])}, use_t=True
    )
    assert found.method == "clustered t" and found.clusters == groups
    assert found.se == pytest.approx(model.bse[0], abs=1e-9)
    low, high = model.conf_int(0.1)[0]
    below = float(scipy_stats.t.cdf(model.tvalues[0], groups - 1))
    close(found, low, high, below, 1 - below)


@pytest.mark.parametrize("n", [4, 8, 12])
def test_sign_flip_equals_scipy(n: int) -> None:
    reference, candidate = real_pairs(n, seed=n)
    found = contrast(reference, candidate)
    assert found.method == "sign flip"
    for tail, p in (("less", found.p_drop), ("greater", found.p_gain)):
        theirs = scipy_stats.permutation_test(
            (np.subtract(candidate, reference),), np.mean, permutation_type="samples", n_resamples=np.inf,
            alternative=tail, vectorized=False,
        )  # fmt: skip
        assert p == pytest.approx(theirs.pvalue, abs=1e-9)


@pytest.mark.parametrize("clusters", [6, 9, 13])
def test_bounds_of_sign_flips_are_where_its_test_turns(clusters: int) -> None:
    generator = np.random.default_rng(clusters)
    sizes = generator.integers(1, 9, clusters).astype(float)
    sums = sizes * generator.normal(-0.1, 0.2, clusters)
    low, high, _, _ = sign_flip(sums, sizes, 0.05)
    step = 1e-6
    for at, rejected in ((low - step, True), (low + step, False)):
        assert (sign_flip(sums - at * sizes, sizes, 0.05)[3] <= 0.05) is rejected
    for at, rejected in ((high + step, True), (high - step, False)):
        assert (sign_flip(sums - at * sizes, sizes, 0.05)[2] <= 0.05) is rejected


@given(shift=st.floats(-0.3, 0.3), clusters=st.integers(5, 29))
def test_bounds_and_ps_of_sign_flips_agree(shift: float, clusters: int) -> None:
    sums = np.random.default_rng(clusters).normal(shift, 0.2, clusters)
    low, high, p_drop, p_gain = sign_flip(sums, np.ones(clusters), 0.05)
    assert (low > 0, high < 0) == (p_gain <= 0.05, p_drop <= 0.05)


def test_drawn_sign_flips_are_near_the_exact_ones() -> None:
    generator = np.random.default_rng(2)
    sums = generator.normal(-0.1, 0.25, 16)
    drawn = sign_flip(sums, np.ones(16), 0.05)[2]
    exact = scipy_stats.permutation_test(
        (sums,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="less", vectorized=True
    ).pvalue  # fmt: skip
    assert drawn == pytest.approx(exact, abs=0.015)


@given(pairs=st.one_of(BITS, REALS), names=NAMES, clustered=st.booleans(), alpha=st.sampled_from([0.2, 0.05, 0.01]))
def test_any_contrast(pairs: list[tuple[float, float]], names: list[str], clustered: bool, alpha: float) -> None:
    x, y = [a for a, _ in pairs], [b for _, b in pairs]
    clusters = names[: len(x)] if clustered else None
    found = contrast(x, y, clusters, alpha)
    assert not any(math.isnan(v) for v in (found.low, found.high, found.p_drop, found.p_gain, found.delta, found.se))
    assert found.low <= found.delta + 1e-9 and found.delta <= found.high + 1e-9
    assert 0.0 <= found.p_drop <= 1.0 and 0.0 <= found.p_gain <= 1.0
    assert found.wins + found.losses + found.ties == found.n == len(x)
    stricter = contrast(x, y, clusters, alpha / 2)
    assert stricter.low <= found.low + 1e-9 and stricter.high >= found.high - 1e-9


@given(pairs=st.one_of(BITS, REALS), names=NAMES, clustered=st.booleans())
def test_swapping_the_sides_negates(pairs: list[tuple[float, float]], names: list[str], clustered: bool) -> None:
    x, y = [a for a, _ in pairs], [b for _, b in pairs]
    clusters = names[: len(x)] if clustered else None
    there, back = contrast(x, y, clusters), contrast(y, x, clusters)
    assert there.delta == pytest.approx(-back.delta, abs=1e-12)
    assert (there.wins, there.losses) == (back.losses, back.wins)
    if there.delta == 0.0 and there.method == "sign flip":
        return  # one and the same set of differences may lie behind both
    close(there, -back.high, -back.low, back.p_gain, back.p_drop)


@given(pairs=st.one_of(BITS, REALS), names=NAMES, clustered=st.booleans(), seed=st.integers(0, 99))
def test_the_order_of_samples_does_not_matter(
    pairs: list[tuple[float, float]], names: list[str], clustered: bool, seed: int
) -> None:
    rows = [(*pair, name) for pair, name in zip(pairs, names, strict=False)]
    shuffled = random.Random(seed).sample(rows, len(rows))
    one, other = (
        contrast([r[0] for r in order], [r[1] for r in order], [r[2] for r in order] if clustered else None)
        for order in (rows, shuffled)
    )
    close(one, other.low, other.high, other.p_drop, other.p_gain)


def test_clusters_of_one_are_no_clusters() -> None:
    x, y = [1.0, 0.0, 1.0] * 20, [1.0, 1.0, 0.0] * 20
    assert contrast(x, y, [str(i) for i in range(60)]) == contrast(x, y)


def test_clusters_widen_what_is_alike_inside() -> None:
    x = [1.0] * 400
    y = [0.0 if i // 10 % 5 == 0 else 1.0 for i in range(400)]
    alone, together = contrast(x, y), contrast(x, y, [str(i // 10) for i in range(400)])
    assert together.method == "clustered tango" and alone.method == "tango"
    assert together.low < alone.low - 0.03 and together.p_drop > alone.p_drop
    assert together.se > 2 * alone.se


def test_clusters_never_narrow_right_or_wrong() -> None:
    x = [1.0, 0.0] * 100
    y = [0.0, 1.0] * 100
    alone, together = contrast(x, y), contrast(x, y, [str(i // 2) for i in range(200)])
    assert together.low <= alone.low + 1e-3 and together.high >= alone.high - 1e-3


@pytest.mark.parametrize("n", [40, 500])
@pytest.mark.parametrize("clusters", [False, True])
def test_equal_columns_are_no_proof_of_equality(n: int, clusters: bool) -> None:
    names = [str(i % 35) for i in range(n)] if clusters else None
    bits, reals = ([1.0, 0.0] * (n // 2), [0.5, 0.25] * (n // 2))
    for same in (bits, reals):
        found = contrast(same, same, names)
        assert found.low < -2.5 / (n + 3) and (found.p_drop, found.delta) == (pytest.approx(1.0, abs=0.5), 0.0)


def test_one_sample_and_one_cluster_bound_nothing() -> None:
    assert (contrast([0.5], [0.4]).low, contrast([0.5], [0.4]).high) == (-math.inf, math.inf)
    one = contrast([1.0, 0.0, 1.0], [0.0, 0.0, 1.0], ["a"] * 3)
    assert (one.low, one.high, one.p_drop) == (-math.inf, math.inf, 0.5)
    assert contrast([1.0], [0.0]).p_drop == 0.5


def test_all_wins_and_all_losses() -> None:
    won = contrast([0.0] * 50, [1.0] * 50)
    assert won.p_gain == 0.5**50 and won.p_drop == 1.0 and won.high == pytest.approx(1.0, abs=1e-9)
    assert won.low == pytest.approx(50 / (50 + 1.644854**2) - 1.644854**2 / (50 + 1.644854**2), abs=1e-6)
    lost = contrast([0.4] * 50, [0.3] * 50)
    assert lost.p_drop == 0.5**50 and lost.p_gain == 1.0 and lost.low < -0.1 < lost.high


def test_relative_contrast_is_the_score_test_at_its_ratio() -> None:
    x = [1.0] * 80 + [0.0] * 20
    y = [1.0] * 76 + [0.0] * 24
    found = contrast(x, y, rho=0.95)
    assert found.method == "ratio score" and found.delta == pytest.approx(0.0, abs=1e-12)
    assert found.p_gain == pytest.approx(0.5) and found.low < 0 < found.high
    assert contrast(x, y, rho=0.8).low > 0 > contrast(x, y, rho=1.1).high


@pytest.mark.parametrize(
    ("x", "y", "names"),
    [([], [], None), ([1.0], [1.0, 0.0], None), ([1.0], [1.0], ["a", "b"]), ([1.0], [math.nan], None)],
)
def test_what_cannot_be_paired_is_refused(x: list[float], y: list[float], names: list[str] | None) -> None:
    with pytest.raises(ValueError, match=r"paired|finite"):
        contrast(x, y, names)
