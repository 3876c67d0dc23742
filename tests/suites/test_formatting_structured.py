"""Structured output: references are right, content and form come apart, practice is no sample, hostile text scores."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import registry
from harness.dice import Dice
from harness.types import Completion, Sample
from suites.formatting import forms, structured, tolerant
from suites.formatting.draws import KINDS, draw

SUITE = registry.suite("formatting:structured")
SAMPLES = list(SUITE.samples(None))
LIMITS = ("words", "sentences", "characters")


def outcome(sample: Sample, text: str, **more: Any) -> tuple[float, float, float, str]:
    score = SUITE.score(sample, Completion(text, **more))
    return score.values["acc"], score.values["form"], score.values["content"], score.mode


def of(kind: str, number: int = 0) -> Sample:
    return [sample for sample in SAMPLES if sample.tags["kind"] == kind][number]


def test_references_are_right() -> None:
    assert Counter(sample.tags["kind"] for sample in SAMPLES) == dict.fromkeys(KINDS, 20)
    for sample in SAMPLES:
        assert outcome(sample, f"\n{sample.data['reference']} \n") == (1, 1, 1, "right"), sample.name


def test_right_content_in_another_form() -> None:
    """A friendly frame around every answer costs the form and nothing else; lengths are violated by more words."""
    for sample in SAMPLES:
        if sample.tags["kind"] in LIMITS:
            text = sample.data["reference"] + " And that. Is. All of it, as far as anybody here could possibly know."
        else:
            text = f"Of course, here you are:\n{sample.data['reference']}\nTell me if that helps!"
        assert outcome(sample, text) == (0, 0, 1, "format_violated"), sample.name


def test_another_answer_in_the_right_form() -> None:
    """The reference of a question with the same form is another answer, unless it happens to be the same."""
    seen = 0
    for sample, other in itertools.pairwise(SAMPLES):
        if sample.data["form"] == other.data["form"] and sample.target != other.target:
            acc, form, content, mode = outcome(sample, other.data["reference"])
            assert (acc, form, content) == (0, 1, 0) and mode in ("wrong_answer", "partial", "wrong_order")
            seen += 1
    assert seen > 20


def rows(value: Any) -> str:
    return "\n".join(", ".join(map(str, row)) for row in value)


@pytest.mark.parametrize("kind", ["json", "csv", "table", "headings"])
def test_records_as_plain_lines_hold_the_content(kind: str) -> None:
    sample = of(kind)
    assert outcome(sample, rows(sample.data["groups"])) == (0, 0, 1, "format_violated")
    backwards = rows(sample.data["groups"][::-1])
    assert outcome(sample, backwards) == (0, 0, 0, "wrong_order")
    assert outcome(sample, rows(sample.data["groups"][:-1]))[3] == "partial"


def test_json_is_held_to_its_schema() -> None:
    sample = of("json")
    value = json.loads(sample.data["reference"])
    assert outcome(sample, json.dumps(value, indent=4))[3] == "right"
    assert outcome(sample, json.dumps(value["people"])) == (0, 0, 1, "format_violated")
    extra = {**value, "note": "no"}
    assert outcome(sample, json.dumps(extra))[:2] == (0, 0)
    swapped = {"people": [{key: list(one.values())[-1 - i] for i, key in enumerate(one)} for one in value["people"]]}
    assert outcome(sample, json.dumps(swapped))[2] == 0
    doubled = sample.data["reference"].replace('{"people"', '{"people": [], "people"', 1)
    assert outcome(sample, doubled)[1] == 0
    assert outcome(sample, "[" * 50_000)[3] == "unparsed"


def test_one_word_answers() -> None:
    sample = next(s for s in SAMPLES if s.tags["kind"] == "tags" and not str(s.target).isdigit())
    tag, target = sample.data["form"][0]["tag"], sample.target
    other = next(word for word in sample.data["universe"] if word != target)
    assert outcome(sample, f"<{tag}>{target}</{tag}>")[3] == "right"
    assert outcome(sample, f"<{tag}>{target}.</{tag}>") == (0, 0, 1, "format_violated")
    assert outcome(sample, f"<{tag}>It is {target}</{tag}>") == (0, 0, 1, "format_violated")
    assert outcome(sample, f"<{tag}>{other}</{tag}>") == (0, 1, 0, "wrong_answer")
    assert outcome(sample, f"Not {other}, but {target}")[2] == 0
    assert outcome(sample, f"<{tag}>a<{tag}>{target}</{tag}>")[1] == 0
    assert outcome(sample, f"<{tag}>", finish="length")[3] == "truncated"
    assert outcome(sample, "")[3] == "empty"
    assert outcome(sample, "I cannot say.") == (0, 0, 0, "unparsed")


def test_lists_and_lengths() -> None:
    sample = of("numbered")
    items = sample.target
    starred = "\n".join(f"* {item}" for item in items)
    assert outcome(sample, starred) == (0, 0, 1, "format_violated")
    assert outcome(sample, "\n\n".join(f"{n}. {item}" for n, item in enumerate(items, 1)))[3] == "right"
    assert outcome(sample, "\n".join(f"{n}. {item}" for n, item in enumerate(items, 2)))[1] == 0
    assert outcome(sample, "\n".join(f"{n}. {item}" for n, item in enumerate(items[::-1], 1)))[3] == "wrong_order"
    assert forms.sentence_count("Ada is 3.5 m tall. Is she? Yes") == 3
    assert forms.sentence_count("...") == 1


def test_form_names_the_layer_that_is_violated() -> None:
    form = [{"kind": "tags", "tag": "out"}, {"kind": "fence", "language": "txt"}, {"kind": "numbered", "count": 1}]
    assert forms.read(form, "<out>\n```txt\n1. a\n```\n</out>") == forms.Reading(["a"])
    assert forms.read(form, "<out>\n```\n1. a\n```\n</out>").violated == "fence"
    assert forms.read(form, "<out>\n```txt\n- a\n```\n</out>").violated == "numbered"
    assert forms.read(form, "1. a").violated == "tags"


def test_constrained_asks_the_same_with_a_schema() -> None:
    constrained = registry.suite("formatting:structured_constrained")
    pairs = list(zip(SAMPLES, constrained.samples(None), strict=True))
    assert all(ours.origin == theirs.origin and ours.id != theirs.id for ours, theirs in pairs)
    for ours, theirs in pairs:
        free, bound = SUITE.request(ours), constrained.request(theirs)
        assert free.schema is None
        assert dataclasses.replace(bound, schema=None) == free
        assert (bound.schema is not None) == (ours.tags["kind"] == "json")


def test_practice_is_no_sample_and_repeats_by_seed() -> None:
    asked = {structured.canonical(SUITE.request(sample).prompt) for sample in SAMPLES}
    found = list(SUITE.practice(5, 300))
    assert found == list(SUITE.practice(5, 300)) != list(SUITE.practice(6, 300))
    assert not asked & {structured.canonical(row.prompt) for row in found}
    assert {row.tags["kind"] for row in found} == set(KINDS)


@settings(max_examples=200, deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 10**6))
def test_every_question_that_can_be_drawn_is_fair(kind: str, seed: int) -> None:
    question = draw(kind, Dice("formatting", "test", seed))
    reading = forms.read(question.form, question.reference)
    assert not reading.violated
    assert question.form[-1]["kind"] == "prose" or reading.value == question.target
    assert len(set(question.universe)) == len(question.universe)
    form = [layer for layer in question.form if layer["kind"] != "bold"]
    assert not form or not tolerant.hits(forms.ask(question.form), question.universe), "form and content share words"


@settings(max_examples=200, deadline=None)
@given(number=st.integers(0, len(SAMPLES) - 1), data=st.data())
def test_any_text_scores_and_acc_is_form_and_content(number: int, data: st.DataObject) -> None:
    sample = SAMPLES[number]
    words = [*sample.data["universe"], *'{}[]|,*#`"<>-.\n', "```", "1. ", "**", "out"]
    text = data.draw(st.text(max_size=30) | st.lists(st.sampled_from(words), max_size=20).map(" ".join))
    acc, form, content, mode = outcome(sample, text)
    assert acc == form * content
    assert (mode == "right") == (acc == 1)
    assert (mode == "format_violated") == (content == 1 and form == 0)
