"""Fitting: planted causes are found, the same failures give the same bytes, too few or too alike are not clustered."""

from __future__ import annotations

import hashlib
import random
import sys
from pathlib import Path

import fit_cases
import pytest
from sklearn.metrics import adjusted_rand_score
from test_embedding import minilm, run

from harness.errors import UsageError
from harness.failures.case import Diagnosis
from harness.failures.taxonomy import UNASSIGNED, frozen
from harness.failures.taxonomy.assigning import assign
from harness.failures.taxonomy.fitting import ALIKE, collapsed, fit

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import test_fitting
print(test_fitting.fingerprint(sys.argv[2]))
"""


def fingerprint(embedder: str) -> str:
    cases, diagnoses, _ = fit_cases.planted()
    taxonomy, assignments = fit(cases, diagnoses, embedder)
    numbers = [(a.cause, a.similarity, a.novel, a.x, a.y) for a in assignments]
    return hashlib.sha256(
        frozen.to_bytes(taxonomy.state) + repr((taxonomy.id, taxonomy.causes, numbers)).encode()
    ).hexdigest()


@pytest.mark.parametrize(("method", "agreement", "most"), [("kmeans", 0.85, 8), ("hdbscan", 0.6, 16)])
def test_planted_causes_are_found(method: str, agreement: float, most: int) -> None:
    cases, diagnoses, truth = fit_cases.planted(fill=3)
    taxonomy, assignments = fit(cases, diagnoses, "lsa", method=method)
    assert adjusted_rand_score(truth, [a.cause for a in assignments]) > agreement
    assert taxonomy.params["grouping"] == "clusters" and 5 <= len(taxonomy.causes) <= most
    assert taxonomy.split == "dev" and taxonomy.suites == ("made",) and taxonomy.embedder.startswith("lsa:")
    by_key = {case.key: found for case, found in zip(cases, assignments, strict=True)}
    for cause in taxonomy.causes:
        assert cause.size == sum(a.cause == cause.id for a in assignments) >= 5
        assert cause.medoid and by_key[cause.medoid].cause == cause.id


@minilm
@pytest.mark.slow
def test_planted_causes_are_found_with_a_sentence_model() -> None:
    cases, diagnoses, truth = fit_cases.planted(fill=3)
    taxonomy, assignments = fit(cases, diagnoses, "auto")
    assert taxonomy.embedder.startswith("minilm:")
    assert adjusted_rand_score(truth, [a.cause for a in assignments]) > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("embedder", ["lsa", pytest.param("minilm", marks=minilm)])
def test_two_processes_and_one_or_two_threads_give_the_same_bytes(embedder: str) -> None:
    folder = str(Path(__file__).parent)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    found = [run(PROGRAM, folder, embedder, **dict.fromkeys(names, threads)).strip() for threads in ("1", "2")]
    assert found == [fingerprint(embedder)] * 2
    assert "sklearn" in sys.modules  # this process has its own number of threads


def test_shuffled_failures_give_the_same_taxonomy_byte_for_byte() -> None:
    cases, diagnoses, _ = fit_cases.planted()
    taxonomy, assignments = fit(cases, diagnoses, "lsa")
    order = list(range(len(cases)))
    random.Random(1).shuffle(order)
    turned, moved = fit([cases[i] for i in order], [diagnoses[i] for i in order], "lsa")
    assert turned.id == taxonomy.id and turned.causes == taxonomy.causes
    assert frozen.to_bytes(turned.state) == frozen.to_bytes(taxonomy.state)
    assert moved == [assignments[i] for i in order]
    assert fit(cases, diagnoses, "lsa", seed=1)[0].causes[0].id != taxonomy.causes[0].id


@pytest.mark.parametrize(("signed", "least"), [(True, 0.0), (False, 0.02)], ids=["tight", "loose"])
def test_about_one_in_twenty_members_are_strange_and_none_that_is_nearly_alike(signed: bool, least: float) -> None:
    cases, diagnoses, _ = fit_cases.planted(sizes=(200, 150, 120, 100, 80, 60), fill=8)
    if not signed:
        diagnoses = [Diagnosis(diagnosis.text) for diagnosis in diagnoses]
    _, assignments = fit(cases, diagnoses, "lsa")
    assert not any(a.novel and a.similarity >= ALIKE for a in assignments)
    assert least <= sum(a.novel for a in assignments) / len(cases) <= 0.08
    assert all(a.novel == (a.cause == UNASSIGNED) for a in assignments)


def test_equal_failures_are_one_cause_and_none_of_them_is_novel() -> None:
    cases = [fit_cases.case(f"{i:03d}") for i in range(50)]
    diagnoses = [Diagnosis("all alike", {"mode": "wrong_answer"})] * 50
    taxonomy, assignments = fit(cases, diagnoses, "lsa")
    assert [cause.size for cause in taxonomy.causes] == [50]
    assert taxonomy.params["grouping"].startswith("signatures") and taxonomy.stability == 0
    assert assign(taxonomy, diagnoses[:1]) == assignments[:1] and not assignments[0].novel


def test_failures_that_nothing_holds_together_are_not_clustered() -> None:
    dice = random.Random(3)
    words = [f"w{i}" for i in range(400)]
    diagnoses = [Diagnosis(" ".join(dice.choices(words, k=12)), {"mode": "wrong_answer"}) for _ in range(200)]
    taxonomy, _ = fit([fit_cases.case(f"{i:03d}") for i in range(200)], diagnoses, "lsa")
    assert taxonomy.params["grouping"] == "signatures: no clustering is stable" and len(taxonomy.causes) == 1


@pytest.mark.parametrize("n", [0, 1, 7, 29])
def test_few_failures_are_grouped_by_signature(n: int) -> None:
    cases, diagnoses, _ = fit_cases.planted(sizes=(12, 9, 8))
    taxonomy, assignments = fit(cases[:n], diagnoses[:n], "lsa")
    assert taxonomy.params["grouping"] == "signatures: fewer than 30 failures" and taxonomy.embedder == "signature"
    assert len(assignments) == n and assign(taxonomy, diagnoses[:n]) == assignments
    assert all(cause.size >= 2 for cause in taxonomy.causes)
    if n == 29:
        assert len(taxonomy.causes) == 3


def test_a_cause_of_too_few_is_none() -> None:
    cases, diagnoses, truth = fit_cases.planted(sizes=(300, 200, 6), useless=0)
    taxonomy, assignments = fit(cases, diagnoses, "lsa")
    assert taxonomy.params["minimum"] == 11 and min(cause.size for cause in taxonomy.causes) >= 11
    assert all(a.cause == UNASSIGNED for a, cause in zip(assignments, truth, strict=True) if cause == "unit")


def test_progress_goes_up_to_the_end() -> None:
    cases, diagnoses, _ = fit_cases.planted()
    told: list[tuple[str, float]] = []
    fit(cases, diagnoses, "lsa", progress=lambda what, share: told.append((what, share)))
    shares = [share for what, share in told if what == "clustering"]
    assert shares == sorted(shares) and shares[-1] == 1.0 and ("embedding", 1.0) in told


def test_wrong_use_is_told() -> None:
    with pytest.raises(UsageError, match="no method 'kmean'"):
        fit([], [], method="kmean")
    with pytest.raises(ValueError, match="1 cases and 0 diagnoses"):
        fit([fit_cases.case("a")], [])


def test_collapsed_counts_and_places() -> None:
    one, two = Diagnosis("a", {"mode": "x", "finish": "y"}), Diagnosis("a", {"mode": "z"})
    distinct, places, counts = collapsed([two, one, Diagnosis("a", {"finish": "y", "mode": "x"})])
    assert [distinct[p].signature["mode"] for p in places] == ["z", "x", "x"]
    assert sorted(counts) == [1, 2] and counts[places[1]] == 2
