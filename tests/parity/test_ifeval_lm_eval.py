"""IFEval against lm-eval 0.4.13: prompts byte by byte, four outcomes of every response, on recorded and made-up text.

What had to be put in place of something, for the oracle alone: the sentence model, which lm-eval downloads, is shown to
NLTK in the folder where we find it; `immutabledict`, of which lm-eval needs one class, is a plain dict; langdetect's
global factory gets the seed that ours has. Two prompts ("#" and "!") are left out: lm-eval replaces these characters by
a letter drawn anew at every call.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lm_eval_oracle import SHARED, Oracle, dataset, load

from harness import registry
from harness.contracts import Suite
from harness.grading.constraints import KINDS, language
from harness.types import Completion, Sample

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not (SHARED / "ifeval").is_dir(), reason="no IFEval data beside the checkout"),
]
RECORDING = SHARED / "model_outputs" / "ifeval" / "input_response_data_gpt4_20231107_145030.jsonl.gz"
BY_CHANCE = {"ifeval/1122", "ifeval/1129"}
Outcome = tuple[bool, list[bool], bool, list[bool]]


def lines(path: Any) -> list[Any]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    return [json.loads(line) for line in text.split("\n") if line.strip()]


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    import langdetect
    import nltk.data

    folder = language._model_folder()
    assert folder is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.data, "path", [str(folder.parents[2]), *nltk.data.path])
        patch.setattr(langdetect.DetectorFactory, "seed", 0)
        if "immutabledict" not in sys.modules:
            patch.setitem(sys.modules, "immutabledict", SimpleNamespace(immutabledict=dict))
        rows = lines(SHARED / "ifeval" / "input_data.jsonl")
        yield load("ifeval", {"ifeval": lambda **_: {"train": dataset(rows)}})["ifeval"]


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return list(registry.suite("formatting").samples(SHARED))


@pytest.fixture(scope="module")
def both(oracle: Oracle, samples: list[Sample]) -> Callable[[int, str], tuple[Outcome, Outcome]]:
    suite = registry.suite("formatting")

    def judge(place: int, text: str) -> tuple[Outcome, Outcome]:
        theirs = oracle.task.process_results(oracle.task.eval_docs[place], [text])
        return ours(suite, samples[place], text), tuple(theirs.values())

    return judge


def ours(suite: Suite, sample: Sample, text: str) -> Outcome:
    score = suite.score(sample, Completion(text))
    single = score.detail["instructions"]
    return (
        score.values["prompt_strict"] == 1,
        [entry["strict"] for entry in single],
        score.values["prompt_loose"] == 1,
        [entry["loose"] for entry in single],
    )


def settled(samples: list[Sample]) -> list[int]:
    return [place for place, sample in enumerate(samples) if sample.name not in BY_CHANCE]


def test_prompts_and_settings(oracle: Oracle, samples: list[Sample]) -> None:
    suite = registry.suite("formatting")
    assert [suite.request(sample).prompt for sample in samples] == oracle.prompts()
    assert suite.request(samples[0]).max_tokens == oracle.task.config.generation_kwargs["max_gen_toks"]


@pytest.mark.slow
@pytest.mark.skipif(not RECORDING.is_file(), reason="no recorded outputs beside the checkout")
def test_outcomes_of_gpt_4(samples: list[Sample], both: Callable[..., Any]) -> None:
    said = [row["response"] for row in lines(RECORDING)]
    differ = [samples[place].name for place in settled(samples) if len(set(map(repr, both(place, said[place])))) > 1]
    assert not differ


PIECES = (
    "The answer is plain. ", "HELLO WORLD ", "it rains again and again in our old town. ", "* one\n", "- two\n", "\n\n",
    "***", "******", "**bold** ", "*lit* ", "<<Title>>\n", "<<>>", "[name] ", "[[a] b", "P.S. bye ", "p. p. s more",
    '"', "'Quoted' ", "“curly.” ", "Section 1\n", "SECTION 2 text\n", "My answer is yes.", "```json\n", "{\"a\": 1}",
    "```", "Dr. Fay met U.S. Sen. Poe. ", "1. First thing ", "e.g. this! ", "Why?! No... ", "C'est la vie, mon ami. ",
    "नमस्ते दुनिया ", "Is there anything else I can help with?", "DON'T STOP ", "A-B ", "123 ", ", ", "\t ", "\r\n", "ß ",
)  # fmt: skip


def edited(text: str, dice: random.Random) -> str:
    """Return a text with a few pieces put in, cut out, or with another case."""
    for _ in range(dice.randrange(1, 4)):
        place = dice.randrange(len(text) + 1)
        kind = dice.randrange(5)
        if kind == 0:
            text = text[:place] + dice.choice(PIECES) + text[place:]
        elif kind == 1:
            text = text[:place] + text[place + dice.randrange(200) :]
        elif kind == 2:
            text = dice.choice([str.upper, str.lower, str.title, str.strip])(text)
        elif kind == 3:
            text = dice.choice(PIECES) + "\n" + text + "\n" + dice.choice(PIECES)
        else:
            text = text.replace(*dice.choice([("\n\n", "\n"), (".", "!"), ("\n", "\n* "), (" ", "\n"), ("*", "-")]))
    return text


@pytest.mark.skipif(not RECORDING.is_file(), reason="no recorded outputs beside the checkout")
def test_outcomes_of_edited_responses(samples: list[Sample], both: Callable[..., Any]) -> None:
    """Each kind of instruction is met, followed and not followed, and never judged otherwise than by lm-eval."""
    dice, said = random.Random(3), [row["response"] for row in lines(RECORDING)]
    seen: set[tuple[str, bool]] = set()
    for place in dice.sample(settled(samples), 300):
        text = edited(said[place], dice)
        us, them = both(place, text)
        assert us == them, (samples[place].name, text)
        seen |= set(zip(samples[place].data["kinds"], us[1], strict=True))
    assert {kind for kind, _ in seen} == set(KINDS)
    assert len(seen) > 40


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 540), pieces=st.lists(st.sampled_from(PIECES), max_size=12), noise=st.text(max_size=20))
def test_outcomes_of_made_up_text(
    samples: list[Sample], both: Callable[..., Any], place: int, pieces: list[str], noise: str
) -> None:
    if samples[place].name not in BY_CHANCE:
        us, them = both(place, "".join(pieces) + noise)
        assert us == them
