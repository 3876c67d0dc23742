"""Relations of wrong answers to right ones: each on the answers it is for, and not on those that only look so."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wrongs import pair, wrong

from harness.failures.relations import PHRASES, RELATIONS, related
from harness.failures.relations.pair import Pair, number, numbers, words

PAINT = "Paint 3 fences of 15 m each, 4 hours a fence. How long does it take?"
FIRST = [
    # question, target, answer, first relation
    ("What is the change?", "12", "-12", "sign"),
    ("Give the temperature.", "-4.5", "4.5", "sign"),
    ("How many are left?", "41", "42", "off_by_one"),
    ("Which date was it?", "05/01/2021", "05/02/2021", "off_by_one"),
    ("Which date was it?", "2021-02-28", "2021-03-01", "off_by_one"),
    ("Divide 48 by 6.", "8", "0.125", "swapped"),
    ("What is 2 to the power of 5?", "32", "25", "swapped"),
    (PAINT, "12", "720", "unit"),
    ("How fast is it in km/h?", "36", "10", "unit"),
    ("How many cm is 3 m?", "300", "3", "unit"),
    ("How many dozens of eggs?", "7", "84", "unit"),
    ("What is it in feet, 12 yards 2 inches?", "36", "12", "unit"),
    ("A rod of 19 g.", "19 g", "19 kg", "unit"),
    ("How many tiles?", "450", "45000", "power_of_ten"),
    ("Ana has 7 apples, 5 pears and 31 nuts. How many fruits?", "12", "31", "copied_number"),
    ("Ana has 7 pears and gets 5.", "12", "2", "operation"),
    ("How many?", "1234", "1243", "digits"),
    ("How much?", "3.14159", "3.14", "rounded"),
    ("How many?", "30", "60", "double"),
    ("How many?", "1000", "1047", "near"),
    ("Is it not so?", "no", "yes", "negation_ignored"),
    ("Evaluate this: not True or False", "False", "True", "negation_ignored"),
    ("Evaluate this: True or True and False", "True", "False", "left_to_right"),
    ("Is it so?", "no", "yes", "opposite"),
    ("Which of these is not a fruit: fig, oven or pear?", "oven", "fig", "negation_ignored"),
    ("Of 31 plums 12 are ripe. How many are not ripe?", "19", "12", "negation_ignored"),
    ("Is 31 more than 12? Yes or no.", "yes", "no", "comparison_swapped"),
    ("Sort these.", "candle oven pencil", "pencil oven candle", "reversed_order"),
    ("Sort these.", "candle oven pencil rose", "candle pencil oven rose", "wrong_order"),
    ("Sort these: pencil candle oven", "candle oven pencil", "pencil candle oven", "as_given"),
    ("Who?", "Ana and Bo", "Bo and Ana", "sides_swapped"),
    ("Write it.", '{"name": "Ana"}', '{"Ana": "name"}', "keys_and_values"),
    ("Write it.", '{"from": "Ana", "to": "Bo"}', '{"from": "Bo", "to": "Ana"}', "keys_and_values"),
    ("Where?", "Mirel", "mirel.", "form"),
    ("Where?", "Mirel", "in the city of Mirel I think", "wrapped"),
    ("Who?", "Ana, Bo", "Bo", "part_missing"),
    ("Who?", "Mirel", "Mirol", "misspelt"),
    ("Note: Ana likes Tosk. What is the capital?", "Mirel", "Tosk", "copied_words"),
    ("Write f(x).", "def f(x): return 7 - x", "def f(x): return x - 7", "code_swapped"),
    ("Write f(x).", "def f(x): return x - 7", "def f(x): return x + 7", "code_sign"),
    ("Write f(x).", "def f(x): return x < 7", "def f(x): return x <= 7", "code_off_by_one"),
    ("Write f(x).", "def f(x): return x + 7", "def f(x): return x + 8", "code_off_by_one"),
    ("Write f(x).", "def f(x): return x == 7", "def f(x): return x != 7", "code_negated"),
]


@pytest.mark.parametrize(("question", "target", "answer", "name"), FIRST)
def test_the_most_telling_relation_comes_first(question: str, target: str, answer: str, name: str) -> None:
    assert related(pair(question, target, answer))[0] == name


NOT = [
    ("How many?", "12", "12", "form"),
    ("Which?", "a < b", "a > b", "form"),
    ("How many?", "12", "-13", "sign"),
    ("How many?", "12", "14", "off_by_one"),
    ("How many?", "1.5", "2.5", "off_by_one"),
    ("How many days?", "12", "13", "unit"),
    ("How many apples?", "12", "36", "unit"),
    ("How many apples in 3 years?", "12", "144", "unit"),
    ("How many cards does she have?", "12", "1200", "unit"),
    ("Is it so?", "no", "yes", "negation_ignored"),
    ("Is it true or false?", "true", "false", "negation_ignored"),
    ("Evaluate this: not True and False", "False", "True", "copied_words"),
    ("Ana has 7 pears and gives 9.", "-2", "2", "swapped"),
    ("Which date?", "02/30/2021", "02/31/2021", "off_by_one"),
    ("What is the capital?", "Mirel", "Tosk", "copied_words"),
    ("Sort these.", "candle oven pencil", "candle oven oven", "wrong_order"),
    ("Is it so?", "Yes", "No", "said_elsewhere"),
]


@pytest.mark.parametrize(("question", "target", "answer", "name"), NOT)
def test_what_only_looks_so_is_not(question: str, target: str, answer: str, name: str) -> None:
    assert name in PHRASES
    assert name not in related(pair(question, target, answer))


def test_a_difference_taken_the_wrong_way_is_swapped_only_where_the_text_shows_it() -> None:
    question = "Bo has 9 pears and gives 7."
    assert related(pair(question, "2", "-2"))[0] == "sign"
    assert related(pair(question, "2", "-2", text="7 - 9 = -2, so -2"))[0] == "swapped"


def test_letters_stand_for_their_options() -> None:
    assert related(pair("How long?", "B", "C", choices=("3", "12", "-12", "5")))[0] == "sign"
    assert related(pair("How long?", "(B)", "(A)", choices=("13", "12")))[0] == "off_by_one"
    distractor = pair("Which animal is the calf of a cow?", "B", "A", choices=("a cow", "an ox", "a pig"))
    assert related(distractor)[0] == "mentioned_option"


def test_the_right_answer_in_the_text_that_was_not_read() -> None:
    said = pair("What is the capital?", "Mirel", "", text="It is Mirel, of course. The river is Tosk.")
    assert related(said) == ("said_elsewhere",)
    assert related(pair("Is Mirel the capital?", "Mirel", "", text="Mirel it is")) == ()


def test_every_relation_has_a_phrase_and_an_answer_it_is_for() -> None:
    named = {name for *_, name in FIRST} | {"mentioned_option", "said_elsewhere"}
    assert len(PHRASES) == len(RELATIONS)
    behind = {"part_extra", "cut", "one_differs", "same_list", "other_candidate", "other_number", "code_other"}
    assert named | behind >= set(PHRASES)


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12.0), ("$1,200.50", 1200.5), ("-3 apples", -3.0), ("7-5", None), ("none", None), ("", None), ("−4", -4.0)],
)
def test_numbers_are_read_with_sign_and_commas(text: str, value: float | None) -> None:
    assert number(text) == value


def test_a_minus_between_numbers_is_no_sign() -> None:
    assert numbers("7-5 = 2, then 3 - 4 or (-6)") == [7.0, 5.0, 2.0, 3.0, 4.0, -6.0]


HOSTILE = st.one_of(
    st.text(max_size=400),
    st.text(alphabet="()[]{}'\"\\-+*/=<>,.:; \n\t0123456789eE", max_size=400),
    st.sampled_from(["{" * 900, "[" * 3000, "(" * 3000, "-" * 3000, "not " * 900, "9" * 3000, "1e999", "a " * 3000]),
    st.builds("def f(x): return {}".format, st.text(alphabet="x+-*/()~ not1", max_size=200)),
)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_hostile_texts_raise_nothing(question: str, target: str, answer: str) -> None:
    found = related(pair(question, target, answer))
    assert set(found) <= set(PHRASES) and len(found) == len(set(found))


@given(HOSTILE, HOSTILE)
def test_hostile_options_raise_nothing(question: str, target: str) -> None:
    assert set(related(pair(question, target, "(B)", choices=(target, question, "x")))) <= set(PHRASES)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_wrong_sign_is_always_seen_and_a_right_answer_never_wrong(value: int, other: int) -> None:
    assert "sign" in related(pair("How many?", str(value), str(-value)))
    assert related(pair(f"How many of {other}?", str(value), str(value))) == ()


@pytest.mark.parametrize(
    "piece", ["a", "1 ", "not ", "(", "{", '"', "x, ", "1,1", "-1", "True and ", "a'", "Ab ", "\n"]
)
def test_time_does_not_grow_with_what_is_beyond_the_cut(piece: str) -> None:
    """A hundred times the text costs not much more: everything is cut before it is read."""

    def cost(times: int) -> float:
        long = piece * (times // len(piece))
        began = time.process_time()
        for _ in range(3):
            related(Pair.of(wrong(long, long[::-1], long)))
        return time.process_time() - began

    cost(5_000)
    assert cost(500_000) < 10 * cost(5_000) + 0.5


def test_words_are_bounded_and_without_articles() -> None:
    assert words("The cat's 3 hats, an Owl") == ("cat's", "3", "hats", "owl")
    assert len(words("a b " * 5000)) == 1000
