"""`compress.gguf` and its kin: files that `gguf:` opens, held against their source, with a record of it all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gguf_kit import changed, done, float_copy, model, practice
from huggingface_hub import ModelCard

from harness import registry
from harness.errors import InfrastructureError, UsageError
from harness.hashing import file_sha256
from harness.models.threads import wait_politely
from harness.types import Artifact, Completion, Request
from harness.workbench import record
from harness.workbench.clean import require

wait_politely(os.environ)


def told(folder: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((folder / "run.json").read_text())
    return found


@pytest.mark.slow
def test_the_file_opens_and_the_record_says_what_it_was_made_of(tiny_folder: Path, tmp_path: Path) -> None:
    source = float_copy(tiny_folder, tmp_path / "model")
    before = record.facts("improve.merge", "1", {"dtype": "float32"}, tags=("lora",)) | {"base": {"name": "org/name"}}
    record.write(source, before)
    folder = done("compress.gguf", tmp_path / "scratch", [model(source)], kind="f16")
    found = told(folder)
    assert sorted(one.name for one in folder.iterdir()) == ["README.md", "model.gguf", "run.json"]
    assert found["file"]["sha256"] == file_sha256(folder / "model.gguf") and found["file"]["size_bytes"] > 1e6
    assert found["model"]["digest"] == "of m1" and found["model"]["run"]["parameters"] == {"dtype": "float32"}
    assert found["parameters"] == {"kind": "f16", "quant": "", "fallback": False}
    assert found["seconds"] > 0 and found["versions"]["gguf"]
    check = found["checks"]["f16"]
    assert check["texts"] >= 25 and check["positions"] >= 100
    assert check["typical"] < 0.01 and check["kl_mean"] < 1e-5 and check["top1"] > 0.98
    card = ModelCard((folder / "README.md").read_text())
    assert card.data.base_model == "org/name" and card.data.library_name == "gguf"
    assert card.data.tags == ["gguf", "lora"] and "| run.parameters.dtype | float32 |" in card.text
    with registry.open_model(f"gguf:{folder / 'model.gguf'}") as opened:
        answers = dict(opened.answer([Request(kind="generate", prompt="Q: 2 + 2\nA:", max_tokens=4)]))
    assert isinstance(answers[0], Completion)


@pytest.mark.slow
def test_of_a_packed_model_the_float_weights_are_taken(tiny_folder: Path, tmp_path: Path) -> None:
    packed = float_copy(tiny_folder, tmp_path / "packed")
    (packed / "int4").mkdir()
    (packed / "int4" / "model.safetensors").write_bytes(b"no weights at all")
    (packed / "int4" / "config.json").write_text(json.dumps({"quantization_config": {"quant_method": "awq"}}))
    found = told(done("compress.gguf", tmp_path / "made", [model(packed)], quant="Q5_K_M"))
    assert found["tensors"] == {"F32": 5, "Q5_K": 12, "Q6_K": 3} and found["fallback"] == {}
    assert 0 < found["checks"]["Q5_K_M"]["kl_mean"] < 0.04 and found["checks"]["f16"]["kl_mean"] < 1e-5
    assert found["warnings"] == []
    with pytest.raises(UsageError, match="packed already"):
        done("compress.gguf", tmp_path / "s", [model(packed / "int4")])


@pytest.mark.slow
def test_an_importance_matrix_covers_every_linear_layer(tiny_folder: Path, tmp_path: Path) -> None:
    source, rows = float_copy(tiny_folder, tmp_path / "model"), practice(tmp_path / "rows")
    weighed = done(
        "compress.gguf_imatrix", tmp_path / "a", [model(source), rows], quant="Q2_K", samples=30, max_length=64
    )
    found = told(weighed)
    # Seven layers in each of two blocks, and the embedding, which is the output's weight too.
    assert found["imatrix"]["tensors"] == 15 and found["imatrix"]["without"] == []
    assert found["imatrix"]["rows"] == 30 and 300 < found["imatrix"]["tokens"] <= 30 * 64
    assert found["data"] == [{"artifact": "d1", "digest": "of d1"}]
    # The rows' own texts are compared too.
    assert found["checks"]["Q2_K"]["texts"] >= 40 + 25


@pytest.mark.slow
def test_an_adapter_becomes_one_of_llama_cpp(tiny_folder: Path, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = float_copy(tiny_folder, tmp_path / "base")
    torch.manual_seed(5)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
    tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    tuned.save_pretrained(tmp_path / "adapter")
    adapter = Artifact("a1", "adapter", str(tmp_path / "adapter"), "of a1")
    folder = done("compress.gguf_adapter", tmp_path / "s", [adapter, model(base)])
    found = told(folder)
    assert sorted(one.name for one in folder.iterdir()) == ["README.md", "adapter.gguf", "run.json"]
    assert found["checks"]["f16"]["typical"] < 0.02 and found["adapter"]["digest"] == "of a1"
    settings = {"adapter": str(folder / "adapter.gguf")}
    asked = [Request("read", prompt="Q: 12 + 7\nA: 19")]
    with registry.open_model(f"gguf:{tiny_folder / 'tiny.gguf'}", settings) as with_it:
        ((_, here),) = with_it.answer(asked)
    with registry.open_model(f"gguf:{tiny_folder / 'tiny.gguf'}") as without:
        ((_, there),) = without.answer(asked)
    assert isinstance(here, Completion) and isinstance(there, Completion)
    assert max(abs(a - b) for a, b in zip(here.token_logprobs, there.token_logprobs, strict=True)) > 0.05
    (tmp_path / "adapter" / "run.json").write_text(json.dumps({"base": {"digest": "0" * 64}}))
    with pytest.raises(UsageError, match="another base"):
        done("compress.gguf_adapter", tmp_path / "t", [adapter, model(base)])


@pytest.mark.slow
def test_a_file_of_another_model_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    from compress.gguf import agreement, reference
    from harness.models.convert import hf_to_gguf, quantize
    from harness.models.hf.loading import HFSettings, load

    name = "model.layers.0.self_attn.k_proj.weight"
    source = float_copy(tiny_folder, tmp_path / "model")
    # As if the converter had forgotten to rearrange these rows.
    other = changed(
        source, tmp_path / "other", {name: lambda rows: rows.view(4, 2, 32, -1).transpose(1, 2).flatten(0, 2)}
    )
    loaded = load(str(source), HFSettings(dtype="float32"))
    said = reference.take(loaded, reference.texts(loaded.tokenizer))
    assert any("\t\t" in text for text in said.tokens) and any("</s>" in text for text in said.tokens)
    good, bad = hf_to_gguf(source, tmp_path / "good.gguf"), hf_to_gguf(other, tmp_path / "bad.gguf")
    found = agreement.agreement(good, said)
    agreement.refuse(good, found, "f16", "")
    wrong = agreement.agreement(bad, said)
    assert wrong.kl_mean > 1000 * found.kl_mean
    with pytest.raises(InfrastructureError, match="another model"):
        agreement.refuse(bad, wrong, "f16", "")
    # Two bits may be bad, and a gate says so.
    rough = agreement.agreement(quantize(good, tmp_path / "q2.gguf", "Q2_K"), said)
    agreement.refuse(tmp_path / "q2.gguf", rough, "f16", "Q2_K")
    ids = {**said.tokens, "e\u0301": (1, 2, 3)}
    assert agreement.agreement(good, reference.Reference(ids, said.sequences, said.logits)).uncomposed == 1
    ids["a text"] = (1, 2, 3)
    with pytest.raises(InfrastructureError, match="it reads 'a text'"):
        agreement.agreement(good, reference.Reference(ids, said.sequences, said.logits))


def test_what_cannot_be_converted_is_refused(tmp_path: Path) -> None:
    step = registry.step("compress.gguf")
    with pytest.raises(UsageError, match="0 models"):
        done("compress.gguf", tmp_path / "a", [])
    with pytest.raises(UsageError, match="kind"):
        step.check({"kind": "q3"})
    with pytest.raises(UsageError, match="'Q5_K_N'") as caught:
        step.check({"quant": "Q5_K_N"})
    assert "'Q5_K_M'" in caught.value.expected
    with pytest.raises(UsageError, match="importance matrix"):
        step.check({"quant": "IQ2_XS"})
    registry.step("compress.gguf_imatrix").check({"quant": "iq2_xs"})
    with pytest.raises(UsageError, match="quant"):
        registry.step("compress.gguf_imatrix").check({})
    with pytest.raises(UsageError, match="no model folder"):
        done("compress.gguf", tmp_path / "b", [model(tmp_path)])


def test_rows_that_weigh_columns_must_be_clean() -> None:
    require(["compress.gguf", "compress.gguf_adapter"])
    require(["improve.decontaminate", "compress.gguf_imatrix"])
    with pytest.raises(UsageError, match=r"'compress\.gguf_imatrix' would train"):
        require(["compress.draw", "compress.gguf_imatrix"])
