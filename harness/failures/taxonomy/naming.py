"""Names causes for people: keywords of their diagnoses and signatures, a label made of them, cases that show them.

    taxonomy = named(taxonomy, diagnoses, assignments)
    taxonomy.causes[0].keywords   -> ("off by one", "a near miss within a tenth", "single step", "few", "many")
    taxonomy.causes[0].label      -> "off by one · a near miss within a tenth"
    exemplars("3f9a..", cases, assignments)   -> [the medoid, .., the edge]

Keywords are up to two signature values that a cause has far more often than all others (by their share of the
Kullback-Leibler divergence, p log(p / q)), then words and pairs of words by class-based TF-IDF (`ctfidf`). None is part
of another.

A label is for reading, never the identity: whatever a cause is called, it keeps its id, and a cause that has a label (a
person's, a model's, one kept over a refit) keeps that too. Diagnoses may hold what a judge wrote: keywords are letters,
digits and blanks only.
Cost: one pass over the distinct diagnoses, some 0.1 s a thousand.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from harness.failures.case import Case, Diagnosis
from harness.failures.ctfidf import ctfidf
from harness.failures.diagnosis.masking import MASKS
from harness.failures.relations import PHRASES
from harness.failures.taxonomy import UNASSIGNED, Assignment, Taxonomy

MOST = 5
"""Keywords of a cause."""
SIGNATURES = 2
"""Of them, at most so many from signatures."""
SHORT = 32
"""Characters of a keyword that may follow the first one in a label."""
HALF, LIFT = 0.5, 1.5
"""A signature value speaks for a cause that has it in at least half of its failures, 1.5 times as often as others."""
SUPPORT = 0.25
"""Share of a cause's failures that a word must be told of to come before the others."""
TELLING = (
    "outcome",
    "mode",
    "relation",
    "exception",
    "raised",
    "build",
    "rule",
    "call",
    "json",
    "layer",
    "text",
    "batch",
)
"""Features that say how it went wrong come before those that say what was asked (`family`, `expected`, ..)."""
ALONE = frozenset({"outcome", "mode", "exception", "raised", "build", "batch", "declines", "family", "relation"})
"""Features whose values read without their names."""
SPOKEN = {
    "another": "another answer", "came none": "nothing came", "came empty": "nothing came",
    "finish length": "token limit reached", "finish truncated": "reasoning never ended",
}  # fmt: skip
DULL = frozenset(f"finish {value}" for value in ("eos", "stop", "scored", "recorded", "other")) | {
    "length alike",
    "length none",
}
"""Values that tell nobody anything, however much more often a cause has them."""
WORD = re.compile(r"[^\W\d_]\w{0,29}(?:['’-]\w{1,29})?")
CLAUSE = re.compile(r"[^\w\s'’-]|\n")
FUNCTION = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "for", "from", "got", "had",
    "has", "have", "in", "into", "is", "it", "its", "may", "no", "not", "of", "on", "or", "out", "should", "so",
    "such", "than", "that", "the", "their", "them", "then", "there", "these", "this", "those", "to", "too", "was",
    "were", "what", "when", "which", "while", "who", "whose", "will", "with", "you",
})  # fmt: skip
"""Words that neither begin nor end a keyword."""


def named(taxonomy: Taxonomy, diagnoses: Sequence[Diagnosis], assignments: Sequence[Assignment]) -> Taxonomy:
    """Return the taxonomy with keywords for each cause, and a label for each that has none yet; its id stays.

    `diagnoses` and `assignments`: of the cases that it was fitted on, in one order. Labels of one taxonomy differ.
    """
    found = keywords(diagnoses, [assignment.cause for assignment in assignments])
    taken = {cause.label for cause in taxonomy.causes if cause.label}
    causes = []
    for cause in taxonomy.causes:
        words = cause.keywords or found.get(cause.id, ())
        label = cause.label or _label(cause.id, words, taken)
        taken.add(label)
        causes.append(replace(cause, keywords=words, label=label))
    return replace(taxonomy, causes=tuple(causes))


def keywords(diagnoses: Sequence[Diagnosis], causes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return up to `MOST` keywords by cause; `causes` is the cause of each diagnosis. `UNASSIGNED` is contrast only."""
    values, terms = _signatures(diagnoses, causes), _terms(diagnoses, causes)
    return {cause: _apart(values[cause], terms[cause]) for cause in sorted(set(causes)) if cause != UNASSIGNED}


def spoken(feature: str, value: str) -> str:
    """Return a signature value as people say it: "off by one", "expected number"."""
    relation = value if feature == "relation" else feature.removeprefix("is_") if feature.startswith("is_") else ""
    if relation in PHRASES:
        return PHRASES[relation].partition(":")[0]
    if relation:
        return relation.replace("_", " ")
    phrase = (value if feature in ALONE else f"{feature} {value}").replace("_", " ")
    return SPOKEN.get(phrase, phrase)


def exemplars(cause: str, cases: Sequence[Case], assignments: Sequence[Assignment], count: int = 4) -> list[Case]:
    """Return up to `count` cases that show a cause: the medoid first, its edge last, spread between them.

    The medoid is the most similar to the centroid, the edge the least; ties go by key. Between them stand those
    farthest on the map from all chosen; among equally far ones another suite, then another answer.
    """
    near = {(c.run_id, c.key): (c, a) for c, a in zip(cases, assignments, strict=True) if a.cause == cause}
    left = [near[key] for key in sorted(near, key=lambda key: (-round(near[key][1].similarity, 5), key[1], key[0]))]
    if len(left) <= 2 or count <= 2:
        return [case for case, _ in [*left[:1], *left[1:][-1:]]][:count]
    chosen, edge = [left.pop(0)], left.pop()
    while left and len(chosen) < count - 1:
        best = min(range(len(left)), key=lambda place: (_crowding(left[place], [*chosen, edge]), place))
        chosen.append(left.pop(best))
    return [case for case, _ in [*chosen, edge]]


def _crowding(one: tuple[Case, Assignment], chosen: Sequence[tuple[Case, Assignment]]) -> tuple[float, bool, bool]:
    apart = min(math.hypot(one[1].x - other.x, one[1].y - other.y) for _, other in chosen)
    alike = (
        any(one[0].suite == case.suite for case, _ in chosen),
        any(one[0].answer == case.answer for case, _ in chosen),
    )
    return -round(apart, 4), *alike


def _label(cause: str, words: Sequence[str], taken: set[str]) -> str:
    """Return the first keyword and the next one that reads by itself; more where another cause is called so."""
    parts = [*words[:1], *(word for word in words[1:] if " " in word and len(word) <= SHORT)]
    ways = [*(parts[:count] for count in range(2, len(parts) + 1)), parts, words, [*parts[:2], cause]]
    return next(label for way in ways if (label := " · ".join(way)) and label not in taken)


def _signatures(diagnoses: Sequence[Diagnosis], causes: Sequence[str]) -> Mapping[str, list[str]]:
    """Return by cause the signature values that it has more often than the others, as people say them, best first."""
    sizes, inside, anywhere = (
        Counter(causes),
        defaultdict[str, Counter[tuple[str, str]]](Counter),
        Counter[tuple[str, str]](),
    )
    for diagnosis, cause in zip(diagnoses, causes, strict=True):
        inside[cause].update(diagnosis.signature.items())
        anywhere.update(diagnosis.signature.items())
    ranked: dict[str, list[str]] = {}
    for cause, counts in inside.items():
        found = []
        for (feature, value), count in counts.items():
            p = count / sizes[cause]
            # Half a failure of pseudo-count: a value that nobody else has is not infinitely telling.
            q = (anywhere[feature, value] - count + 0.5) / (len(causes) - sizes[cause] + 1)
            if p >= HALF and p >= LIFT * q and f"{feature} {value}" not in DULL:
                telling = feature in TELLING or feature.startswith("is_")
                # Mode and outcome mostly say the same in other words: the better of the two.
                slot = "mode" if feature in ("mode", "outcome") else f"{feature} {value}"
                found.append((not telling, -round(p * math.log(p / q), 6), spoken(feature, value), slot))
        slots = {slot: phrase for _, _, phrase, slot in sorted(found, reverse=True)}
        ranked[cause] = [phrase for _, _, phrase, slot in sorted(found) if slots[slot] == phrase]
    return defaultdict(list, ranked)


def _terms(diagnoses: Sequence[Diagnosis], causes: Sequence[str]) -> Mapping[str, list[str]]:
    """Return the terms of each cause by c-TF-IDF, best first, the longer of two that are equally good.

    What few of its failures are told of names nothing: the remainder of all others is not its oddest part.
    """
    import numpy as np

    counts, held = defaultdict[str, Counter[str]](Counter), defaultdict[str, Counter[str]](Counter)
    sizes = Counter(causes)
    for (text, cause), times in Counter(zip((d.text for d in diagnoses), causes, strict=True)).items():
        told = list(terms(text))
        held[cause].update(dict.fromkeys(told, times))
        for term in told:
            counts[cause][term] += times
    vocabulary = sorted(set().union(*counts.values()))
    matrix = np.array([[found[term] for term in vocabulary] for found in counts.values()])
    ranked: dict[str, list[str]] = {}
    for (cause, found), row in zip(counts.items(), ctfidf(matrix) if vocabulary else (), strict=True):
        weights = {term: weight for term, weight in zip(vocabulary, row.tolist(), strict=True) if term in found}
        rare = {term for term in weights if held[cause][term] < SUPPORT * sizes[cause]}
        ranked[cause] = sorted(weights, key=lambda term: (term in rare, -round(weights[term], 9), -len(term), term))
    return defaultdict(list, ranked)


def terms(text: str) -> Iterator[str]:
    """Yield the words of a diagnosis and the pairs within a clause, lower case, masks and function words left out."""
    for clause in CLAUSE.split(text):
        words = [None if word in MASKS else word.casefold() for word in WORD.findall(clause)]
        for place, word in enumerate(words):
            if word is None or word in FUNCTION:
                continue
            if len(word) > 1:
                yield word
            if place + 1 < len(words) and (after := words[place + 1]) is not None and after not in FUNCTION:
                yield f"{word} {after}"


def _apart(values: Sequence[str], found: Sequence[str]) -> tuple[str, ...]:
    """Return the first values, then the first terms, none of which is part of another."""
    chosen: list[str] = []
    for limit, words in ((SIGNATURES, values), (MOST, found)):
        for word in words:
            if len(chosen) < limit and word and not any(word in other or other in word for other in chosen):
                chosen.append(word)
    return tuple(chosen)
