"""Kinds of question: a tree of suite, tags and embedded prompts. It looks at questions only, never at scores.

    tree(questions, "lsa")  ->  [Slice(("mmlu",), ..), Slice(("mmlu", "category=stem"), ..),
                                 Slice(("mmlu", "category=stem", "subject=virology", "kind 2"), ..), ..]

A tag parts its suite; a tag whose every value lies within one value of a coarser tag hangs below that one (subjects
below categories). Below the finest tag, and where there is none, recursive KMeans on the embedded question with its
options, into the 2 to 10 parts of the best cosine silhouette, as EvalTree has it (Zeng et al. 2025, arXiv 2503.08893;
there on capabilities that a model wrote).

Cost: 14,042 questions of MMLU with `lsa` in 13 s on two cores (100 s where eight others use them); a sentence model
takes minutes for them, so `lsa` is the default here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.failures.asked import Question
from harness.failures.embedding import Progress, embedder

SMALLEST = 5
"""Questions of a slice that is worth a bound."""
SPLIT = 40
"""Questions that are parted further."""
PARTS = 10
SEEN = 1000
"""Questions that a silhouette looks at."""
FITTED = 4000
"""Questions that an embedder is fitted on: the vocabulary of more is the same."""
TEXT = 500
"""Characters of a question that are embedded: what it is about stands there."""


@dataclass(frozen=True)
class Slice:
    """Questions of one kind."""

    path: tuple[str, ...]
    members: Any
    """Places of its questions, an array of int, rising."""


def tree(
    questions: Sequence[Question], named: str = "lsa", seed: int = 0, progress: Progress | None = None
) -> list[Slice]:
    """Return the slices of at least five questions, parents before children.

    Raises:
        UsageError: an unknown embedder. MissingPackage: what it needs is not installed.
    """
    import numpy as np

    suites: dict[str, list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        suites[question.suite].append(place)
    found = []
    for suite, places in sorted(suites.items()):
        tagged = list(_tagged(questions, Slice((suite,), np.array(places))))
        leaves = [one for one, leaf in tagged if leaf and len(one.members) >= SPLIT]
        found += [one for one, _ in tagged]
        if leaves:
            found += _embedded(questions, leaves, named, seed, progress)
    return [one for one in found if len(one.members) >= SMALLEST]


def _tagged(questions: Sequence[Question], whole: Slice) -> Iterator[tuple[Slice, bool]]:
    """Yield a suite and the slices of its tags, each with whether it is a leaf: of the finest tag, or of none."""
    import numpy as np

    values = {
        tag: [questions[place].tags.get(tag, "") for place in whole.members]
        for tag in sorted({tag for place in whole.members for tag in questions[place].tags})
    }
    usable = [tag for tag, each in values.items() if 1 < len(set(each)) <= len(each) / SMALLEST]
    usable.sort(key=lambda tag: (len(set(values[tag])), tag))
    yield whole, not usable
    for place, tag in enumerate(usable):
        above = [coarse for coarse in usable[:place] if _nested(values[tag], values[coarse])]
        named = [[f"{each}={value or '-'}" for value in values[each]] for each in [*above, tag]]
        parts: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for member, path in zip(whole.members, zip(*named, strict=True), strict=True):
            parts[path].append(member)
        for path, members in sorted(parts.items()):
            yield Slice((*whole.path, *path), np.array(members)), place == len(usable) - 1


def _nested(fine: Sequence[str], coarse: Sequence[str]) -> bool:
    return len(set(zip(fine, coarse, strict=True))) == len(set(fine))


def _embedded(
    questions: Sequence[Question], leaves: Sequence[Slice], named: str, seed: int, progress: Progress | None
) -> Iterator[Slice]:
    """Yield the slices below leaves. Only questions of leaves that are parted at all are embedded."""
    import numpy as np

    places = np.concatenate([leaf.members for leaf in leaves])
    texts = [questions[place].text[:TEXT] for place in places]
    step = -(-len(texts) // FITTED)
    vectors = embedder(named).fit(texts[::step], seed).transform(texts, progress)
    starts = np.cumsum([0, *(len(leaf.members) for leaf in leaves)])
    for number, leaf in enumerate(leaves):
        own = vectors[starts[number] : starts[number + 1]]
        yield from _parted(leaf, own, seed)
        if progress is not None:
            progress("parting questions", (number + 1) / len(leaves))


def _parted(whole: Slice, vectors: Any, seed: int) -> Iterator[Slice]:
    """Yield the parts of a slice and theirs, until they are small or no parting is better than none."""
    import numpy as np

    labels = _parting(vectors, seed) if len(whole.members) >= SPLIT else None
    if labels is None:
        return
    for number, label in enumerate(np.unique(labels), start=1):
        inside = labels == label
        kind = f"{whole.path[-1]}.{number}" if whole.path[-1].startswith("kind ") else f"kind {number}"
        above = whole.path[:-1] if whole.path[-1].startswith("kind ") else whole.path
        part = Slice((*above, kind), whole.members[inside])
        yield part
        yield from _parted(part, vectors[inside], seed)


def _parting(vectors: Any, seed: int) -> Any:
    """Return the part of each vector under the number of parts with the best silhouette, None where none is above 0."""
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score
    from threadpoolctl import threadpool_limits

    distinct = len(np.unique(vectors, axis=0))
    seen = np.random.default_rng(seed).permutation(len(vectors))[:SEEN]
    best, found = 0.0, None
    with threadpool_limits(1):  # sums in another order would be other parts on another machine
        for k in range(2, min(PARTS, distinct - 1) + 1):
            labels = KMeans(k, n_init=2, random_state=seed).fit(vectors).labels_
            if len(set(labels[seen])) < 2:
                continue
            score = silhouette_score(vectors[seen], labels[seen], metric="cosine")
            if score > best:
                best, found = score, labels
    return found
