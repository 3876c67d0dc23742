"""Assigning: by a frozen state alone; what was fitted is its own cause's, what is far is novel."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import fit_cases
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.failures.case import Diagnosis
from harness.failures.taxonomy import UNASSIGNED, Assignment, Taxonomy, frozen
from harness.failures.taxonomy.assigning import assign
from harness.failures.taxonomy.fitting import fit


@cache
def world() -> tuple[Taxonomy, list[Diagnosis], list[Assignment]]:
    cases, diagnoses, _ = fit_cases.planted(fill=3)
    taxonomy, assignments = fit(cases, diagnoses, "lsa")
    return replace(taxonomy, state=frozen.from_bytes(frozen.to_bytes(taxonomy.state))), diagnoses, assignments


@given(st.lists(st.integers(0, 239), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_a_fitted_failure_is_assigned_to_its_own_cause_in_any_company(rows: list[int]) -> None:
    taxonomy, diagnoses, assignments = world()
    for row, found in zip(rows, assign(taxonomy, [diagnoses[row] for row in rows]), strict=True):
        assert (found.cause, found.novel) == (assignments[row].cause, assignments[row].novel)
        assert np.allclose(
            [found.similarity, found.x, found.y],
            [assignments[row].similarity, assignments[row].x, assignments[row].y],
            atol=1e-5,
        )


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_diagnosis_has_a_place(text: str, signature: dict[str, str]) -> None:
    taxonomy, _, _ = world()
    (found,) = assign(taxonomy, [Diagnosis(text, signature)])
    assert -1 <= found.similarity <= 1 and np.isfinite([found.x, found.y]).all()
    assert found.cause in {UNASSIGNED, *(cause.id for cause in taxonomy.causes)} and found.novel == (not found.cause)


def test_a_kind_that_was_never_seen_is_novel() -> None:
    taxonomy, diagnoses, _ = world()
    strange = Diagnosis("the program used up all of its memory", {"mode": "memory_limit", "outcome": "memory_limit"})
    found = assign(taxonomy, [*diagnoses, *[strange] * 40])
    assert all(a.novel and a.cause == UNASSIGNED for a in found[len(diagnoses) :])
    assert sum(a.novel for a in found[: len(diagnoses)]) <= 0.08 * len(diagnoses)


def test_held_out_failures_of_known_causes_are_assigned_right() -> None:
    cases, diagnoses, truth = fit_cases.planted(fill=3)
    taxonomy, fitted = fit(cases, diagnoses, "lsa")
    named: dict[str, list[str]] = {}
    for found, cause in zip(fitted, truth, strict=True):
        named.setdefault(found.cause, []).append(cause)
    _, others, right = fit_cases.planted(seed=9, run_id="next", fill=3)
    found = assign(taxonomy, others)
    hits = [a.cause and max(named[a.cause], key=named[a.cause].count) == c for a, c in zip(found, right, strict=True)]
    assert sum(map(bool, hits)) / len(hits) >= 0.85 and sum(a.novel for a in found) / len(found) <= 0.1


def test_nothing_to_assign_and_nothing_to_assign_to() -> None:
    taxonomy, diagnoses, _ = world()
    assert assign(taxonomy, []) == []
    empty, _ = fit([], [], "lsa")
    (found,) = assign(empty, diagnoses[:1])
    assert (found.cause, found.novel) == (UNASSIGNED, True)
