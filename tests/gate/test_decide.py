"""What a verdict is made of: the decision table, row by row, and how checks add up."""

from __future__ import annotations

import dataclasses
import json
import random

import pytest
from evidence_made import evidence, of, policy, suite, table
from hypothesis import given
from hypothesis import strategies as some

from harness.gate.decide import SEVERITY, decide, exit_code, worst
from harness.gate.evidence import Evidence
from harness.stats.power import needed
from harness.types import Check, Outcome

MARGIN = {"quiz": {"non_inferiority": {"margin": 0.05}}}


def test_a_proven_margin_passes() -> None:
    verdict = decide(policy(MARGIN), evidence(suite(pairs=table(780, 10, 10, 200))))
    check = of(verdict, "non_inferiority")
    assert verdict.outcome == "PASS" and verdict.baseline == "base-1" and verdict.candidate == "cand-1"
    assert check.outcome == "PASS" and check.low is not None and check.low > -0.05 and check.bound == -0.05
    assert {"n", "wins", "losses", "psi", "p", "p_holm", "alpha", "margin"} <= check.numbers.keys()
    assert (check.numbers["n"], check.numbers["wins"], check.numbers["losses"]) == (1000, 10, 10)


def test_humaneval_alone_cannot_prove_three_points_and_says_how_many_samples_would() -> None:
    verdict = decide(
        policy({"quiz": {"non_inferiority": {"margin": 0.03}}}), evidence(suite(pairs=table(115, 16, 16, 17)))
    )
    check = of(verdict, "non_inferiority")
    assert verdict.outcome == "INCONCLUSIVE"
    wanted = needed(32 / 164, 0.03, 0.05, 0.8)
    assert check.numbers["needed"] == wanted == pytest.approx(6.18 * 32 / 164 / 0.03**2, rel=0.02)
    assert f"about {wanted:,} samples would settle it (164 are here)" in check.note


def test_enough_samples_and_an_unlucky_difference_ask_for_what_that_difference_needs() -> None:
    verdict = decide(
        policy({"quiz": {"non_inferiority": {"margin": 0.05}}}), evidence(suite(pairs=table(700, 75, 40, 185)))
    )
    check = of(verdict, "non_inferiority")
    assert check.outcome == "INCONCLUSIVE" and check.numbers["needed"] > 1000


def test_a_detected_drop_beyond_the_margin_fails_both_rules() -> None:
    verdict = decide(policy(MARGIN), evidence(suite(pairs=table(600, 180, 20, 200))))
    assert verdict.outcome == "FAIL"
    assert of(verdict, "regression").outcome == of(verdict, "non_inferiority").outcome == "FAIL"
    assert "quiz regression" in verdict.note and "quiz non_inferiority" in verdict.note


def test_a_detected_drop_inside_the_margin_is_real_but_tolerated() -> None:
    pairs = table(7000, 250, 150, 2600)
    verdict = decide(policy(MARGIN), evidence(suite(pairs=pairs)))
    check = of(verdict, "regression")
    assert verdict.outcome == check.outcome == "PASS"
    assert check.numbers["p_holm"] <= check.numbers["alpha"] and "real but tolerated" in check.note
    without = decide(policy({"quiz": {}}), evidence(suite(pairs=pairs)))
    assert without.outcome == "FAIL", "without a margin nothing tolerates it"


def test_a_detected_drop_inside_the_ratio_is_tolerated_too() -> None:
    pairs = table(7000, 250, 150, 2600)
    verdict = decide(policy({"quiz": {"relative": {"min_ratio": 0.95}}}), evidence(suite(pairs=pairs)))
    check = of(verdict, "regression")
    assert verdict.outcome == check.outcome == "PASS" and "to leave the share 0.95" in check.note
    strict = decide(policy({"quiz": {"relative": {"min_ratio": 0.995}}}), evidence(suite(pairs=pairs)))
    assert strict.outcome == "FAIL", "the ratio itself is not proven"


def test_the_previous_run_is_compared_as_well_in_the_same_family() -> None:
    held = suite(pairs=table(100, 5, 5, 54))
    held = dataclasses.replace(held, pairs={**held.pairs, "previous": table(100, 16, 6, 42, run="last-1")})
    verdict = decide(policy({"quiz": {}}, previous={"run": "last"}), evidence(held))
    check = of(verdict, "regression:previous")
    assert check.numbers["p_holm"] == pytest.approx(2 * check.numbers["p"]) and "last-1" in check.note
    lost = dataclasses.replace(held, pairs={**held.pairs, "previous": table(60, 56, 6, 42, run="last-1")})
    assert decide(policy({"quiz": {}}, previous={"run": "last"}), evidence(lost)).outcome == "FAIL"


def test_a_margin_against_another_reference_tolerates_nothing() -> None:
    pairs = table(7000, 250, 150, 2600)
    held = suite(pairs=pairs)
    held = dataclasses.replace(held, pairs={**held.pairs, "old": table(7000, 0, 150, 2850, run="old-1")})
    wanted = policy({"quiz": {"non_inferiority": {"margin": 0.05, "to": "old"}}}, references={"old": {"run": "old"}})
    verdict = decide(wanted, evidence(held))
    assert of(verdict, "non_inferiority").outcome == "PASS" and of(verdict, "regression").outcome == "FAIL"


def test_regressions_are_adjusted_over_the_suites() -> None:
    """p = 0.0287 alone is a FAIL; among six suites it is not."""
    close = table(100, 16, 6, 42)
    alone = decide(policy({"s0": {}}), evidence(suite("s0", close)))
    assert alone.outcome == "FAIL"
    names = [f"s{number}" for number in range(6)]
    calm = [suite(name, table(100, 5, 5, 54)) for name in names[1:]]
    verdict = decide(policy({name: {} for name in names}), evidence(suite("s0", close), *calm))
    check = of(verdict, "regression", "s0")
    assert verdict.outcome == "PASS" and check.numbers["p_holm"] == pytest.approx(6 * check.numbers["p"])


def test_margins_lost_are_adjusted_over_the_suites_too() -> None:
    wanted = {f"s{n}": {"non_inferiority": {"margin": 0.02}} for n in range(6)}
    low = table(100, 20, 6, 38)
    one = decide(policy({"s0": wanted["s0"]}), evidence(suite("s0", low)))
    assert of(one, "non_inferiority", "s0").outcome == "FAIL"
    calm = [suite(f"s{n}", table(100, 5, 5, 54)) for n in range(1, 6)]
    six = decide(policy(wanted), evidence(suite("s0", low), *calm))
    assert of(six, "non_inferiority", "s0").outcome == "INCONCLUSIVE"


def test_faults_above_the_limit_are_an_error_and_none_is_taken_for_a_zero() -> None:
    held = suite(pairs=table(780, 10, 10, 188), wanted=1000, faults={"model/http_500": 12})
    verdict = decide(policy(MARGIN), evidence(held))
    check = of(verdict, "faults")
    assert verdict.outcome == "ERROR" and check.outcome == "ERROR"
    assert check.observed == 0.012 and "12 of 1000 records have no score: model/http_500 12" in check.note
    lenient = decide(policy({"quiz": {**MARGIN["quiz"], "max_faults": 0.02}}), evidence(held))
    assert lenient.outcome == "PASS" and of(lenient, "non_inferiority").numbers["n"] == 988


def test_too_few_pairs_decide_nothing() -> None:
    verdict = decide(policy(MARGIN, defaults={"min_items": 100}), evidence(suite(pairs=table(90, 0, 0, 9))))
    assert verdict.outcome == "ERROR" and "99" in of(verdict, "items").note
    own = policy({"quiz": {**MARGIN["quiz"], "min_items": 99}}, defaults={"min_items": 100})
    assert of(decide(own, evidence(suite(pairs=table(90, 0, 0, 9)))), "items").outcome == "PASS"


def test_runs_that_are_not_comparable_are_an_error_of_every_rule_that_compares() -> None:
    pairs = table(90, 0, 0, 10, refused="prompt: raw against chat")
    verdict = decide(policy({"quiz": {**MARGIN["quiz"], "relative": {"min_ratio": 0.9}}}), evidence(suite(pairs=pairs)))
    for rule in ("regression", "non_inferiority", "relative"):
        check = of(verdict, rule)
        assert check.outcome == "ERROR" and "prompt: raw against chat" in check.note and check.observed is None
    assert verdict.outcome == "ERROR"


def test_programs_in_too_weak_a_sandbox_are_an_error() -> None:
    held = suite(pairs=table(780, 10, 10, 200), sandbox="weak")
    assert of(decide(policy(MARGIN), evidence(held)), "sandbox").outcome == "ERROR"
    assert decide(policy(MARGIN, sandbox={"min_level": "weak"}), evidence(held)).outcome == "PASS"


def test_a_suite_that_is_not_there_is_an_error() -> None:
    verdict = decide(policy(MARGIN), evidence())
    assert verdict.outcome == "ERROR" and of(verdict, "items").note == "the run has no such suite"


@pytest.mark.parametrize("rule", [{"absolute": {"min": 0.1}}, {"relative": {"min_ratio": 0.5}}, MARGIN["quiz"]])
def test_a_suite_without_a_score_is_an_error_not_a_zero(rule: dict[str, object]) -> None:
    verdict = decide(policy({"quiz": rule}, reference=None), evidence(suite(wanted=0)))
    assert verdict.outcome == "ERROR"
    assert all(check.observed is None for check in verdict.checks if check.rule in rule)


def test_a_suite_that_is_not_required_is_reported_and_does_not_count() -> None:
    wanted = {"quiz": {"absolute": {"min": 0.5}}, "extra": {"required": False, "absolute": {"min": 0.99}}}
    verdict = decide(
        policy(wanted, reference=None), evidence(suite(values=(1.0,) * 99), suite("extra", values=(0.0,) * 99))
    )
    assert verdict.outcome == "PASS" and of(verdict, "absolute", "extra").outcome == "FAIL"
    assert not of(verdict, "absolute", "extra").required


def test_limits_hold_measured_speeds_and_a_missing_bench_is_an_error() -> None:
    wanted = policy(
        {"quiz": {"absolute": {"min": 0.1}}}, reference=None,
        limits={"size_mib": {"max": 500.0}, "generated_tokens_per_s": {"min": 10.0, "width": 4}},
    )  # fmt: skip
    held = suite(values=(1.0,) * 99)
    bare = decide(wanted, evidence(held))
    note = of(bare, "limit:generated_tokens_per_s", "").note
    assert bare.outcome == "ERROR" and "harness bench scripted:cand --widths 4" in note
    fast = {("size_mib", 1): 400.0, ("generated_tokens_per_s", 4): 10.0}
    assert decide(wanted, evidence(held, speeds=fast)).outcome == "PASS"
    slow = decide(wanted, evidence(held, speeds={**fast, ("generated_tokens_per_s", 4): 9.9}))
    assert slow.outcome == "FAIL" and of(slow, "limit:generated_tokens_per_s", "").bound == 10.0


def test_a_loop_decides_at_its_share_of_alpha() -> None:
    held = suite(pairs=table(100, 16, 6, 42))
    assert decide(policy({"quiz": {}}), evidence(held)).outcome == "FAIL"
    verdict = decide(policy({"quiz": {}}, budget={"looks": 10}), evidence(held, loop="repair", looks=3))
    assert verdict.outcome == "PASS" and of(verdict, "regression").numbers["alpha"] == pytest.approx(0.005)
    spent = decide(policy({"quiz": {}}, budget={"looks": 10}), evidence(held, loop="repair", looks=10))
    assert spent.outcome == "INCONCLUSIVE" and of(spent, "budget", "").outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (("PASS", "PASS"), "PASS"), (("PASS", "INCONCLUSIVE"), "INCONCLUSIVE"), (("INCONCLUSIVE", "FAIL"), "FAIL"),
        (("FAIL", "ERROR"), "ERROR"), ((), "ERROR"),
    ],
)  # fmt: skip
def test_the_verdict_is_the_worst_of_the_required_checks(outcomes: tuple[Outcome, ...], expected: Outcome) -> None:
    checks = [Check("a", f"r{place}", outcome) for place, outcome in enumerate(outcomes)]
    assert worst([*checks, Check("b", "r", "ERROR", required=False)]) == expected


@pytest.mark.parametrize(("mapped", "code"), [("report", 3), ("fail", 1), ("pass", 0)])
def test_exit_codes(mapped: str, code: int) -> None:
    wanted = policy({"quiz": {"non_inferiority": {"margin": 0.03}}}, defaults={"on_inconclusive": mapped})
    held = {
        "INCONCLUSIVE": table(115, 16, 16, 17), "FAIL": table(20, 100, 0, 44), "PASS": table(7000, 10, 10, 2000),
        "ERROR": table(0, 0, 0, 0),
    }  # fmt: skip
    expected = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": code, "ERROR": 4}
    for outcome, pairs in held.items():
        verdict = decide(wanted, evidence(suite(pairs=pairs)))
        assert verdict.outcome == outcome and exit_code(verdict, wanted) == expected[outcome]


counts = some.integers(0, 120)


@given(counts, counts, counts, counts, some.sampled_from([0.01, 0.05, 0.2]))
def test_any_table_gives_a_verdict_in_plain_numbers(a: int, b: int, c: int, d: int, margin: float) -> None:
    rules = {
        "non_inferiority": {"margin": margin}, "relative": {"min_ratio": 0.95}, "absolute": {"min": 0.5},
    }  # fmt: skip
    wanted = policy({"quiz": rules})
    verdict = decide(wanted, evidence(suite(pairs=table(a, b, c, d))))
    assert verdict == decide(wanted, evidence(suite(pairs=table(a, b, c, d))))
    json.dumps([dataclasses.asdict(check) for check in verdict.checks], allow_nan=False)
    if a + b + c + d:
        assert verdict.outcome != "ERROR"
        check = of(verdict, "non_inferiority")
        assert (check.outcome == "PASS") == (check.low is not None and check.low > -margin)
        assert ("needed" in check.numbers) <= (check.outcome == "INCONCLUSIVE")


@given(counts, counts, counts, counts)
def test_more_losses_never_make_it_better(a: int, b: int, c: int, d: int) -> None:
    def severity(both: int, losses: int) -> int:
        pairs = table(both + 1, losses, c, d)
        return SEVERITY.index(decide(policy({"quiz": {}}), evidence(suite(pairs=pairs))).outcome)

    assert severity(a + 5, b) <= severity(a, b + 5)


def test_the_order_of_samples_and_of_suites_does_not_matter() -> None:
    rng = random.Random(3)
    made = {name: table(rng.randint(50, 99), rng.randint(0, 9), rng.randint(0, 9), 20) for name in "abc"}
    wanted = {name: {"non_inferiority": {"margin": 0.1}} for name in "abc"}
    one = decide(policy(wanted), evidence(*(suite(name, pairs) for name, pairs in made.items())))
    turned = {
        name: dataclasses.replace(pairs, reference=pairs.reference[::-1], candidate=pairs.candidate[::-1])
        for name, pairs in reversed(made.items())
    }
    other = decide(
        policy(dict(reversed(wanted.items()))), evidence(*(suite(name, pairs) for name, pairs in turned.items()))
    )
    assert one.outcome == other.outcome
    for name in "abc":
        assert of(one, "regression", name).numbers == pytest.approx(of(other, "regression", name).numbers)


def test_evidence_without_suites_is_no_pass() -> None:
    assert decide(policy(MARGIN), Evidence("c", "m", {})).outcome == "ERROR"
