"""Keywords say what a cause is and what it is not, labels differ, exemplars show the middle and the edge."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace

import fit_cases
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.failures.case import Diagnosis
from harness.failures.ctfidf import ctfidf
from harness.failures.diagnosis.signature import VALUES
from harness.failures.relations import PHRASES
from harness.failures.taxonomy import UNASSIGNED, Assignment, Cause, Taxonomy
from harness.failures.taxonomy.fitting import fit
from harness.failures.taxonomy.naming import MOST, exemplars, keywords, named, spoken, terms

WORDS = {
    "sign": {"sign", "negated"}, "near": {"neighbour", "one more", "one less"}, "unit": {"unit", "amount", "scaled"},
    "cut": {"cut", "truncated"}, "form": {"unparsed", "read", "looks"}, "shy": {"declined", "refused"},
}  # fmt: skip
"""Planted words of `fit_cases.CAUSES`."""


def fitted(seed: int = 0) -> tuple[Taxonomy, list, list, list[str], list[Assignment]]:
    cases, diagnoses, truth = fit_cases.planted(sizes=(60, 50, 40, 40, 30, 30), seed=seed)
    taxonomy, assignments = fit(cases, diagnoses, "lsa", seed)
    return named(taxonomy, diagnoses, assignments), cases, diagnoses, truth, assignments


def test_planted_words_are_among_the_keywords() -> None:
    """V8: at least 80% of the clusters have a planted word among their five."""
    hits = total = 0
    for seed in range(5):
        taxonomy, _, _, truth, assignments = fitted(seed)
        for cause in taxonomy.causes:
            inside = Counter(t for t, a in zip(truth, assignments, strict=True) if a.cause == cause.id)
            planted, count = inside.most_common(1)[0]
            if count >= 0.8 * inside.total():
                hits += any(word in keyword for word in WORDS[planted] for keyword in cause.keywords)
                total += 1
    print(f"planted word among the keywords: {hits} of {total}")
    assert hits >= 0.8 * total >= 16


def test_keywords_lead_back_to_failures_that_were_held_out() -> None:
    """V8: of five causes the one whose keywords a held-out text shares most is its own, four times in five."""
    cases, diagnoses, truth = fit_cases.planted(sizes=(60, 60, 60, 60, 0, 60), seed=9, useless=0.1)
    half = len(cases) // 2
    found = keywords(diagnoses[:half], truth[:half])
    dice, right = random.Random(0), 0
    for diagnosis, cause in zip(diagnoses[half:], truth[half:], strict=True):
        said = set(terms(diagnosis.text))
        best = max(sorted(found), key=lambda name: (sum(w in said for w in found[name]), dice.random()))
        right += best == cause
    print(f"held-out members found by keywords: {right / (len(cases) - half):.3f}")
    assert right >= 0.8 * (len(cases) - half)


def test_c_tf_idf_by_hand() -> None:
    """Two causes of two words: the shared one weighs less though it is as frequent in each."""
    found = keywords([Diagnosis("alpha gamma"), Diagnosis("beta gamma")], ["a", "b"])
    # tf 1/3 each; A = 3; f = 1 for the pair and its own word, 2 for the shared one; of equals the longer.
    assert found == {"a": ("alpha gamma",), "b": ("beta gamma",)}
    found = keywords([Diagnosis("alpha. gamma."), Diagnosis("beta. gamma.")], ["a", "b"])
    assert found == {"a": ("alpha", "gamma"), "b": ("beta", "gamma")}
    # Six and three terms, A = 4.5: the third is a third of either class, found three times.
    weights = ctfidf(np.array([[4, 0, 2], [0, 2, 1]]))
    third = math.log(1 + 4.5 / 3) / 3
    wanted = [[2 / 3 * math.log(1 + 4.5 / 4), 0, third], [0, 2 / 3 * math.log(1 + 4.5 / 2), third]]
    assert weights == pytest.approx(np.array(wanted), abs=1e-12)


def test_signature_values_that_others_have_less_come_first_telling_ones_before() -> None:
    own = Diagnosis("x", {"mode": "wrong_answer", "relation": "sign", "expected": "number", "is_sign": "yes"})
    other = Diagnosis("x", {"mode": "wrong_answer", "expected": "word"})
    found = keywords([own] * 10 + [other] * 10, ["a"] * 10 + [UNASSIGNED] * 10)
    assert list(found) == ["a"] and found["a"][:2] == ("sign error", "expected number")


def test_masks_function_words_and_markup_are_no_keywords() -> None:
    hostile = Diagnosis(
        "NUMBER of the NAME; [red]\x1b[31mbold[/red] <script>alert(1)</script> | the QUOTE 'x' \u202e THING"
    )
    found = keywords([hostile], ["a"])["a"]
    assert found and all(part.isalnum() for word in found for part in word.split())
    assert not {"number", "name", "quote", "thing", "the", "of"} & {part for word in found for part in word.split()}


@given(
    st.lists(
        st.tuples(st.text(max_size=40), st.sampled_from(["a", "b", UNASSIGNED]), st.sampled_from(["", "stop", "eos"])),
        max_size=20,
    )
)
def test_whatever_is_said_keywords_are_few_and_apart(rows: list[tuple[str, str, str]]) -> None:
    diagnoses = [Diagnosis(text, {"finish": value} if value else {}) for text, _, value in rows]
    found = keywords(diagnoses, [cause for _, cause, _ in rows])
    assert set(found) == {cause for _, cause, _ in rows} - {UNASSIGNED}
    for words in found.values():
        assert len(words) <= MOST and all(words)
        assert not [1 for one in words for other in words if one != other and one in other]
    again = keywords(diagnoses[::-1], [cause for _, cause, _ in rows][::-1])
    assert again == found


def test_every_signature_value_can_be_said() -> None:
    for feature, values in VALUES.items():
        for value in values:
            said = spoken(feature, value)
            assert said and "_" not in said and ":" not in said
    assert spoken("is_off_by_one", "yes") == spoken("relation", "off_by_one") == "off by one" in PHRASES["off_by_one"]
    assert (spoken("expected", "number"), spoken("mode", "wrong_output")) == ("expected number", "wrong output")


def test_labels_differ_and_ids_stay() -> None:
    same = [Diagnosis("quite the same", {"mode": "empty"})] * 6
    bare = Taxonomy("tax-1", (Cause("aaaa11", ""), Cause("bbbb22", ""), Cause("cccc33", "")), "signature", {})
    found = named(bare, same, [Assignment(cause, 1.0) for cause in ("aaaa11", "bbbb22", "cccc33") * 2])
    labels = [cause.label for cause in found.causes]
    assert len(set(labels)) == 3 and all(labels) and found.id == bare.id
    assert [cause.id for cause in found.causes] == ["aaaa11", "bbbb22", "cccc33"]
    nothing = named(bare, [], [])
    assert len({cause.label for cause in nothing.causes}) == 3 and all(cause.label for cause in nothing.causes)


def test_a_label_that_is_there_stays() -> None:
    taxonomy, _, diagnoses, _, assignments = fitted()
    called = replace(taxonomy.causes[0], label="mine", label_source="person")
    again = named(replace(taxonomy, causes=(called, *taxonomy.causes[1:])), diagnoses, assignments)
    assert again.causes == (called, *taxonomy.causes[1:])


def test_exemplars_are_the_middle_the_edge_and_what_lies_apart() -> None:
    names = ["near", "tie", "far", "edge", "twin", "other"]
    cases = [fit_cases.case(name) for name in names]
    places = [(0.99, 0, 0), (0.99, 0, 0), (0.8, 5, 5), (0.5, 9, 0), (0.8, 5, 5), (0.9, 0, 1)]
    assignments = [Assignment("a", s, False, x, y) for s, x, y in places]
    assignments[5] = replace(assignments[5], cause="b")
    found = exemplars("a", cases, assignments)
    assert [case.name for case in found] == ["near", "far", "tie", "edge"]
    assert exemplars("a", cases[::-1], assignments[::-1]) == found
    assert [case.name for case in exemplars("a", cases, assignments, 1)] == ["near"]
    assert [case.name for case in exemplars("a", cases, assignments, 2)] == ["near", "edge"]
    assert [case.name for case in exemplars("b", cases, assignments)] == ["other"]
    assert exemplars("c", cases, assignments) == []


@pytest.mark.parametrize("seed", [0, 1])
def test_the_medoid_is_the_first_exemplar(seed: int) -> None:
    taxonomy, cases, _, _, assignments = fitted(seed)
    for cause in taxonomy.causes:
        assert exemplars(cause.id, cases, assignments)[0].key == cause.medoid
