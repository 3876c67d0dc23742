"""Holds rows against the index: exactly, by n-grams, by MinHash containment, by meaning; the first measure that hits.

    matches(index, rows)   -> {3: Match("exact", 1.0, {"suite": "mmlu", "sample": "9f..", "split": "test", ..})}

    exact     the same question in canonical form (any text, paragraph or line of the row), or the same program
    13-gram   `OVERLAP[13]` of a question's or answer's telling 13-grams stand in the row;   8-gram   likewise of 8
    minhash   `CONTAINED` of a question's character 5-grams lie in the row's question
    meaning   square root of (weight of shared words x cosine of sentence vectors) of at least `NEAR`; without a
              sentence model (`words`) the cosine of weighted words stands in for it

Procedural samples are held to the first alone. Where a suite's own questions crowd ("Write a function to find the
perimeter of a square" beside "the area of a square") nearness says little, and `CROWDED` is asked for.
The bars were set on copies and rows that `tests/bench/bench_decontamination.py` draws with other seeds, of the same
samples: they are fitted to these suites, and another suite may do worse.

Cost: 1 ms a row for all but meaning, which embeds a row and the `CANDIDATES` samples that share its rare words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from improve.curation import rows as dataset
from improve.curation import sketches, text
from improve.curation.index import GRAMS, LONG, Index, words_of
from improve.curation.rows import Row

OVERLAP = {8: 0.5, 13: 0.2}
CONTAINED = 0.85
NEAR = {"meaning": 0.72, "words": 0.62}
CROWDED = 0.93
"""Bar of MinHash and meaning where a suite's own questions crowd (`index.crowded`)."""
CANDIDATES = 3
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
    bars = _Bars(index)
    measures: tuple[Callable[[Sequence[Row]], list[Match | None]], ...] = (
        lambda left: _by_grams(index, left),
        lambda left: _by_minhash(index, left, bars),
        lambda left: _by_meaning(index, left, bars, embedder, progress),
    )
    for measure in measures:
        left = [place for place in range(len(rows)) if place not in found]
        hits = measure([rows[place] for place in left])
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


class _Bars:
    """How near is too near, by item."""

    def __init__(self, index: Index) -> None:
        import numpy as np

        crowded = set(index.about["crowded"])
        self.strict = np.array([index.items[place]["group"] in crowded for place in range(len(index.prose))])

    def over(self, bar: float) -> Any:
        """Return the bar of each item, float (n,)."""
        import numpy as np

        return np.where(self.strict, CROWDED, bar)


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
            if share[best] >= OVERLAP[n]:
                found[place] = Match(f"{n}-gram", float(share[best]), index.items[items[best]])
    return found


def _by_minhash(index: Index, rows: Sequence[Row], bars: _Bars) -> list[Match | None]:
    import numpy as np

    signatures, sizes, bar = (
        np.asarray(index.array("signatures")),
        np.asarray(index.array("sizes")),
        bars.over(CONTAINED),
    )
    found: list[Match | None] = []
    for signature, size in zip(*sketches.signatures(_words(row) for row in rows), strict=True):
        held = sketches.containment(signature, int(size), signatures, sizes)
        # Beside a text many times its size an item's share is mostly noise; n-grams see it there.
        held = np.where((sizes * 4 < size) | (sizes < LONG), 0.0, held)
        best = int(np.argmax(held - bar))
        near = held[best] >= bar[best]
        found.append(Match("minhash", float(held[best]), index.items[best]) if near else None)
    return found


def _by_meaning(
    index: Index, rows: Sequence[Row], bars: _Bars, embedder: str, progress: Progress
) -> list[Match | None]:
    """Return the nearest sample of each row among those that share its rare words, where it is too near."""
    import numpy as np

    from harness.failures import embedding, sentences

    near = index.words.nearest([_words(row) for row in rows], CANDIDATES)
    model = None if embedder == "words" or not sentences.available() else embedding.embedder(embedder)
    measure = "meaning" if model else "words"
    bar = bars.over(NEAR[measure])
    # What shares too few words cannot reach the bar, however alike it means.
    near = [
        [
            one
            for one in some
            if one.held >= bar[one.item] ** 2 and not other_numbers(index.prose[one.item], _asked(row))
        ]
        for row, some in zip(rows, near, strict=True)
    ]
    wanted = [place for place, some in enumerate(near) if some]
    if model and wanted:
        told = model.transform([_asked(rows[place]) for place in wanted])
        items = sorted({one.item for some in near for one in some})
        kept = model.transform(
            [index.prose[item] for item in items], lambda note, share: progress(0.5 + share / 2, note)
        )
        at = dict(zip(items, kept, strict=True))
    found: list[Match | None] = [None] * len(rows)
    for number, place in enumerate(wanted):
        scores = [one.held * (float(told[number] @ at[one.item]) if model else one.cosine) for one in near[place]]
        scores = [max(0.0, score) ** 0.5 for score in scores]
        best = int(np.argmax([score - bar[one.item] for score, one in zip(scores, near[place], strict=True)]))
        if scores[best] >= bar[near[place][best].item]:
            found[place] = Match(measure, scores[best], index.items[near[place][best].item])
    return found


def other_numbers(sample: str, row: str) -> bool:
    """Return whether a row lacks more than half of a sample's numbers: a sum with others is another question."""
    own = Counter(word for word in text.tokens(sample) if word[0].isdigit())
    shared = own & Counter(word for word in text.tokens(row) if word[0].isdigit())
    return own.total() > 1 and 2 * shared.total() < own.total()


def _asked(row: Row) -> str:
    stem, choices = text.split_choices(dataset.question(row))
    return "\n".join([stem, *sorted(choices)])


def _words(row: Row) -> list[str]:
    return words_of(*text.split_choices(dataset.question(row)))
