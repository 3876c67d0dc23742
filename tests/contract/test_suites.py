"""One battery over every suite found, variants included: a newcomer's suite is tested before its first own test."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import registry
from harness.contracts import Suite
from harness.errors import HarnessError, JudgeError
from harness.hashing import canonical
from harness.modes import MODES
from harness.types import Completion, Sample, Score

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
GARBAGE = [  # what a broken model says
    "",
    " ",
    "\n\n",
    "\x00\x1b[2J",
    "A" * 100_000,
    "{" * 5000,
    "\ud800",
    "```python\n",
    "the answer is",
    "def f(",
    "🙂" * 99,
]


def concrete() -> list[str]:
    """Return every suite and variant, and the exemplars of those that take any variant."""
    found = registry.all_suites()
    for name in registry.open_suites():
        base = name.partition(":")[0]
        found += [f"{base}:{variant}" for variant in registry.suite(f"{base}:*").exemplars]
    return found


NAMES = concrete()


@pytest.fixture(params=NAMES)
def suite(request: pytest.FixtureRequest) -> Suite:
    return registry.suite(request.param)


def finish(suite: Suite, sample: Sample, completion: Completion) -> Score:
    """Return the score of an episode that hears `completion` whatever it asks."""
    episode = suite.episode(sample)
    next(episode)
    try:
        for _ in range(50):
            episode.send(completion)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("an episode that never ends")


def heard(suite: Suite, sample: Sample, completion: Completion) -> Score | None:
    """Return `finish`, or None where the same words came from a judge and held no verdict: its fault, no score."""
    try:
        return finish(suite, sample, completion)
    except JudgeError:
        assert suite.judges, "only a judge can be without a verdict"
        return None


def check_score(suite: Suite, score: Score) -> None:
    """Assert that a score is what the suite declares."""
    assert score.mode in MODES, score.mode
    canonical(score.detail)
    for metric in suite.metrics:
        assert metric.low <= score.values[metric.value] <= metric.high
        assert math.isfinite(score.values[metric.value])


def test_declares_what_it_is(suite: Suite) -> None:
    assert suite.version and suite.licence
    assert "http" in suite.source or "procedural" in suite.source.lower(), suite.source
    assert suite.metrics and len({metric.name for metric in suite.metrics}) == len(suite.metrics)
    assert suite.name.partition(":")[0] in registry.names("suites")
    canonical(suite.scorer())
    module = __import__("sys").modules[type(suite).__module__]
    assert len((module.__doc__ or "").splitlines()) >= 5, "source, licence and a worked example stand in the docstring"


def test_right_example_scores_full_and_wrong_scores_nothing(suite: Suite) -> None:
    examples = list(suite.examples())
    assert examples
    primary = suite.metrics[0]
    for sample, right, wrong in examples:
        good, bad = finish(suite, sample, right), finish(suite, sample, wrong)
        check_score(suite, good)
        check_score(suite, bad)
        assert good.values[primary.value] == primary.high, good
        assert bad.values[primary.value] == primary.low, bad
        assert good.mode == "right" and bad.mode != "right"


def test_garbage_never_raises_and_never_scores(suite: Suite) -> None:
    sample, right, _ = next(iter(suite.examples()))
    if right.choice_logprobs:
        pytest.skip("scored by log-probabilities: there is no text to be garbage")
    for text in GARBAGE:
        score = heard(suite, sample, dataclasses.replace(right, text=text, tool_calls=()))
        if score is not None:
            check_score(suite, score)
            assert score.values[suite.metrics[0].value] == suite.metrics[0].low, text[:20]


def test_scoring_is_pure(suite: Suite) -> None:
    for sample, right, wrong in suite.examples():
        for completion in (right, wrong):
            before = canonical(sample)
            assert finish(suite, sample, completion) == finish(suite, sample, completion)
            assert canonical(sample) == before


def test_request_is_plain(suite: Suite) -> None:
    sample, _, _ = next(iter(suite.examples()))
    request = next(suite.episode(sample))
    assert request.prompt or request.messages
    assert request == next(suite.episode(sample))
    canonical(request)
    assert (request.kind == "choose") == bool(request.choices)


def test_samples_are_unique_stable_and_split_by_origin(suite: Suite) -> None:
    try:
        samples = list(suite.samples(SHARED if SHARED.is_dir() else None))
    except HarnessError as error:
        pytest.skip(f"no data here: {error.what}")
    assert len({sample.id for sample in samples}) == len(samples)
    assert [sample.id for sample in suite.samples(SHARED if SHARED.is_dir() else None)] == [s.id for s in samples]
    splits: dict[str, set[str]] = {}
    for sample in samples:
        splits.setdefault(sample.origin, set()).add(sample.split)
        assert sample.suite == suite.name
    assert all(len(found) == 1 for found in splits.values())
    dev = sum(sample.split == "dev" for sample in samples) / len(samples)
    assert 0.3 < dev < 0.7 or len(samples) < 50
    assert len(samples) == suite.size or not suite.size
    if suite.group_tag:
        assert all(suite.group_tag in sample.tags for sample in samples)


@pytest.mark.slow
def test_siblings_share_origins() -> None:
    """Variants of one file ask the same questions: what is sealed in one is sealed in all."""
    origins: dict[str, dict[str, str]] = {}
    for name in NAMES:
        suite = registry.suite(name)
        try:
            split_of = {s.origin: s.split for s in suite.samples(SHARED if SHARED.is_dir() else None)}
        except HarnessError:
            continue
        for other in origins.get(name.partition(":")[0], {}).keys() & split_of.keys():
            assert origins[name.partition(":")[0]][other] == split_of[other]
        origins.setdefault(name.partition(":")[0], {}).update(split_of)


@pytest.mark.parametrize("name", [n for n in NAMES if not registry.suite(n).runs_code])
def test_any_text_gets_a_score(name: str) -> None:
    suite = registry.suite(name)
    sample, right, _ = next(iter(suite.examples()))

    @settings(max_examples=50, deadline=None)
    @given(text=st.text(max_size=300))
    def scored(text: str) -> None:
        score = heard(suite, sample, dataclasses.replace(right, text=text))
        if score is not None:
            check_score(suite, score)

    scored()
