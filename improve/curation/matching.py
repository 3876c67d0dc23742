"""Holds rows against the index: exactly, by n-grams, by meaning; the first measure that hits.

    matches(index, rows)   -> {3: Match("exact", 1.0, {"suite": "mmlu", "sample": "9f..", "split": "test", ..})}

    exact     the same question in canonical form (any text, paragraph or line of the row), or the same program
    13-gram   `OVERLAP[13]` of a question's or answer's telling 13-grams stand in the row;   8-gram   likewise of 8;
              fewer than `EVIDENT` of them say something only where half of the question's words are shared too
    meaning   likeness less `RIVAL` times the likeness of the next sample is at least `BAR`, more for brief questions

Likeness is a third the shared weight of words (`curation.likeness`) and two thirds the cosine of sentence vectors;
without a sentence model (`words`) the former alone. A new question on a crowded subject is about as near to several
samples, a reworded sample is far nearer to one: that is why the next sample counts (Lowe 2004, "Distinctive image
features from scale-invariant keypoints", section 7.1, has it as a ratio). A question with other numbers is another
question. Procedural samples are held to the first measure alone.

The constants were set on a part of the rewordings and clean rows of docs/decontamination.md, which says what they are
worth on the rest: they are fitted to these suites, and another suite may do worse.

Cost: 1 ms a row for all but meaning, which embeds a row and up to `NEIGHBOURS` samples that share its rare words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.workbench import rows as dataset
from harness.workbench.rows import Row
from improve.curation import likeness, sketches, text
from improve.curation.index import GRAMS, Index, words_of
from improve.curation.likeness import Question

OVERLAP = {8: 0.5, 13: 0.2}
EVIDENT = 10
"""n-grams in common that speak for themselves: a run of words that nobody writes twice."""
BAR = {"meaning": 0.27, "words": 0.2}
BRIEF = 1.0
"""Nats: over the weight of a question's words it is added to the bar. The less a question says, the more questions are
as near to it by chance."""
RIVAL = 0.8
LONELY = 0.5
"""Likeness of the next sample at least: where there is none, a row must still be alike."""
SAME = 0.85
"""Likeness from which two samples are one question, and no rivals."""
LEAST = 0.3
"""Share of words below which no row is embedded."""
CANDIDATES, NEIGHBOURS = 20, 4
"""Samples looked up by rare words, and how many of them, by shared words, are looked at closely."""
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Match:
    """The sample that a row is near to."""

    measure: str
    value: float
    """How near: 1 is the same."""
    item: Mapping[str, str]

    @property
    def detail(self) -> dict[str, Any]:
        """Suite, id, split and name of the sample, measure and value."""
        near = {key: self.item[key] for key in ("suite", "sample", "split", "name")}
        return {"near": near, "measure": self.measure, "value": round(self.value, 4)}


def matches(index: Index, rows: Sequence[Row], progress: Progress, embedder: str = "auto") -> dict[int, Match]:
    """Return place -> match of the rows that repeat a sample."""
    found = {place: one for place, row in enumerate(rows) if (one := exact(index, row)) is not None}
    progress(0.2, "n-grams")
    if not index.prose:
        return found
    for measure in (_by_grams, partial(_by_meaning, embedder=embedder, progress=progress)):
        left = [place for place in range(len(rows)) if place not in found]
        hits = measure(index, [rows[place] for place in left])
        found |= {place: one for place, one in zip(left, hits, strict=True) if one is not None}
    return found


def exact(index: Index, row: Row) -> Match | None:
    """Return the sample whose question, or program, a row holds in canonical form."""
    for key in keys_of(row):
        if key in index.keys:
            return Match("exact", 1.0, index.items[index.keys[key]])
    return None


def keys_of(row: Row) -> Iterator[str]:
    """Yield the canonical keys of what a row may be asking, the whole question first."""
    asked, said = dataset.question(row), dataset.answer(row)
    stem, choices = text.split_choices(asked)
    words = text.tokens(stem)
    yield text.key_of(words, [text.tokens(one) for one in choices])
    yield text.key_of(words)
    yield text.key_of([*words, "=", *text.tokens(said)])
    for one in dataset.texts(row):
        parts = {one, *one.split("\n\n"), *one.split("\n")} - {asked, ""}
        for part in sorted(parts):
            yield text.key(part)
        for program in text.programs(one):
            if found := text.program(program):
                yield found
    if found := text.program(asked + said):
        yield found


def _by_grams(index: Index, rows: Sequence[Row]) -> list[Match | None]:
    import numpy as np

    found: list[Match | None] = [None] * len(rows)
    for n in sorted(GRAMS, reverse=True):
        hashes, owners, counts = (index.array(f"{name}_{n}") for name in ("grams", "owners", "counts"))
        for place, row in enumerate(rows):
            own = np.unique(np.concatenate([sketches.grams(text.tokens(one), n) for one in dataset.texts(row)]))
            first, last = np.searchsorted(hashes, own, "left"), np.searchsorted(hashes, own, "right")
            hit = [owners[a:b] for a, b in zip(first, last, strict=True) if b > a]
            if not hit or found[place] is not None:
                continue
            items, shared = np.unique(np.concatenate(hit), return_counts=True)
            share = shared / counts[items]
            best = int(np.argmax(share))
            if share[best] >= OVERLAP[n] and (shared[best] >= EVIDENT or _half(index, row, int(items[best]))):
                found[place] = Match(f"{n}-gram", float(share[best]), index.items[items[best]])
    return found


def _half(index: Index, row: Row, item: int) -> bool:
    """Return whether a row has half of the weight of a sample's words, choices and all."""
    sample, own = index.question(item), frozenset(text.stems(_words(row)))
    weights = {word: index.words.of(word) for word in sample.every}
    return 2 * sum(weight for word, weight in weights.items() if word in own) >= sum(weights.values())


@dataclass(frozen=True)
class _Near:
    """A sample beside a row."""

    item: int
    sample: Question
    shared: float


def _by_meaning(index: Index, rows: Sequence[Row], embedder: str, progress: Progress) -> list[Match | None]:
    """Return the sample of which each row is a rewording."""
    from harness.failures import embedding, sentences

    asked = [Question(*_split(row)) for row in rows]
    looked_up = index.words.nearest([words_of(one.stem, one.choices) for one in asked], CANDIDATES)
    near = [_neighbours(index, one, items) for one, items in zip(asked, looked_up, strict=True)]
    model = None if embedder == "words" or not sentences.available() else embedding.embedder(embedder)
    vectors: dict[str, Any] = {}
    if model:
        pairs = [likeness.told(own, one.sample) for own, some in zip(asked, near, strict=True) for one in some]
        wanted = sorted({text for pair in pairs for text in pair})
        found = model.transform(wanted, lambda note, share: progress(0.4 + 0.6 * share, note)) if wanted else []
        vectors = dict(zip(wanted, found, strict=True))
    return [_reworded(index, own, some, vectors) for own, some in zip(asked, near, strict=True)]


def _neighbours(index: Index, own: Question, items: Sequence[int]) -> list[_Near]:
    """Return the samples that share most words with a row; none where it can be a rewording of none of them."""
    some = [_Near(item, index.question(item), 0.0) for item in items]
    some = [_Near(one.item, one.sample, likeness.shared(own, one.sample, index.words)) for one in some]
    some = sorted(some, key=lambda one: -one.shared)[:NEIGHBOURS]
    return some if any(_may_be(own, one) for one in some) else []


def _may_be(own: Question, near: _Near) -> bool:
    return near.shared >= LEAST and not likeness.exchanged(own, near.sample)


def _reworded(index: Index, own: Question, near: Sequence[_Near], vectors: Mapping[str, Any]) -> Match | None:
    """Return the sample that a row rewords, told from its rivals."""
    texts = [likeness.told(own, one.sample) for one in near]
    alike = [one.shared for one in near]
    if vectors:
        alike = [one / 3 + 2 * float(vectors[a] @ vectors[b]) / 3 for one, (a, b) in zip(alike, texts, strict=True)]
    measure = "meaning" if vectors else "words"
    best: tuple[float, int] = (-1.0, -1)
    for place, one in enumerate(near):
        rival = LONELY
        for other, further in enumerate(near):
            if not _same(index, one, further, (texts[place][1], texts[other][1]), vectors):
                rival = max(rival, alike[other])
        if _may_be(own, one):
            bar = BAR[measure] + BRIEF / likeness.weight(own, one.sample, index.words)
            best = max(best, (alike[place] - RIVAL * rival - bar, place))
    if best[0] < 0:
        return None
    return Match(measure, alike[best[1]], index.items[near[best[1]].item])


def _same(index: Index, one: _Near, other: _Near, texts: tuple[str, str], vectors: Mapping[str, Any]) -> bool:
    """Return whether two samples are one question: of one origin, or nearly word for word."""
    if index.items[one.item]["origin"] == index.items[other.item]["origin"]:
        return True
    if vectors:
        return float(vectors[texts[0]] @ vectors[texts[1]]) >= SAME
    return likeness.shared(one.sample, other.sample, index.words) >= SAME


def _split(row: Row) -> tuple[str, tuple[str, ...]]:
    return text.split_choices(dataset.question(row))


def _words(row: Row) -> list[str]:
    return [word for one in dataset.texts(row) for word in text.tokens(one)]
