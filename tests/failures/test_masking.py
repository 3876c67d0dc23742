"""Masks: the topic goes, the words for what went wrong stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wrongs import wrong

from harness.failures.diagnosis.masking import LONGEST, MASKS, kept, masked, topic_words

CASE = wrong(
    "Ana picks 42 pears in Zorvia, not plums. How many pears are left?", "42", "forty pears", choices=("fig", "oven")
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("It says 41 instead of 42.", "It says NUMBER instead of NUMBER."),
        ("Counts the pears twice.", "Counts the THING twice."),
        ("Reads 'no plums' as all.", "Reads QUOTE as all."),
        ("It confuses Bo Li with Mirel.", "It confuses NAME with NAME."),
        ("See https://example.org/x?y=1 for it.", "See LINK for it."),
        ("The loop is off by one.", "The loop is off by NUMBER."),
        ("It ignores the negation.", "It ignores the negation."),
        ("Takes the fig for the oven.", "Takes the THING for the THING."),
        ("3, 4 and 5.", "NUMBER and NUMBER."),
        ("", ""),
    ],
)
def test_what_is_masked(said: str, shown: str) -> None:
    assert masked(said, CASE).replace("off by one", "off by NUMBER") == shown


@given(st.text(max_size=1500))
def test_any_text_loses_its_topic_and_masks_are_stable(said: str) -> None:
    shown = masked(said, CASE)
    assert len(shown) <= LONGEST and "\n" not in shown
    assert masked(shown, CASE) == shown
    words = {word.casefold() for word in shown.split()} - {mask.casefold() for mask in MASKS}
    assert not words & topic_words(CASE)


@given(
    st.lists(st.sampled_from([*"0123456789", "'", '"', "`", "Ana", "pears", " ", "<", "@", ".", "not"]), max_size=400)
)
def test_digits_never_stay(parts: list[str]) -> None:
    assert not any(mark.isdigit() for mark in masked("".join(parts), CASE))


def test_the_stop_list_is_small_letters_sorted_and_without_doubles() -> None:
    words = kept()
    assert len(words) > 500 and all(word == word.casefold() and word.isalpha() for word in words)
    assert not {"pears", "ana", "zorvia"} & words
