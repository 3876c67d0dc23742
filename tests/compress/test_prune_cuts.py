"""What does nothing is found and cut, and the smaller model answers as the whole one did, in every architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import prune_kit
import pytest
import torch
from transformers import AutoModelForCausalLM

from compress.pruning.cutting import cut
from compress.pruning.importance import perplexity, score
from compress.pruning.plan import plan
from harness.errors import UsageError


def smaller(model: Any, method: Any, share: float, multiple: int) -> Any:
    planned = plan(model.config.to_dict(), method, share, multiple)
    return cut(model, planned, score(model, method, prune_kit.IDS).scores)


def reopened(model: Any, folder: Path) -> Any:
    model.save_pretrained(folder)
    found, told = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return found.eval()


def close(one: Any, other: Any) -> bool:
    return bool(torch.allclose(prune_kit.logits(one), prune_kit.logits(other), atol=1e-4))


@pytest.mark.parametrize("kind", prune_kit.KINDS)
def test_channels_that_do_nothing_go_and_others_of_each_layer_stay(kind: str, tmp_path: Path) -> None:
    whole = prune_kit.model(kind)
    idle = [torch.randperm(512, generator=torch.Generator().manual_seed(i))[:256] for i in range(3)]
    with torch.no_grad():
        for layer, dead in zip(whole.model.layers, idle, strict=True):
            layer.mlp.down_proj.weight[:, dead] = 0
    found = smaller(whole, "channels", 0.5, 128)
    again = reopened(found, tmp_path)
    assert again.config.intermediate_size == 256 and again.config.pruned_from == {"intermediate_size": 512}
    assert close(whole, found) and close(whole, again)
    assert again.model.layers[1].mlp.gate_proj.weight.shape == (256, 64)
    # One more is not idle.
    assert not close(whole, smaller(whole, "channels", 0.75, 128))


@pytest.mark.parametrize("kind", prune_kit.KINDS)
def test_groups_of_heads_that_do_nothing_go_with_their_queries(kind: str, tmp_path: Path) -> None:
    whole = prune_kit.model(kind)
    idle = [(0, 2), (1, 3), (2, 3)]
    with torch.no_grad():
        for layer, dead in zip(whole.model.layers, idle, strict=True):
            for group in dead:  # two query heads of 64 columns each
                layer.self_attn.o_proj.weight[:, group * 128 : (group + 1) * 128] = 0
    again = reopened(smaller(whole, "heads", 0.5, 256), tmp_path)
    told = again.config
    assert (told.num_attention_heads, told.num_key_value_heads, told.head_dim) == (4, 2, 64)
    assert close(whole, again)


@pytest.mark.parametrize("kind", prune_kit.KINDS)
def test_a_block_that_hands_on_what_it_was_given_goes(kind: str, tmp_path: Path) -> None:
    whole = prune_kit.model(kind)
    with torch.no_grad():
        for layer in (whole.model.layers[1].self_attn.o_proj, whole.model.layers[1].mlp.down_proj):
            layer.weight.zero_()
            if layer.bias is not None:
                layer.bias.zero_()
    scores = score(whole, "layers", prune_kit.IDS).scores
    assert abs(float(scores[1])) < 1e-5 < min(float(scores[0]), float(scores[2]))
    again = reopened(smaller(whole, "layers", 0.33, 256), tmp_path)
    assert again.config.num_hidden_layers == 2 and close(whole, again)
    if getattr(again.config, "layer_types", None):
        assert len(again.config.layer_types) == 2


def test_which_layers_stay_decides_what_kind_each_is() -> None:
    kinds = ["full_attention", "sliding_attention", "full_attention"]
    whole = prune_kit.model("qwen2", layer_types=kinds, use_sliding_window=True, sliding_window=8)
    planned = plan(whole.config.to_dict(), "layers", 0.34)
    kept = cut(whole, planned, tuple(torch.tensor(one) for one in (0.1, 0.2, 0.3)))
    assert kept.config.layer_types == kinds[1:]


def test_scores_are_what_the_formula_says() -> None:
    whole, seen = prune_kit.model("mistral"), []
    down = whole.model.layers[2].mlp.down_proj
    hook = down.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0][0].detach()))
    found = score(whole, "channels", prune_kit.IDS)
    hook.remove()
    expected = torch.cat(seen).abs().mean(0) * down.weight.detach().norm(dim=0)
    assert torch.allclose(found.scores[2], expected, rtol=1e-4)
    assert found.perplexity == pytest.approx(perplexity(whole, prune_kit.IDS))
    assert not down._forward_pre_hooks


def test_a_broken_model_is_refused() -> None:
    whole = prune_kit.model("llama")
    whole.model.layers[0].mlp.up_proj.weight.data[0, 0] = float("nan")
    with pytest.raises(UsageError, match="not finite"):
        score(whole, "channels", prune_kit.IDS)
