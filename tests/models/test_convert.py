"""Conversion to GGUF: same tokens, same logits, the tensor types asked for, no half files, clear errors."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest

from harness.errors import InfrastructureError, MissingPackage, UsageError
from harness.models import convert, convert_bundle

NASTY = (
    "",
    " ",
    "\n",
    "hello world",
    " leading and trailing ",
    "double  spaces   and    runs\t\ttabs",
    "lines\n\nand\r\nmore\n   indented\n",
    "12 123 1234567890 3.14 1,000 007",
    "it's I'll we've they'd he'S CAN'T",
    "naïve café ÀÉÎ ß ſ ﬁ",
    "日本語 한국어 العربية עברית ไทย",
    "🙂 👩‍👩‍👧 \u200b zero width",
    'def f(x):\n    return {"a": [1, 2]}  # ok?\n',
    "<s>not special</s> <unk> |x|",
    "a\u0301 combining",
    "-----=====!!!???...",
    "\\n \\u0041 \x00 \x7f",
)
CORPUS = ["hello world, the quick brown fox 12 33: def f(x): return x's", "12 123 cafe\n\n  lines"] * 3
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)


def save_model(folder: Path, regex: str | None = None) -> Path:
    """Save a random Llama with a self-trained byte-level BPE, hidden 256 so that K-quants do not fall back."""
    import tokenizers as tk
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    plain = tk.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex is None)
    bpe = tk.Tokenizer(tk.models.BPE())
    bpe.pre_tokenizer = plain
    if regex:
        split = tk.pre_tokenizers.Split(tk.Regex(regex), "isolated")
        bpe.pre_tokenizer = tk.pre_tokenizers.Sequence([split, plain])
    bpe.decoder = tk.decoders.ByteLevel()
    alphabet = tk.pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        CORPUS,
        tk.trainers.BpeTrainer(
            vocab_size=320, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
        ),
    )
    bpe.post_processor = tk.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=bpe.get_vocab_size(),
        hidden_size=256,
        intermediate_size=256,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("source") / "hf")


@pytest.fixture(scope="module")
def f16(source: Path) -> Path:
    return convert.hf_to_gguf(source, source.parent / "out" / "model.gguf")


def llama(path: Path):
    import llama_cpp

    return llama_cpp.Llama(str(path), n_ctx=128, n_threads=2, logits_all=True, verbose=False)


def test_token_ids_equal_the_hf_tokenizer_on_nasty_texts(source: Path, f16: Path) -> None:
    from transformers import AutoTokenizer

    theirs, ours = AutoTokenizer.from_pretrained(source), llama(f16)
    for text in NASTY:
        assert ours.tokenize(text.encode(), add_bos=False, special=True) == theirs.encode(
            text, add_special_tokens=False
        ), repr(text)
    with_bos = ours.tokenize(b"hello", add_bos=True)
    assert with_bos == theirs.encode("hello") and with_bos[0] == theirs.bos_token_id


def test_logits_are_close_to_transformers(source: Path, f16: Path) -> None:
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    tokens = [0, *range(10, 60)]
    with torch.inference_mode():
        expected = AutoModelForCausalLM.from_pretrained(source)(torch.tensor([tokens])).logits[0].float().numpy()
    engine = llama(f16)
    engine.eval(tokens)
    found = np.array(engine.scores[: len(tokens)])
    assert np.abs(found - expected).max() < 0.02
    assert np.abs(expected).max() > 0.2, "a model of zeros would agree with anything"


@pytest.mark.parametrize(("kind", "main"), [("Q8_0", "Q8_0"), ("Q4_K_M", "Q4_K"), ("q5_k_m", "Q5_K"), ("Q6_K", "Q6_K")])
def test_quantised_tensor_types_are_those_asked_for(f16: Path, tmp_path: Path, kind: str, main: str) -> None:
    types_found = convert.tensor_types(convert.quantize(f16, tmp_path / "small.gguf", kind, threads=2))
    assert types_found[main] >= 4
    assert set(types_found) <= {"F32", main, "Q6_K"}, "no silent fallback to another type"
    assert (tmp_path / "small.gguf").stat().st_size < 0.6 * f16.stat().st_size


def test_kinds_of_the_converter(source: Path, f16: Path, tmp_path: Path) -> None:
    assert set(convert.tensor_types(f16)) == {"F16", "F32"}
    assert set(convert.tensor_types(convert.hf_to_gguf(source, tmp_path / "a.gguf", "f32"))) == {"F32"}
    assert "BF16" in convert.tensor_types(convert.hf_to_gguf(source, tmp_path / "b.gguf", "BF16"))


def test_llama3_splitting_is_recognised_by_its_rule(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = save_model(tmp_path / "hf", LLAMA3)
    assert convert.pre_tokenizer(folder / "tokenizer.json") == "llama-bpe"
    ours = llama(convert.hf_to_gguf(folder, tmp_path / "m.gguf"))
    theirs = AutoTokenizer.from_pretrained(folder)
    for text in NASTY:
        assert ours.tokenize(text.encode(), add_bos=False, special=True) == theirs.encode(
            text, add_special_tokens=False
        ), repr(text)


def test_an_unknown_splitting_rule_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "hf", r"[a-z]+|[^a-z]+")
    with pytest.raises(UsageError, match="cannot convert"):
        convert.hf_to_gguf(folder, tmp_path / "out" / "m.gguf")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_stranger_named_conversion_is_neither_used_nor_lost(source: Path, tmp_path: Path, monkeypatch) -> None:
    stranger = types.ModuleType("conversion")
    monkeypatch.setitem(sys.modules, "conversion", stranger)
    convert.hf_to_gguf(source, tmp_path / "m.gguf")
    assert sys.modules["conversion"] is stranger
    assert "conversion.base" not in sys.modules


def test_errors_say_what_is_wrong_and_leave_nothing(source: Path, f16: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model folder"):
        convert.hf_to_gguf(tmp_path / "nowhere", tmp_path / "m.gguf")
    with pytest.raises(UsageError, match="'f17'") as caught:
        convert.hf_to_gguf(source, tmp_path / "m.gguf", "f17")
    assert "'f16'" in caught.value.expected
    with pytest.raises(UsageError, match="no GGUF quantisation") as caught:
        convert.quantize(f16, tmp_path / "m.gguf", "Q5_K_N")
    assert "'Q5_K_M'" in caught.value.expected
    with pytest.raises(UsageError, match="no file"):
        convert.quantize(tmp_path / "nowhere.gguf", tmp_path / "m.gguf", "Q8_0")
    (tmp_path / "torn.gguf").write_bytes(f16.read_bytes()[:5000])
    with pytest.raises(InfrastructureError, match="could not quantise"):
        convert.quantize(tmp_path / "torn.gguf", tmp_path / "m.gguf", "Q8_0")
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "config.json").write_text(json.dumps({"architectures": ["NoSuchForCausalLM"], "model_type": "llama"}))
    with pytest.raises(UsageError, match="NoSuchForCausalLM"):
        convert.hf_to_gguf(strange, tmp_path / "m.gguf")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["strange", "torn.gguf"]


def test_a_missing_package_names_the_extra(source: Path, tmp_path: Path, monkeypatch) -> None:
    find_spec = convert_bundle.importlib.util.find_spec
    monkeypatch.setattr(
        convert_bundle.importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "auto_round" else find_spec(name, *rest),
    )
    with pytest.raises(MissingPackage, match="auto-round") as caught:
        convert.hf_to_gguf(source, tmp_path / "m.gguf")
    assert "[compress]" in caught.value.next
