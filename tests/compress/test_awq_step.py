"""`compress.awq`: one run gives float weights and packed ones, and both are what they say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import awq_kit
import pytest
from rows_kit import Remembering, dataset

from compress.awq import checking
from harness import registry
from harness.errors import InfrastructureError, UsageError
from harness.models.hf.loading import HFSettings, load
from harness.types import Artifact
from harness.workbench import candidate

pytestmark = pytest.mark.slow
PROBES = [[0, 5 + at, 9, 40 + at, 7, 100 + at, 11] for at in range(4)]


@pytest.fixture(scope="module")
def given(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny`, with loud channels."""
    return Path(awq_kit.loud(tmp_path_factory.mktemp("loud") / "tiny", tiny_folder).path)


@pytest.fixture(scope="module")
def made(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("awq")
    model = Artifact("m1", "model", str(given), "digest of m1")
    return awq_kit.quantized(place / "scratch", model, awq_kit.practice(place / "rows"), samples=12)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shared")
    model = awq_kit.model_with_shared_heads(place / "model")
    return awq_kit.quantized(place / "scratch", model, awq_kit.talks(place / "rows"))


def said(place: Path):
    return checking.log_probabilities(load(str(place), HFSettings(device="cpu")).model, PROBES)


def test_the_record_says_what_was_done_to_what_on_which_rows(made: Path) -> None:
    record = awq_kit.told(made, "run.json")
    assert candidate.form_of(made) == "int4" and candidate.spec_of(made, "tiny") == f"hf:{made / 'int4'}"
    assert record["model"]["digest"] == "digest of m1" and len(record["data"][0]["digest"]) == 32
    assert record["calibration"]["rows"] == 12 and record["agreement"]["positions"] > 100
    assert len(record["block_errors"]) == 8 and record["not_smoothed"] == []
    assert all(one["with_scales"] <= one["without_scales"] for one in record["block_errors"].values())
    assert record["agreement"]["smoothing"] < 1e-6 and 0.4 < record["agreement"]["steps"] < 0.501
    assert 1e-4 < record["agreement"]["divergence"] < 0.05 and record["agreement"]["top1"] > 0.8
    assert record["weights_bytes"]["int4"] < 0.3 * record["weights_bytes"]["float"]
    assert not (made / "int4" / "recipe.yaml").exists() and (made / "int4" / "tokenizer.json").is_file()


def test_loud_channels_cost_less_than_by_rounding_to_nearest(made: Path, given: Path) -> None:
    floats = load(str(given), HFSettings(device="cpu")).model
    rows = [[0, *range(at, at + 300, 13)] for at in range(5, 500, 50)]
    said = checking.log_probabilities(floats, rows)
    awq = checking.log_probabilities(load(str(made / "int4"), HFSettings(device="cpu")).model, rows)
    awq_kit.round_to_nearest(floats)
    nearest = checking.log_probabilities(floats, rows)

    def nats(says: list[Any]) -> float:
        return sum(float((p.exp() * (p - q)).sum()) for p, q in zip(said, says, strict=True))

    assert 0 < nats(awq) < 0.8 * nats(nearest)


def test_the_float_weights_answer_as_before_and_are_others(made: Path, given: Path) -> None:
    from safetensors.torch import load_file

    before, after = (load_file(place / "model.safetensors") for place in (given, made))
    assert before.keys() == after.keys() and "quantization_config" not in awq_kit.told(made)
    norm = "model.layers.0.input_layernorm.weight"
    assert float((before[norm] / after[norm] - 1).abs().max()) > 0.01, "no scale was folded in"
    for one, other in zip(said(given), said(made), strict=True):
        assert float((one - other).abs().max()) < 1e-3


def test_packed_weights_are_the_float_ones_rounded(made: Path) -> None:
    import numpy as np
    from safetensors.torch import load_file

    floats, packed = load_file(made / "model.safetensors"), load_file(made / "int4" / "model.safetensors")
    names = [name.removesuffix("_packed") for name in packed if name.endswith("weight_packed")]
    assert len(names) == 14 and not any("embed" in name or "lm_head" in name for name in names)
    for name in names:
        weight, scale = floats[name].numpy(), packed[f"{name}_scale"].numpy()
        rows, columns = weight.shape
        assert scale.shape == (rows, columns // 128) and packed[f"{name}_shape"].tolist() == [rows, columns]
        zero = awq_kit.unpacked(packed[f"{name}_zero_point"], axis=0)[:rows]
        exact = weight.reshape(rows, -1, 128) / scale[..., None] + zero[..., None]
        found = awq_kit.unpacked(packed[f"{name}_packed"], axis=1).reshape(exact.shape)
        assert np.abs(found - np.clip(exact, 0, 15)).max() < 0.501


def test_the_configuration_is_what_vllm_reads(made: Path) -> None:
    """The keys of `CompressedTensorsConfig.from_config` and the branches behind them, vLLM 0.33.0."""
    from compressed_tensors.quantization import QuantizationArgs

    found = awq_kit.told(made / "int4")["quantization_config"]
    (group,) = found["config_groups"].values()
    weights = QuantizationArgs.model_validate(group["weights"])
    assert found["quant_method"] == "compressed-tensors" and found["format"] == group["format"] == "pack-quantized"
    assert group["targets"] == ["Linear"] and found["ignore"] == ["lm_head"]
    assert (weights.num_bits, weights.group_size, weights.symmetric, weights.type) == (4, 128, False, "int")
    assert weights.strategy == "group" and not weights.dynamic and weights.actorder is None
    assert not group["input_activations"] and not group["output_activations"]
    assert not found["sparsity_config"] and not found["transform_config"] and not found["kv_cache_scheme"]
    # What the vLLM of these pins knows of a weight (compressed-tensors 0.17); it forbids others.
    assert group["weights"].keys() <= {
        "num_bits", "type", "symmetric", "group_size", "strategy", "block_structure", "dynamic", "actorder",
        "scale_dtype", "zp_dtype", "observer", "observer_kwargs",
    }  # fmt: skip


def test_the_packed_model_is_evaluated_in_a_process(made: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    words = ["eval", f"hf:{made / 'int4'}", "--suite", "primer", "--limit", "20", "--json"]
    command = [sys.executable, "-m", "harness", *words, "--db", str(tmp_path / "harness.duckdb")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["suites"]["primer"]["n"] == 20 and document["suites"]["primer"]["score"] > 0.3
    assert document["model_sha256"] and "Decompressing" not in done.stderr


def test_shared_heads_are_left_alone_and_conversations_calibrate(shared: Path) -> None:
    record = awq_kit.told(shared, "run.json")
    assert sorted(record["block_errors"]) == [
        "model.layers.0.input_layernorm", "model.layers.0.mlp.up_proj", "model.layers.0.post_attention_layernorm",
    ]  # fmt: skip
    assert "2 key-value heads serve 4 heads" in record["not_smoothed"][0]
    assert record["agreement"]["smoothing"] < 1e-2, "bfloat16"
    for place in (shared, shared / "int4"):
        opened = load(str(place), HFSettings(device="cpu"))
        assert opened.dtype == "bfloat16" and opened.tokenizer.chat_template == awq_kit.TEMPLATE
        assert opened.packed == ("compressed-tensors" if place.name == "int4" else "")


@pytest.mark.parametrize("broken", ["scales", "norms", "bits"])
def test_a_folder_that_is_not_what_it_says_is_refused(made: Path, tmp_path: Path, broken: str) -> None:
    from safetensors.torch import load_file, save_file

    source = said(made)
    folder = Path(shutil.copytree(made, tmp_path / "copy"))
    assert checking.compare(source, folder, PROBES).smoothing < 1e-9
    if broken == "bits":
        text = (folder / "int4" / "config.json").read_text().replace('"num_bits": 4', '"num_bits": 8')
        (folder / "int4" / "config.json").write_text(text)
    else:
        weights, word = (folder / "int4", "down_proj.weight_scale") if broken == "scales" else (folder, "norm.weight")
        tensors = load_file(weights / "model.safetensors")
        chosen = next(name for name in tensors if name.endswith(word))
        tensors[chosen] = tensors[chosen] * 1.5
        save_file(tensors, weights / "model.safetensors", metadata={"format": "pt"})
    reason = {"scales": "no rounding of the float ones", "norms": "answer otherwise", "bits": "num_bits"}[broken]
    with pytest.raises(InfrastructureError, match=reason):
        checking.compare(source, folder, PROBES)


def test_what_cannot_be_calibrated_or_was_rounded_is_refused(made: Path, tiny_folder: Path, tmp_path: Path) -> None:
    step, model = registry.step("compress.awq"), Artifact("m1", "model", str(tiny_folder), "d")
    few = dataset(tmp_path / "few", [{"prompt": str(at), "completion": " a"} for at in range(7)])
    with pytest.raises(UsageError, match="7 rows to calibrate on"):
        step.run([model, few], {}, Remembering(tmp_path / "a"))
    with pytest.raises(UsageError, match="no dataset"):
        step.run([model], {}, Remembering(tmp_path / "b"))
    again = Artifact("m2", "model", str(made / "int4"), "d")
    with pytest.raises(UsageError, match="quantised already"):
        step.run([again, awq_kit.practice(tmp_path / "rows")], {}, Remembering(tmp_path / "c"))
