"""What stands in the way of a GGUF is found before work starts, by config.json and tokenizer alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.gguf import kinds, source
from harness import registry
from harness.errors import MissingPackage, UsageError

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 512,
    "intermediate_size": 1024,
    "num_attention_heads": 8,
    "head_dim": 64,
}


def byte_level(folder: Path, regex: str | None = None) -> Path:
    """Write a tokenizer.json with GPT-2's splitting rule, or one of its own."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE(vocab={mark: i for i, mark in enumerate("abcdef")}, merges=[]))
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex is None)
    split = [pre_tokenizers.Split(Regex(regex), "isolated")] if regex else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split, plain]) if split else plain
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_a_plain_llama_may_become_anything(tmp_path: Path) -> None:
    byte_level(tmp_path)
    for quant in ("", "Q8_0", "q4_0", "Q5_K_M", "Q2_K", "IQ4_XS"):
        source.check_source(LLAMA, tmp_path, quant)
    source.check_source(LLAMA, None, "IQ2_XXS", imatrix=True)


def test_the_converter_and_its_packages_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = source.importlib.util.find_spec
    for module, package in {**source.PACKAGES, "auto_round": "auto-round"}.items():
        with monkeypatch.context() as patch:
            patch.setattr(
                source.importlib.util,
                "find_spec",
                lambda name, *rest, gone=module: None if name == gone else find_spec(name, *rest),
            )
            with pytest.raises(MissingPackage, match=repr(package)) as caught:
                source.check_source(LLAMA)
            assert "[compress]" in caught.value.next


def test_an_unknown_architecture_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="'LlamaForCausalLN'") as caught:
        source.check_source({**LLAMA, "architectures": ["LlamaForCausalLN"]})
    assert "'LlamaForCausalLM'" in caught.value.expected
    for named in (
        {},
        {"architectures": []},
        {"architectures": None},
        {"architectures": [7]},
        {"architectures": "Llama"},
    ):
        with pytest.raises(UsageError, match="no architecture"):
            source.check_source(named)
    source.check_source({"architectures": ["Some"], "text_config": {"architectures": ["Qwen3ForCausalLM"]}})


@pytest.mark.slow
def test_what_the_converter_can_import_is_what_we_say_it_knows() -> None:
    from harness.models.convert_bundle import bundled

    with bundled() as conversion:
        assert source.architectures() == frozenset(conversion.TEXT_MODEL_MAP)
        # Neighbours of architectures that are newer than the installed gguf.
        for name in ("Qwen2ForCausalLM", "Qwen3ForCausalLM", "Gemma3ForCausalLM", "DeepseekV3ForCausalLM"):
            assert conversion.get_model_class(name).model_arch is not None


def test_packed_weights_are_refused_and_published_ones_are_not() -> None:
    for told in ({"quant_method": "compressed-tensors"}, {"quant_method": "awq", "bits": 4}, {"bits": 4}, "gptq"):
        with pytest.raises(UsageError, match="packed already"):
            source.check_source({**LLAMA, "quantization_config": told})
    source.check_source({**LLAMA, "quantization_config": {"quant_method": "fp8"}})


def test_tokenizers_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no tokenizer"):
        source.check_source(LLAMA, tmp_path)
    byte_level(tmp_path, r"[a-z]+|[^a-z]+")
    with pytest.raises(UsageError, match="splits a text"):
        source.check_source(LLAMA, tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"SentencePiece says how")
    source.check_source(LLAMA, tmp_path)
    (tmp_path / "tokenizer.model").unlink()
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"type": "BPE"}, "nonsense": 1}))
    with pytest.raises(UsageError, match="cannot be read"):
        source.check_source(LLAMA, tmp_path)


@given(blocks=st.integers(1, 40), rest=st.integers(1, 255), key=st.sampled_from(source.LENGTHS))
def test_rows_that_are_no_whole_blocks(blocks: int, rest: int, key: str) -> None:
    odd = {**LLAMA, key: blocks * 256 + rest}
    with pytest.raises(UsageError, match=f"{key} = {blocks * 256 + rest} are no multiple of 256"):
        source.check_source(odd, None, "Q5_K_M")
    source.check_source(odd, None, "Q5_K_M", fallback=True)
    source.check_source(odd)
    if rest % 32 == 0:
        source.check_source(odd, None, "Q8_0")
    else:
        with pytest.raises(UsageError, match="no multiple of 32"):
            source.check_source(odd, None, "Q8_0")


def test_rows_of_heads_and_of_nested_configurations_count() -> None:
    with pytest.raises(UsageError, match=r"num_attention_heads \* head_dim = 576"):
        source.check_source({**LLAMA, "num_attention_heads": 9}, None, "Q4_K_M")
    with pytest.raises(UsageError, match="hidden_size = 320"):
        source.check_source({**LLAMA, "text_config": {"hidden_size": 320}}, None, "Q4_K_M")


def test_the_step_foresees_it() -> None:
    step = registry.step("compress.gguf")
    assert step.foresee(LLAMA, None, {"quant": "Q5_K_M"}) == LLAMA
    with pytest.raises(UsageError, match="no multiple of 256"):
        step.foresee({**LLAMA, "intermediate_size": 384}, None, {"quant": "Q5_K_M"})
    assert step.foresee({**LLAMA, "intermediate_size": 384}, None, {"quant": "Q5_K_M", "fallback": True})


@pytest.mark.parametrize(
    ("quant", "bits", "block"),
    [("Q8_0", 8, 32), ("q5_k_m", 5, 256), ("IQ4_NL", 4, 32), ("IQ2_XS", 2, 256), ("Q4_1", 4, 32)],
)
def test_kinds(quant: str, bits: int, block: int) -> None:
    assert (kinds.bits(quant), kinds.block(quant)) == (bits, block)
    assert (kinds.bounds(quant) is None) == (bits < 4)


def test_nothing_heavy_is_imported() -> None:
    program = (
        "import sys; from compress.gguf import source; from pathlib import Path\n"
        f"source.check_source({LLAMA!r}, None, 'Q5_K_M'); print({{'torch', 'transformers'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_tensors_that_fell_back_are_read_off_the_file(tmp_path: Path) -> None:
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(str(tmp_path / "model.gguf"), "llama")
    shapes = {"whole.weight": (8, 512), "odd.weight": (8, 320), "router.weight": (4, 100), "norm.weight": (100,)}
    for name, shape in shapes.items():
        kind = np.float16 if name in ("whole.weight", "odd.weight") else np.float32
        writer.add_tensor(name, np.ones(shape, dtype=kind))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    assert source.fallen(tmp_path / "model.gguf", "Q8_0") == {}
    found = source.fallen(tmp_path / "model.gguf", "Q5_K_M")
    assert found == {"odd.weight": "F16"}
    with pytest.raises(UsageError, match=r"1 tensors are no Q5_K_M, the first: 'odd\.weight' became F16"):
        source.refuse_fallen(found, "Q5_K_M")
    source.refuse_fallen({}, "Q5_K_M")
