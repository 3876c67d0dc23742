"""Importance matrices: the mean of x^2 of what really reached each layer, under the GGUF's names, and of effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compress.gguf import imatrix
from harness.errors import InfrastructureError
from harness.models.convert import quantize
from harness.models.hf.loading import HFSettings, Loaded, load

IDS = [[0, 10, 20, 30, 40, 50], [0, 7, 7, 99]]
DOWN = "blk.0.ffn_down.weight"


@pytest.fixture(scope="module")
def loaded(tiny_folder: Path) -> Loaded:
    return load(str(tiny_folder), HFSettings(dtype="float32"))


def dequantised(path: Path, name: str) -> Any:
    import gguf

    (found,) = (one for one in gguf.GGUFReader(path).tensors if one.name == name)
    return gguf.quants.dequantize(found.data, found.tensor_type)


def test_the_mean_square_of_what_reached_each_layer(tiny_folder: Path, loaded: Loaded) -> None:
    import torch

    found = imatrix.gather(loaded, IDS)
    assert len(found) == 15 and all(values.min() >= 0 for values in found.values())
    with torch.inference_mode():
        last = [loaded.model(torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0] for ids in IDS]
    wanted = torch.cat(last).double().square().mean(0).numpy()
    assert np.allclose(found["lm_head"], wanted, rtol=1e-5)
    assert not any(module._forward_pre_hooks for module in loaded.model.modules())
    placed, lost = imatrix.named(loaded, tiny_folder, found)
    assert not lost and "output.weight" not in placed
    # Rows of q and k are rearranged on the way to GGUF, their columns are not.
    for ours, theirs in (
        ("attn_q", "self_attn.q_proj"),
        ("attn_output", "self_attn.o_proj"),
        ("ffn_down", "mlp.down_proj"),
    ):
        assert np.allclose(placed[f"blk.1.{ours}.weight"], found[f"model.layers.1.{theirs}"])
    assert np.allclose(placed["token_embd.weight"], found["lm_head"])


def test_weights_that_are_stored_the_other_way_round(tmp_path: Path) -> None:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    shape = {"n_embd": 64, "n_head": 4, "n_layer": 1, "n_positions": 32, "n_ctx": 32, "vocab_size": 96}
    model = GPT2LMHeadModel(GPT2Config(**shape)).eval()
    model.config.architectures = ["GPT2LMHeadModel"]
    model.config.save_pretrained(tmp_path)
    given = Loaded(model, None, None, 32, "cpu", "float32")
    found = imatrix.gather(given, [[1, 2, 3, 4]])
    placed, lost = imatrix.named(given, tmp_path, found)
    assert not lost and len(placed["blk.0.attn_qkv.weight"]) == 64 and len(placed["blk.0.ffn_down.weight"]) == 256
    assert np.allclose(placed["blk.0.ffn_down.weight"], found["transformer.h.0.mlp.c_proj"])


def test_columns_in_another_order_and_layers_of_no_name(loaded: Loaded, tiny_folder: Path) -> None:
    import torch

    order = torch.randperm(32)
    assert np.array_equal(imatrix._order(order.float().expand(8, 32), 32), order.numpy())
    assert imatrix._order(torch.rand(8, 32), 32) is None and imatrix._order(torch.zeros(8, 32), 32) is None
    strange = {"model.layers.0.mlp.down_proj": np.ones(512, np.float32)}
    loaded.model.add_module("nowhere", torch.nn.Linear(4, 4))
    try:
        placed, lost = imatrix.named(loaded, tiny_folder, strange | {"nowhere": np.ones(4, np.float32)})
    finally:
        del loaded.model.nowhere
    assert list(placed) == [DOWN] and lost == ["nowhere"]


@pytest.mark.parametrize("quant", ["Q4_K_M", "Q2_K"])
def test_heavy_columns_are_rounded_with_more_care(tiny_folder: Path, tmp_path: Path, quant: str) -> None:
    source = tiny_folder / "tiny.gguf"
    weights = dequantised(source, DOWN).astype(np.float64)
    heavy = np.zeros(weights.shape[1], dtype=bool)
    heavy[::16] = True
    matrix = {DOWN: np.where(heavy, 1e4, 1.0).astype(np.float32), "no such tensor": np.ones(3, np.float32)}
    plain, weighed = (
        dequantised(quantize(source, tmp_path / f"{len(one)}.gguf", quant, 2, one), DOWN) for one in ({}, matrix)
    )
    error = [float(np.square(found - weights)[:, heavy].mean()) for found in (plain, weighed)]
    assert error[1] < 0.7 * error[0]


def test_a_column_that_was_never_used_and_a_matrix_that_does_not_fit(tiny_folder: Path, tmp_path: Path) -> None:
    source = tiny_folder / "tiny.gguf"
    floored = imatrix._floored(np.array([0.0] * 256 + [1.0] * 256, dtype=np.float32))
    assert 0 < floored.min() < 1e-5 and (imatrix._floored(np.zeros(8, np.float32)) > 0).all()
    made = quantize(source, tmp_path / "a.gguf", "Q2_K", 2, {DOWN: floored})
    assert np.isfinite(dequantised(made, DOWN)).all()
    with pytest.raises(InfrastructureError, match="could not quantise"):
        quantize(source, tmp_path / "b.gguf", "Q2_K", 2, {DOWN: np.ones(7, np.float32)})
    assert not (tmp_path / "b.gguf").exists()
