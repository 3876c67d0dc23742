"""What a cut would leave, from a config alone: widths in multiples, shares that fit, what is refused before work."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.pruning.plan import plan
from harness import registry
from harness.errors import UsageError

TINY: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 1024,
}  # fmt: skip
LARGE = TINY | {
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8,
}  # fmt: skip
STEP = registry.step("compress.prune")


@given(st.floats(0.02, 0.97), st.sampled_from(["channels", "heads", "layers"]), st.sampled_from([128, 256]))
def test_widths_are_multiples_and_never_more_is_cut_than_asked(share: float, method: Any, multiple: int) -> None:
    try:
        found = plan(LARGE, method, share, multiple)
    except UsageError as error:
        assert "shares that can" in error.expected
        return
    assert 0 < found.then < found.now == found.original
    assert found.met <= share + 0.005 and share - found.met <= 0.1
    after = found.config
    assert after["intermediate_size"] % multiple == 0
    assert after["num_attention_heads"] == 4 * after["num_key_value_heads"]
    if method == "heads":
        assert after["head_dim"] == 128 and after["num_attention_heads"] * after["head_dim"] % multiple == 0
    assert {key for key in LARGE if after[key] != LARGE[key]} <= {
        "intermediate_size", "num_key_value_heads", "num_attention_heads", "num_hidden_layers",
    }  # fmt: skip


@given(st.floats(0.2, 0.9), st.integers(2, 8))
def test_a_cubic_schedule_ends_where_one_cut_does(share: float, increments: int) -> None:
    config: Any = LARGE
    widths = [config["intermediate_size"]]
    for t in range(1, increments + 1):
        config = plan(config, "channels", share * (1 - (1 - t / increments) ** 3)).config
        widths.append(config["intermediate_size"])
    assert widths == sorted(widths, reverse=True) and config["pruned_from"] == {"intermediate_size": 14336}
    assert widths[-1] == plan(LARGE, "channels", share).then


def test_shares_count_from_the_original_and_every_kind_of_width_has_its_own() -> None:
    half = plan(LARGE, "channels", 0.5).config
    assert half["intermediate_size"] == 7168 and plan(half, "channels", 0.75).then == 3584
    assert plan(half, "channels", 0.5).then == 7168 == plan(half, "channels", 0.3).then
    both = plan(half, "layers", 0.25).config
    assert both["pruned_from"] == {"intermediate_size": 14336, "num_hidden_layers": 32}
    lying = LARGE | {"pruned_from": {"intermediate_size": 10}}
    assert plan(lying, "channels", 0.5).then == 7168


@pytest.mark.parametrize("share", [0.1, 0.3, 0.49, 0.61, 0.65, 0.9])
def test_tiny_can_only_be_halved(share: float) -> None:
    with pytest.raises(UsageError) as caught:
        plan(TINY, "channels", share)
    assert caught.value.expected == "shares that can: 0.500 (256 left)" and "share: 0.500" in caught.value.next
    assert plan(TINY, "channels", 0.5).then == 256


def test_where_nothing_fits_it_says_so() -> None:
    with pytest.raises(UsageError, match=r"heads 4.*steps of 4") as caught:
        plan(TINY, "heads", 0.5)
    assert "none that can" in caught.value.expected
    assert plan(TINY, "heads", 0.5, 128).config["num_attention_heads"] == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "gpt2"}, "'gpt2'"),
        ({"quantization_config": {"quant_method": "awq"}}, "quantised"),
        ({"intermediate_size": "wide"}, "'wide'"),
        ({"intermediate_size": 0}, "= 0"),
    ],
)
def test_other_models_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        plan(TINY | change, "channels", 0.5)
    if "model_type" in change:
        assert "llama, mistral, qwen2, qwen3" in caught.value.expected


def test_the_step_foresees_what_it_makes_and_refuses_a_cut_of_nothing() -> None:
    told = {"method": "channels", "share": 0.5}
    after = STEP.foresee(TINY, None, told)
    assert after["intermediate_size"] == 256
    with pytest.raises(UsageError, match="cuts nothing"):
        STEP.foresee(after, None, told)
    with pytest.raises(UsageError, match="gpt2"):
        STEP.foresee({"model_type": "gpt2"}, None, {"method": "wanda", "share": 0.5})
    assert STEP.foresee(TINY, None, {"method": "wanda", "share": 0.5}) == TINY


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "share"),
        ({"share": 1.0}, "less than 1"),
        ({"share": 0.5, "pattern": "2:4"}, "wanda and sparsegpt"),
        ({"share": 0.4, "pattern": "2:4", "method": "wanda"}, "0.5, not 0.4"),
        ({"share": 0.5, "methd": "heads"}, "method"),
        ({"share": 0.5, "multiple": 64}, "multiple"),
    ],
)
def test_parameters_are_checked(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        STEP.check(parameters)
