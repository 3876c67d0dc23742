"""How models agree on wrong answers: chance under independent errors, and the odds that the gold is the wrong one.

    agreements([Item("9f..", "virology", gold="b", said={"gpt-4": "d", "opus": "d", "llama": "d"}), ..])[0]
      -> Agreement(item, answer="d", agree=3, p=0.0004, odds=6.1)

If all golds were right and models erred independently, model m would give the wrong answer w with probability (its
error rate in the item's group) x (share of w among the wrong answers to *other* items). `p` is how likely as many
models as did would then agree on any wrong answer: the Poisson-binomial tail, summed over the answers.

`odds` are those of "the common answer is the right one" to "the gold is", in natural logs: a strong model weighs more
than a weak one, a model that gives the gold counts against, and a group where golds are often wrong makes each of its
items likelier. Error rates and the share of wrong golds of a group are fitted together (Dawid and Skene 1979, Applied
Statistics 28:20, EM, errors spread over wrong answers as above); small groups lean on the suite.

Cost: a pass of plain Python per round: 1,319 items of five models in under a second.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAN = 10
"""Items of the whole suite that a group's rates lean on."""
LEAST, MOST = 0.01, 0.99
"""Rates are kept within: nobody is known to be always right from a few hundred items."""
PRIOR = 0.02
"""Share of wrong golds that the fit begins with."""
ROUNDS = 10
STEEPEST = 30.0
"""Log odds beyond which more says nothing."""


@dataclass(frozen=True)
class Item:
    """One sample and what the models said to it."""

    id: str
    group: str
    gold: str
    said: Mapping[str, str]
    """Model -> its answer, the gold where it was scored right, empty where it gave none."""


@dataclass(frozen=True)
class Agreement:
    """What speaks against the gold of an item."""

    item: Item
    answer: str
    """The most common wrong answer."""
    agree: int
    p: float
    """Not adjusted for other items."""
    odds: float


def agreements(items: Sequence[Item]) -> list[Agreement]:
    """Return what speaks against each item of one suite that two models or more answered, in the order given."""
    answered = [item for item in items if len(item.said) > 1]
    common = [_common(item) for item in answered]
    wrong = Counter(answer for item in answered for answer in item.said.values() if answer and answer != item.gold)
    doubts = [0.0] * len(answered)
    errors = _errors(answered, common, doubts)
    ps = _chances(answered, common, wrong, errors)
    shares = [_share(item, answer, agree, wrong) for item, (answer, agree) in zip(answered, common, strict=True)]
    bad = dict.fromkeys({item.group for item in answered}, PRIOR)
    odds: list[float] = []
    for _ in range(ROUNDS):
        odds = [
            _odds(item, answer, share, errors) + math.log(bad[item.group] / (1 - bad[item.group]))
            if agree > 1
            else -STEEPEST
            for item, (answer, agree), share in zip(answered, common, shares, strict=True)
        ]
        doubts = [1 / (1 + math.exp(-max(-STEEPEST, min(STEEPEST, each)))) for each in odds]
        errors, bad = _errors(answered, common, doubts), _bad(answered, doubts)
    return [
        Agreement(item, answer, agree, p, each)
        for item, (answer, agree), p, each in zip(answered, common, ps, odds, strict=True)
    ]


def _common(item: Item) -> tuple[str, int]:
    """Return the most common wrong answer and how many gave it."""
    own = Counter(answer for answer in item.said.values() if answer and answer != item.gold)
    return min(own.items(), key=lambda pair: (-pair[1], pair[0]), default=("", 0))


def _chances(
    items: Sequence[Item],
    common: Sequence[tuple[str, int]],
    wrong: Counter[str],
    errors: Mapping[tuple[str, str], float],
) -> list[float]:
    """Return the chance of each item's agreement, or a larger one, on any wrong answer; 1 where nobody agrees."""
    total, kinds, found = wrong.total() + len(wrong) + 1, Counter(wrong.values()), []
    for item, (_, agree) in zip(items, common, strict=True):
        if agree < 2:
            found.append(1.0)
            continue
        # What was said to this item itself is left out: it is what is judged.
        own = Counter(answer for answer in item.said.values() if answer and answer != item.gold)
        others = kinds - Counter(wrong[word] for word in [*own, item.gold])
        others.update(wrong[word] - count for word, count in own.items())
        free = total - own.total() - wrong[item.gold]
        rates = [errors[model, item.group] for model in item.said]
        p = sum(many * _tail([e * (count + 1) / free for e in rates], agree) for count, many in others.items())
        found.append(min(1.0, p))
    return found


def _share(item: Item, answer: str, agree: int, wrong: Counter[str]) -> float:
    """Return the share of an answer among the wrong ones to other items, the item's gold left out."""
    own = sum(bool(said) and said != item.gold for said in item.said.values())
    return (wrong[answer] - agree + 1) / (wrong.total() + len(wrong) + 1 - own - wrong[item.gold])


def _odds(item: Item, answer: str, share: float, errors: Mapping[tuple[str, str], float]) -> float:
    odds = 0.0
    for model, said in item.said.items():
        error = errors[model, item.group]
        strength = math.log((1 - error) / (error * share))
        odds += strength if said == answer else -strength if said == item.gold else 0.0
    return odds


def _errors(
    items: Sequence[Item], common: Sequence[tuple[str, int]], doubts: Sequence[float]
) -> dict[tuple[str, str], float]:
    """Return (model, group) -> error rate, where an item's gold is wrong with probability `doubts`."""
    counts: dict[tuple[str, str | None], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for item, (answer, _), doubt in zip(items, common, doubts, strict=True):
        for model, said in item.said.items():
            for group in (item.group, None):
                counts[model, group][0] += (said != item.gold) * (1 - doubt) + (said != answer) * doubt
                counts[model, group][1] += 1
    whole = {model: wrong / n for (model, group), (wrong, n) in counts.items() if group is None}
    return {
        (model, group): min(MOST, max(LEAST, (wrong + LEAN * whole[model]) / (n + LEAN)))
        for (model, group), (wrong, n) in counts.items()
        if group is not None
    }


def _bad(items: Sequence[Item], doubts: Sequence[float]) -> dict[str, float]:
    """Return group -> share of wrong golds."""
    groups: dict[str, list[float]] = defaultdict(list)
    for item, doubt in zip(items, doubts, strict=True):
        groups[item.group].append(doubt)
    whole = sum(doubts) / max(1, len(doubts))
    return {
        group: min(MOST, max(LEAST, (sum(each) + LEAN * whole) / (len(each) + LEAN))) for group, each in groups.items()
    }


def _tail(rates: Sequence[float], least: int) -> float:
    """Return the probability that `least` or more of independent events with these rates happen."""
    chances = [1.0]
    for rate in rates:
        taken = min(1.0, rate)
        chances = [
            (chances[k] * (1 - taken) if k < len(chances) else 0.0) + (chances[k - 1] * taken if k else 0.0)
            for k in range(len(chances) + 1)
        ]
    return math.fsum(chances[least:])
