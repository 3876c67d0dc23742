"""Figures of divergence: against brute force, and their errors against simulation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax

from compress.measures.divergence import (
    AGAINST,
    NotFinite,
    clustered,
    kl,
    log_softmax,
    percentile,
    perplexity,
    summary,
)

SEEDS = st.integers(0, 2**32 - 1)


def logits(seed: int, positions: int = 5, vocabulary: int = 40, spread: float = 6.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((positions, vocabulary)) * spread).astype(np.float32)


@given(SEEDS, st.floats(0.0, 20.0))
def test_divergence_is_that_of_brute_force(seed: int, spread: float) -> None:
    p, q = logits(seed, spread=spread), logits(seed + 1, spread=spread)
    expected = [
        math.fsum(rel_entr(softmax(a.astype(np.float64)), softmax(b.astype(np.float64))))
        for a, b in zip(p, q, strict=True)
    ]
    # Kept log-probabilities are float32: 2^-24 of the largest one.
    assert kl(log_softmax(p), log_softmax(q)) == pytest.approx(expected, rel=1e-5, abs=1e-5)


@given(SEEDS)
def test_a_model_is_no_distance_from_itself(seed: int) -> None:
    one = log_softmax(logits(seed))
    assert (kl(one, one) == 0.0).all() and (kl(one[:, :7], one[:, :7], whole=False) == 0.0).all()


@given(SEEDS, st.integers(1, 39))
def test_some_tokens_and_the_rest_never_exceed_the_whole(seed: int, kept: int) -> None:
    p, q = log_softmax(logits(seed)), log_softmax(logits(seed + 1))
    best = np.argsort(-p, axis=1)[:, :kept]
    part = kl(np.take_along_axis(p, best, axis=1), np.take_along_axis(q, best, axis=1), whole=False)
    assert (part <= kl(p, q) + 1e-5).all() and (part >= -1e-5).all()


def test_a_token_that_never_comes_costs_nothing_and_one_that_should_come_is_refused() -> None:
    never = np.array([[0.0, 0.0, -np.inf]], dtype=np.float32)
    assert kl(log_softmax(never), log_softmax(np.zeros((1, 3), np.float32))) == pytest.approx([math.log(1.5)])
    with pytest.raises(NotFinite, match="probability 0"):
        kl(log_softmax(np.zeros((1, 3), np.float32)), log_softmax(never))


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_logits_that_are_no_numbers_are_refused(broken: float) -> None:
    row = np.full((2, 4), broken, np.float32)
    row[0] = 1.0
    with pytest.raises(NotFinite, match="1 of 2 positions"):
        log_softmax(row)


def test_log_probabilities_are_those_of_exact_arithmetic() -> None:
    # 2^0, 2^1, 2^2, 2^3 of 15, far from zero: neither overflow nor cancellation.
    given = np.log(2.0) * np.arange(4) + 900.0
    found = np.exp(log_softmax(given[None, :].astype(np.float64))[0].astype(np.float64))
    assert found == pytest.approx([float(Fraction(2**k, 15)) for k in range(4)], rel=1e-6)


def rows_of(rng: np.random.Generator, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return values of positions that share something within a row, and the row of each."""
    sizes = rng.integers(5, 60, count)
    rows = np.repeat(np.arange(count), sizes)
    return np.exp(rng.standard_normal(len(rows)) + rng.standard_normal(count)[rows]), rows


def test_standard_errors_are_the_spread_over_repetitions() -> None:
    rng = np.random.default_rng(11)
    found = [clustered(*rows_of(rng)) for _ in range(600)]
    spread = float(np.std([mean for mean, _ in found], ddof=1))
    told = float(np.sqrt(np.mean([error**2 for _, error in found])))
    assert told == pytest.approx(spread, rel=0.12)
    alone = float(np.mean([values.std() / math.sqrt(len(values)) for values, _ in (rows_of(rng) for _ in range(50))]))
    assert spread > 1.8 * alone  # what the error would be if positions did not hang together


def test_the_interval_of_the_percentile_holds_it() -> None:
    rng = np.random.default_rng(12)
    truth = float(np.quantile(rows_of(rng, 40_000)[0], 0.99))
    found = [percentile(*rows_of(rng, 250)) for _ in range(200)]
    held = sum(low <= truth <= high for _, low, high in found if low is not None and high is not None)
    assert 176 <= held <= 197  # rows this unlike: 92%, as the module says
    values = np.exp(rng.standard_normal(6000))
    one, low, high = percentile(values, np.arange(6000))
    assert low is not None and high is not None and 8.0 < low < one < high < 13.0  # independent: exp(2.326) = 10.2


def test_perplexity_and_its_ratio_with_their_errors() -> None:
    rng = np.random.default_rng(13)
    before, rows = rows_of(rng)
    after = before + 0.1 + 0.02 * rng.standard_normal(len(before))
    alone = perplexity(after, rows)
    assert alone["perplexity"] == pytest.approx(math.exp(after.mean())) and alone["positions"] == len(rows)
    found = summary(after * 0, after > 0, before, after, rows)
    assert tuple(found) == AGAINST and found["kl_mean"] == found["kl_p99"] == 0.0 and found["rows"] == 60
    assert found["perplexity_ratio"] == pytest.approx(math.exp(0.1), rel=0.01)
    # Paired: what both find hard is in neither error.
    assert found["perplexity_ratio_se"] < alone["perplexity_se"] / alone["perplexity"] / 20


def test_a_single_row_has_no_error() -> None:
    values, rows = np.array([0.1, 0.2, 0.4]), np.array([0, 0, 0])
    found = summary(values, values > 0.15, values, values, rows)
    assert found["kl_mean"] == pytest.approx(0.7 / 3) and found["top1_agreement"] == pytest.approx(2 / 3)
    assert {found[name] for name in ("kl_se", "kl_p99_low", "kl_p99_high", "top1_se", "perplexity_ratio_se")} == {None}
