"""How often rounds are accepted: never more than alpha when nothing changed, and at the predicted power when it did."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from test_accept import AIMED, counted, joined

from harness.compare import SuitePairs
from harness.gate.accept import accept
from harness.stats.power import power_of_drop, power_of_margin

SUITES, TARGETED, OTHERS = 3, 60, 600
NAMES = ("primer", "mmlu", "bbh")
AIM = AIMED | {("bbh", "task", "navigate")}
TAGS = {"primer": ("skill", "ordering"), "mmlu": ("subject", "anatomy"), "bbh": ("task", "navigate")}


def one_round(rng: np.random.Generator, gain: float, psi: float, drop: float, other_psi: float) -> list[SuitePairs]:
    """Draw the pairs of a round: true gain on the targets, true drop on the others, discordances psi."""

    def table(n: int, delta: float, share: float) -> tuple[int, int]:
        wins, losses, _ = rng.multinomial(n, [(share + delta) / 2, (share - delta) / 2, 1 - share])
        return int(wins), int(losses)

    return [
        joined(
            counted(name, TAGS[name], *table(TARGETED // SUITES, gain, psi), TARGETED // SUITES),
            counted(name, ("other", "x"), *table(OTHERS // SUITES, -drop, other_psi), OTHERS // SUITES),
        )
        for name in NAMES
    ]


def accepted(rounds: int, margin: float, seed: int, **truth: float) -> int:
    rng = np.random.default_rng(seed)
    drawn = (one_round(rng, **truth) for _ in range(rounds))
    return sum(accept(pairs, AIM, margin=margin).outcome == "PASS" for pairs in drawn)


@pytest.mark.slow
@pytest.mark.parametrize("psi", [0.1, 0.3])
def test_a_round_that_changed_nothing_is_accepted_at_most_at_alpha(psi: float) -> None:
    found = accepted(600, 0.05, seed=61, gain=0.0, psi=psi, drop=0.0, other_psi=0.1)
    assert found <= binom.ppf(0.999, 600, 0.05)


@pytest.mark.slow
def test_a_round_that_costs_the_margin_is_accepted_at_most_at_alpha() -> None:
    found = accepted(600, 0.03, seed=62, gain=0.3, psi=0.4, drop=0.03, other_psi=0.1)
    assert found <= binom.ppf(0.999, 600, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "psi"), [(0.1, 0.14), (0.1, 0.2), (0.3, 0.4)])
def test_a_real_gain_with_kept_others_is_accepted_at_the_predicted_power(gain: float, psi: float) -> None:
    """Ten points on 60 targeted samples are accepted about half the time, thirty nearly always.

    The two tests see different samples, so their powers multiply. The regression check of three suites may block some
    more, at most alpha, and mostly where the margin is not kept either.
    """
    truth = {"gain": gain, "psi": psi, "drop": 0.0, "other_psi": 0.1}
    share = accepted(600, 0.05, seed=63, **truth) / 600
    predicted = power_of_drop(TARGETED, psi, gain, 0.05) * power_of_margin(OTHERS, 0.1, 0.0, 0.05, 0.05)
    print(f"gain {gain}, discordance {psi}: accepted {share:.3f}, predicted {predicted:.3f}")
    error = 3.3 * (predicted * (1 - predicted) / 600) ** 0.5
    assert predicted - 0.05 - error <= share <= predicted + error
