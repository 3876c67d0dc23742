"""Rounds on small suites, accepted by pooling: what is pooled, what blocks, what is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from harness.compare import Difference, SuitePairs
from harness.gate.accept import accept
from harness.stats.paired import mcnemar
from harness.types import Metric, Verdict

AIMED = {("primer", "skill", "ordering"), ("mmlu", "subject", "anatomy")}


def suite(
    name: str,
    tags: Sequence[Mapping[str, str]],
    reference: Sequence[float],
    candidate: Sequence[float],
    split: str = "test",
    metric: Metric | None = None,
    origins: Sequence[str] | None = None,
    **more: object,
) -> SuitePairs:
    ids = tuple(f"{name} {i}" for i in range(len(tags)))
    whole = SuitePairs(
        name, metric or Metric("acc", "acc"), ids, ids, tuple(origins or ids), (split,) * len(ids), tuple(tags),
        tuple(reference), tuple(candidate), 0, 0, {}, {}, (),
        tuple((v, 1.0) for v in reference), tuple((v, 1.0) for v in candidate),
    )  # fmt: skip
    return replace(whole, **more)  # type: ignore[arg-type]


def counted(name: str, tag: tuple[str, str], wins: int, losses: int, n: int, **more: object) -> SuitePairs:
    """Return `n` pairs under one tag with so many wins and losses, the others right on both sides."""
    reference = [0.0] * wins + [1.0] * (n - wins)
    candidate = [1.0] * wins + [0.0] * losses + [1.0] * (n - wins - losses)
    return suite(name, [dict([tag])] * n, reference, candidate, **more)  # type: ignore[arg-type]


def joined(*parts: SuitePairs) -> SuitePairs:
    """Return the pairs of one suite put together."""
    columns = (
        "ids", "names", "origins", "splits", "tags", "reference", "candidate", "points_reference", "points_candidate",
    )  # fmt: skip
    return replace(parts[0], **{c: sum((getattr(part, c) for part in parts), ()) for c in columns})


def rounds(wins: int, losses: int, other_wins: int = 20, other_losses: int = 20) -> list[SuitePairs]:
    """Return two suites: 30 targeted samples each (the wins and losses halved) and 300 others each."""
    tags = {"primer": (("skill", "ordering"), ("skill", "facts")), "mmlu": (("subject", "anatomy"), ("subject", "law"))}

    def half(count: int, first: bool) -> int:
        return count // 2 if first else count - count // 2

    return [
        joined(
            counted(name, aimed, half(wins, name == "primer"), half(losses, name == "primer"), 30),
            counted(name, rest, half(other_wins, name == "primer"), half(other_losses, name == "primer"), 300),
        )
        for name, (aimed, rest) in tags.items()
    ]


def by_rule(verdict: Verdict) -> dict[str, str]:
    return {f"{check.suite} {check.rule}".strip(): check.outcome for check in verdict.checks}


def test_better_where_it_aimed_and_not_worse_elsewhere_is_accepted() -> None:
    verdict = accept(rounds(9, 1), AIMED, margin=0.05)
    assert verdict.outcome == "PASS" and set(by_rule(verdict).values()) == {"PASS"}
    superiority, others = verdict.checks[:2]
    assert superiority.numbers["n"] == 60 and others.numbers["n"] == 600
    assert superiority.numbers["p"] == pytest.approx(mcnemar(1, 9)) == pytest.approx(11 / 1024)
    assert superiority.observed == pytest.approx(8 / 60)


def test_no_suite_alone_would_have_been_accepted() -> None:
    both = rounds(9, 1)
    assert accept(both, AIMED, margin=0.05).outcome == "PASS"
    assert accept(both[:1], AIMED, margin=0.05).checks[0].outcome == "INCONCLUSIVE"


def test_targets_may_be_a_function() -> None:
    aimed = accept(rounds(9, 1), lambda name, _, tags: (name, *next(iter(tags.items()))) in AIMED, margin=0.05)
    assert aimed == accept(rounds(9, 1), AIMED, margin=0.05)


def test_no_gain_is_inconclusive_and_names_what_is_missing() -> None:
    verdict = accept(rounds(5, 3), AIMED, margin=0.05)
    (check,) = [check for check in verdict.checks if check.outcome == "INCONCLUSIVE"]
    assert verdict.outcome == "INCONCLUSIVE" and check.rule == "superiority"
    assert check.numbers["missing"] == check.numbers["needed"] - 60 > 0
    assert f"{check.numbers['missing']} more would settle a gain of 0.05" in verdict.note


def test_a_loss_on_the_targets_is_a_failure() -> None:
    assert accept(rounds(1, 9), AIMED, margin=0.05).outcome == "FAIL"


def test_others_that_cannot_be_certified_are_inconclusive() -> None:
    verdict = accept(rounds(9, 1, 20, 24), AIMED, margin=0.02)
    check = verdict.checks[1]
    assert (verdict.outcome, check.outcome, check.bound) == ("INCONCLUSIVE", "INCONCLUSIVE", -0.02)
    assert check.numbers["missing"] > 0 and "in truth unchanged" in check.note


def test_others_that_lost_the_margin_fail() -> None:
    verdict = accept(rounds(9, 1, 10, 80), AIMED, margin=0.05)
    assert verdict.outcome == "FAIL" and by_rule(verdict)["non_inferiority"] == "FAIL"


def test_a_small_suite_cannot_collapse_behind_large_ones() -> None:
    pairs = [*rounds(9, 1), counted("bbh", ("task", "navigate"), 0, 12, 30)]
    verdict = accept(pairs, AIMED, margin=0.05)
    assert by_rule(verdict)["non_inferiority"] == "PASS", "pooled, the others kept the margin"
    assert by_rule(verdict)["bbh regression"] == "FAIL" and verdict.outcome == "FAIL"


def test_a_real_drop_inside_the_margin_is_tolerated_and_said() -> None:
    pairs = [*rounds(9, 1), counted("big", ("a", "b"), 0, 10, 2000)]
    verdict = accept(pairs, AIMED, margin=0.05)
    assert verdict.outcome == "PASS" and "real but tolerated" in verdict.checks[-1].note


def test_samples_of_dev_decide_nothing() -> None:
    dev = [replace(one, splits=("dev",) * len(one.ids)) for one in rounds(60, 0)]
    assert accept(dev, AIMED).outcome == "ERROR"
    test = rounds(5, 3)
    mixed = [
        joined(t, replace(d, ids=tuple(f"dev {i}" for i in d.ids))) for t, d in zip(test, dev, strict=True)
    ]  # fmt: skip
    assert accept(mixed, AIMED).checks == accept(test, AIMED).checks


def test_lower_is_better_and_wider_ranges_are_brought_into_line() -> None:
    metric = Metric("toxicity", "t", low=0.0, high=10.0, higher_is_better=False)
    turned = [
        suite(
            one.suite,
            one.tags,
            *([10 - 10 * v for v in side] for side in (one.reference, one.candidate)),
            metric=metric,
        )
        for one in rounds(9, 1)
    ]
    plain = accept(rounds(9, 1), AIMED, margin=0.05)
    assert by_rule(accept(turned, AIMED, margin=0.05)) == by_rule(plain)
    assert accept(turned, AIMED, margin=0.05).checks[0].observed == pytest.approx(plain.checks[0].observed)


def test_siblings_of_one_question_count_as_one() -> None:
    """Each targeted question stands in both suites: half as many independent pairs."""
    both = rounds(18, 2)
    origins = [tuple(f"q{i}" for i in range(30)) + one.origins[30:] for one in both]
    tied = [replace(one, origins=own) for one, own in zip(both, origins, strict=True)]
    check = accept(tied, AIMED).checks[0]
    assert (check.numbers["n"], check.numbers["clusters"]) == (60, 30) and "clustered" in check.note


def test_scores_between_nought_and_one_are_pooled_by_their_means() -> None:
    tags = [{"skill": "ordering"}] * 40 + [{"skill": "facts"}] * 200
    reference = [0.5] * 240
    candidate = [0.6 + 0.01 * (i % 5) for i in range(40)] + [0.5 + 0.01 * (i % 3 - 1) for i in range(200)]
    verdict = accept([suite("primer", tags, reference, candidate)], AIMED)
    assert verdict.outcome == "PASS" and verdict.checks[0].observed == pytest.approx(0.12)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"differences": (Difference("version", "1", "2", True),)}, "version: 1 against 2"),
        ({"faults_candidate": {"model/timeout": 20}}, "20 samples have no score"),
        ({"metric": Metric("perplexity", "ppl", high=math.inf)}, "has no bounds"),
    ],
)
def test_what_cannot_be_trusted_decides_nothing(change: Mapping[str, object], said: str) -> None:
    first, second = rounds(30, 0)
    verdict = accept([replace(first, **change), second], AIMED)  # type: ignore[arg-type]
    assert verdict.outcome == "ERROR" and said in verdict.note and verdict.checks[0].suite == "primer"


def test_without_targets_or_without_others_nothing_is_accepted() -> None:
    assert "aimed at" in accept(rounds(9, 1), set()).note
    assert "not targeted" in accept(rounds(9, 1), lambda *_: True).note
    assert accept([], AIMED).outcome == "ERROR"


def test_one_sample_is_never_too_few_to_answer() -> None:
    for win in (0, 1):
        pairs = joined(counted("primer", ("skill", "ordering"), win, 0, 1), counted("primer", ("skill", "x"), 0, 0, 1))
        assert accept([pairs], AIMED).outcome == "INCONCLUSIVE"
    half = suite("primer", [{"skill": "ordering"}, {"skill": "x"}], [0.5, 0.5], [0.6, 0.5])
    assert accept([half], AIMED).outcome == "INCONCLUSIVE"
