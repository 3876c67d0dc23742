"""Evidence under continuous looking: its error rate, its power, and streaming against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from harness.stats import sequential
from harness.stats.sequential import EProcess, cluster_scores, drop_scores, margin_scores, stops

ALPHA, SHARE, REPETITIONS = 0.05, 0.8, 2000
LOOKING, END = ALPHA * SHARE, ALPHA * (1 - SHARE)
AT_MOST = binom.ppf(0.999, REPETITIONS, LOOKING)
"""Alarms that 2,000 repetitions of a test at the looking share may show, but for one in a thousand such tests."""


def differences(n: int, psi: float, drop: float, seed: int) -> np.ndarray:
    """Return (REPETITIONS, n) differences of right or wrong: discordant share psi, mean -drop."""
    u = np.random.default_rng(seed).random((REPETITIONS, n))
    return np.where(u < (psi - drop) / 2, 1.0, np.where(u < psi, -1.0, 0.0))


def drop_found_at_end(d: np.ndarray, alpha: float) -> np.ndarray:
    losses = (d < 0).sum(axis=1)
    return np.asarray(binom.sf(losses - 1, (d != 0).sum(axis=1), 0.5) <= alpha)


def found_after_looking(d: np.ndarray) -> np.ndarray:
    """Return whether looking, or else the exact test at the end, finds a drop."""
    p_looking = np.exp(-np.maximum(sequential.log_e_paths(-d).max(axis=1), 0.0))
    counts = zip((d > 0).sum(axis=1).tolist(), (d < 0).sum(axis=1).tolist(), p_looking.tolist(), strict=True)
    return np.array([sequential.p_after_looking(wins, losses, p, LOOKING) for wins, losses, p in counts]) <= ALPHA


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), max_size=60))
def test_streaming_equals_its_definition(scores: list[float]) -> None:
    stream = EProcess()
    stream.add(*scores)
    owned = [math.prod(1 + x * s for s in scores) for x in sequential.LAMBDAS]
    assert math.exp(stream.log_e) == pytest.approx(sum(owned) / len(owned), rel=1e-9)
    if scores:
        path = sequential.log_e_paths([scores])[0]
        assert stream.log_e == pytest.approx(path[-1], abs=1e-9)
        assert stream.p == pytest.approx(min(1.0, math.exp(-path.max())), rel=1e-9)
    assert stream.bets == len(scores)


def test_discordant_pairs_multiply_by_twice_theta() -> None:
    stream = EProcess(lambdas=[0.5])
    stream.add(*drop_scores([-1, 0, -1, 1, 0]))
    assert math.exp(stream.log_e) == pytest.approx((2 * 0.75) ** 2 * (2 * 0.25))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.floats(0, 0.999))
def test_margin_bets_never_lose_more_than_is_put_on_them(d: list[float], margin: float) -> None:
    EProcess(lambdas=[1.0 - 1e-6]).add(*margin_scores(d, margin))


def test_a_bet_that_could_lose_more_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 1"):
        EProcess().add(-1.5)
    with pytest.raises(ValueError, match="nan"):
        EProcess().add(math.nan)


def test_clusters_bet_once_and_weigh_by_size() -> None:
    assert cluster_scores([1, 1, -1, 0.5], ["b", "a", "b", "a"]) == [0.0, 0.75]
    assert cluster_scores([1.0], ["b"], largest=4) == [0.25]


def test_combined_p_spends_alpha_once() -> None:
    assert sequential.combined_p(0.04, 1.0, 0.8) == pytest.approx(0.05)
    assert sequential.combined_p(1.0, 0.01, 0.8) == pytest.approx(0.05)


@pytest.mark.parametrize("n", [164, 2000])
@pytest.mark.parametrize("psi", [0.05, 0.1, 0.2])
def test_looking_after_every_sample_keeps_alpha(n: int, psi: float) -> None:
    d = differences(n, psi, 0.0, seed=n)
    assert np.isfinite(stops(-d, LOOKING)).sum() <= AT_MOST
    peeked = np.cumsum(d < 0, axis=1)
    every = np.asarray(binom.sf(peeked - 1, np.cumsum(d != 0, axis=1), 0.5))[:, 24::25] <= LOOKING
    if n == 2000:
        assert every.any(axis=1).sum() > AT_MOST, "the simulation must see McNemar's test being peeked at"


@pytest.mark.parametrize(("n", "psi", "margin"), [(164, 0.1, 0.05), (2000, 0.1, 0.03), (2000, 0.2, 0.05)])
def test_a_drop_of_the_margin_is_passed_at_most_alpha(n: int, psi: float, margin: float) -> None:
    d = differences(n, psi, margin, seed=n)
    assert np.isfinite(stops((d + margin) / (1 - margin), LOOKING)).sum() <= AT_MOST


def test_clustered_samples_keep_alpha_one_bet_a_cluster() -> None:
    generator = np.random.default_rng(5)
    effect = generator.choice([-1.0, 1.0], (REPETITIONS, 100, 1)) * 0.2
    u = generator.random((REPETITIONS, 100, 10))
    d = np.where(u < 0.25 + effect / 2, 1.0, np.where(u > 0.75 + effect / 2, -1.0, 0.0))
    assert np.isfinite(stops(-d.mean(axis=2), LOOKING)).sum() <= AT_MOST
    assert np.isfinite(stops(-d.reshape(REPETITIONS, -1), LOOKING)).sum() > AT_MOST, "unclustered bets must be seen"


@pytest.mark.parametrize("level", [0.2, 0.04])
def test_p_after_looking_equals_brute_force_over_all_orders(level: float) -> None:
    pairs = 14
    bits = (np.arange(2**pairs)[:, None] >> np.arange(pairs)) & 1
    highest = np.maximum(sequential.log_e_paths(2.0 * bits - 1.0).max(axis=1), 0.0)
    stopped, losses = highest >= -math.log(level), bits.sum(axis=1)
    assert 0.0 < stopped.mean() <= level
    for least in range(pairs + 1):
        expected = (stopped | (losses >= least)).mean()
        assert sequential.p_after_looking(pairs - least, least, 1.0, level) == pytest.approx(expected, abs=1e-9)
    p = np.array(
        [
            sequential.p_after_looking(pairs - int(lost), int(lost), math.exp(-float(log)), level)
            for log, lost in zip(highest, losses, strict=True)
        ]
    )
    for alpha in np.unique(p):
        assert (p <= alpha).mean() <= alpha + 1e-9, "a p must not be small too often"


def test_p_after_looking_without_discordant_pairs_and_after_a_stop() -> None:
    assert sequential.p_after_looking(0, 0, 1.0, 0.04) == 1.0
    assert sequential.p_after_looking(3, 30, 0.001, 0.04) == 0.001


@pytest.mark.parametrize(("n", "psi", "drop"), [(164, 0.2, 0.1), (500, 0.1, 0.05), (1000, 0.1, 0.03), (1000, 0.2, 0.0)])
def test_looking_and_testing_at_the_end_cost_two_points_of_power_and_keep_alpha(
    n: int, psi: float, drop: float
) -> None:
    d = differences(n, psi, drop, seed=n)
    exact, fixed = found_after_looking(d), drop_found_at_end(d, ALPHA)
    split = np.isfinite(stops(-d, LOOKING)) | drop_found_at_end(d, END)
    print(f"n={n} psi={psi} drop={drop}: {exact.mean():.3f}, split {split.mean():.3f}, one test {fixed.mean():.3f}")
    if drop:
        assert exact.mean() >= fixed.mean() - 0.025
    else:
        assert exact.sum() <= binom.ppf(0.999, REPETITIONS, ALPHA)


@pytest.mark.parametrize("psi", [0.15, 0.2, 0.25])
def test_ten_points_at_500_stop_within_half_at_the_power_of_one_test(psi: float) -> None:
    """Figures: pytest tests/stats/test_sequential.py -k points -s."""
    stop, power, fixed = _figures(500, psi, 0.1)
    assert stop <= 0.5 and power >= fixed - 0.05


@pytest.mark.parametrize("psi", [0.15, 0.2, 0.25])
def test_ten_points_at_164_whatever_they_are(psi: float) -> None:
    _figures(164, psi, 0.1)


def _figures(n: int, psi: float, drop: float) -> tuple[float, float, float]:
    """Return (mean share of samples asked, power with the test at the end, power of one test at alpha)."""
    d = differences(n, psi, drop, seed=n)
    share = np.minimum(stops(-d, LOOKING), n).mean() / n
    split = (np.isfinite(stops(-d, LOOKING)) | drop_found_at_end(d, END)).mean()
    power, fixed = found_after_looking(d).mean(), drop_found_at_end(d, ALPHA).mean()
    print(
        f"n={n} psi={psi} drop={drop}: asks {share:.0%} of the samples, power {power:.3f}, "
        f"alpha split {split:.3f}, one test {fixed:.3f}"
    )
    return float(share), float(power), float(fixed)
