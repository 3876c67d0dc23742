"""The same weights through `hf:` and through lm-eval's HFLM 0.4.13: log-likelihoods within 1e-4, greedy texts equal."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from random_llama import N_CTX, WORDS, save

from harness.models.hf import HF
from harness.types import Completion, Request


@pytest.fixture(scope="module", params=[True, False], ids=["bos", "no-bos"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[HF, Any]:
    lm_eval_hf = pytest.importorskip("lm_eval.models.huggingface")
    folder = save(tmp_path_factory.mktemp("llama") / "m", bos=request.param)
    ours = HF.open(str(folder), {"threads": "1", "batch_size": "4", "device": "cpu"})
    # With its logits cache, 0.4.13 scores (" answer" after "<s>the") at the wrong place when ("<s>the door" after
    # "") was asked too: both read one input, and the rows of the longer continuation are gathered from the first on.
    theirs = lm_eval_hf.HFLM(pretrained=str(folder), batch_size=4, device="cpu", dtype="float32", logits_cache=False)
    return ours, theirs


def instance(kind: str, *arguments: Any) -> Any:
    from lm_eval.api.instance import Instance

    return Instance(request_type=kind, doc={}, arguments=arguments, idx=0)


def pairs(count: int = 24) -> list[tuple[str, tuple[str, ...]]]:
    """Contexts of 0 to twice the context length, with and without trailing blanks, and choices of 1 to 9 words."""
    dice = random.Random(3)
    found = [("", ("yes", " no", "<s>the door")), ("<s>the", (" answer",)), ("été 日", (" 日本", "  12\n"))]
    for _ in range(count):
        context = " ".join(dice.choices(WORDS, k=dice.choice([1, 5, 30, 2 * N_CTX]))) + dice.choice(["", " ", "   "])
        found.append((context, tuple(" " + " ".join(dice.choices(WORDS, k=dice.choice([1, 1, 9]))) for _ in range(4))))
    return found


@pytest.mark.slow
def test_log_likelihoods_of_choices(both: tuple[HF, Any]) -> None:
    ours, theirs = both
    asked = pairs()
    said = dict(ours.answer([Request("choose", prompt=context, choices=choices) for context, choices in asked]))
    expected = theirs.loglikelihood(
        [instance("loglikelihood", context, choice) for context, choices in asked for choice in choices],
        disable_tqdm=True,
    )
    flat = [
        (logprob, greedy)
        for i in range(len(asked))
        for logprob, greedy in zip(said[i].choice_logprobs, said[i].choice_greedy, strict=True)  # type: ignore[union-attr]
    ]
    assert len(flat) == len(expected)
    for mine, other in zip(flat, expected, strict=True):
        assert mine[0] == pytest.approx(other[0], abs=1e-4)
        assert mine[1] == other[1]
    assert any(one.cut_tokens for one in said.values())  # type: ignore[union-attr]


@pytest.mark.slow
def test_greedy_texts(both: tuple[HF, Any]) -> None:
    ours, theirs = both
    stops = (("\n", "e d"), ("the",), ("zzzz",))
    # A prompt that begins with <s> is left out: 0.4.13 looks at the first of a batch only, and doubles it in others.
    prompts = [context for context, _ in pairs() if context and not context.startswith("<s>")]
    asked = [(prompt, stops[i % 3]) for i, prompt in enumerate(prompts)]
    said = dict(ours.answer([Request("generate", prompt=p, stop=stop, max_tokens=20) for p, stop in asked]))
    kwargs = [{"until": list(stop), "max_gen_toks": 20, "do_sample": False} for _, stop in asked]
    expected = theirs.generate_until(
        [instance("generate_until", p, k) for (p, _), k in zip(asked, kwargs, strict=True)], disable_tqdm=True
    )
    texts = [completion.text for _, completion in sorted(said.items()) if isinstance(completion, Completion)]
    assert texts == expected
    assert len(set(texts)) > 5


@pytest.mark.slow
def test_texts_read_as_lm_eval_rolls_them(both: tuple[HF, Any], tmp_path: Path) -> None:
    ours, theirs = both
    texts = ["the answer is yes", " ".join(WORDS * 9)]
    said = dict(ours.answer([Request("read", prompt=text) for text in texts]))
    for i, text in enumerate(texts):
        tokens = theirs.tok_encode(text)
        windows = _windows(tokens)
        expected = sum(value for value, _ in theirs._loglikelihood_tokens(windows, disable_tqdm=True))
        completion = said[i]
        assert isinstance(completion, Completion) and len(completion.token_logprobs) == len(tokens) - 1
        assert sum(completion.token_logprobs) == pytest.approx(expected, abs=1e-3)


def _windows(tokens: list[int]) -> list[tuple[None, list[int], list[int]]]:
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    rolled = get_rolling_token_windows(tokens[1:], prefix_token=tokens[0], max_seq_len=N_CTX, context_len=1)
    return [(None, *make_disjoint_window(window)) for window in rolled]
