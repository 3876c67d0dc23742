"""Each rule by itself: numbers against formulas, directions, published figures, clusters; error rates by simulation."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from evidence_made import evidence, of, policy, suite, table
from hypothesis import given
from hypothesis import strategies as some

from harness.gate.decide import decide
from harness.gate.evidence import Figure, Pairs, SuiteEvidence
from harness.gate.finding import Finding, Level
from harness.gate.policy import Absolute, NonInferiority, Relative, SuitePolicy
from harness.gate.rules import non_inferiority, relative
from harness.gate.thresholds import absolute, estimate
from harness.types import Check, Metric

LEVEL = Level(0.05, 0.8)
Z = NormalDist().inv_cdf(0.95)
ERRORS = Metric("attack_success", "attack_success", higher_is_better=False)
NATS = Metric("nats", "nats", low=0.0, high=20.0, higher_is_better=False)


def one(rule: dict[str, object], held: SuiteEvidence, name: str) -> Check:
    reference = {"run": "main"} if held.pairs else None
    return of(decide(policy({"quiz": rule}, reference=reference), evidence(held)), name)


# -- absolute


def test_a_floor_is_held_by_the_one_sided_wilson_bound() -> None:
    check = one({"absolute": {"min": 0.72}}, suite(values=[1.0] * 130 + [0.0] * 34), "absolute")
    p, n = 130 / 164, 164
    centre, half = p + Z * Z / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    assert check.low == pytest.approx((centre - half) / (1 + Z * Z / n))
    assert check.high == pytest.approx((centre + half) / (1 + Z * Z / n)) and check.outcome == "PASS"


def test_a_floor_near_the_score_is_inconclusive_and_far_above_it_fails() -> None:
    values = [1.0] * 120 + [0.0] * 44
    near = one({"absolute": {"min": 0.72}}, suite(values=values), "absolute")
    assert near.outcome == "INCONCLUSIVE" and near.numbers["needed"] > 8_000
    assert one({"absolute": {"min": 0.9}}, suite(values=values), "absolute").outcome == "FAIL"


def test_the_point_mode_compares_the_score_as_measured() -> None:
    values = [1.0] * 18 + [0.0] * 7
    for bound, outcome in ((0.72, "PASS"), (0.7201, "FAIL")):
        assert one({"absolute": {"min": bound, "mode": "point"}}, suite(values=values), "absolute").outcome == outcome
    assert one({"absolute": {"max": 0.71, "mode": "point"}}, suite(values=values), "absolute").outcome == "FAIL"


def test_a_ceiling_is_held_by_the_upper_bound() -> None:
    values = [1.0] * 20 + [0.0] * 980
    found = absolute(suite(values=values), Absolute(max=0.03), LEVEL)
    assert found.kept and found.high is not None and found.high <= 0.03
    assert not absolute(suite(values=values), Absolute(max=0.025), LEVEL).kept
    assert one({"absolute": {"max": 0.01}}, suite(values=values), "absolute").outcome == "FAIL"


@given(some.integers(0, 200), some.integers(1, 200), some.floats(0.01, 0.99))
def test_the_p_of_a_floor_agrees_with_its_bounds(right: int, n: int, floor: float) -> None:
    values = [1.0] * min(right, n) + [0.0] * (n - min(right, n))
    found = absolute(suite(values=values), Absolute(min=floor), LEVEL)
    assert found.p is not None and found.high is not None
    if abs(found.high - floor) > 1e-9:
        assert (found.high < floor) == (found.p < 0.05)


def test_means_that_are_no_shares_go_by_t() -> None:
    values = np.random.default_rng(1).normal(3.0, 1.0, 400).tolist()
    found = absolute(suite(values=values, metric=NATS), Absolute(max=3.3), LEVEL)
    se = float(np.std(values, ddof=1)) / 20.0
    assert found.kept and found.note == "t"
    assert found.high == pytest.approx(np.mean(values) + 1.6486 * se, abs=1e-4)


def test_clusters_widen_the_bounds_of_a_share_by_their_design_effect() -> None:
    """50 clusters of 10 equal answers are worth 50 answers, not 500."""
    values, clusters = [1.0] * 400 + [0.0] * 100, tuple(f"c{i // 10}" for i in range(500))
    found = estimate(suite(values=values, clusters=clusters), 0.05)
    alone = estimate(suite(values=values[::10]), 0.05)
    assert found.worth in (48, 49, 50) and found.method == "clustered wilson"
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=0.012)
    assert estimate(suite(values=values, clusters=("one",) * 500), 0.05).low == 0.0


# -- direction


def test_where_less_is_better_worse_is_still_negative() -> None:
    """57 attacks succeed instead of 20: against the candidate, whichever number is larger."""
    pairs = table(10, 10, 47, 433)
    for held in (suite(pairs=pairs, metric=ERRORS), suite(pairs=pairs)):
        rule = {"direction": "lower_is_better", "non_inferiority": {"margin": 0.02}}
        check = one(rule, held, "non_inferiority")
        assert check.outcome == "FAIL" and check.observed == pytest.approx(-0.074)
        assert (check.numbers["wins"], check.numbers["losses"]) == (10, 47)
        assert (check.numbers["reference"], check.numbers["candidate"]) == (0.04, 0.114)
    declared = one({"non_inferiority": {"margin": 0.02}}, suite(pairs=pairs, metric=ERRORS), "regression")
    assert declared.outcome == "FAIL"
    assert one({"direction": "higher_is_better"}, suite(pairs=pairs, metric=ERRORS), "regression").outcome == "PASS"


@given(*[some.integers(0, 60)] * 4, some.sampled_from([0.02, 0.1]))
def test_turning_scores_and_direction_changes_nothing(a: int, b: int, c: int, d: int, margin: float) -> None:
    if not a + b + c + d:
        return
    pairs = table(a, b, c, d)
    turned = Pairs(tuple(1 - x for x in pairs.reference), tuple(1 - y for y in pairs.candidate), run=pairs.run)
    rule = {"non_inferiority": {"margin": margin}}
    up, down = (
        one(rule, suite(pairs=pairs), "non_inferiority"),
        one(rule, suite(pairs=turned, metric=ERRORS), "non_inferiority"),
    )
    assert up.outcome == down.outcome
    assert (up.observed, up.low, up.high) == pytest.approx((down.observed, down.low, down.high), abs=1e-9)


# -- relative


def test_a_ratio_to_a_run_is_told_on_the_scale_of_the_score() -> None:
    check = one({"relative": {"min_ratio": 0.95}}, suite(pairs=table(770, 30, 20, 180)), "relative")
    assert (check.observed, check.bound) == pytest.approx((0.79, 0.95 * 0.8))
    assert check.outcome == "PASS" and check.low is not None and check.low > check.bound  # type: ignore[operator]
    assert check.numbers["ratio"] == pytest.approx(0.79 / 0.8)
    assert one({"relative": {"min_ratio": 1.2}}, suite(pairs=table(770, 30, 20, 180)), "relative").outcome == "FAIL"


def test_a_ratio_where_less_is_better_bounds_the_errors() -> None:
    """0.8 as good may make 1.25 times as many errors."""
    fewer = suite(pairs=table(90, 10, 10, 890), metric=ERRORS)
    check = one({"relative": {"min_ratio": 0.8}}, fewer, "relative")
    assert check.bound == pytest.approx(0.1 / 0.8) and check.outcome == "PASS" and check.high < check.bound  # type: ignore[operator]
    more = suite(pairs=table(90, 10, 110, 790), metric=ERRORS)
    assert one({"relative": {"min_ratio": 0.8}}, more, "relative").outcome == "FAIL"


def test_a_hundred_and_twenty_per_cent_of_gpt_4() -> None:
    gpt4 = {"gpt4": Figure(0.67, None, "gpt-4, arXiv 2303.08774")}
    rule = {"relative": {"min_ratio": 1.2, "to": "gpt4"}}

    def said(right: int) -> Check:
        return one(rule, suite(values=[1.0] * right + [0.0] * (164 - right), figures=gpt4), "relative")

    assert said(150).outcome == "PASS" and said(150).bound == pytest.approx(0.804)
    assert said(131).outcome == "INCONCLUSIVE" and said(110).outcome == "FAIL"
    assert "0.8040 from 0.67 of gpt-4, arXiv 2303.08774, taken as exact" in said(150).note


def test_a_figure_that_was_measured_on_few_samples_has_noise_of_its_own() -> None:
    values = [1.0] * 143 + [0.0] * 21
    rule = Relative(min_ratio=1.2, to="gpt4")
    exact = relative(suite(values=values, figures={"gpt4": Figure(0.67)}), rule, True, LEVEL)
    noisy = relative(suite(values=values, figures={"gpt4": Figure(0.67, 164)}), rule, True, LEVEL)
    assert exact.kept and not noisy.kept
    assert noisy.low is not None and exact.low is not None and noisy.low < exact.low and "n=164" in noisy.note


def test_no_sample_of_ours_mends_the_noise_of_a_figure() -> None:
    values = [1.0] * 8300 + [0.0] * 1700
    found = relative(
        suite(values=values, figures={"g": Figure(0.67, 164)}), Relative(min_ratio=1.2, to="g"), True, LEVEL
    )
    assert not found.kept and "needed" not in found.numbers


def test_a_margin_to_a_figure_and_where_less_is_better() -> None:
    rule = NonInferiority(margin=0.05, to="paper")
    good = non_inferiority(suite(values=[1.0] * 900 + [0.0] * 100, figures={"paper": Figure(0.9)}), rule, True, LEVEL)
    assert good.kept and (good.observed, good.bound) == pytest.approx((0.0, -0.05))
    errors = suite(values=[1.0] * 100 + [0.0] * 900, figures={"paper": Figure(0.1)}, metric=ERRORS)
    turned = non_inferiority(errors, rule, False, LEVEL)
    assert turned.kept and (turned.observed, turned.low) == pytest.approx((good.observed, good.low))
    bad = non_inferiority(errors, NonInferiority(margin=0.005, to="paper"), False, LEVEL)
    assert not bad.kept and bad.low is not None and bad.low < -0.005


# -- error rates of what is decided here and nowhere else


@pytest.mark.parametrize("figure_n", [None, 164])
def test_a_candidate_exactly_at_a_figures_bound_passes_at_most_alpha(figure_n: int | None) -> None:
    """2,000 candidates of true score 0.9 * 0.8; the figure itself is measured anew where it has an n."""
    random = np.random.default_rng(5)
    passed = 0
    for _ in range(2000):
        figure = 0.8 if figure_n is None else float(random.binomial(figure_n, 0.8)) / figure_n
        right = int(random.binomial(500, 0.72))
        found: Finding = relative(
            suite(values=[1.0] * right + [0.0] * (500 - right), figures={"g": Figure(figure, figure_n)}),
            Relative(min_ratio=0.9, to="g"), True, LEVEL,
        )  # fmt: skip
        passed += found.kept
    assert passed <= 132, "binom.ppf(.999, 2000, .05)"
    assert passed >= 60, "and it is no bound that hardly ever passes"


def test_a_clustered_floor_exactly_at_the_truth_passes_at_most_alpha() -> None:
    random = np.random.default_rng(6)
    clusters = tuple(f"c{i // 20}" for i in range(1140))
    wanted, passed = SuitePolicy(absolute=Absolute(min=0.7)), 0
    assert wanted.absolute is not None
    for _ in range(1000):
        subjects = np.repeat(random.beta(0.7 * 20, 0.3 * 20, 57), 20)
        values = (random.random(1140) < subjects).astype(float).tolist()
        passed += absolute(suite(values=values, clusters=clusters), wanted.absolute, LEVEL).kept
    assert 25 <= passed <= 72, "binom.ppf(.999, 1000, .05); independent samples would give about 150"


@pytest.mark.slow
@pytest.mark.parametrize("rule", [{"non_inferiority": {"margin": 0.01}}, {"absolute": {"min": 0.7}}])
def test_six_suites_of_an_equal_model_fail_at_most_alpha_whatever_the_rule(rule: dict[str, object]) -> None:
    """A small margin is nearly the detection test: unadjusted it would block one equal model in six."""
    random, blocked = np.random.default_rng(11), 0
    names = [f"s{number}" for number in range(6)]
    wanted = policy(dict.fromkeys(names, rule), **({} if "non_inferiority" in rule else {"reference": None}))
    for _ in range(1000):
        held = []
        for place, name in enumerate(names):
            n = 164 if place % 2 else 500
            if "absolute" in rule:
                right = int(random.binomial(n, 0.7))
                held.append(suite(name, values=[1.0] * right + [0.0] * (n - right)))
                continue
            wins, losses, ties = map(int, random.multinomial(n, [0.1, 0.1, 0.8]))
            held.append(suite(name, table(ties // 2, losses, wins, ties - ties // 2)))
        blocked += decide(wanted, evidence(*held)).outcome == "FAIL"
    assert blocked <= 72, "binom.ppf(.999, 1000, .05)"
