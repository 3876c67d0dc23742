"""Word diffs: what is marked, that nothing is lost, and that no text passes for a mark."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from dashboards import words

TEXTS = st.text(alphabet=st.sampled_from("ab +-@\n\t\r\u2028\u202e\x1b\0<"), max_size=40)


def test_differing_words_are_marked() -> None:
    assert words.diff("the answer is 4", "the answer is 5") == "  the answer is\n- 4\n+ 5"
    assert words.diff("pink", "pink and pink") == "  pink\n+ and pink"
    assert words.diff("same", "same") == "  same"
    assert words.diff("", "new") == "+ new"


def test_lines_and_indentation_count() -> None:
    assert words.diff("if x:\n    y", "if x:\n  y") == "  if x:\n-     y\n+   y"


def test_a_text_cannot_pass_for_a_mark() -> None:
    assert words.diff("+ a\n- b", "+ a\n- b") == "  + a\n  - b"


@given(TEXTS, TEXTS)
def test_every_line_is_marked_and_no_word_is_lost(left: str, right: str) -> None:
    lines = words.diff(left, right).split("\n") if words.diff(left, right) else []
    assert all(line[:2] in ("  ", "- ", "+ ") for line in lines)
    for text, mark in ((left, "-"), (right, "+")):
        kept = " ".join(line[2:] for line in lines if line[0] in (" ", mark))
        assert kept.split() == words.visible(text).split()


def test_what_cannot_be_seen_is_shown() -> None:
    assert words.visible("4\x1b[2J\0\r") == "4\u27e8U+001B\u27e9[2J\u27e8U+0000\u27e9\u27e8U+000D\u27e9"
    assert words.visible("a\u202eb\u200b\U000e0041") == "a\u27e8U+202E\u27e9b\u27e8U+200B\u27e9\u27e8U+E0041\u27e9"
    assert words.visible("a\tb\r\n\u05d0 \U0001f468\u200d\U0001f469") == "a\tb\n\u05d0 \U0001f468\u200d\U0001f469"
    assert words.diff("x", "x\u202e") == "- x\n+ x\u27e8U+202E\u27e9"


@given(TEXTS)
def test_equal_texts_have_no_mark(text: str) -> None:
    assert not re.search(r"^[-+]", words.diff(text, text), re.MULTILINE)


def test_long_texts_are_cut_and_it_is_said() -> None:
    long = " ".join(f"w{n}" for n in range(words.WORDS + 1))
    assert words.cut(long, "") and not words.cut("short", "short")
    assert f"w{words.WORDS}" not in words.diff(long, long)
    one = "x" * (words.CHARACTERS + 1)
    assert words.cut("", one) and len(words.diff(one, one)) == words.CHARACTERS + len("  ")


def test_a_model_that_repeats_itself_is_told_from_another() -> None:
    left, right = "a b " * 600 + "end", "b a a " * 400 + "end"
    lines = words.diff(left, right).split("\n")
    for text, mark in ((left, "-"), (right, "+")):
        assert " ".join(line[2:] for line in lines if line[0] in (" ", mark)).split() == text.split()
