"""What a budget of ten looks promises: the figures in the docstring of `harness.gate.budget`, simulated.

A candidate truly worse by the margin is drawn sample by sample; a loop looks ten times and is let through as soon as
one look proves non-inferiority (Tango's z, as `harness.stats` computes it).
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from harness.gate import budget
from harness.stats.paired import tango_z

LOOPS, N, LOOKS, MARGIN, PSI, ALPHA = 4000, 500, 10, 0.05, 0.15, 0.05
SE = 0.0035
"""Monte Carlo standard error of a share of .05 of 4,000."""
SPLITS: dict[str, Callable[[int], float]] = {
    "undivided": lambda look: ALPHA,
    "alpha / looks": lambda look: ALPHA / LOOKS,
    "harmonic": lambda look: ALPHA / (look * sum(1 / k for k in range(1, LOOKS + 1))),
}
Choose = Callable[[Any, Any, Any], Any]
"""(best so far, this one, whether this one was a FAIL) -> what the loop goes on from, by loop."""


def z(wins: Any, losses: Any) -> Any:
    """Return `tango_z` of arrays at the margin."""
    b = -wins - losses - (2.0 * N - wins + losses) * MARGIN
    c = losses * MARGIN * (1.0 + MARGIN)
    q = (np.sqrt(np.maximum(0, b * b - 8.0 * N * c)) - b) / (4.0 * N)
    return (wins - losses + N * MARGIN) / np.sqrt(N * (2.0 * q - MARGIN * (1.0 + MARGIN)))


def drawn(rng: np.random.Generator) -> Any:
    """Return differences -1, 0, 1 of a candidate worse by the margin, of shape (loops, samples)."""
    u = rng.random((LOOPS, N))
    wins, losses = (PSI - MARGIN) / 2, (PSI + MARGIN) / 2
    return (u < wins).astype(np.int8) - ((u >= wins) & (u < wins + losses)).astype(np.int8)


def let_through(choose: Choose, again: float, split: Callable[[int], float], seed: int = 6) -> float:
    """Return the share of loops that are let through by a look; `again`: share of answers drawn anew each time."""
    rng = np.random.default_rng(seed)
    base = this = drawn(rng)
    passed = np.zeros(LOOPS, bool)
    for look in range(1, LOOKS + 1):
        if look > 1:
            this = np.where(rng.random((LOOPS, N)) < again, drawn(rng), base)
        wins, losses = (this > 0).sum(1), (this < 0).sum(1)
        reach = NormalDist().inv_cdf(1 - split(look))
        passed |= z(wins, losses) > reach
        failed = (losses - wins) / np.sqrt(np.maximum(1, wins + losses)) > reach
        base = np.where(choose(base, this, failed)[:, None], this, base)
    return float(passed.mean())


LOOP: dict[str, tuple[Choose, float]] = {
    "new each time": (lambda base, this, failed: failed | True, 1.0),
    "from the last, a fifth": (lambda base, this, failed: failed | True, 0.2),
    "from the last that was no FAIL": (lambda base, this, failed: ~failed, 0.2),
    "climbs on the difference printed": (lambda base, this, failed: this.sum(1) > base.sum(1), 0.2),
}


def test_the_vectorised_z_is_the_gates() -> None:
    for wins, losses in [(0, 0), (3, 9), (25, 50), (40, 10), (0, 77)]:
        assert z(np.array(wins), np.array(losses)) == pytest.approx(tango_z(wins, losses, N, MARGIN))


@pytest.mark.slow
def test_ten_looks_let_a_bad_candidate_through_at_most_at_alpha() -> None:
    found = {kind: {name: let_through(*loop, split) for name, split in SPLITS.items()} for kind, loop in LOOP.items()}
    for kind, row in found.items():
        print(f"{kind:32}", {name: round(share, 3) for name, share in row.items()})
    for kind in list(LOOP)[:3]:
        assert found[kind]["alpha / looks"] <= ALPHA + 3 * SE
        assert found[kind]["undivided"] > 3 * ALPHA, "the simulation sees what the budget is for"
    assert found["climbs on the difference printed"]["alpha / looks"] > ALPHA, "figures shown to a loop are not bounded"
    for kind, row in found.items():
        for figure, shown in zip(row.values(), documented(kind), strict=True):
            assert figure == pytest.approx(shown, abs=0.0051), f"{kind}: the docstring says {shown}"


def documented(kind: str) -> list[float]:
    """Return the figures of the docstring's line about a kind of loop."""
    assert budget.__doc__ is not None
    (line,) = [line for line in budget.__doc__.splitlines() if line.strip().startswith(kind)]
    return [float(word) for word in line.split()[-3:]]
