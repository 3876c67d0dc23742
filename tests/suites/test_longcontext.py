"""longcontext: fixed samples, lengths, depths, no repetition, reading and credit, practice that is no sample."""

from __future__ import annotations

import re
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import registry
from harness.dice import Dice
from harness.hashing import canonical
from harness.types import Completion, Form, Sample
from suites import longcontext
from suites.longcontext import haystack, prose, puzzle
from suites.longcontext.reading import read, share
from suites.longcontext.tasks import TASKS


def some(length: str, task: str, variant: str = "32k") -> list[Sample]:
    samples = registry.suite(f"longcontext:{variant}").samples(None)
    return [sample for sample in samples if sample.tags["length"] == length and sample.tags["task"] == task]


def test_samples_are_fixed_for_ever() -> None:
    first = next(iter(registry.suite("longcontext").samples(None)))
    assert (first.name, first.id) == ("needle/01k/0", FIRST_ID)
    prompt = registry.suite("longcontext").request(first).prompt
    assert prompt.startswith(FIRST_PROMPT)


def test_every_variant_begins_with_the_shorter_ones() -> None:
    found = [list(registry.suite(name).samples(None)) for name in ("longcontext:4k", "longcontext", "longcontext:32k")]
    assert [len(samples) for samples in found] == [360, 480, 720]
    for short, long in pairwise(found):
        assert [sample.origin for sample in short] == [sample.origin for sample in long[: len(short)]]
        assert [sample.data for sample in short] == [sample.data for sample in long[: len(short)]]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("length", ["01k", "08k", "32k"])
def test_prompts_are_as_long_as_they_say_and_hold_every_fact_once(length: str, task: str) -> None:
    suite = registry.suite("longcontext:32k")
    sample = some(length, task)[7]
    prompt = suite.request(sample).prompt
    wanted = int(length[:2]) * 4000
    assert wanted - 150 < len(prompt) <= wanted
    facts = puzzle(sample.data["seed"], task).facts
    assert all(prompt.count(fact) == 1 for fact in facts)
    assert prompt.endswith(f"\n\n{sample.data['question']}\nAnswer:")
    assert suite.request(sample).messages[0].content == prompt.removesuffix("\nAnswer:")
    assert len(canonical(sample.data)) < 1000


def test_no_sentence_of_the_filler_comes_twice_or_looks_like_a_fact() -> None:
    filler = prose.sentences(Dice("longcontext", "test"), 120_000)
    assert len(filler) == len(set(filler)) > 1000
    text = " ".join(filler)
    assert not re.search("[0-9]{4}", text)
    assert "{" not in text
    assert not re.search(r"ledger|[dD]ial |guild", text)
    assert len({tuple(sentence.split()[:6]) for sentence in filler}) > 0.8 * len(filler)


def test_a_needle_stands_at_its_depth() -> None:
    for sample in some("08k", "needle"):
        (fact,) = puzzle(sample.data["seed"], "needle").facts
        text = haystack(sample.data["seed"], "needle", 8)
        before = text.index(fact) / (len(text) - len(fact))
        assert abs(before - int(sample.tags["depth"]) / 100) < 0.02


def test_several_facts_are_spread_over_the_whole_text() -> None:
    for sample in some("08k", "keys"):
        text = haystack(sample.data["seed"], "keys", 8)
        places = [text.index(fact) / len(text) for fact in puzzle(sample.data["seed"], "keys").facts]
        assert [int(place * 8) in (stratum - 1, stratum, stratum + 1) for stratum, place in enumerate(places)]
        assert places == sorted(places)
        assert places[-1] - places[0] > 0.6


def test_targets_follow_from_the_facts() -> None:
    """Solved anew from the text alone."""
    for task in ("hops", "first", "sort", "values", "keys"):
        for sample in some("02k", task):
            text = haystack(sample.data["seed"], task, 2)
            assert solve(task, text, sample.data["question"]) == set_or_list(sample), sample.name


def set_or_list(sample: Sample) -> object:
    return set(sample.target) if sample.data["order"] == "any" else sample.target


def solve(task: str, text: str, question: str) -> object:
    if task == "hops":
        shown = dict(re.findall(r"Dial (\w+) shows whatever dial (\w+) shows", text))
        numbers = dict(re.findall(r"Dial (\w+) is set to (\d+)", text))
        name = re.search(r"does dial (\w+)", question)[1]  # type: ignore[index]
        while name not in numbers:
            name = shown[name]
        return {numbers[name]}
    if task in ("first", "sort"):
        years = {place: int(year) for place, year in re.findall(r"guild of (\w+) was founded in the year (\d+)", text)}
        asked = [place for place in years if re.search(rf"\b{place}\b", question)]
        ordered = sorted(asked, key=years.__getitem__)
        return ordered[:1] if task == "first" else ordered
    keys = re.findall(r"the (\w+ \w+)(?= have|,| and|\?)", question)
    if task == "values":
        return set(re.findall(rf"ledger numbers of the {keys[0]} is (\d+)", text))
    return [re.search(rf"number of the {key} is (\d+)", text)[1] for key in keys]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "form", "candidates", "found"),
    [
        (" 482913\nQuestion: 111111", "raw", (), ["482913"]),
        ("\n\n482913", "raw", (), ["482913"]),
        ("They are 482,913 and 113344.", "chat", (), ["482913", "113344"]),
        ("482913,113344, 482913", "chat", (), ["482913", "113344"]),
        ("It says 111111 first.\nAnswer: 482913", "chat", (), ["482913"]),
        ("1. 482913\n2. 113344", "chat", (), ["482913", "113344"]),
        ("**orud**, WEXEST and Orudo", "chat", ("Orud", "Wexest"), ["Orud", "Wexest"]),
        ("none", "chat", (), []),
        ("9" * 5000, "chat", (), []),
    ],
)
def test_reading(text: str, form: Form, candidates: tuple[str, ...], found: list[str]) -> None:
    assert read(text, form, candidates) == found


@pytest.mark.parametrize(
    ("answer", "target", "order", "credit"),
    [
        ("a", "a", "any", 1.0),
        ("ab", "a", "sorted", 0.0),
        ("ba", "ab", "any", 1.0),
        ("a", "abcd", "any", 0.25),
        ("abcdefgh", "abcd", "any", 0.5),
        ("acb", "abc", "given", 1 / 3),
        ("abcx", "abc", "given", 0.75),
        ("abc", "abc", "given", 1.0),
        ("abcd", "abcd", "sorted", 1.0),
        ("dcba", "abcd", "sorted", 0.0),
        ("bacd", "abcd", "sorted", 5 / 6),
        ("abc", "abcd", "sorted", 0.5),
        ("abcdx", "abcd", "sorted", 0.8),
        ("", "abcd", "sorted", 0.0),
    ],
)
def test_credit(answer: str, target: str, order: str, credit: float) -> None:
    assert share(list(answer), list(target), order) == pytest.approx(credit)


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcd"), unique=True, min_size=1))
def test_full_credit_is_for_all_of_it_and_nothing_else(answer: list[str], target: list[str]) -> None:
    for order in ("any", "given", "sorted"):
        credit = share(answer, target, order)
        same = set(answer) == set(target) if order == "any" else answer == target
        assert 0.0 <= credit <= 1.0
        assert (credit == 1.0) == same


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        (Completion(""), "empty"),
        (Completion("I do not know."), "unparsed"),
        (Completion("123456"), "wrong_answer"),
        (Completion("123456", cut_tokens=9), "truncated"),
    ],
)
def test_modes(said: Completion, mode: str) -> None:
    suite = registry.suite("longcontext")
    assert {suite.score(sample, said).mode for sample in some("01k", "values")} == {mode}


def test_order_counts_where_it_is_asked_for_and_real_tokens_are_kept() -> None:
    suite, (sample, *_) = registry.suite("longcontext"), some("01k", "sort")
    right, turned = ", ".join(sample.target), ", ".join(reversed(sample.target))
    assert suite.score(sample, Completion(right, prompt_tokens=901)).detail["prompt_tokens"] == 901
    assert suite.score(sample, Completion(turned)).mode == "wrong_order"
    half = suite.score(sample, Completion(", ".join(sample.target[:3])))
    assert (half.mode, half.values) == ("partial", {"acc": 0.0, "partial": 0.5})


def test_practice_is_seeded_and_never_a_sample() -> None:
    suite = registry.suite("longcontext:4k")
    rows = list(suite.practice(7, 30))
    assert rows == list(suite.practice(7, 30))
    assert rows != list(suite.practice(8, 30))
    questions = {sample.data["question"] for sample in registry.suite("longcontext:32k").samples(None)}
    for row in rows:
        assert row.prompt.endswith("\nAnswer:")
        assert row.target.startswith(" ")
        assert len(row.prompt) <= 16_000
    assert not questions & {row.prompt.rpartition("\n\n")[2].removesuffix("\nAnswer:") for row in rows}


def test_a_drawn_sample_is_left_out_of_practice(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = registry.suite("longcontext:4k")
    rows = list(suite.practice(3, 4))
    taken = frozenset({rows[0].prompt.split("\n\n")[2].removesuffix(longcontext.CUE)})
    monkeypatch.setattr(longcontext, "_evaluated", lambda: taken)
    assert list(islice(suite.practice(3, 2), 2)) == [rows[1], rows[2]]


FIRST_ID = "2c164f7ecc4a351a42c80797673f0729"
FIRST_PROMPT = longcontext.INTRO + (
    "The ledger number of the cotton otter is 754866. On the way home hail broke twelve panes of gl"
    "ass. Karin and Ada lent a soft ladder together between two showers. For seven square l"
)
