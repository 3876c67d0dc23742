"""A ratio of exactly rho, and clusters with a drop of exactly the margin: score tests hold alpha, t tests do not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import t

from harness.stats import contrast
from harness.stats.proportions import mcnemar, ratio_variance, ratio_z, tango_z

ALPHA = 0.05


@pytest.mark.parametrize("rho", (0.8, 0.95, 1.0, 1.2))
@pytest.mark.parametrize("table", ((120, 6, 8, 164), (50, 10, 3, 63), (30, 4, 20, 64), (10, 1, 5, 18)))
def test_variance_is_that_of_the_restricted_likelihood(table: tuple[int, int, int, int], rho: float) -> None:
    both, losses, wins, n = table
    share = (both + losses + wins) / n

    def cells(u: float) -> tuple[float, float, float]:
        p_both = (share - (1 + rho) * u) / rho
        return p_both, u, share - p_both - u

    def unlikely(u: float) -> float:
        counts = (both, losses, wins)
        return -sum(c * math.log(max(p, 1e-300)) for c, p in zip(counts, cells(u), strict=True) if c)

    bounds = (max(0.0, share * (1 - rho)), share / (1 + rho))
    u = minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x
    p_both, p_lost, p_won = cells(u)
    assert rho * (p_both + p_lost) == pytest.approx(p_both + p_won, abs=1e-9)
    squares = (1 - rho) ** 2 * p_both + rho**2 * p_lost + p_won
    assert ratio_variance(both, wins, losses, n, rho) == pytest.approx(n * squares, rel=1e-6)


def test_ratio_of_one_is_mcnemar() -> None:
    assert ratio_z(100, 10, 18, 164, 1.0) == pytest.approx(tango_z(10, 18, 164, 0.0)) == pytest.approx(-8 / 28**0.5)
    assert mcnemar(10, 18) == pytest.approx(0.0924666710)


@pytest.mark.parametrize("table", ((0, 0, 0, 10), (10, 0, 0, 10), (0, 5, 0, 10), (0, 0, 5, 10)))
@pytest.mark.parametrize("rho", (0.5, 0.95, 1.0, 2.0))
def test_empty_cells_speak_in_the_right_direction(table: tuple[int, int, int, int], rho: float) -> None:
    both, wins, losses, n = table
    z = ratio_z(both, wins, losses, n, rho)
    distance = both + wins - rho * (both + losses)
    assert not math.isnan(z)
    assert math.copysign(1.0, z) == math.copysign(1.0, distance) if distance else z == 0.0


def sizes(n: int, right: float, rho: float, psi: float) -> tuple[float, float]:
    """Return how often a true ratio of rho passes: the score test, and a t test of the linear contrast."""
    drop = right * (1 - rho)
    lose, win = (psi + drop) / 2, (psi - drop) / 2
    drawn = np.random.default_rng(5).multinomial(n, [right - lose, win, lose, 1 - right - win], 20_000)
    tables, counts = np.unique(drawn[:, :3], axis=0, return_counts=True)
    by_score = sum(
        int(count)
        for (both, wins, losses), count in zip(tables.tolist(), counts.tolist(), strict=True)
        if ratio_z(both, wins, losses, n, rho) > 1.6448536
    )
    both, wins, losses = tables.T
    total = (1 - rho) * both + wins - rho * losses
    squares = (1 - rho) ** 2 * both + wins + rho**2 * losses
    by_t = total / np.sqrt((squares - total**2 / n) * n / (n - 1)) > t.ppf(1 - ALPHA, n - 1)
    return by_score / 20_000, float(counts[by_t].sum() / 20_000)


@pytest.mark.parametrize(
    ("n", "right", "psi", "by_t"), ((164, 0.8, 0.05, 0.084), (164, 0.9, 0.05, 0.098), (500, 0.9, 0.05, 0.071))
)
def test_ratio_holds_alpha_where_t_does_not(n: int, right: float, psi: float, by_t: float) -> None:
    score, student = sizes(n, right, 0.95, psi)
    assert score < 0.055
    assert student == pytest.approx(by_t, abs=0.006)


def test_clusters_only_widen() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        x = (rng.random(300) < 0.7).astype(float)
        y = np.where(rng.random(300) < 0.1, 1 - x, x)
        names = [str(i % 60) for i in range(300)]
        alone, grouped = contrast(x.tolist(), y.tolist()), contrast(x.tolist(), y.tolist(), names)
        assert (alone.method, grouped.method) == ("tango", "clustered tango")
        assert grouped.low <= alone.low and grouped.high >= alone.high


def test_bound_of_a_ratio_lies_above_zero_exactly_where_the_test_is_sure() -> None:
    rng = np.random.default_rng(2)
    names = [str(i % 57) for i in range(400)]
    seen = set()
    for _ in range(200):
        x = (rng.random(400) < 0.7).astype(float)
        y = np.where(rng.random(400) < 0.12, rng.random(400) < 0.6, x).astype(float)
        for clusters in (None, names):
            found = contrast(x.tolist(), y.tolist(), clusters, ALPHA, rho=0.95)
            assert (found.low > 0) == (found.p_gain < ALPHA) and (found.high < 0) == (found.p_drop < ALPHA)
            seen.add(found.low > 0)
    assert seen == {True, False}
