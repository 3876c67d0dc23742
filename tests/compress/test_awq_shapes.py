"""`compress.awq.check_shapes`: what cannot be cut into groups of 128 is refused before work starts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from compress.awq.shapes import GROUP, architectures, check_shapes
from harness import registry
from harness.errors import UsageError


def config(**changed: Any) -> dict[str, Any]:
    """Return the configuration of a small Llama."""
    plain = {
        "architectures": ["LlamaForCausalLM"], "hidden_size": 256, "intermediate_size": 512, "head_dim": 64,
        "num_attention_heads": 4, "num_key_value_heads": 4,
    }  # fmt: skip
    return plain | changed


def test_a_plain_model_passes_and_keeps_its_configuration() -> None:
    assert check_shapes(config()) == ()
    step = registry.step("compress.awq")
    assert step.foresee(config(), None, {}) == config()
    with pytest.raises(UsageError, match="320"):
        step.foresee(config(hidden_size=320), None, {})


def test_shared_heads_are_told() -> None:
    (told,) = check_shapes(config(num_key_value_heads=2))
    assert told.startswith("v_proj -> o_proj: 2 key-value heads serve 4 heads")


@given(some.sampled_from(["hidden_size", "intermediate_size"]), some.integers(1, 40_000))
def test_rows_are_multiples_of_the_group_or_refused_with_the_nearest(key: str, width: int) -> None:
    if width % GROUP == 0:
        assert check_shapes(config(**{key: width})) == ()
        return
    with pytest.raises(UsageError) as caught:
        check_shapes(config(**{key: width}))
    assert f"rows of {width} weights, from {key}" in caught.value.what
    assert str(width // GROUP * GROUP + GROUP) in caught.value.expected and "compress.gguf" in caught.value.next


def test_the_attention_s_output_is_a_row_too() -> None:
    assert check_shapes(config(head_dim=32)) == ()
    with pytest.raises(UsageError, match="rows of 192 weights, from num_attention_heads x head_dim"):
        check_shapes(config(head_dim=48))


def test_architectures_are_those_of_llm_compressor_and_the_nearest_is_named() -> None:
    assert {"LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3NextForCausalLM", "MistralForCausalLM"} <= architectures()
    with pytest.raises(UsageError, match="'Qwen2ForCasualLM'") as caught:
        check_shapes(config(architectures=["Qwen2ForCasualLM"]))
    assert "'Qwen2ForCausalLM'" in caught.value.expected
    with pytest.raises(UsageError, match="knows nothing"):
        check_shapes({"hidden_size": 256})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"num_experts": 8}, "experts"),
        ({"vision_config": {"depth": 2}}, "pictures"),
        ({"layer_types": ["full_attention", "linear_attention"]}, "linear_attention"),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, "quantised already .compressed-tensors."),
    ],
)
def test_other_parts_and_rounded_weights_are_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_shapes(config(**changed))
    assert check_shapes(config(layer_types=["full_attention", "sliding_attention"])) == ()


def test_parameters_are_held_to_their_ranges() -> None:
    step = registry.step("compress.awq")
    step.check({"samples": 4, "max_length": 8})
    for wrong in ({"samples": 3}, {"max_length": 7}, {"group": 64}):
        with pytest.raises(UsageError):
            step.check(wrong)
