"""Chooses among the practice rows of a procedural suite those that look like what failed. No tag is looked at.

    "Write these words in reverse order: pencil candle oven"   -> form "Write these words in reverse order : _ _ _"

What counts is a question's form: numbers are masked, and every word that fewer than 3% of the questions drawn hold, so
names and contents; letter case stays. Forms are embedded by `harness.failures.embedding` (`lsa`, fitted on the forms),
and the failures of a cause take turns: each takes the nearest row that is left, equal ones by a seeded order. So a
cause that shows in two kinds of question gets both. A fifth of the rows are drawn from those farther away: a cause is
wider than the failures that show it.

On `primer` 90% of the nearest rows are of a variant of skill that failed for their cause with four failures shown a
cause, 98% with twelve (85% and 90% with the diverse ones), 4% of rows taken without aim
(`tests/improve/test_generate_targeting.py`). The 3% were settled on `primer`, which has 25 kinds: where a kind is rarer
than that among the questions drawn, its own words are masked too. Cost: a second for 12,000 rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.contracts import Practice
from harness.failures.embedding import embedder
from harness.hashing import fraction
from improve.curation import text
from improve.teaching.causes import Cause

COMMON = 0.03
"""Share of the questions drawn that must hold a word for it to be a matter of form."""
DIVERSE = 0.2
"""Of a cause's rows: drawn from farther away."""
REACH = 4
"""How many times as far as the nearest rows they are drawn from, by rank."""
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d[\d.,]*|[^\w\s]|_+")


@dataclass(frozen=True)
class Chosen:
    """A practice row for a cause."""

    prompt: str
    answer: str
    exemplar: str
    """Sample id of the failure that it is near to."""
    similarity: float
    """Cosine of the two forms."""
    diverse: bool


def choose(
    drawn: Sequence[Practice], causes: Sequence[Cause], wanted: Mapping[str, int], seed: int
) -> dict[str, list[Chosen]]:
    """Return the rows chosen by cause, as many as `wanted` where the pool has them; no row is chosen twice."""
    pool = list({text.key(one.prompt): one for one in drawn}.values())
    named = [cause for cause in causes if cause.id in wanted]
    shown = [exemplar.question for cause in named for exemplar in cause.exemplars]
    vectors = _embedded(forms([*(one.prompt for one in pool), *shown]), seed)
    order = sorted(range(len(pool)), key=lambda place: fraction(seed, pool[place].prompt))
    # A failure itself is no row, even where a suite would draw it.
    failed = set(map(text.key, shown))
    taken = {place for place, one in enumerate(pool) if text.key(one.prompt) in failed}
    found, start = {}, len(pool)
    for cause in named:
        end = start + len(cause.exemplars)
        alike = vectors[: len(pool)] @ vectors[start:end].T  # (pool, exemplars)
        found[cause.id] = list(_of_cause(cause, alike, pool, order, wanted[cause.id], taken, seed))
        start = end
    return found


def forms(questions: Sequence[str]) -> list[str]:
    """Return each question without labels, with its numbers and all words masked that few of the others hold."""
    split = [WORD.findall(text.stripped(one)) for one in questions]
    counts = Counter(word for words in split for word in set(words))
    least = COMMON * len(split)
    return [" ".join(_masked(word, counts[word] >= least) for word in words) for words in split]


def _masked(word: str, common: bool) -> str:
    if word[0].isdigit():
        return "0"
    return word if common or not word[0].isalpha() else "_"


def _embedded(texts: Sequence[str], seed: int) -> Any:
    return embedder("lsa").fit(texts, seed).transform(texts)


def _of_cause(
    cause: Cause, alike: Any, pool: Sequence[Practice], order: Sequence[int], count: int, taken: set[int], seed: int
) -> Iterator[Chosen]:
    """Yield the nearest rows, then those from farther away; marks them as taken."""
    queues = [_nearest(alike[:, number], order, taken) for number in range(len(cause.exemplars))]
    diverse = int(DIVERSE * count)
    band = list(_in_turn(queues, count - diverse + REACH * count, taken))
    for place, number in band[: count - diverse]:
        yield _chosen(cause, number, pool[place], alike[place, number], diverse=False)
    far = sorted(band[count - diverse :], key=lambda one: fraction(seed, cause.id, pool[one[0]].prompt))
    for place, number in far[:diverse]:
        yield _chosen(cause, number, pool[place], alike[place, number], diverse=True)
    taken.difference_update(place for place, _ in far[diverse:])


def _nearest(alike: Any, order: Sequence[int], taken: set[int]) -> Iterator[int]:
    # Rounded: the last bits of a cosine are no reason.
    for place in sorted(order, key=lambda place: -round(float(alike[place]), 5)):
        if place not in taken:
            yield place


def _in_turn(queues: Sequence[Iterator[int]], count: int, taken: set[int]) -> Iterator[tuple[int, int]]:
    """Yield (place, number of the queue), each queue in its turn, until `count` or all are empty; marks as taken."""
    left = dict(enumerate(queues))
    while left and count:
        for number in list(left):
            place = next(left[number], None)
            if place is None:
                del left[number]
            elif count:
                taken.add(place)
                count -= 1
                yield place, number


def _chosen(cause: Cause, number: int, row: Practice, similarity: Any, diverse: bool) -> Chosen:
    exemplar = cause.exemplars[number].sample_id
    return Chosen(row.prompt, row.target, exemplar, round(float(similarity), 4), diverse)
