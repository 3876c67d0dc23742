"""Where scores have no structure, hardly ever is a weakness reported: 200 repeats of shuffled scores."""

from __future__ import annotations

import numpy as np
import pytest
from test_weakness import asked

from harness.failures.weakness.scan import flagged, held
from harness.failures.weakness.slices import Slice, tree

REPEATS = 200


@pytest.mark.parametrize("tagged", [True, False])
@pytest.mark.parametrize("graded", [False, True])
def test_shuffled_scores_flag_in_at_most_one_repeat_of_twenty(tagged: bool, graded: bool) -> None:
    """Over real planted structure: what is shuffled is that of a model with a weak topic."""
    items = asked({"bread": 0.3}, count=250, tagged=tagged)
    dice, values = np.random.default_rng(0), np.array([item.value for item in items])
    if graded:
        values = np.clip(values * dice.beta(5, 1, len(values)), 0, 1)
    slices = tree(items)
    assert flagged(held(slices, values))[0], "the real structure is seen"
    shuffled = values.copy()
    alarms = 0
    for _ in range(REPEATS):
        dice.shuffle(shuffled)
        alarms += bool(flagged(held(slices, shuffled))[0])
    assert alarms <= 0.05 * REPEATS


@pytest.mark.parametrize("accuracy", [0.1, 0.5, 0.9])
def test_many_small_slices_keep_it_too(accuracy: float) -> None:
    """A thousand slices of 5 to 60 questions: bounds of few are where an approximation would fail."""
    dice = np.random.default_rng(1)
    slices = [Slice(("s",), np.arange(5000))]
    for number in range(1000):
        start = int(dice.integers(4900))
        slices.append(Slice(("s", str(number)), np.arange(start, start + int(dice.integers(5, 61)))))
    alarms = 0
    for _ in range(REPEATS // 4):
        values = (dice.random(5000) < accuracy).astype(float)
        alarms += bool(flagged(held(slices, values))[0])
    assert alarms <= 0.05 * REPEATS // 4 + 1
