"""The self-test: its draws are what they say, its arrays decide as the gate does, and the real gate passes."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from harness.gate import selftest
from harness.gate.decide import decide
from harness.gate.evidence import Evidence, Looks
from harness.gate.looks import Looking
from harness.gate.policy import Policy, SuitePolicy
from harness.gate.selftest import draws, looking, power
from harness.gate.selftest.trial import ACCURACY, Trial, from_table
from harness.gate.stage import stage
from harness.stats import contrast, holm
from harness.types import Verdict


@pytest.mark.parametrize(("psi", "drop"), ((0.1, 0.0), (0.1, 0.05), (0.2, -0.05), (0.1, 0.1)))
def test_tables_have_their_discordance_and_drop(psi: float, drop: float) -> None:
    rng, n = np.random.default_rng(0), 400
    uniforms = draws.even_uniforms(rng, 4096, 2)
    for tables in (draws.tables(rng, 4096, n, psi, drop), draws.even_tables(uniforms, n, psi, drop)):
        _, wins, losses, _ = tables.T
        assert (tables >= 0).all() and (tables.sum(axis=1) == n).all()
        assert (wins + losses).mean() / n == pytest.approx(psi, abs=0.002)
        assert (losses - wins).mean() / n == pytest.approx(drop, abs=0.002)
        assert (wins + losses).std() == pytest.approx((n * psi * (1 - psi)) ** 0.5, rel=0.05)


def test_ratio_tables_have_their_ratio() -> None:
    both, wins, losses, _ = draws.ratio_tables(np.random.default_rng(0), 4096, 400, 0.1, 0.8, 0.95).T
    assert (both + wins).mean() / (both + losses).mean() == pytest.approx(0.95, abs=0.001)
    assert (both + losses).mean() / 400 == pytest.approx(0.8, abs=0.002)


@pytest.mark.parametrize(("psi", "sd", "drop"), ((0.2, 0.1, 0.0), (0.05, 0.05, 0.03)))
def test_clusters_differ_as_they_should(psi: float, sd: float, drop: float) -> None:
    n = 57 * 50
    reference, candidate, names = draws.clustered(np.random.default_rng(0), 400, n, psi, sd, drop)
    assert set(np.unique(reference)) == set(np.unique(candidate)) == {0.0, 1.0}
    difference = candidate - reference
    assert difference.mean() == pytest.approx(-drop, abs=0.002)
    assert (difference != 0).mean() >= psi
    by_name = draws.by_cluster(difference, 57)
    assert by_name[3, 7] == pytest.approx(
        difference[3, [k for k, name in enumerate(names) if name == "cluster 7"]].mean()
    )
    within = (difference != 0).mean() / 50
    assert by_name.var() - within == pytest.approx(sd**2, rel=0.15)


def test_a_table_once_decided_stands_for_all_like_it() -> None:
    """Order does not matter to independent pairs, so deciding once a table is deciding every comparison."""
    rng = np.random.default_rng(3)
    for both, wins, losses, neither in draws.tables(rng, 20, 164, 0.2).astype(int).tolist():
        pairs = from_table("suite", (both, wins, losses, neither)).pairs["reference"]
        order = rng.permutation(164)
        shuffled = [[column[k] for k in order] for column in (pairs.reference, pairs.candidate)]
        assert contrast(*shuffled) == contrast(pairs.reference, pairs.candidate)


def test_arrays_look_as_the_gate_does() -> None:
    """`looking.judged` against `Looking`, which the runner feeds record by record."""
    n = 200
    drawn = draws.differences(np.random.default_rng(4), 30, n, 0.2, 0.08)
    seen: list[Looks] = []

    def spy(policy: Policy, held: Evidence) -> Verdict:
        looks = held.suites["suite"].looks
        assert looks is not None
        seen.append(looks)
        return decide(policy, held)

    outcomes = list(looking.judged(Trial(selftest.Gate(spy)), drawn))
    for row, looks, (_, used) in zip(drawn.tolist(), seen, outcomes, strict=True):
        reference = {str(i): float(d < 0) for i, d in enumerate(row)}
        begun = stage(
            SuitePolicy(), ACCURACY, reference, {i: i for i in reference}, {i: {} for i in reference}, n,
            alpha=0.05, share=looking.RULES.share, family=1, min_items=looking.RULES.min_items,
        )  # fmt: skip
        assert not isinstance(begun, str)
        one = Looking(begun)
        for i, d in enumerate(row):
            if one.add(str(i), {"acc": float(d > 0)}):
                break
        one.close()
        assert (one.looks.n, one.looks.wins, one.looks.losses, one.looks.stopped) == (
            used, looks.wins, looks.losses, looks.stopped,
        )  # fmt: skip
        assert one.looks.p_drop == pytest.approx(looks.p_drop)
        assert (one.looks.share, one.looks.of, one.looks.exact_at) == (looks.share, looks.of, looks.exact_at)
    assert {looks.stopped for looks in seen} == {True, False}


def test_chance_that_holm_rejects_all_is_enumerated() -> None:
    grid = [0.005, 0.012, 0.02, 0.04, 0.2]
    chances = [[0.1, 0.2, 0.2, 0.3, 0.2], [0.3, 0.1, 0.1, 0.1, 0.4], [0.2, 0.2, 0.2, 0.2, 0.2]]
    expected = sum(
        chances[0][a] * chances[1][b] * chances[2][c]
        for a, b, c in product(range(5), repeat=3)
        if all(p <= 0.05 for p in holm({0: grid[a], 1: grid[b], 2: grid[c]}).values())
    )
    below = [[sum(q for p, q in zip(grid, row, strict=True) if p <= 0.05 / m) for m in (3, 2, 1)] for row in chances]
    assert power.all_rejected(below) == pytest.approx(expected)


def test_lines_depend_on_the_seed_and_on_nothing_else_that_runs() -> None:
    alone = selftest.run(quick=True, seed=5, sections=["better"])
    among = selftest.run(quick=True, seed=5, sections=["equal_looked_at", "better"])
    assert alone.lines == among.lines[-len(alone.lines) :]
    assert selftest.run(quick=True, seed=6, sections=["equal_looked_at"]).lines != among.lines[: -len(alone.lines)]


def test_a_line_out_of_bounds_is_named_and_fails() -> None:
    good = selftest.Line("equal", "n=164", 10, 100, 0.0, 0.12)
    bad = selftest.Line("planted drop", "n=500", 60, 100, 0.77, 0.83, 0.8)
    assert good.ok and not bad.ok
    report = selftest.Report((good, bad), 0.05, 0, True, 1.0)
    assert not report.ok and report.exit_code == 1 and report.failed == (bad,)
    shown = list(selftest.table(report))
    assert "out of bounds: planted drop, n=500: 0.6000" in shown and shown[-1].startswith("FAIL (1 lines)")
    found = json.loads(json.dumps(selftest.document(report)))
    assert (found["selftest"], found["exit_code"]) == ("FAIL", 1)
    assert [line["ok"] for line in found["lines"]] == [True, False]
    assert "| planted drop | n=500 | 0.600 | 0.770 to 0.830 | 0.800 | FAIL |" in selftest.page(report)
    assert selftest.Report((good,), 0.05, 0, True, 1.0).exit_code == 0


def test_bound_of_an_error_is_what_alpha_itself_seldom_exceeds() -> None:
    line = Trial().errors("equal", "", 133)
    assert line.of == 2048 and line.high == 134 / 2048 and line.ok
    assert not Trial().errors("equal", "", 135).ok


@pytest.mark.slow
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_the_real_gate_passes(seed: int) -> None:
    report = selftest.run(quick=True, seed=seed)
    assert report.ok, report.failed


@pytest.mark.slow
def test_the_real_gate_passes_as_a_whole() -> None:
    report = selftest.run()
    assert report.ok, report.failed
    sizes = [line for line in report.lines if line.section in ("equal, independent", "equal, clustered")]
    assert len(sizes) == 18 and all(line.of >= 2000 for line in report.lines if line.section != "power rises")
    documented = Path(__file__).parents[2].joinpath("docs", "gate-selftest.md").read_text()
    assert all(f"| {line.section} | {line.setting} | " in documented for line in report.lines)
