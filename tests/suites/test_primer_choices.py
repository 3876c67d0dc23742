"""primer:choices: one right answer among plausible wrong ones, always the same, sealed with primer's own questions."""

from __future__ import annotations

from collections import Counter

import pytest

from harness import hashing, registry
from harness.types import Completion
from suites.primer.marking import mark
from suites.primer.skills import VARIANTS, of_role

SUITE = registry.suite("primer:choices")
SAMPLES = list(SUITE.samples(None))


def test_the_list_is_the_same_for_ever() -> None:
    # Not to be mended by pasting the new value: a changed list is a new version of the suite.
    assert hashing.digest([[s.id, s.target, s.data] for s in SAMPLES]) == "3a81734b34738f0ccd6c1b25f624ac9e"


def test_it_asks_what_primer_asks_but_for_weak_variants() -> None:
    asked = {sample.data["prompt"]: sample for sample in registry.suite("primer:large").samples(None)}
    for sample in SAMPLES:
        twin = asked[sample.data["prompt"]]
        assert (twin.origin, twin.split, twin.target) == (sample.origin, sample.split, sample.target)
    counts = Counter(sample.tags["variant"] for sample in SAMPLES)
    assert set(counts) == set(VARIANTS) - set(of_role("weak")) and set(counts.values()) == {120}
    assert len(SAMPLES) == SUITE.size


def test_choices_are_different_one_is_right_and_every_place_is_as_likely() -> None:
    places: Counter[int] = Counter()
    for sample in SAMPLES:
        listed = sample.data["choices"]
        right = [one for one in listed if one == sample.target]
        assert len(right) == 1 and len(set(listed)) == len(listed) and 2 <= len(listed) <= 4, sample.name
        assert all("\n" not in one and one == one.strip() for one in listed)
        places[listed.index(sample.target)] += len(listed) == 4
        if sample.data["check"]["kind"] != "code":
            wrong = [one for one in listed if one != sample.target]
            assert not any(mark(sample.data["check"], sample.target, one)[0] == "right" for one in wrong), sample.name
    assert min(places.values()) > 0.2 * places.total(), places


def test_a_wrong_program_does_something_else() -> None:
    for sample in SAMPLES:
        if sample.data["check"]["kind"] == "code":
            right = _values(sample.target)
            assert not any(_values(one) == right for one in sample.data["choices"] if one != sample.target), sample.name


def _values(program: str) -> list[int | None]:
    return [_value(program, x) for x in range(1, 120)]


def _value(program: str, x: int) -> int | None:
    try:
        return eval(program.partition("return ")[2], {"x": x})
    except ZeroDivisionError:
        return None


def test_the_request_chooses_and_the_likeliest_is_scored() -> None:
    sample = SAMPLES[0]
    request = SUITE.request(sample)
    assert request.kind == "choose" and request.choices == tuple(f" {one}" for one in sample.data["choices"])
    assert request.prompt == sample.data["prompt"] and not SUITE.runs_code
    place = sample.data["choices"].index(sample.target)
    sums = [-5.0] * len(request.choices)
    sums[place] = -4.0
    found = SUITE.score(sample, Completion(choice_logprobs=tuple(sums)))
    assert (found.values, found.mode, found.answer) == ({"acc": 1.0}, "right", sample.target)
    assert found.detail["probabilities"][place] == max(found.detail["probabilities"])
    sums[place - 1] = -3.0
    assert SUITE.score(sample, Completion(choice_logprobs=tuple(sums))).mode == "wrong_answer"
    with pytest.raises(ValueError, match="log-probabilities"):
        SUITE.score(sample, Completion(choice_logprobs=(-1.0,)))
