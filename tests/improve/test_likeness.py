"""Rewordings are told from new questions: by words, by numbers, and by how much nearer they are to one sample."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from improve.curation import index as indexing
from improve.curation import likeness, text
from improve.curation.index import Index
from improve.curation.kept_out import Item, KeptOut
from improve.curation.likeness import Question
from improve.curation.matching import matches
from improve.curation.wordweights import Words

HENS = "How many legs do two hens and five goats have altogether in the yard?"
OTHERS = [
    "A tailor sews 9 coats a week. How many coats does she sew in 4 weeks?",
    "Which mineral gives emeralds their green colour in most deposits?",
    "A lake is 40 metres deep and freezes 2 centimetres a day. How thick is the ice after 6 days?",
    "Which treaty settled the border between the two kingdoms of the north?",
    "Write a function that returns the mean of a list of floats.",
    "Write a function that returns the median of a list of floats.",
    "Write a function that returns the mode of a list of floats.",
]


@pytest.mark.parametrize(
    ("told", "stems"),
    [
        ("Two boys, fifty-four studies", ["2", "boys", "54", "stud"]),
        ("twenty twice, sixty six dozen", ["20", "2", "66", "12"]),
        ("walked walking walks walk", ["walk", "walk", "walk", "walk"]),
        ("the bus is as red as this", ["the", "bus", "is", "as", "red", "as", "this"]),
    ],
)
def test_stems(told: str, stems: list[str]) -> None:
    assert text.stems(text.tokens(told)) == stems


def test_thousands_are_one_number_whatever_follows() -> None:
    assert text.tokens("$2,000,000, or 1,500; 1,2,3 and 10,00") == text.tokens("$2000000 or 1500 1,2,3 and 10,00")


@given(st.lists(st.text(max_size=9), max_size=8))
def test_stems_are_as_many_as_words_or_fewer_and_never_empty(words: list[str]) -> None:
    tokens = [one for word in words for one in text.tokens(word)]
    found = text.stems(tokens)
    assert len(found) <= len(tokens) and all(found)


def test_rare_words_weigh_more_and_unknown_ones_most() -> None:
    weights = Words.fitted([["the", "red", "hen"], ["the", "blue", "goose"]])
    assert weights.of("the") == pytest.approx(math.log(3 / 2))
    assert weights.of("the") < weights.of("hen") <= weights.of("zebra") + 1e-6
    assert weights.nearest([["a", "red", "hen"], ["nothing"]], 1) == [[0], []]


def test_shares_and_numbers() -> None:
    weights = Words.fitted([text.stems(text.tokens(one)) for one in [HENS, *OTHERS]])
    row, sample = Question("In the yard: 2 hens, 5 goats. Count their legs altogether!"), Question(HENS)
    assert likeness.shared(row, row, weights) == pytest.approx(1)
    assert 0.4 < likeness.shared(row, sample, weights) < 1
    assert likeness.shared(row, Question("Which mineral is green?"), weights) == 0
    assert not likeness.exchanged(row, sample)
    assert likeness.exchanged(Question(HENS.replace("two", "3")), sample)
    assert not likeness.exchanged(Question("no numbers at all"), sample)
    offered = Question("Which one?", ("red", "blue"))
    assert likeness.told(offered, offered)[0] == likeness.told(Question("Which one?", ("blue", "red")), offered)[0]
    assert likeness.told(Question("Which one?"), offered) == ("Which one?", "Which one?")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    from harness.contracts import Canonical

    asked = [HENS, *OTHERS, "Pick the odd one out:\n(A) hen\n(B) brick", "Pick the odd one out:\n(A) rope\n(B) cow"]
    items = tuple(
        Item("farm", f"{i:032x}", "test", f"farm/{i}", f"origin {i}", Canonical((one,), (), ("(A)",)))
        for i, one in enumerate(asked)
    )
    folder = tmp_path_factory.mktemp("index")
    indexing.build(KeptOut(items, {"farm": len(items)}, "0"), folder, "key")
    return Index(folder)


def test_an_enumeration_within_a_question_with_choices(tmp_path: Path) -> None:
    from harness.contracts import Canonical

    question, choices = "Which of these hold?\ni) Hens fly far\nii) Goats climb well", ("i alone", "both", "neither")
    item = Item("farm", "1" * 32, "test", "farm/0", "origin", Canonical((question,), choices, ("both",)))
    indexing.build(KeptOut((item,), {"farm": 1}, "0"), tmp_path, "key")
    asked = f"Question: {question}\nA. neither\nB. both\nC. i alone\nAnswer:"
    assert found(Index(tmp_path), asked.upper()) == "exact farm/0"


def found(index: Index, asked: str) -> str:
    hit = matches(index, [{"id": "0", "prompt": asked, "completion": " (A)"}], lambda *_: None, "words")
    return f"{hit[0].measure} {hit[0].item['name']}" if hit else ""


def test_a_rewording_is_found_and_a_new_question_on_the_same_subject_is_not(index: Index) -> None:
    assert found(index, "The yard has 2 hens and 5 goats. Altogether, how many legs have they?") == "words farm/0"
    assert not found(index, "The yard has 3 hens and 9 goats. Altogether, how many legs have they?"), "other numbers"
    assert not found(index, "Which animals of a farm have two legs only?")


def test_what_is_as_near_to_several_samples_is_a_copy_of_none(index: Index) -> None:
    assert not found(index, "Write a function that returns the variance of a list of floats.")
    assert found(index, "Write a function that returns the median of a list of floats") == "exact farm/6"


def test_a_template_of_several_samples_is_no_question(index: Index) -> None:
    assert not found(index, "Pick the odd one out:\n(A) spade\n(B) cat")
    assert not found(index, "Pick the odd one out:")
    assert found(index, "pick the odd one out\nA. Brick\nB. Hen") == "exact farm/8"
