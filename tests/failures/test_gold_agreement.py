"""Agreement on wrong answers: planted wrong golds are found first, and independent errors raise no suspicion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import stats
from harness.failures.agreement import Item, agreements

LETTERS = "abcd"
MODELS = {"m1": 0.9, "m2": 0.85, "m3": 0.8, "m4": 0.75, "m5": 0.7}


def quiz(seed: int, bad: int, *, count: int = 500, traps: float = 0.0) -> tuple[list[Item], set[str]]:
    """Return items with `bad` wrong golds among them. `traps`: how much of an error goes to one favoured option, and
    how much harder some items are for all models.
    """
    dice = np.random.default_rng(seed)
    items, planted = [], set[str]()
    for number in range(count):
        truth = int(dice.integers(4))
        trap, hard = (truth + 1) % 4, traps * dice.uniform(-0.3, 0.3)
        said = {}
        for model, accuracy in MODELS.items():
            if dice.random() < accuracy - hard:
                said[model] = LETTERS[truth]
            elif dice.random() < traps:
                said[model] = LETTERS[trap]
            else:
                said[model] = LETTERS[(truth + 1 + int(dice.integers(3))) % 4]
        gold = LETTERS[(truth + 1 + int(dice.integers(3))) % 4] if number < bad else LETTERS[truth]
        planted |= {str(number)} if number < bad else set()
        items.append(Item(str(number), f"g{number % 5}", gold, said))
    return items, planted


def flagged(items: list[Item]) -> list[str]:
    found = agreements(items)
    adjusted = stats.benjamini_hochberg({place: one.p for place, one in enumerate(found)})
    kept = [one for place, one in enumerate(found) if adjusted[place] <= 0.05 and one.odds > 0]
    return [one.item.id for one in sorted(kept, key=lambda one: -one.odds)]


@pytest.mark.parametrize("seed", range(5))
def test_planted_wrong_golds_stand_first(seed: int) -> None:
    items, planted = quiz(seed, bad=25, traps=0.3)
    found = flagged(items)
    top = found[:20]
    assert len(planted & set(top)) / len(top) >= 0.8
    assert len(planted & set(found)) >= 0.5 * len(planted)


def test_independent_errors_raise_no_suspicion() -> None:
    alarms = sum(bool(flagged(quiz(seed, bad=0, count=150)[0])) for seed in range(100))
    assert alarms <= 5


def test_a_group_of_wrong_golds_stands_before_a_lone_one() -> None:
    """The same four answers against the gold count for more where they often do."""
    items, _ = quiz(7, bad=0, count=300)
    said = dict.fromkeys(MODELS, "a")
    often = [Item(f"often{n}", "often", "b" if n < 20 else "a", said) for n in range(40)]
    alone = Item("alone", "g0", "b", said)
    odds = {one.item.id: one.odds for one in agreements([*items, *often, alone])}
    assert odds["often0"] > odds["alone"] > 0


def test_a_model_that_gives_the_gold_counts_against() -> None:
    items, _ = quiz(3, bad=0, count=300)
    whole = Item("whole", "g0", "b", dict.fromkeys(MODELS, "a"))
    split = Item("split", "g0", "b", dict.fromkeys(MODELS, "a") | {"m1": "b", "m2": "b", "m3": "b"})
    odds = {one.item.id: one.odds for one in agreements([*items, whole, split])}
    assert odds["whole"] > 0 > odds["split"]


def test_an_answer_that_everybody_gives_everywhere_is_no_suspicion() -> None:
    """A model that always says `c` agrees with itself, not against a gold."""
    items = [Item(str(n), "", LETTERS[n % 4], dict.fromkeys(("m1", "m2"), "c")) for n in range(200)]
    assert flagged(items) == []


def test_nothing_said_is_no_agreement() -> None:
    items = [Item(str(n), "", "a", {"m1": "", "m2": ""}) for n in range(50)]
    assert all(one.p == 1.0 and one.agree == 0 and one.odds < 0 for one in agreements(items))


def test_one_model_agrees_with_nobody() -> None:
    assert agreements([Item("1", "", "a", {"m1": "b"})]) == []


said = st.dictionaries(st.sampled_from(sorted(MODELS)), st.sampled_from(["", *LETTERS]), max_size=5)


@given(st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from(LETTERS), said), max_size=30))
def test_p_is_a_probability_whatever_was_said(rows: list[tuple[str, str, dict[str, str]]]) -> None:
    items = [Item(str(n), group, gold, answers) for n, (group, gold, answers) in enumerate(rows)]
    for one in agreements(items):
        assert 0.0 <= one.p <= 1.0 and np.isfinite(one.odds)
        assert one.p == 1.0 or one.agree >= 2
