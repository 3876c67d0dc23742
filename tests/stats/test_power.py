"""Power by enumeration against brute force over all tables, simulation and the formulas' own promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, multinomial
from statsmodels.stats.power import TTestPower

from harness.stats import power
from harness.stats.paired import contrast, mcnemar, tango_bounds


def every_table(n: int, psi: float, delta: float) -> list[tuple[int, int, float]]:
    """Return (wins, losses, chance) of all tables of n pairs."""
    chances = ((psi + delta) / 2, (psi - delta) / 2, 1 - psi)
    return [
        (wins, losses, float(multinomial.pmf([wins, losses, n - wins - losses], n, chances)))
        for wins in range(n + 1)
        for losses in range(n + 1 - wins)
    ]


@pytest.mark.parametrize(("n", "psi", "delta"), [(1, 0.5, 0.0), (12, 0.3, -0.2), (25, 0.2, -0.2), (25, 0.6, 0.1)])
def test_powers_equal_brute_force_over_all_tables(n: int, psi: float, delta: float) -> None:
    tables = every_table(n, psi, delta)
    drop = sum(chance for wins, losses, chance in tables if mcnemar(wins, losses) <= 0.05)
    assert power.power_of_drop(n, psi, -delta, 0.05) == pytest.approx(drop, abs=1e-9)
    margin = sum(chance for wins, losses, chance in tables if tango_bounds(wins, losses, n, 0.05)[0] > -0.25)
    assert power.power_of_margin(n, psi, delta, 0.25, 0.05) == pytest.approx(margin, abs=1e-9)


@pytest.mark.parametrize(("n", "psi", "drop"), [(164, 0.2, 0.05), (500, 0.1, 0.03), (2000, 0.2, 0.02)])
def test_powers_equal_a_simulation(n: int, psi: float, drop: float) -> None:
    generator, repetitions = np.random.default_rng(n), 40000
    wins, losses, _ = generator.multinomial(n, [(psi - drop) / 2, (psi + drop) / 2, 1 - psi], repetitions).T
    found = (binom.sf(losses - 1, wins + losses, 0.5) <= 0.05).mean()
    assert power.power_of_drop(n, psi, drop, 0.05) == pytest.approx(found, abs=0.01)
    few = [tango_bounds(int(b), int(c), n, 0.05)[0] > -0.05 for b, c in zip(wins[:4000], losses[:4000], strict=True)]
    assert power.power_of_margin(n, psi, -drop, 0.05, 0.05) == pytest.approx(np.mean(few), abs=0.03)


@given(n=st.integers(20, 2000), psi=st.floats(0.02, 0.5), alpha=st.sampled_from([0.05, 0.01, 0.05 / 6]))
def test_error_rate_of_the_exact_test_is_below_alpha(n: int, psi: float, alpha: float) -> None:
    assert power.power_of_drop(n, psi, 0.0, alpha) <= alpha


@given(n=st.integers(50, 2000), psi=st.floats(0.06, 0.3), share=st.floats(0, 0.8))
def test_power_rises_with_the_effect_and_falls_with_alpha(n: int, psi: float, share: float) -> None:
    smaller, larger = share * psi, min(psi, share * psi + 0.02)
    assert power.power_of_drop(n, psi, larger, 0.05) >= power.power_of_drop(n, psi, smaller, 0.05) - 1e-12
    assert power.power_of_drop(n, psi, larger, 0.05) >= power.power_of_drop(n, psi, larger, 0.01) - 1e-12
    low, high = (power.power_of_margin(n, psi, 0.0, margin, 0.05) for margin in (0.02, 0.04))
    assert high >= low - 1e-12


@pytest.mark.parametrize("psi", [0.02, 0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("margin", [0.01, 0.02, 0.03, 0.05])
@pytest.mark.parametrize("wanted", [0.8, 0.95])
def test_needed_samples_have_the_power_promised(psi: float, margin: float, wanted: float) -> None:
    n = power.needed(psi, margin, 0.05, wanted)
    assert wanted - 0.02 <= power.power_of_margin(n, psi, 0.0, margin, 0.05) <= wanted + 0.07
    least_better = power.power_of_margin(math.ceil(0.6 * n), psi, 0.0, margin, 0.05)
    assert least_better < wanted, "the number must not be far too large either"


@pytest.mark.parametrize(("psi", "margin", "classic"), [(0.1, 0.01, 6183), (0.2, 0.01, 12366), (0.2, 0.03, 1374)])
def test_needed_is_the_classic_formula_where_psi_is_far_above_the_margin(
    psi: float, margin: float, classic: int
) -> None:
    assert classic <= power.needed(psi, margin, 0.05, 0.8) <= 1.01 * classic


def test_needed_without_a_discordant_pair_is_where_tango_lets_pass() -> None:
    n = power.needed(0.0, 0.05, 0.05, 0.8)
    assert tango_bounds(0, 0, n, 0.05)[0] > -0.05 > tango_bounds(0, 0, n - 1, 0.05)[0]


@pytest.mark.parametrize(("margin", "delta"), [(0.03, -0.03), (0.03, -0.1), (0.0, 0.0), (-0.1, 0.2)])
def test_what_no_number_of_samples_shows_is_refused(margin: float, delta: float) -> None:
    with pytest.raises(ValueError, match="no number of samples"):
        power.needed(0.2, margin, 0.05, 0.8, delta)


@pytest.mark.parametrize(("psi", "drop"), [(0.05, 0.05), (0.1, 0.02), (0.1, 0.03), (0.2, 0.05), (0.2, 0.1), (0.4, 0.1)])
def test_samples_needed_for_a_drop_have_the_power_promised(psi: float, drop: float) -> None:
    n = power.needed_for_drop(psi, drop, 0.05, 0.8)
    assert 0.77 <= power.power_of_drop(n, psi, drop, 0.05) <= 0.85


@pytest.mark.parametrize(("n", "psi"), [(164, 0.05), (164, 0.2), (500, 0.1), (14042, 0.1)])
def test_detectable_and_certifiable_reach_the_power(n: int, psi: float) -> None:
    drop = power.detectable(n, psi, 0.05, 0.8)
    assert power.power_of_drop(n, max(psi, drop), drop, 0.05) == pytest.approx(0.8, abs=0.01)
    margin = power.certifiable(n, psi, 0.05, 0.8)
    # The power climbs in steps where few pairs differ.
    assert 0.8 <= power.power_of_margin(n, psi, 0.0, margin, 0.05) <= 0.9


def test_three_samples_detect_nothing() -> None:
    assert power.detectable(3, 0.1, 0.05, 0.8) == math.inf


def test_a_difference_above_the_discordant_share_is_refused() -> None:
    with pytest.raises(ValueError, match="differs"):
        power.power_of_drop(100, 0.05, 0.1, 0.05)


@given(effect=st.floats(0.001, 0.2), se=st.floats(0.02, 0.1), clusters=st.integers(5, 200))
def test_power_by_se_with_clusters_equals_statsmodels(effect: float, se: float, clusters: int) -> None:
    theirs = TTestPower().power(effect / se / math.sqrt(clusters), clusters, 0.05, alternative="larger")
    assert power.power_by_se(effect, se, 0.05, clusters) == pytest.approx(theirs, abs=1e-6)


def test_power_by_se_inverts_what_is_detectable_and_needed() -> None:
    se = 0.02
    assert power.power_by_se(power.detectable_by_se(se, 0.05, 0.8), se, 0.05) == pytest.approx(0.8)
    n = power.needed_by_se(400, se, 0.03, 0.05, 0.8)
    assert power.power_by_se(0.03, se * math.sqrt(400 / n), 0.05) == pytest.approx(0.8, abs=0.002)
    assert power.power_by_se(0.0, 0.0, 0.05) == 0.0 and power.power_by_se(0.1, 0.0, 0.05) == 1.0


def test_power_by_se_foretells_clustered_contrasts() -> None:
    generator, clusters, size, drop = np.random.default_rng(3), 60, 10, 0.05
    names = [str(c) for c in range(clusters) for _ in range(size)]
    reference = [0.5] * len(names)
    found, spread = [], 0.08
    for _ in range(600):
        subject = np.repeat(generator.normal(-drop, spread, clusters), size)
        candidate = 0.5 + subject + generator.normal(0, 0.2, len(names))
        found.append(contrast(reference, list(candidate), names).p_drop <= 0.05)
    se = math.sqrt((spread**2 + 0.2**2 / size) / clusters)
    assert power.power_by_se(drop, se, 0.05, clusters) == pytest.approx(np.mean(found), abs=0.03)
