"""Checkpoints of few bits through `hf:`: AutoAWQ's old format is read, and what cannot be is refused in plain words."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.models.hf import HF
from harness.models.hf.loading import HFSettings, load
from harness.models.threads import wait_politely

wait_politely(os.environ)
pytest.importorskip("compressed_tensors")
ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
"""Which of eight columns stands in which nibble of a word, the lowest first: AutoAWQ's `gemm`."""
ROWS = [[0, 5, 9, 30, 7, 60, 11]]
TOLD = {"quant_method": "awq", "version": "gemm", "bits": 4, "group_size": 128, "zero_point": True}


def words(integers: Any) -> Any:
    """Return integers below 16, shaped (rows, columns), as AutoAWQ packs them: eight columns in an int32."""
    import numpy as np
    import torch

    eights = integers.reshape(len(integers), -1, 8)[:, :, list(ORDER)].astype(np.uint32)
    packed = (eights << np.arange(0, 32, 4, dtype=np.uint32)).sum(-1, dtype=np.uint32)
    return torch.from_numpy(packed.view(np.int32))


def write(folder: Path) -> Path:
    """Write a random Llama in AutoAWQ's format as `awq/`, and the same weights as floats as `float/`."""
    import numpy as np
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    from harness.models.tiny.tokenizer import train

    dice = np.random.default_rng(3)
    tokenizer = train(("red blue river door house\n" for _ in range(20)), 300, 128)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=256, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, bos_token_id=0, eos_token_id=1, initializer_range=0.1, dtype="float16",
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = LlamaForCausalLM(config).to(torch.float16)
    tensors = {}
    for name, weight in model.state_dict().items():
        if not name.endswith("_proj.weight"):
            tensors[name] = weight.clone()
            continue
        rows, columns = weight.shape
        integers, zeros = dice.integers(0, 16, (columns, rows)), dice.integers(4, 12, (columns // 128, rows))
        scales = dice.uniform(0.01, 0.03, (columns // 128, rows)).astype(np.float16)
        exact = (integers - zeros.repeat(128, axis=0)) * scales.repeat(128, axis=0).astype(np.float32)
        weight.copy_(torch.from_numpy(exact.T).half())
        stem = name.removesuffix(".weight")
        tensors |= {f"{stem}.qweight": words(integers), f"{stem}.qzeros": words(zeros)}
        tensors[f"{stem}.scales"] = torch.from_numpy(scales)
    model.save_pretrained(folder / "float")
    for place in ("float", "awq"):
        tokenizer.save_pretrained(folder / place)
    save_file(tensors, folder / "awq" / "model.safetensors", metadata={"format": "pt"})
    tell(folder, TOLD)
    return folder


def tell(folder: Path, how: dict[str, Any]) -> None:
    told = json.loads((folder / "float" / "config.json").read_text())
    (folder / "awq" / "config.json").write_text(json.dumps(told | {"quantization_config": how}))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("autoawq"))


def logits(place: Path) -> Any:
    import torch

    with torch.inference_mode():
        return load(str(place), HFSettings(device="cpu", dtype="float32")).model(torch.tensor(ROWS)).logits


@pytest.mark.slow
def test_autoawq_s_weights_are_the_floats_that_they_stand_for(folders: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import torch

    assert torch.allclose(logits(folders / "awq"), logits(folders / "float"), atol=2e-2, rtol=0)
    assert not "".join(capfd.readouterr()), "bars and logs of compressed-tensors"
    with HF.open(str(folders / "awq"), {"device": "cpu"}) as opened:
        assert opened.describe()["quantisation"] == "awq"
        other = load(str(folders / "float"), HFSettings(device="cpu"))
        assert opened.digest and opened.digest != other.digest


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"version": "gemv"}, {"bits": 8}, {"group_size": 64}])
def test_other_versions_are_refused_with_the_reason(folders: Path, change: dict[str, Any]) -> None:
    tell(folders, TOLD | change)
    try:
        with pytest.raises(UsageError) as caught:
            load(str(folders / "awq"), HFSettings(device="cpu"))
    finally:
        tell(folders, TOLD)
    assert "AutoAWQ" in caught.value.what or "cannot load" in caught.value.what
    assert "sentencepiece" not in str(caught.value)


@pytest.mark.skipif(importlib.util.find_spec("gptqmodel") is not None, reason="it would be read")
def test_a_format_whose_package_is_missing_names_the_package(folders: Path) -> None:
    tell(folders, {"quant_method": "gptq", "bits": 4, "group_size": 128})
    try:
        with pytest.raises(UsageError, match=r"(?i)gptq") as caught:
            load(str(folders / "awq"), HFSettings(device="cpu"))
    finally:
        tell(folders, TOLD)
    assert "sentencepiece" not in str(caught.value)
