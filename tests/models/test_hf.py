"""The `hf:` model: batches change nothing, stops and limits hold per row, bad folders are told apart."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from random_llama import N_CTX, WORDS, save

from harness.errors import UsageError
from harness.models.hf import HF, Job, chunks
from harness.models.hf.generating import draw
from harness.models.hf.scoring import Span
from harness.models.reasoning import Markers
from harness.registry import open_model
from harness.types import Completion, Fault, Message, Request, ToolCall

pytest.importorskip("transformers")
SETTINGS = {"threads": "1", "device": "cpu", "batch_size": "3"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("hf") / "llama", template=True)


@pytest.fixture(scope="module")
def model(folder: Path) -> HF:
    return HF.open(str(folder), SETTINGS)


def ask(model: HF, *requests: Request) -> list[Completion]:
    said = sorted(model.answer(requests), key=lambda pair: pair[0])
    assert [index for index, _ in said] == list(range(len(requests)))
    found = [completion for _, completion in said if isinstance(completion, Completion)]
    assert len(found) == len(requests), said
    return found


def generate(prompt: str, **fields: Any) -> Request:
    return Request("generate", prompt=prompt, **{"max_tokens": 12, **fields})


PROMPTS = [" ".join(WORDS[i : i + 1 + i % 7]) for i in range(10)]


def test_sampled_texts_depend_on_request_and_seed_only(model: HF) -> None:
    requests = [generate(p, temperature=0.9, top_p=0.9, top_k=40, seed=i) for i, p in enumerate(PROMPTS[:5])]
    together = [one.text for one in ask(model, *requests)]
    assert together == [ask(model, one)[0].text for one in requests]
    assert together == [one.text for one in reversed(ask(model, *reversed(requests)))]
    assert together != [one.text for one in ask(model, *(replace(r, seed=99) for r in requests))]


def test_rows_of_a_batch_keep_their_own_limits_and_temperatures(model: HF) -> None:
    said = ask(
        model,
        generate(PROMPTS[1], max_tokens=3),
        generate(PROMPTS[2], max_tokens=17),
        generate(PROMPTS[2], max_tokens=17, temperature=1.5, seed=4),
    )
    assert [one.completion_tokens for one in said] == [3, 17, 17]
    assert {one.finish for one in said} == {"length"}
    assert said[1].text != said[2].text
    assert all(one.seconds > 0 and "3 rows" in one.layout for one in said)


def test_a_stop_string_across_token_boundaries_ends_the_row(model: HF) -> None:
    whole = ask(model, generate(PROMPTS[3], max_tokens=30))[0]
    middle = next(i for i in range(5, len(whole.text) - 4) if whole.text.find(whole.text[i : i + 4]) == i)
    stop = whole.text[middle : middle + 4]
    said = ask(model, generate(PROMPTS[3], max_tokens=30, stop=("never", stop)), generate(PROMPTS[4]))[0]
    assert said.text == whole.text[:middle] and said.finish == "stop"
    assert said.completion_tokens < whole.completion_tokens


def test_end_of_sequence_ends_the_row_and_leaves_no_mark(model: HF) -> None:
    whole = ask(model, generate(PROMPTS[5], max_tokens=12))[0].text
    assert model.loaded is not None
    letter = next(c for c in whole[2:] if c.isascii() and c not in whole[:2])
    tokenizer = model.loaded.tokenizer
    kept, model.eos = model.eos, frozenset(i for i in range(len(tokenizer)) if letter in tokenizer.decode([i]))
    try:
        said = ask(model, generate(PROMPTS[5], max_tokens=12))[0]
    finally:
        model.eos = kept
    assert said.finish == "eos" and 1 < said.completion_tokens < 12
    assert said.text and whole.startswith(said.text) and letter not in said.text


def test_stops_count_after_reasoning_only(folder: Path) -> None:
    free = HF.open(str(folder), {**SETTINGS, "reasoning": "off"})
    text = ask(free, generate(PROMPTS[6], max_tokens=40))[0].text
    opening, closing = text[:3], text[12:15]
    assert text.find(closing) == 12, "the random text repeats; choose another prompt"
    thinking = HF.open(str(folder), {**SETTINGS, "reasoning": f"{opening},{closing}"})
    assert thinking.markers == Markers(opening, closing)
    said = ask(thinking, generate(PROMPTS[6], max_tokens=40, stop=(text[5:7],)))[0]
    assert said.reasoning == text[3:12].strip()
    assert text[15:].lstrip().startswith(said.text)


def test_a_long_prompt_is_cut_from_the_left(model: HF) -> None:
    said = ask(model, generate(" ".join(WORDS * 9), max_tokens=20))[0]
    assert said.prompt_tokens == N_CTX - 20 and said.cut_tokens > 0
    assert said.completion_tokens == 20
    greedy = ask(model, generate("the answer", max_tokens=10 * N_CTX))[0]
    assert greedy.cut_tokens == 0 and greedy.prompt_tokens + greedy.completion_tokens == N_CTX


def test_each_chunk_is_yielded_before_the_next_is_computed(model: HF, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    answers = HF._answers
    monkeypatch.setattr(
        HF, "_answers", lambda self, chunk, width: computed.append(len(chunk)) or answers(self, chunk, width)
    )
    stream = model.answer([generate(p, max_tokens=2) for p in PROMPTS])
    next(stream)
    assert computed == [3]
    assert len(list(stream)) == len(PROMPTS) - 1


@pytest.mark.slow
def test_memory_that_runs_out_halves_the_chunk_then_faults(model: HF, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, widths = HF._answers, []

    def tight(self: HF, chunk: list[Job], width: int) -> list[Completion]:
        widths.append(width)
        if len(chunk) > 1 or chunk[0].length > 5:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return answers(self, chunk, width)

    monkeypatch.setattr(HF, "_answers", tight)
    said = dict(model.answer([generate(p, max_tokens=2) for p in PROMPTS]))
    assert sorted(said) == list(range(len(PROMPTS))) and {3, 1} <= set(widths)
    kinds = {one.kind for one in said.values() if isinstance(one, Fault)}
    assert kinds == {"out_of_memory"} and any(isinstance(one, Completion) for one in said.values())


def test_other_errors_of_the_model_are_not_hidden(model: HF, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: HF, chunk: list[Job], width: int) -> list[Completion]:
        raise RuntimeError("device-side assert")

    monkeypatch.setattr(HF, "_answers", broken)
    with pytest.raises(RuntimeError, match="device-side"):
        list(model.answer([generate("a")]))


def test_chunks_hold_no_more_rows_than_asked() -> None:
    spans = [Span((1, i, i + 1), 1) for i in range(4)]
    jobs = [Job(0, generate(""), spans=tuple(spans[:n])) for n in (2, 1, 4, 1, 1)]
    assert [[job.rows for job in chunk] for chunk in chunks(jobs, 3)] == [[2, 1], [4], [1, 1]]


def test_choices_that_merge_into_the_context_are_faults(model: HF) -> None:
    said = dict(
        model.answer(
            [Request("choose", prompt="été 日", choices=("本",)), Request("choose", prompt="a", choices=("",))]
        )
    )
    assert all(isinstance(one, Fault) and one.kind == "encoding" for one in said.values())


def test_chat_prefill_and_tools(model: HF) -> None:
    assert model.can >= {"chat", "tools"}
    user = Message("user", "the door")
    call = Message("assistant", "", tool_calls=(ToolCall("find", {"x": 7}),))
    assert model.codec.context(Request("generate", messages=(user,))) == ("<|user|>the door<|end|><|assistant|>", True)
    prefilled = Request("generate", messages=(user, Message("assistant", "yes: ")))
    assert model.codec.context(prefilled)[0] == "<|user|>the door<|end|><|assistant|>yes: "
    tools = Request("generate", messages=(user, call, Message("tool", "red")), tools=({"type": "function"},))
    expected = "<|user|>the door<|end|><|assistant|>find=7<|end|><|tool|>red<|end|>[1 tools]<|assistant|>"
    assert model.codec.context(tools)[0] == expected
    chat = Request("generate", messages=(user,), max_tokens=6)
    raw = generate("<|user|>the door<|end|><|assistant|>", max_tokens=6)
    said = ask(model, chat, Request("choose", messages=(user,), choices=(" yes", " no")))
    assert said[0].form == "chat" and said[0].prompt_tokens == ask(model, raw)[0].prompt_tokens - 1  # no <s> of its own
    assert len(said[1].choice_logprobs) == 2


def test_a_model_without_template_faults_on_chat(tmp_path: Path) -> None:
    model = open_model(str(save(tmp_path / "plain")), SETTINGS)
    assert "chat" not in model.can
    ((_, said),) = model.answer([Request("generate", messages=(Message("user", "a"),))])
    assert isinstance(said, Fault) and said.kind == "unsupported"


def test_draws_follow_the_distribution() -> None:
    import torch

    scores = torch.log(torch.tensor([0.1, 0.6, 0.3]))
    points = [i / 1000 for i in range(1000)]
    asked = generate("", temperature=1.0)
    counts = [[draw(scores, asked, p) for p in points].count(token) for token in range(3)]
    assert counts == pytest.approx([100, 600, 300], abs=2)
    assert {draw(scores, replace(asked, top_k=1), p) for p in points} == {1}
    assert {draw(scores, replace(asked, top_p=0.7), p) for p in points} == {1, 2}
    assert {draw(scores, replace(asked, temperature=0.01), p) for p in points} == {1}


def test_an_adapter_changes_answers_and_digest(folder: Path, model: HF, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(folder)
    adapted = peft.get_peft_model(base, peft.LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False))
    adapted.save_pretrained(tmp_path / "lora")
    with_adapter = HF.open(str(folder), {**SETTINGS, "adapter": str(tmp_path / "lora")})
    question = Request("choose", prompt="the", choices=(" answer", " door"))
    assert ask(with_adapter, question)[0].choice_logprobs != ask(model, question)[0].choice_logprobs
    assert with_adapter.digest and with_adapter.digest != model.digest
    (tmp_path / "lora" / "adapter_model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"adapter_model\.safetensors"):
        HF.open(str(folder), {**SETTINGS, "adapter": str(tmp_path / "lora")})


def test_facts_and_digest(folder: Path, model: HF, tmp_path: Path) -> None:
    facts = model.describe()
    assert facts["n_ctx"] == N_CTX and facts["size_bytes"] == 4 * facts["parameters"]
    json.dumps([facts, model.engine])
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert HF.open(str(copy), SETTINGS).digest == model.digest
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "rope_theta": 5000.0}))
    assert HF.open(str(copy), SETTINGS).digest != model.digest


def test_closing_is_idempotent(folder: Path) -> None:
    model = HF.open(str(folder), SETTINGS)
    model.close()
    model.close()
    assert model.describe() == {}


def broken_folder(kind: str, folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    weights = target / "model.safetensors"
    if kind == "truncated":
        weights.write_bytes(weights.read_bytes()[:2000])
    elif kind == "missing":
        weights.unlink()
    elif kind == "pickled":
        weights.rename(target / "pytorch_model.bin")
    elif kind == "no config":
        (target / "config.json").unlink()
    elif kind == "partial":
        from safetensors.torch import load_file, save_file

        tensors = load_file(weights)
        tensors.pop("model.layers.1.mlp.up_proj.weight")
        save_file(tensors, weights, metadata={"format": "pt"})
    return target


@pytest.mark.parametrize("kind", ["truncated", "missing", "pickled", "no config", "partial"])
def test_broken_folders_are_usage_errors_in_three_parts(kind: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        HF.open(str(broken_folder(kind, folder, tmp_path / "broken")), SETTINGS)
    assert error.value.what and error.value.expected and error.value.next


@pytest.mark.parametrize(
    ("locator", "settings", "words"),
    [
        ("/nowhere/at/all", {}, "no folder '/nowhere/at/all'"),
        ("", {}, "no config.json"),
        ("x", {"dtyp": "float32"}, "'dtype'"),
        ("x", {"batch_size": "0"}, "batch_size"),
        ("HERE", {"device": "cuda:77"}, "device = 'cuda:77'"),
    ],
)
def test_bad_usage(locator: str, settings: dict[str, str], words: str, folder: Path) -> None:
    with pytest.raises(UsageError) as error:
        HF.open(locator.replace("HERE", str(folder)), settings)
    assert words in str(error.value)
