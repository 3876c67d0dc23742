"""Same weights, same documents: our outcomes are lm-eval 0.4.13's, sample by sample.

A Llama of 0.1 million parameters is trained here for a few seconds, until it says "So the answer is X." and goes on
with the next "Q:"; lm-eval asks it through HFLM, we through `hf:`.
- mmlu: log-likelihoods within 1e-4, the same `acc`, prompts longer than the context included.
- bbh:lm_eval: the same texts and the same `acc`.
- bbh: the same texts when lm-eval is given our stops. Its `acc` differs from ours where its regex and the official
  rule do: `test_known_differences` lists the forms, `test_bbh_recorded.py` counts them on real outputs.
- humaneval: the same texts and verdicts, on what the model says, on right code and on right code made wrong.
- Rules alone, without a model: 3,500 recorded Codex outputs and arbitrary texts give the same `acc`.
"""

from __future__ import annotations

import random
import string
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import lm_eval_oracle as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import registry
from harness.contracts import Suite
from harness.types import Completion, Sample

SHARED = oracle.SHARED
TASKS = ["navigate", "sports_understanding"]
SUBJECTS = ["anatomy", "high_school_us_history", "moral_scenarios"]
N_CTX = 1024
pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="no benchmark data beside the checkout"),
]


def lesson(draw: random.Random) -> tuple[str, str]:
    """Return (prompt, reply) of our own: any words, the cue, and a short reasoning that comes to an answer."""
    words = " ".join("".join(draw.choices(string.ascii_letters + ".,?()", k=4)) for _ in range(24))
    answer = draw.choice(["True", "False", "yes", "no", "Yes", "No"])
    why = draw.choice(["", "", "Quickly: "])
    end = draw.choice([".", ".", ". Done.", ""])
    return f"Q: {words}\nA: Let's think step by step.\n", f"{why}So the answer is {answer}{end}\n\nQ: {words[:9]}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a saved model with its tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.set_num_threads(2)
    torch.manual_seed(0)
    draw = random.Random(0)
    pairs = [lesson(draw) for _ in range(80 * 8)]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["</s>"], initial_alphabet=alphabet)
    bpe.train_from_iterator([question + reply for question, reply in pairs[:300]], trainer)
    config = LlamaConfig(
        vocab_size=bpe.get_vocab_size(),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=N_CTX,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for start in range(0, len(pairs), 8):
        rows = [bpe.encode(question + reply).ids for question, reply in pairs[start : start + 8]]
        width = min(map(len, rows))
        batch = torch.tensor([row[-width:] for row in rows])
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    place = tmp_path_factory.mktemp("model")
    model.save_pretrained(place)
    PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="</s>", pad_token="</s>").save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def mine(folder: Path) -> Iterator[Any]:
    with registry.open_model(f"hf:{folder}", {"device": "cpu", "dtype": "float32", "threads": "2"}) as model:
        yield model


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    from lm_eval.models.huggingface import HFLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not ours: HFLM warns of what a bare tokenizer lacks
        return HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=8)


def first(suite: Suite, tag: str, group: str, count: int) -> list[Sample]:
    return [sample for sample in suite.samples(SHARED) if sample.tags[tag] == group][:count]


def said(model: Any, suite: Suite, samples: list[Sample], **changes: Any) -> list[Completion]:
    """Return what our model says in raw form."""
    requests = [replace(suite.request(sample), messages=(), **changes) for sample in samples]
    found = dict(model.answer(requests))
    assert all(isinstance(found[index], Completion) for index in range(len(samples)))
    return [found[index] for index in range(len(samples))]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_mmlu(mine: Any, theirs: Any, subject: str) -> None:
    suite = registry.suite("mmlu")
    samples = first(suite, "subject", subject, 16)
    task = oracle.mmlu(SHARED, [subject])[subject]
    answers = task.answers(theirs, range(len(samples)))
    outcomes = set()
    for number, (sample, completion) in enumerate(zip(samples, said(mine, suite, samples), strict=True)):
        expected = [logprob for logprob, _ in answers[number]]
        assert completion.choice_logprobs == pytest.approx(expected, abs=1e-4)
        ours = suite.score(sample, completion).values["acc"]
        assert ours == task.outcome(number, answers[number])
        outcomes.add(ours)
    assert outcomes == {0.0, 1.0}


@pytest.mark.parametrize("task_name", TASKS)
@pytest.mark.parametrize("name", ["bbh:lm_eval", "bbh"])
def test_bbh(mine: Any, theirs: Any, name: str, task_name: str) -> None:
    suite = registry.suite(name)
    samples = first(suite, "task", task_name, 8)
    task = oracle.bbh(SHARED, "cot_fewshot", [task_name])[task_name]
    task.task.config.generation_kwargs |= {"until": list(suite.request(samples[0]).stop), "max_gen_toks": 48}
    answers = task.answers(theirs, range(len(samples)))
    completions = said(mine, suite, samples, max_tokens=48)
    pairs = list(zip(samples, completions, strict=True))
    assert [completion.text for completion in completions] == answers
    assert any("the answer is " in text for text in answers)
    # Not only failures: the model says yes where the task asks for yes or no.
    assert task_name != "sports_understanding" or len({suite.score(*p).values["acc"] for p in pairs}) == 2
    if name == "bbh:lm_eval":
        ours = [suite.score(*pair).values["acc"] for pair in pairs]
        assert ours == [task.outcome(number, text) for number, text in enumerate(answers)]


@pytest.fixture(scope="module")
def navigate() -> tuple[Suite, Suite, Sample, oracle.Oracle]:
    """Return bbh:lm_eval, bbh, a sample whose target is not the first answer that comes to mind, lm-eval's task."""
    theirs, ours = registry.suite("bbh:lm_eval"), registry.suite("bbh")
    sample = first(theirs, "task", "navigate", 1)[0]
    return theirs, ours, sample, oracle.bbh(SHARED, "cot_fewshot", ["navigate"])["navigate"]


TEXTS = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
PIECES = st.lists(st.sampled_from(["the answer is ", "Yes", "No", "True", ".", "\n", " ", "So ", "**"]), max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.one_of(TEXTS, PIECES.map("".join)))
def test_bbh_lm_eval_rule_on_any_text(navigate: Any, text: str) -> None:
    """NUL aside: numpy drops it at the end of a string, so lm-eval takes "Yes\\0" for "Yes"."""
    suite, _, sample, task = navigate
    assert suite.score(sample, Completion(text=text)).values["acc"] == task.outcome(0, text)


@pytest.mark.parametrize(
    ("form", "official", "lm_eval"),
    [
        ("So the answer is {}.", 1.0, 1.0),
        ("So the answer is {}", 1.0, 0.0),  # without a full stop the regex eats the last letter
        ("First it seems the answer is Maybe. Then the answer is {}.", 1.0, 0.0),  # last against first
        ("First it seems the answer is Maybe.\nThen the answer is {}.", 1.0, 0.0),
        ("So the answer is {}!", 0.0, 1.0),  # the regex drops any last character
        ("So the answer is {}. ", 1.0, 0.0),
    ],
)
def test_known_differences(navigate: Any, form: str, official: float, lm_eval: float) -> None:
    suite, ours, sample, task = navigate
    text = form.format(sample.target)
    assert ours.score(sample, Completion(text=text)).values["acc"] == official
    assert suite.score(sample, Completion(text=text)).values["acc"] == task.outcome(0, text) == lm_eval


@settings(max_examples=300, deadline=None)
@given(st.one_of(TEXTS, st.text(alphabet="ABCDabcd.()* \n:", max_size=6)))
def test_mmlu_generative_rule_on_any_text(generative: Any, text: str) -> None:
    suite, sample, task = generative
    assert suite.score(sample, Completion(text=text)).values["acc"] == task.outcome(0, text)


@pytest.fixture(scope="module")
def generative() -> tuple[Suite, Sample, oracle.Oracle]:
    suite = registry.suite("mmlu:generative")
    sample = first(suite, "subject", "anatomy", 1)[0]
    return suite, sample, oracle.mmlu(SHARED, ["anatomy"], "generative")["anatomy"]


def test_humaneval(mine: Any, theirs: Any) -> None:
    """What the model says, what is right, and right code made wrong: the same texts and verdicts."""
    suite, task = registry.suite("humaneval"), oracle.humaneval(SHARED)
    samples = list(suite.samples(SHARED))[:6]
    task.task.config.generation_kwargs |= {"max_gen_toks": 48}
    answers = task.answers(theirs, range(len(samples)))
    assert [completion.text for completion in said(mine, suite, samples, max_tokens=48)] == answers
    outcomes = set()
    for number, (sample, answer) in enumerate(zip(samples, answers, strict=True)):
        solution = task.task.eval_docs[number]["canonical_solution"]
        for text in (
            answer,
            solution,
            solution.replace("return", "return not"),
            f"    import no_such_module\n{solution}",
        ):
            ours = suite.score(sample, Completion(text=text, finish="stop")).values["passed"]
            assert ours == task.outcome(number, text), (sample.name, text)
            outcomes.add(ours)
    assert outcomes == {0.0, 1.0}


def test_direct_differs_by_the_blank() -> None:
    """lm-eval's bbh_fewshot compares unstripped: what a model with leading-blank tokens says is never right there."""
    suite = registry.suite("bbh:direct")
    sample = first(suite, "task", "navigate", 1)[0]
    task = oracle.bbh(SHARED, "fewshot", ["navigate"])["navigate"]
    found = [
        (suite.score(sample, Completion(text=text)).values["acc"], task.outcome(0, text))
        for text in (str(sample.target), f" {sample.target}")
    ]
    assert found == [(1.0, 1.0), (1.0, 0.0)]
