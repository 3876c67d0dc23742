"""How alike a row's question and a sample's are: in their words, in their numbers, and what to embed.

    row, sample = Question("Two hens: count their legs."), Question("How many legs do two hens have?")
    shared(row, sample, weights)     -> 0.7     of the words' weight, 0 to 1
    exchanged(row, sample)           -> False   both say 2
    told(row, sample)                -> the texts of both to hold side by side

Words are stems (`text.stems`), weighed by their rarity (`wordweights`). `shared` is the geometric mean of two shares:
how much of each question's weight the other one has. A sum with other numbers is another sum: numbers are exchanged
where more of them differ than a quarter of those that agree. All that the row asks counts, and the sample's choices
where the row has some too. Source: our own; docs/decontamination.md says what it is worth. Cost: 20 us a pair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from improve.curation import text
from improve.curation.wordweights import Words

DIFFER = 4
"""Numbers that must agree for each one that differs."""


@dataclass(frozen=True)
class Question:
    """A question without its choices, and these."""

    stem: str
    choices: tuple[str, ...] = ()

    @cached_property
    def words(self) -> list[str]:
        """Stems of the question's words."""
        return text.stems(text.tokens(self.stem))

    @cached_property
    def every(self) -> frozenset[str]:
        """Stems of the words of question and choices."""
        return frozenset(self.words).union(*(text.stems(text.tokens(one)) for one in self.choices))

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Numbers in the question, with how often each occurs."""
        return Counter(word for word in self.words if word[0].isdigit())


def shared(row: Question, sample: Question, weights: Words) -> float:
    """Return which share of their words' weight a row and a sample have in common, 0 to 1."""
    ours, theirs = row.every, _asked(row, sample)
    common, one, other = (sum(map(weights.of, words)) for words in (ours & theirs, ours, theirs))
    return float(common / max(1e-9, (one * other) ** 0.5))


def weight(row: Question, sample: Question, weights: Words) -> float:
    """Return the weight of the words of a sample that `shared` looks at, in nats."""
    return max(1.0, sum(map(weights.of, _asked(row, sample))))


def _asked(row: Question, sample: Question) -> frozenset[str]:
    return sample.every if row.choices else frozenset(sample.words)


def exchanged(row: Question, sample: Question) -> bool:
    """Return whether numbers of one question stand where the other one has others."""
    agree = (Counter(row.numbers) & Counter(sample.numbers)).total()
    return DIFFER * (min(sum(row.numbers.values()), sum(sample.numbers.values())) - agree) > agree


def told(row: Question, sample: Question) -> tuple[str, str]:
    """Return the texts of a row and a sample to hold side by side, choices in an order that does not hang on theirs."""
    ours = [row.stem, *sorted(row.choices)]
    return "\n".join(ours), "\n".join([sample.stem, *(sorted(sample.choices) if row.choices else ())])
