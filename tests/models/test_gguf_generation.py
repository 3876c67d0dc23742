"""Texts: equal to transformers' on the same weights, and the same whatever is generated beside them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_gguf import WORDS, Weights

from harness.models.gguf import GGUF
from harness.models.gguf.generation import fit_prompt
from harness.models.gguf.sampling import Sampler
from harness.models.gguf.transcript import Transcript
from harness.models.reasoning import Markers
from harness.types import Completion, Message, Request

ONE = {"threads": "1", "n_ctx": "256"}
NEAR_TIE = 0.01
"""A greedy choice between logits this close may fall differently in other arithmetic."""


@pytest.fixture(scope="module")
def model(weights: Weights) -> Iterator[GGUF]:
    with GGUF.open(str(weights.gguf), ONE) as opened:
        yield opened


@pytest.fixture(scope="module")
def single(one_gguf: Path) -> Iterator[GGUF]:
    with GGUF.open(str(one_gguf), ONE) as opened:
        yield opened


def prompts(count: int) -> list[str]:
    picker = random.Random(4)
    header = " ".join(picker.choice(WORDS.split()) for _ in range(40))
    return [
        (header if i % 3 else "") + " ".join(picker.choice(WORDS.split()) for _ in range(picker.randint(1, 50)))
        for i in range(count)
    ]


def mixed(count: int) -> list[Request]:
    """Return greedy and sampled requests of unequal lengths, half of them with a common header."""
    return [
        Request("generate", p, max_tokens=8 + i, temperature=0.9 * (i % 2), top_p=0.95, top_k=40 * (i % 3), seed=i)
        for i, p in enumerate(prompts(count))
    ]


def answers(model: GGUF, requests: Sequence[Request]) -> list[Completion]:
    found = dict(model.answer(requests))
    assert sorted(found) == list(range(len(requests)))
    listed = [c for i in range(len(requests)) if isinstance(c := found[i], Completion)]
    assert len(listed) == len(requests), found
    return listed


@pytest.mark.slow
def test_greedy_text_equals_transformers(weights: Weights, model: GGUF) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(weights.folder)
    hf = AutoModelForCausalLM.from_pretrained(weights.folder).eval()
    compared = 0
    found = answers(model, [Request("generate", p, max_tokens=24) for p in prompts(10)])
    for prompt, completion in zip(prompts(10), found, strict=True):
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        ends = {"pad_token_id": 0, "eos_token_id": [0, 3], "do_sample": False, "max_new_tokens": 24}
        with torch.no_grad():
            out = hf.generate(ids, output_logits=True, return_dict_in_generate=True, **ends)
        new = out.sequences[0, ids.shape[1] :].tolist()
        gaps = [float(logits[0].topk(2).values.diff().abs()) for logits in out.logits]
        sure = next((i for i, gap in enumerate(gaps) if gap < NEAR_TIE), len(gaps))
        compared += sure
        expected = tokenizer.decode(new[:sure], skip_special_tokens=True)
        assert completion.prompt_tokens == ids.shape[1]
        assert completion.text.startswith(expected.rstrip("\ufffd"))
        if sure == len(new):
            assert completion.text == expected
            assert completion.completion_tokens == len(new)
            assert completion.finish == ("eos" if new[-1] in (0, 3) else "length")
    assert compared >= 100


def test_texts_do_not_depend_on_the_width(weights: Weights) -> None:
    requests = mixed(14)
    found = []
    for width in ("1", "3", "8", "11"):
        with GGUF.open(str(weights.gguf), {**ONE, "width": width}) as opened:
            found.append([(c.text, c.finish, c.completion_tokens) for c in answers(opened, requests)])
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.slow
def test_texts_of_quantised_weights_do_not_depend_on_the_width(one_gguf: Path, tmp_path: Path) -> None:
    from harness.models.convert import quantize

    small = quantize(one_gguf, tmp_path / "q5.gguf", "Q5_K_M")
    requests = mixed(14)
    found = []
    for width in ("1", "5", "8", "16"):
        with GGUF.open(str(small), {**ONE, "width": width}) as opened:
            found.append([c.text for c in answers(opened, requests)])
            assert f"width {width}" in answers(opened, requests[:1])[0].layout
    assert found[0] == found[1] == found[2] == found[3]


def test_texts_do_not_depend_on_company_or_order(model: GGUF) -> None:
    requests = mixed(12)
    together = [c.text for c in answers(model, requests)]
    assert [answers(model, [r])[0].text for r in requests] == together
    order = random.Random(1).sample(range(12), 12)
    assert [c.text for c in answers(model, [requests[i] for i in order])] == [together[i] for i in order]


def test_texts_survive_a_move_to_a_lower_lane(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of three texts end early, at a stop string of their own: what is left closes ranks."""
    from harness.models.gguf.lanes import Lanes

    moves = []
    monkeypatch.setattr(Lanes, "move", lambda self, s, t, real=Lanes.move: (moves.append((s, t)), real(self, s, t)))
    requests = [replace(r, max_tokens=60) for r in mixed(30)]
    with GGUF.open(str(weights.gguf), {**ONE, "width": "30"}) as opened:
        whole = answers(opened, requests)
        stops = [(c.text[9:14],) if i % 3 and len(c.text) > 14 else () for i, c in enumerate(whole)]
        stopped = [replace(r, stop=stop) for r, stop in zip(requests, stops, strict=True)]
        moves.clear()
        together = answers(opened, stopped)
    assert len(moves) >= 5 and all(target < source for source, target in moves)
    for long, stop, short in zip(whole, stops, together, strict=True):
        assert short.text == (long.text.split(stop[0])[0] if stop else long.text)


def test_a_seed_is_a_text(model: GGUF) -> None:
    request = Request("generate", "What is", max_tokens=30, temperature=1.0, seed=7)
    same = answers(model, [request] * 5)
    assert len({c.text for c in same}) == 1
    others = answers(model, [replace(request, seed=seed) for seed in range(6)])
    assert len({c.text for c in others}) == 6


def test_everything_is_counted_and_ends_for_a_reason(model: GGUF) -> None:
    for completion in answers(model, mixed(12)):
        assert completion.finish in ("eos", "length")
        assert completion.completion_tokens > 0 and completion.prompt_tokens > 0 and completion.seconds > 0
    for request, completion in zip(mixed(12), answers(model, mixed(12)), strict=True):
        assert (completion.completion_tokens == request.max_tokens) == (completion.finish == "length")


def test_nothing_asked_for_is_nothing(single: GGUF) -> None:
    (completion,) = answers(single, [Request("generate", "a", max_tokens=0)])
    assert (completion.text, completion.finish) == ("", "length")


def test_an_empty_prompt_starts_from_bos_or_eos(model: GGUF) -> None:
    (completion,) = answers(model, [Request("generate", "", max_tokens=5)])
    assert completion.prompt_tokens == 1


@pytest.mark.parametrize("start", [1, 4, 9])
@pytest.mark.parametrize("length", [1, 3, 6])
def test_stop_strings_across_tokens(model: GGUF, start: int, length: int) -> None:
    request = Request("generate", "The capital of", max_tokens=30, temperature=1.0, seed=11)
    (free,) = answers(model, [request])
    stop = free.text[start : start + length]
    (stopped,) = answers(model, [replace(request, stop=("never to be seen", stop))])
    assert stopped.finish == "stop"
    assert stopped.text == free.text[: free.text.find(stop)]
    assert stopped.completion_tokens < free.completion_tokens


def test_a_control_token_can_be_a_stop(single: GGUF) -> None:
    vocabulary = single.weights.vocabulary
    im_start = int(vocabulary.encode("<|im_start|>", bos=False)[0])
    word = int(vocabulary.encode(" Paris", bos=False)[0])
    transcript = Transcript(vocabulary, ("<|im_start|>",), None)
    assert [transcript.add(word), transcript.add(im_start)] == [False, True]
    assert transcript.finish("stop") == (vocabulary.piece(word).decode(), "", "stop")
    unseen = Transcript(vocabulary, ("x",), None)
    assert not unseen.add(im_start) and unseen.text == ""


def test_a_character_in_several_tokens(single: GGUF) -> None:
    vocabulary = single.weights.vocabulary
    transcript = Transcript(vocabulary, ("🙂",), None)
    tokens = vocabulary.encode("a🙃🙂", bos=False).tolist()
    stops = [transcript.add(token) for token in tokens]
    assert stops == [False] * (len(tokens) - 1) + [True]
    assert transcript.finish("stop")[0] == "a🙃"
    cut = Transcript(vocabulary, (), None)
    for token in vocabulary.encode("a🙂", bos=False).tolist()[:-1]:
        cut.add(token)
    assert cut.finish("length")[0] == "a\ufffd"


def test_stops_count_only_after_reasoning(single: GGUF) -> None:
    vocabulary = single.weights.vocabulary
    transcript = Transcript(vocabulary, ("\nQ",), Markers("<think>", "</think>"))
    text = "<think>what \nQ is</think> yes \nQ no"
    stops = [transcript.add(token) for token in vocabulary.encode(text, bos=False).tolist()]
    assert stops.index(True) == len(vocabulary.encode(text.removesuffix(" no"), bos=False)) - 1
    assert transcript.finish("stop") == ("yes ", "what \nQ is", "stop")


def test_long_prompts_are_cut_from_the_left_and_leave_room(model: GGUF) -> None:
    long = " ".join(prompts(30))
    (completion,) = answers(model, [Request("generate", long, max_tokens=40)])
    assert completion.prompt_tokens == 256 - 40 and completion.cut_tokens > 0
    (most,) = answers(model, [Request("generate", long, max_tokens=10_000, temperature=1.0, seed=1)])
    assert most.prompt_tokens == 128 and most.completion_tokens <= 128


@pytest.mark.parametrize(
    ("length", "max_tokens", "expected"),
    [(10, 5, (10, 0, 5)), (100, 5, (95, 5, 5)), (100, 90, (50, 50, 50)), (10, 500, (10, 0, 90)), (100, 0, (100, 0, 0))],
)
def test_fit_prompt(length: int, max_tokens: int, expected: tuple[int, int, int]) -> None:
    kept, cut, most = fit_prompt(np.arange(length, dtype=np.int32), max_tokens, 100)
    assert (len(kept), cut, most) == expected
    assert kept[-1] == length - 1


def test_little_cache_means_fewer_lanes(weights: Weights, model: GGUF) -> None:
    requests = mixed(6)
    with GGUF.open(str(weights.gguf), {**ONE, "kv_cells": "1024"}) as small:
        assert [c.finish for c in answers(small, requests)]
        assert "lanes 2" in answers(small, requests)[0].layout


def test_chat_is_rendered_once_and_prefill_is_continued(model: GGUF) -> None:
    question = Message("user", "Is the sky blue ?")
    vocabulary = model.weights.vocabulary
    written = f"{vocabulary.bos_text}<|im_start|>user\nIs the sky blue ?<|im_end|>\n<|im_start|>assistant\n"
    chat, raw = answers(
        model, [Request("generate", messages=(question,), max_tokens=6), Request("generate", written, max_tokens=6)]
    )
    assert (chat.form, raw.form) == ("chat", "raw")
    assert (chat.text, chat.prompt_tokens) == (raw.text, raw.prompt_tokens)
    prefill = Request("generate", messages=(question, Message("assistant", "The sky ")), max_tokens=6)
    continued, raw = answers(model, [prefill, Request("generate", written + "The sky ", max_tokens=6)])
    assert (continued.text, continued.prompt_tokens) == (raw.text, raw.prompt_tokens)
    chosen = Request("choose", messages=(question,), choices=("yes", "no"))
    in_chat, in_raw = answers(model, [chosen, Request("choose", written, choices=("yes", "no"))])
    assert in_chat.choice_logprobs == pytest.approx(in_raw.choice_logprobs, abs=1e-6)


def test_sampler_follows_the_distribution() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], dtype=np.float32))

    def shares(**settings: float | int) -> list[float]:
        drawn = [Sampler(Request("generate", seed=s, **settings)).choose(logits) for s in range(2000)]  # type: ignore[arg-type]
        return [drawn.count(token) / 2000 for token in range(4)]

    assert shares(temperature=1.0) == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.04)
    assert shares(temperature=1.0, top_k=2) == pytest.approx([0.625, 0.375, 0, 0], abs=0.04)
    assert shares(temperature=1.0, top_p=0.75) == pytest.approx([0.625, 0.375, 0, 0], abs=0.04)
    assert shares(temperature=0.5, top_p=0.6) == pytest.approx([1, 0, 0, 0], abs=0.001)
    assert shares(temperature=0.0) == [1, 0, 0, 0]
    assert shares(temperature=1e-6) == [1, 0, 0, 0]


def test_sampler_sorts_only_what_it_needs() -> None:
    """A flat distribution over many tokens: the nucleus is larger than the first look."""
    logits = np.linspace(0, 0.01, 5000).astype(np.float32)
    drawn = {Sampler(Request("generate", seed=s, temperature=1.0, top_p=0.5)).choose(logits) for s in range(300)}
    assert min(drawn) >= 2450 and len(drawn) > 250
