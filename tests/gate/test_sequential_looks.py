"""Looking at one suite: when its answer is known, and what the decision makes of the looks."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gate import looks
from harness.gate.decide import decide
from harness.gate.evidence import Evidence, Looks, Pairs, SuiteEvidence
from harness.gate.looks import Looking
from harness.gate.policy import Absolute, NonInferiority, Policy, SuitePolicy
from harness.gate.stage import Stage, stage
from harness.stats.sequential import EProcess, drop_scores, margin_scores
from harness.types import Metric

ACC = Metric("acc", "acc")
LOWER = Metric("attack", "acc", higher_is_better=False)
MARGIN = SuitePolicy(non_inferiority=NonInferiority(margin=0.05))
PLAIN = SuitePolicy()


def staged(
    reference: list[float],
    wanted: SuitePolicy = PLAIN,
    metric: Metric = ACC,
    siblings: int = 1,
    family: int = 1,
    **more,
) -> Stage:
    ids = [f"s{place:04}" for place in range(len(reference))]
    found = stage(
        wanted, metric, dict(zip(ids, reference, strict=True)), {i: f"g{n // siblings:04}" for n, i in enumerate(ids)},
        {i: {"tag": f"t{n % 2}" if n < 200 else "t2"} for n, i in enumerate(ids)}, len(ids),
        **{"alpha": 0.05, "share": 0.8, "family": family, **more},
    )  # fmt: skip
    assert isinstance(found, Stage), found
    return found


def looking(one: Stage, candidate: list[float | None]) -> Looking:
    """Feed a candidate's values (None: a fault) in the order of the ids."""
    looked = Looking(one)
    for sample_id, value in zip(one.reference, candidate, strict=True):
        if looked.add(sample_id, None if value is None else {"acc": value}):
            return looked
    looked.close()
    return looked


def drops(n: int, every: int) -> tuple[list[float], list[float]]:
    """Return a reference that is always right, and a candidate wrong at every so many-th sample."""
    return [1.0] * n, [0.0 if place % every == 0 else 1.0 for place in range(n)]


def test_the_evidence_is_that_of_the_e_processes() -> None:
    reference, candidate = [1.0, 0.0, 1.0] * 50, [0.0, 0.0, 1.0] * 25 + [1.0, 1.0, 1.0] * 25
    found = looking(staged(reference, MARGIN, min_items=10**6), candidate).looks
    drop, keep = EProcess(), EProcess()
    differences = [y - x for x, y in zip(reference, candidate, strict=True)]
    drop.add(*drop_scores(differences))
    keep.add(*margin_scores(differences, 0.05))
    assert (found.n, found.of, found.wins, found.losses) == (150, 150, 25, 25)
    assert found.p_drop == pytest.approx(drop.p) and found.p_margin == pytest.approx(keep.p)


def test_a_regression_stops_at_its_share_of_alpha() -> None:
    reference, candidate = drops(1000, 5)
    alone, one_of_six = looking(staged(reference), candidate), looking(staged(reference, family=6), candidate)
    assert alone.looks.stopped and one_of_six.looks.stopped
    assert alone.looks.p_drop <= 0.04 and one_of_six.looks.p_drop <= 0.04 / 6
    assert alone.looks.n < one_of_six.looks.n < 200


def test_nothing_is_known_before_min_items_and_between_looks() -> None:
    reference, candidate = [1.0] * 400, [0.0] * 400
    assert looking(staged(reference, min_items=50), candidate).looks.n == 50
    assert looking(staged(reference, min_items=50, look_every=60), candidate).looks.n == 60


def test_less_is_better_turns_the_signs() -> None:
    reference, candidate = drops(600, 5)
    assert looking(staged(candidate, metric=LOWER), reference).looks.stopped
    assert not looking(staged(reference, metric=LOWER), candidate).looks.stopped
    turned = SuitePolicy(direction="lower_is_better")
    assert looking(staged(candidate, turned), reference).looks.delta < 0


def test_faults_and_strangers_are_no_pairs() -> None:
    one = staged([1.0] * 200)
    looked = Looking(one)
    for sample_id in one.reference:
        looked.add(sample_id, None)
        looked.add(f"stranger of {sample_id}", {"acc": 0.0})
    looked.close()
    assert looked.looks.n == 0 and not looked.looks.stopped


def test_a_cluster_is_one_bet_and_attempts_are_averaged() -> None:
    one = staged([1.0] * 400, siblings=2, min_items=10**6)
    looked = Looking(one)
    for place, sample_id in enumerate(one.reference):
        for attempt in range(2):
            looked.add(sample_id, {"acc": float(place % 8 != 0 or attempt == 0)})
    looked.close()
    expected = EProcess()
    expected.add(*([0.25, 0.0, 0.0, 0.0] * 50))
    assert looked.looks.p_drop == pytest.approx(expected.p)
    assert looked.looks.losses == 50 and looked.looks.delta == pytest.approx(-0.0625)


def test_macro_averages_are_weighted_bets() -> None:
    one = staged([1.0] * 2010, metric=Metric("macro", "acc", "macro:tag"), min_items=10**6)
    assert math.isclose(sum(one.weights.values()), 2010)
    # A hundred of 2,010 samples are a third of the metric.
    found = looking(one, [0.0 if place < 200 and place % 2 == 0 else 1.0 for place in range(2010)]).looks
    assert found.delta == pytest.approx(-1 / 3)


def test_equal_candidates_pass_early_where_the_margin_is_all() -> None:
    reference = [1.0, 0.0] * 500
    passed = looking(staged(reference, MARGIN), reference).looks
    assert passed.stopped and passed.p_margin <= 0.04 and passed.n < 200
    floor = SuitePolicy(non_inferiority=NonInferiority(margin=0.05), absolute=Absolute(min=0.4))
    assert not looking(staged(reference, floor), reference).looks.stopped, "the floor needs all samples"
    assert not looking(staged(reference), reference).looks.stopped, "without a margin nothing can be shown early"


def test_a_drop_that_may_be_tolerated_is_not_stopped() -> None:
    # Three points worse, every time only the reference right, on 4,000 samples: detected early, and inside the margin.
    reference, candidate = drops(4000, 33)
    detected = looking(staged(reference), candidate).looks
    assert detected.stopped and detected.n < 400
    patient = looking(staged(reference, MARGIN), candidate).looks
    assert patient.n > detected.n and patient.p_margin <= 0.04
    assert verdict(MARGIN, reference, candidate, patient).outcome == "PASS"


def test_a_drop_beyond_the_margin_is_stopped_before_half() -> None:
    reference, candidate = drops(1000, 10)
    found = looking(staged(reference, MARGIN), candidate).looks
    assert found.stopped and found.n <= 500
    assert verdict(MARGIN, reference, candidate, found).outcome == "FAIL"


def verdict(wanted: SuitePolicy, reference: list[float], candidate: list[float], found: Looks | None):
    pairs = Pairs(tuple(reference), tuple(candidate), run="base")
    sides = {"reference": pairs}
    held = SuiteEvidence("suite", ACC, tuple(candidate), wanted=len(candidate), pairs=sides, looks=found)
    return decide(Policy(suites={"suite": wanted}), Evidence("run", "model", {"suite": held}))


def check_of(said, rule: str):
    return next(check for check in said.checks if check.rule == rule)


def test_a_stopped_suite_is_judged_by_its_looks_alone() -> None:
    reference, candidate = drops(60, 5)
    stopped = Looks(0.8, 60, 500, 0, 12, -0.2, 0.001, None, stopped=True)
    said = verdict(SuitePolicy(absolute=Absolute(min=0.9)), reference, candidate, stopped)
    assert said.outcome == "FAIL" and {c.rule for c in said.checks} == {"faults", "items", "regression"}
    regression = check_of(said, "regression")
    assert regression.numbers["p_holm"] == pytest.approx(0.001 / 0.8)
    assert "after 60 of 500" in regression.note
    kept = replace(stopped, wins=5, losses=5, delta=0.0, p_drop=1.0, p_margin=0.039)
    assert verdict(MARGIN, reference, reference, kept).outcome == "PASS"
    neither = replace(kept, p_margin=0.041)
    assert verdict(MARGIN, reference, reference, neither).outcome == "INCONCLUSIVE", "nothing passes unsaid"
    lost = verdict(MARGIN, reference, candidate, replace(stopped, p_margin=1.0))
    assert lost.outcome == "FAIL" and {c.rule for c in lost.checks} == {"faults", "items", "regression"}


def test_the_end_has_what_the_looks_left_of_alpha() -> None:
    # 4 wins, 12 losses: the exact one-sided McNemar p is .038.
    reference, candidate = [1.0] * 12 + [0.0] * 4 + [1.0] * 184, [0.0] * 12 + [1.0] * 4 + [1.0] * 184
    nothing = Looks(0.8, 200, 200, 4, 12, -0.04, 0.9)
    assert verdict(PLAIN, reference, candidate, None).outcome == "FAIL"
    assert verdict(PLAIN, reference, candidate, nothing).outcome == "PASS"
    assert verdict(PLAIN, reference, candidate, replace(nothing, share=0.2)).outcome == "FAIL"
    looked = verdict(PLAIN, reference, candidate, replace(nothing, p_drop=0.039))
    assert looked.outcome == "FAIL" and check_of(looked, "regression").numbers["p_end"] == pytest.approx(
        0.0384, abs=1e-4
    )


def test_of_right_and_wrong_it_is_counted_what_the_looks_have_used() -> None:
    reference, candidate = [1.0] * 14 + [0.0] * 4 + [1.0] * 182, [0.0] * 14 + [1.0] * 4 + [1.0] * 182
    nothing = Looks(0.8, 200, 200, 4, 14, -0.05, 0.2)
    assert verdict(PLAIN, reference, candidate, nothing).outcome == "PASS", "McNemar's .015 is above a fifth of alpha"
    counted = verdict(PLAIN, reference, candidate, replace(nothing, exact_at=0.04))
    assert counted.outcome == "FAIL" and 0.015 < check_of(counted, "regression").numbers["p_holm"] < 0.05
    pass_stopped = replace(nothing, exact_at=0.04, p_margin=0.01, stopped=True)
    said = verdict(MARGIN, reference, candidate, pass_stopped)
    assert said.outcome == "PASS" and check_of(said, "regression").numbers["p_holm"] == 1.0
    assert looking(staged(reference), candidate).looks.exact_at == pytest.approx(0.04)
    assert looking(staged(reference, siblings=2), candidate).looks.exact_at is None
    assert looking(staged(reference), [0.5, *candidate[1:]]).looks.exact_at is None


def test_looks_may_keep_a_margin_that_the_end_does_not() -> None:
    reference = [1.0] * 20 + [0.0] * 180
    nothing = Looks(0.8, 200, 200, 0, 0, 0.0, 1.0, 0.5)
    near = SuitePolicy(non_inferiority=NonInferiority(margin=0.02))
    # At alpha .05 the bound is -.0133, at .01 -.0264.
    assert verdict(near, reference, reference, None).outcome == "PASS"
    assert verdict(near, reference, reference, nothing).outcome == "INCONCLUSIVE"
    assert verdict(near, reference, reference, replace(nothing, p_margin=0.03)).outcome == "PASS"


@pytest.mark.parametrize(
    ("metric", "change", "why"),
    [
        (Metric("rate", "acc", "ratio:other"), {}, "ratio"),
        (Metric("nats", "acc", high=math.inf), {}, "bounded"),
        (ACC, {"of": 99}, "too few bets"),
        (ACC, {"groups": 5}, "too few bets"),
        (Metric("macro", "acc", "macro:tag"), {"of": 150}, "weighs samples"),
    ],
)
def test_what_cannot_be_bet_on_is_tested_at_the_end(metric: Metric, change: dict[str, int], why: str) -> None:
    ids = [f"s{n}" for n in range(200)]
    groups = {i: f"g{n % change.get('groups', 200)}" for n, i in enumerate(ids)}
    tags = {i: {"tag": "t"} for i in ids}
    found = stage(
        PLAIN, metric, dict.fromkeys(ids, 1.0), groups, tags, change.get("of", 200), alpha=0.05, share=0.8, family=1
    )
    assert isinstance(found, str) and why in found


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, None]), min_size=100, max_size=150), st.integers(1, 4))
def test_any_candidate_ends_with_a_p_in_range(candidate: list[float | None], siblings: int) -> None:
    reference = [float(place % 2) for place in range(len(candidate) * 4)]
    found = looking(staged(reference, MARGIN, siblings=siblings), candidate * 4).looks
    assert 0.0 < found.p_drop <= 1.0 and 0.0 < (found.p_margin or 1.0) <= 1.0
    assert found.n <= sum(value is not None for value in candidate) * 4
    assert found.wins + found.losses <= found.n


def test_without_looks_the_findings_are_those_of_the_end() -> None:
    from harness.gate.finding import Level
    from harness.gate.rules import findings

    pairs = Pairs((1.0,) * 200, (1.0,) * 190 + (0.0,) * 10, run="base")
    held = SuiteEvidence("suite", ACC, (1.0,) * 200, wanted=200, pairs={"reference": pairs})
    assert looks.found(MARGIN, held, Level(0.05, 0.8)) == findings(MARGIN, held, Level(0.05, 0.8))
