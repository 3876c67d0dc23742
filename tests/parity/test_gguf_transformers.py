"""The same weights twice: `gguf:` at F16 in llama.cpp and `hf:` in transformers, on `tiny` and questions of primer.

Tolerance: 0.1 per summed log-probability, on sums down to about -100. The weights are rounded to F16 on one side and
multiplied in another order on both; the largest difference seen was 0.040 over 1,000 sums. A mistake of one position or
a missing BOS is a hundred times as large.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import registry
from harness.contracts import Model
from harness.runner.plan import choose_samples
from harness.types import Completion, Request

TOLERANCE = 0.1
CHOICES = (" yes", " no", " True", ' {"thing": "bottle"}', " def f(x): return x + 1")


@pytest.fixture(scope="module")
def pair(tiny_folder: Path) -> Iterator[tuple[Model, Model]]:
    with (
        registry.open_model(f"gguf:{tiny_folder / 'tiny.gguf'}", {"threads": "1"}) as gguf,
        registry.open_model(f"hf:{tiny_folder}", {"threads": "1", "dtype": "float32"}) as hf,
    ):
        yield gguf, hf


def answers(model: Model, requests: list[Request]) -> list[Completion]:
    found = dict(model.answer(requests))
    assert all(isinstance(answer, Completion) for answer in found.values()), found
    return [found[i] for i in range(len(requests))]  # type: ignore[misc]


def prompts(count: int) -> list[str]:
    suite = registry.suite("primer")
    chosen = choose_samples(suite.samples(None), count, "all", 0, "variant")
    return [suite.request(sample).prompt for sample in chosen]


@pytest.mark.slow
def test_log_likelihoods_agree(pair: tuple[Model, Model]) -> None:
    requests = [Request("choose", prompt=prompt, choices=CHOICES) for prompt in prompts(200)]
    largest = 0.0
    for ours, theirs in zip(answers(pair[0], requests), answers(pair[1], requests), strict=True):
        for a, b in zip(ours.choice_logprobs, theirs.choice_logprobs, strict=True):
            largest = max(largest, abs(a - b))
        assert ours.choice_tokens == theirs.choice_tokens
    print(f"largest difference {largest:.4f} over {200 * len(CHOICES)} sums")
    assert largest < TOLERANCE


@pytest.mark.slow
def test_outcomes_agree_sample_by_sample(pair: tuple[Model, Model]) -> None:
    """Greedy texts may part where two tokens are equally likely to within rounding: at most one in a hundred does."""
    suite = registry.suite("primer")
    chosen = choose_samples(suite.samples(None), 150, "all", 0, "variant")
    requests = [suite.request(sample) for sample in chosen]
    both = list(zip(answers(pair[0], requests), answers(pair[1], requests), strict=True))
    same = sum(a.text == b.text for a, b in both)
    assert same >= 148, f"{same} of 150 texts are equal"
    assert len({a.text for a, _ in both}) > 50, "a model that always says the same would prove nothing"


@pytest.mark.slow
def test_reading_a_text_agrees(pair: tuple[Model, Model]) -> None:
    requests = [Request("read", prompt=prompt + " yes and no") for prompt in prompts(25)]
    for ours, theirs in zip(answers(pair[0], requests), answers(pair[1], requests), strict=True):
        assert ours.token_logprobs == pytest.approx(theirs.token_logprobs, abs=TOLERANCE)
