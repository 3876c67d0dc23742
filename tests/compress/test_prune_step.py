"""`compress.prune` on a trained model: what it hands on opens, and the record says what was cut and what it cost."""

from __future__ import annotations

import json
from pathlib import Path

import prune_kit
import pytest
from huggingface_hub import ModelCard

from harness import registry
from harness.errors import UsageError
from harness.models import convert
from harness.types import Artifact, Completion, Request


@pytest.mark.slow
def test_a_schedule_cuts_what_is_missing_each_time_and_the_result_is_a_plain_model(
    tiny_folder: Path, tmp_path: Path
) -> None:
    data = prune_kit.shelved(tmp_path / "data", 48)
    half, told = prune_kit.pruned(tiny_folder, data, tmp_path / "a", method="channels", share=0.5, max_length=96)
    assert {"config.json", "model.safetensors", "tokenizer.json", "run.json", "README.md"} <= {
        one.name for one in half.iterdir()
    }
    assert told["pruned"] == {"original": {"intermediate_size": 512}, "now": {"intermediate_size": 256}, "share": 0.5}
    cost = told["calibration"]["perplexity"]
    assert told["calibration"]["rows"] == 48 and 1 < cost["before"] < cost["after"] < 3 * cost["before"]
    assert ModelCard((half / "README.md").read_text()).data.tags == ["pruned"]
    again, more = prune_kit.pruned(half, data, tmp_path / "b", method="channels", share=0.5, max_length=96)
    assert (again / "model.safetensors").read_bytes() == (half / "model.safetensors").read_bytes()
    assert more["model"]["run"]["pruned"] == told["pruned"] == more["pruned"]
    fewer, last = prune_kit.pruned(half, data, tmp_path / "c", method="heads", share=0.5, multiple=128, samples=8)
    config = json.loads((fewer / "config.json").read_text())
    assert config["pruned_from"] == {"intermediate_size": 512, "num_key_value_heads": 4} and config["head_dim"] == 64
    assert last["calibration"]["rows"] == 8
    asked = [Request(kind="generate", prompt="Q: 2 + 2\nA:", max_tokens=6)]
    convert.hf_to_gguf(fewer, tmp_path / "fewer.gguf", "f32")
    answers = []
    for spec in (f"hf:{fewer}", f"gguf:{tmp_path / 'fewer.gguf'}"):
        with registry.open_model(spec) as opened:
            answers.append(dict(opened.answer(asked))[0])
    assert all(isinstance(one, Completion) for one in answers) and answers[0].text == answers[1].text


@pytest.mark.slow
def test_zeros_are_where_the_pattern_says_stay_there_and_nothing_is_printed(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    monkeypatch.chdir(tmp_path)
    data = prune_kit.shelved(tmp_path / "data")
    given = {"method": "sparsegpt", "max_length": 64}
    half, told = prune_kit.pruned(tiny_folder, data, tmp_path / "a", share=0.5, pattern="2:4", **given)
    weights = load_file(half / "model.safetensors")
    inner = {name: one for name, one in weights.items() if name.endswith("proj.weight")}
    assert len(inner) == 14
    for one in inner.values():
        assert int((one.reshape(-1, 4) == 0).sum(1).min()) >= 2
    assert told["pruned"]["share"] == pytest.approx(0.5, abs=0.001) and not (half / "recipe.yaml").exists()
    assert not float((weights["model.embed_tokens.weight"] == 0).float().mean())
    more, _ = prune_kit.pruned(half, data, tmp_path / "b", share=0.7, **given)
    after = load_file(more / "model.safetensors")
    for name, one in inner.items():
        assert bool((after[name][one == 0] == 0).all()) and float((after[name] == 0).float().mean()) > 0.69
    wanda, _ = prune_kit.pruned(tiny_folder, data, tmp_path / "c", method="wanda", share=0.25, max_length=64)
    for name, one in load_file(wanda / "model.safetensors").items():
        if name in inner:
            assert set((one == 0).sum(1).tolist()) == {one.shape[1] // 4}
    assert capsys.readouterr() == ("", "") and {one.name for one in tmp_path.iterdir()} == {"a", "b", "c", "data"}


def test_wrong_inputs_are_refused_before_any_work(tmp_path: Path) -> None:
    data = prune_kit.shelved(tmp_path / "data")
    step, told = registry.step("compress.prune"), {"share": 0.5}
    with pytest.raises(UsageError, match="0 models"):
        step.run([data], told, prune_kit.Scratch(tmp_path / "a"))
    with pytest.raises(UsageError, match="no dataset"):
        step.run([Artifact("m1", "model", str(tmp_path), "of m1")], told, prune_kit.Scratch(tmp_path / "b"))
    with pytest.raises(UsageError, match=r"no config\.json"):
        prune_kit.pruned(tmp_path, data, tmp_path / "c", share=0.5)
