"""Duplicates go, the first by a seeded order stays, and a second pass finds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from curating import done, stored
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.types import Artifact
from harness.workbench.rows import named
from improve.steps.dedup import duplicates

LONG = (
    "A farmer keeps 12 brown hens and 7 white geese behind the old barn near the river, and every morning before "
    "breakfast she counts them twice while her youngest daughter writes the result into a small blue notebook. "
    "How many birds does the farmer have in total?"
)


def row(prompt: str, completion: str = " x", **rest: object) -> dict[str, object]:
    return dict(named({"prompt": prompt, "completion": completion, **rest}))


def test_same_question_in_other_dress_goes_and_names_who_stays(tmp_path: Path) -> None:
    rows = [row("Q: Name a river.\nA:"), row("question:  NAME a river"), row("Q: Name a lake.\nA:")]
    kept, dropped, report, _ = done("improve.dedup", tmp_path, [stored(tmp_path / "in", rows)])
    assert len(kept) == 2 and len(dropped) == 1
    assert dropped[0]["dropped"]["reason"] == "exact"
    assert dropped[0]["dropped"]["of"] in {one["id"] for one in kept}
    assert report["in"] == 3 and report["out"] == 2 and report["dropped"] == {"exact": 1}


def test_near_means_words_and_same_numbers() -> None:
    other = LONG.replace("small blue", "little blue")
    assert {one.reason for one in duplicates([row(LONG), row(other)]).values()} == {"near"}
    assert not duplicates([row(LONG), row(LONG.replace("12", "13"))]), "other numbers are another question"
    assert not duplicates([row(LONG), row(other)], near=1.0)


def test_rows_of_a_program_are_held_to_equality_alone() -> None:
    written = {"generator": "hens"}
    pair = [row(LONG, source=written), row(LONG.replace("small blue", "little blue"), source=written)]
    assert not duplicates(pair)
    assert duplicates([pair[0], row(LONG.upper(), source=written)])


def test_choices_in_another_order_are_the_same_question() -> None:
    first = "Which is a river?\nA. Nile\nB. Alps\nC. Gobi"
    assert duplicates([row(first), row("Which is a river?\nA. Gobi\nB. Nile\nC. Alps")])
    assert not duplicates([row(first), row("Which is a river?\nA. Nile\nB. Alps\nC. Sahara")])


def test_without_a_dataset_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no dataset"):
        done("improve.dedup", tmp_path, [Artifact("m", "model", str(tmp_path), "0")])
    with pytest.raises(UsageError, match="nearest: 'near'"):
        done("improve.dedup", tmp_path, [stored(tmp_path / "in", [row("a")])], neer=0.8)


WORDS = ("red", "blue", "green", "one", "two", "Three", "4", "5", "river", "hill")
words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(words, max_size=25), st.integers(0, 5), st.sampled_from([0.6, 0.8, 0.9, 1.0]))
def test_idempotent_and_blind_to_the_order_of_rows(texts: list[list[str]], seed: int, near: float) -> None:
    rows = [row(" ".join(one)) for one in texts]
    gone = duplicates(rows, near, seed)
    kept = [one for place, one in enumerate(rows) if place not in gone]
    assert not duplicates(kept, near, seed)
    stays = {one["id"] for one in kept}
    assert {one.detail["of"] for one in gone.values()} <= stays
    turned = rows[::-1]
    again = duplicates(turned, near, seed)
    assert {one["id"] for place, one in enumerate(turned) if place not in again} == stays
