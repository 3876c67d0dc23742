"""McNemar's and Tango's tests and the score test of a ratio: against R, published examples and brute force."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binom
from scipy.stats import t as student
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar

from harness.stats.power import power_of_margin
from harness.stats.proportions import mcnemar, ratio_z, tango_bounds, tango_z

TABLES = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 400)).filter(any)
"""(wins, losses, ties)"""

FROM_R = [  # scoreci.mp of the R package PropCIs 0.3.0, which searches in steps that leave 3e-7: wins, losses, n, level
    (7, 0, 14, 0.95, 0.17703378, 0.73200792),
    (0, 0, 14, 0.95, -0.21531081, 0.21531075),
    (3, 2, 14, 0.95, -0.26107773, 0.38899630),
    (0, 1, 14, 0.95, -0.31468691, 0.15926152),
    (5, 5, 16, 0.95, -0.36750698, 0.36750680),
    (13, 1, 14, 0.95, 0.37062618, 0.97455563),
    (14, 0, 14, 0.95, 0.56937838, 1.0),
    (0, 14, 14, 0.90, -1.0, -0.67609030),
    (2, 9, 20, 0.95, -0.60163157, -0.02741434),
    (10, 3, 50, 0.95, -0.00149775, 0.28547489),
    (1, 1, 2, 0.90, -0.75826740, 0.75826734),
    (25, 12, 200, 0.95, 0.00563550, 0.12694110),
    (25, 12, 200, 0.90, 0.01547646, 0.11644652),
]
PUBLISHED = [
    # Tango 1998: crossover trial of lenses; two ways to disinfect, 90%.
    (9, 3, 32, 0.95, -0.027, 0.390),
    (0, 1, 44, 0.90, -0.096, 0.037),
    # Agresti and Min 2005; Fagerland et al. 2014 (airways, stem cells; complete response, consolidation therapy).
    (16, 8, 86, 0.95, -0.020, 0.207),
    (1, 7, 21, 0.95, -0.517, -0.026),
    (6, 16, 161, 0.95, -0.1240, -0.0054),
]


@pytest.mark.parametrize(("wins", "losses", "n", "level", "low", "high"), FROM_R)
def test_bounds_equal_those_of_r(wins: int, losses: int, n: int, level: float, low: float, high: float) -> None:
    assert tango_bounds(wins, losses, n, (1 - level) / 2) == pytest.approx((low, high), abs=4e-7)


@pytest.mark.parametrize(("wins", "losses", "n", "level", "low", "high"), PUBLISHED)
def test_bounds_equal_published_ones(wins: int, losses: int, n: int, level: float, low: float, high: float) -> None:
    assert tango_bounds(wins, losses, n, (1 - level) / 2) == pytest.approx((low, high), abs=5.1e-4)


@given(table=TABLES, margin=st.floats(-0.9, 0.9))
def test_statistic_equals_a_brute_force_restricted_likelihood(table: tuple[int, int, int], margin: float) -> None:
    wins, losses, ties = table
    n = sum(table)

    def slope(loss: float) -> float:
        """Return the derivative of the log-likelihood in P(only reference right), decreasing."""
        return wins / (loss - margin) + losses / loss - 2 * ties / (1 + margin - 2 * loss)

    least, most = max(0.0, margin), (1 + margin) / 2
    edge = 1e-13
    if slope(least + edge) <= 0:
        loss = least
    elif slope(most - edge) >= 0:
        loss = most
    else:
        loss = brentq(slope, least + edge, most - edge, xtol=1e-15)
    variance = n * (2 * loss - margin - margin**2)
    if variance > 1e-6 * n:
        assert tango_z(wins, losses, n, margin) == pytest.approx(
            (wins - losses + n * margin) / math.sqrt(variance), rel=1e-6, abs=1e-6
        )


@given(table=TABLES, alpha=st.sampled_from([0.2, 0.05, 0.01, 0.05 / 60]))
def test_bounds_hold_what_bounds_promise(table: tuple[int, int, int], alpha: float) -> None:
    wins, losses, n = table[0], table[1], sum(table)
    low, high = tango_bounds(wins, losses, n, alpha)
    rounding = 1e-9
    assert -1.0 <= low <= (wins - losses) / n + rounding and (wins - losses) / n - rounding <= high <= 1.0
    assert tango_bounds(losses, wins, n, alpha) == pytest.approx((-high, -low), abs=1e-9)
    wider = tango_bounds(wins, losses, n, alpha / 2)
    assert wider[0] <= low + 1e-12 and wider[1] >= high - 1e-12


@pytest.mark.parametrize("n", [1, 2, 14, 2000, 100_000])
def test_no_table_gives_nan(n: int) -> None:
    for wins, losses in {(0, 0), (n, 0), (0, n), (1, 0), (0, 1), (n - 1, 1), (n // 2, n - n // 2)}:
        for margin in (-1 + 1e-12, -0.999, -0.5, -1e-9, 0.0, 1e-9, 0.5, 0.999, 1 - 1e-12):
            assert not math.isnan(tango_z(wins, losses, n, margin))
        for alpha in (0.4, 0.05, 1e-6):
            low, high = tango_bounds(wins, losses, n, alpha)
            assert -1.0 <= low < high <= 1.0


@pytest.mark.parametrize("n", [164, 500, 1000])
@pytest.mark.parametrize(("psi", "margin"), [(0.03, 0.03), (0.05, 0.03), (0.05, 0.05), (0.1, 0.05), (0.2, 0.05)])
def test_tango_keeps_alpha_at_the_margin_where_t_does_not(n: int, psi: float, margin: float) -> None:
    assert power_of_margin(n, psi, -margin, margin, 0.05) <= 0.0526
    discordant, losses = np.arange(n + 1)[:, None], np.arange(n + 1)[None, :]
    delta = (discordant - 2 * losses) / n
    se = np.sqrt(np.maximum(discordant / n - delta**2, 0) / (n - 1))
    passes = (losses <= discordant) & (delta - student.ppf(0.95, n - 1) * se > -margin)
    chance = binom.pmf(discordant, n, psi) * binom.pmf(losses, discordant, (psi + margin) / (2 * psi))
    if psi <= 0.05:
        assert chance[passes].sum() > 0.057


@given(table=TABLES)
def test_margin_zero_is_mcnemars_z(table: tuple[int, int, int]) -> None:
    wins, losses, n = table[0], table[1], sum(table)
    expected = (wins - losses) / math.sqrt(wins + losses) if wins + losses else 0.0
    assert tango_z(wins, losses, n, 0.0) == pytest.approx(expected, abs=1e-9)


@given(wins=st.integers(0, 200), losses=st.integers(0, 200))
def test_exact_mcnemar_equals_statsmodels(wins: int, losses: int) -> None:
    theirs = their_mcnemar([[50, wins], [losses, 50]], exact=True).pvalue
    assert min(1.0, 2 * min(mcnemar(wins, losses), mcnemar(losses, wins))) == pytest.approx(theirs, abs=1e-9)
    assert mcnemar(wins, losses) <= mcnemar(wins + 1, losses) + 1e-12


def ratio_bounds(both: int, wins: int, losses: int, n: int, z: float) -> tuple[float, float]:
    def at(wanted: float) -> Callable[[float], float]:
        return lambda rho: ratio_z(both, wins, losses, n, rho) - wanted

    return float(brentq(at(z), 1e-3, 10)), float(brentq(at(-z), 1e-3, 10))


@pytest.mark.parametrize(
    ("both", "wins", "losses", "n", "z", "low", "high"),
    [
        (1, 1, 7, 21, 1.959964, 0.065, 0.907),  # Fagerland et al. 2014, Tang's score interval
        (59, 6, 16, 161, 1.959964, 0.7476, 0.9876),
        (446, 5, 16, 1157, 1.644854, 0.958, 0.992),
    ],
)
def test_ratio_statistic_crosses_at_published_bounds(
    both: int, wins: int, losses: int, n: int, z: float, low: float, high: float
) -> None:
    assert ratio_bounds(both, wins, losses, n, z) == pytest.approx((low, high), abs=5.1e-4)


@given(
    cells=st.tuples(st.integers(1, 300), st.integers(1, 60), st.integers(1, 60), st.integers(1, 100)),
    rho=st.floats(0.5, 1.5),
)
def test_ratio_statistic_equals_a_brute_force_restricted_likelihood(
    cells: tuple[int, int, int, int], rho: float
) -> None:
    both, wins, losses, _ = cells
    n = sum(cells)

    def chances(reference: float, loss: float) -> np.ndarray:
        """Return P(both), P(win), P(loss), P(neither) with P(candidate right) = rho P(reference right)."""
        return np.array(
            [reference - loss, rho * reference - reference + loss, loss, 1 - rho * reference - loss],
        )

    def worst(reference: float) -> tuple[float, float]:
        least, most = max(0.0, reference * (1 - rho)), min(reference, 1 - rho * reference)
        best = minimize_scalar(
            lambda loss: -float(np.array(cells) @ np.log(np.maximum(chances(reference, loss), 1e-300))),
            bounds=(least, most), method="bounded", options={"xatol": 1e-12},
        )  # fmt: skip
        return float(best.fun), float(best.x)

    highest = min(1.0, 1 / rho)
    best = minimize_scalar(lambda r: worst(r)[0], bounds=(0, highest), method="bounded", options={"xatol": 1e-12})
    _, win, loss, _ = chances(best.x, worst(best.x)[1])
    # var(candidate - rho reference) at mean 0 is E[(y - rho x)^2].
    p_both = best.x - loss
    variance = n * (p_both * (1 - rho) ** 2 + win + loss * rho**2)
    expected = (both + wins - rho * (both + losses)) / math.sqrt(variance)
    assert ratio_z(both, wins, losses, n, rho) == pytest.approx(expected, rel=1e-4, abs=1e-4)


@given(table=TABLES, both=st.integers(0, 300), rho=st.floats(0.3, 3))
def test_ratio_turned_over_turns_its_sign(table: tuple[int, int, int], both: int, rho: float) -> None:
    wins, losses, n = table[0], table[1], sum(table) + both
    assert ratio_z(both, wins, losses, n, rho) == pytest.approx(
        -ratio_z(both, losses, wins, n, 1 / rho), rel=1e-6, abs=1e-6
    )
    assert ratio_z(both, wins, losses, n, 1.0) == pytest.approx(tango_z(wins, losses, n, 0.0), abs=1e-6)
