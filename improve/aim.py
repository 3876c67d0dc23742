"""Which sealed samples a round aims at: those that ask like the questions of `dev` which failed for its causes.

    aimed(database, "tiny-0a76..", {("primer", "9f..")})    -> frozenset({("primer", "41.."), ..})

A round is accepted when it made the samples better that it aimed at (`harness.gate.accept`). Which these are must not
hang on how they were answered: whoever picks the samples that failed sees them get better by regression to the mean.
So outcomes of `dev` alone and the wording of sealed questions decide: a sealed sample is aimed at where, of its `NEAR`
nearest questions of `dev` in the same suite, a larger share failed for the causes than of all. No tag is read.

Nearness is the cosine of two things side by side: a question's form (`teaching.nearest.forms`) and its words (`lsa`).
The loop is told only whether it was accepted, never which samples these are. Cost: a second for 3,000 samples.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from harness.failures.asked import Question, questions
from harness.failures.embedding import embedder
from harness.store import Database
from improve.teaching.nearest import forms

NEAR = 15
"""Questions of `dev` that a sealed one is judged by. On `primer:large` 3 to 15 find the weak variants alike, and 15 the
fewest others."""
Key = tuple[str, str]
"""Suite and sample id."""


def aimed(database: Database, run_id: str, failed: Collection[Key], seed: int = 0) -> frozenset[Key]:
    """Return the sealed samples that a round aims at. `failed`: samples of `dev` that failed for its causes."""
    found: set[Key] = set()
    by_suite: dict[str, list[list[Question]]] = defaultdict(lambda: [[], []])
    for place, split in enumerate(("dev", "test")):
        for one in questions(database, run_id, split):
            by_suite[one.suite][place].append(one)
    for dev, sealed in by_suite.values():
        marks = [(one.suite, one.sample_id) in failed for one in dev]
        if any(marks) and sealed:
            rate = sum(marks) / len(marks)
            chances = likely(dev, sealed, marks, seed)
            # Where every question of a suite failed, none is failed more often than the rest: all are aimed at.
            hit = [chance > rate or rate == 1.0 for chance in chances]
            found |= {(one.suite, one.sample_id) for one, is_hit in zip(sealed, hit, strict=True) if is_hit}
    return frozenset(found)


def likely(dev: Sequence[Question], sealed: Sequence[Question], marks: Sequence[bool], seed: int) -> list[float]:
    """Return of each sealed question the share of its nearest `dev` questions that are marked."""
    import numpy as np

    texts = [one.text for one in (*dev, *sealed)]
    vectors = np.hstack([_embedded(forms(texts), seed), _embedded(texts, seed)])
    alike = np.round(vectors[len(dev) :] @ vectors[: len(dev)].T, 5)
    # Stable: equally near ones in the order of their ids, on every machine.
    near = np.argsort(-alike, axis=1, kind="stable")[:, :NEAR]
    shares: list[float] = np.asarray(marks, dtype=float)[near].mean(axis=1).tolist()
    return shares


def _embedded(texts: Sequence[str], seed: int) -> Any:
    return embedder("lsa").fit(texts, seed).transform(texts)
