"""Practice rows of BBH: whoever solves the official questions solves ours, rows are right, and none is official."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import registry
from harness.dice import Dice
from harness.errors import UsageError
from harness.types import Completion, Sample
from suites.bbh import questions
from suites.bbh.practice import LEARNED, TASKS, base, counting, even, logic, official, walking

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
NAMES = sorted(TASKS)
given_seed = given(st.integers(0, 2**32))


@pytest.fixture(scope="module")
def asked() -> dict[str, list[tuple[str, str]]]:
    if not (SHARED / "bbh").is_dir():
        pytest.skip("needs ../shared/data/bbh")
    return {task: pairs for task, pairs in questions(SHARED).items() if task in TASKS}


@pytest.mark.shared
@pytest.mark.parametrize("task", NAMES)
def test_the_solver_gives_every_official_target(asked: dict[str, list[tuple[str, str]]], task: str) -> None:
    assert len(asked[task]) == 250
    assert [q for q, target in asked[task] if TASKS[task].solve(q) != target] == []


@pytest.mark.shared
def test_the_digests_are_those_of_the_official_questions(asked: dict[str, list[tuple[str, str]]]) -> None:
    keys = {official.key(question) for pairs in asked.values() for question, _ in pairs}
    assert keys == official.OFFICIAL and len(keys) == 1500


@pytest.mark.shared
def test_no_row_is_an_official_question(asked: dict[str, list[tuple[str, str]]]) -> None:
    known = {" ".join(question.split()) for pairs in asked.values() for question, _ in pairs}
    drawn = {
        " ".join(row.prompt.removeprefix("Q: ").removesuffix("\nA:").split())
        for row in [*even(0, 6000), *base(0, 2000)]
    }
    assert not known & drawn
    dice = Dice("bbh", "test")
    copies = sum(logic.expression(dice) in known for _ in range(2000))
    assert 150 < copies < 350, "drawn blindly, every eighth expression is official"


@pytest.mark.parametrize("task", NAMES)
@given_seed
@settings(max_examples=60, deadline=None)
def test_what_is_drawn_is_solved(task: str, seed: int) -> None:
    question = TASKS[task].draw(Dice(seed))
    answer = TASKS[task].solve(question)
    assert answer and answer == answer.strip() and "\n" not in answer


@pytest.mark.parametrize(
    ("task", "question"),
    [
        ("boolean_expressions", "True and False"),
        ("boolean_expressions", "True False is"),
        ("boolean_expressions", "( True is"),
        ("boolean_expressions", "is"),
        ("dyck_languages", "[ ["),
        ("dyck_languages", "Complete the rest of the sequence, making sure that the parentheses are closed properly. "
         "Input: [ )"),
        ("navigate", "Take 1 step."),
        ("navigate", walking.LEAD + "Jump." + walking.TAIL),
        ("object_counting", "I have a plum. How many?"),
        ("object_counting", "I have many plums, and a pear. How many fruits do I have?"),
        ("web_of_lies", "Ana lies. Does Ana tell the truth?"),
        ("web_of_lies", "Question: Ana lies. Who lies?"),
        ("word_sorting", "pear plum"),
    ],
)  # fmt: skip
def test_a_question_of_another_form_is_refused(task: str, question: str) -> None:
    with pytest.raises(ValueError):
        TASKS[task].solve(question)


@given_seed
@settings(max_examples=100, deadline=None)
def test_expressions_are_worth_what_python_says(seed: int) -> None:
    question = logic.expression(Dice(seed))
    assert len(question.split()) == 9
    assert logic.value(question) == str(eval(question.removesuffix(" is")))


@given_seed
@settings(max_examples=100, deadline=None)
def test_people_are_truthful_by_the_number_of_lies(seed: int) -> None:
    question = logic.testimony(Dice(seed))
    assert logic.truthful(question) == ("No" if question.count(" lies.") % 2 else "Yes")


def test_walks_return_in_four_of_ten() -> None:
    dice = Dice("bbh", "walks")
    told = Counter(walking.returns(walking.instructions(dice)) for _ in range(1000))
    assert 350 < told["Yes"] < 450


def test_rows_are_seeded_and_even_or_by_shares() -> None:
    whole, small = registry.suite("bbh:0shot"), registry.suite("bbh:small")
    for draw in (whole.practice, whole.practice_all, small.practice, small.practice_all):
        assert list(draw(3, 40)) == list(draw(3, 40)) != list(draw(4, 40))
        assert list(islice(draw(3, 40), 10)) == list(draw(3, 10))
    for suite, tasks in ((whole, tuple(TASKS)), (small, LEARNED)):
        found = Counter(row.tags["task"] for row in suite.practice_all(0, 3000))
        assert set(found) == set(tasks) and max(found.values()) < 1.3 * min(found.values())
    shared = Counter(row.tags["task"] for row in small.practice(0, 3000))
    shares = sum(task.share for task in TASKS.values())
    assert all(abs(shared[name] / 3000 - task.share / shares) < 0.04 for name, task in TASKS.items())


def test_rows_look_and_score_like_samples() -> None:
    suite = registry.suite("bbh:small")
    for row in suite.practice_all(1, 200):
        question = row.prompt.removeprefix("Q: ").removesuffix("\nA:")
        sample = Sample("x", suite.name, "x", "dev", {"task": "harness_example", "input": question}, row.target.strip())
        assert suite.request(sample).prompt == row.prompt
        assert suite.score(sample, Completion(row.target)).mode == "right"
        assert suite.canonical(sample).questions == (question,)


def test_two_tasks_are_pretrained_in_other_words_alone() -> None:
    own = {"web_of_lies": " honest?", "object_counting": "Q: Count the "}
    for row in base(0, 500):
        if mark := own.get(row.tags["task"]):
            assert mark in row.prompt
            with pytest.raises(ValueError):
                TASKS[row.tags["task"]].solve(row.prompt.removeprefix("Q: ").removesuffix("\nA:"))
    asked = "Question: Ana lies. Tom says Ana lies. Does Tom tell the truth?"
    assert logic.reworded(asked, "Yes") == ("Ana lies. Tom says Ana lies. Is Tom honest?", "True")
    asked = "I have a plum, and three pears. How many fruits do I have?"
    assert counting.reworded(asked, "4") == ("Count the fruits: a plum, and three pears.", "four")


def test_forms_with_shots_have_no_rows_and_unknown_tasks_are_named() -> None:
    with pytest.raises(NotImplementedError, match="bbh:direct"):
        registry.suite("bbh:direct").practice(0, 1)
    with pytest.raises(NotImplementedError, match="bbh:direct"):
        registry.suite("bbh:direct").practice_all(0, 1)
    with pytest.raises(UsageError, match="navigate"):
        list(even(0, 1, ["navigat"]))
