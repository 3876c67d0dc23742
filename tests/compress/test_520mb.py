"""The recipe for a real model, checked as far as it can be without its weights: names, shapes, sizes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "improve"))

import bench_520mb as bench
import llama_kit

from compress.recipe import SHIPPED, load
from harness import registry
from harness.cli import app
from harness.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
YI = bench.BASES["Yi-1.5-6B-Chat"]


@pytest.fixture(scope="module")
def yi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model of this shape: config.json and a tokenizer, no weights."""
    folder = tmp_path_factory.mktemp("home") / "yi-1.5-6b-chat"
    llama_kit.tokenizer().save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({**YI, "architectures": ["LlamaForCausalLM"]}))
    rows = [json.dumps({"prompt": f"{n} + 1 =", "completion": f" {n + 1}"}) + "\n" for n in range(20_500)]
    (folder.parent / "520mb-rows.jsonl").write_text("".join(rows))
    return folder


def planned(yi: Path, monkeypatch: pytest.MonkeyPatch, home: Path, code: int = 0) -> Any:
    monkeypatch.setenv("HOME", str(home))
    words = ["compress", f"hf:{yi}", "--recipe", "520mb", "--plan", "--json", "--db", str(home / "r" / "h.duckdb")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == code, done.output
    assert not (home / "r").exists(), "a plan touches nothing"
    return json.loads(done.stdout)


def test_the_plan_says_what_every_stage_leaves(yi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = planned(yi, monkeypatch, yi.parent)["stages"]
    told = {one["stage"]: (one["num_hidden_layers"], one["intermediate_size"]) for one in shown}
    assert list(told) == ["depth", "width", "recover", "compress.awq", "compress.gguf_imatrix", "compress.pack"]
    assert told["depth"] == (23, 11008) and told["width"] == told["compress.pack"] == (23, 3840)


def test_without_rows_of_ones_own_it_says_which(yi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = planned(yi, monkeypatch, tmp_path, code=2)["error"]
    assert "520mb-rows.jsonl" in error["what"]


def test_every_increment_is_a_cut(yi: Path) -> None:
    """No increment of either schedule rounds to nothing, and each is met within a tenth."""
    config: Any = YI
    for group in load("520mb").recipe.groups[:2]:
        method = group.steps[0].parameters["method"]
        for share in group.shares():
            assert share is not None
            found = bench.plan(config, method, share)
            assert found.then < found.now and share - 0.1 <= found.met <= share + 0.005
            config = found.config


def test_two_thirds_of_the_blocks_are_gone() -> None:
    left = bench.weights(bench.cut(YI, 0.65, 0.28), blocks=True) / bench.weights(YI, blocks=True)
    assert left == pytest.approx(0.353, abs=0.001)


def test_its_parameters_are_those_of_the_steps() -> None:
    loaded = load("520mb")
    for group in loaded.recipe.groups:
        for place, stage in enumerate(group.steps):
            share = {"share": group.share} if group.share is not None and place == 0 else {}
            registry.step(stage.name).check({**stage.parameters, **share})
    with pytest.raises(UsageError):
        registry.step("compress.recover").check({**loaded.recipe.groups[0].steps[1].parameters, "stepps": 1})


def test_the_head_of_the_recipe_says_what_was_not_checked() -> None:
    text = (SHIPPED / "520mb.yaml").read_text()
    assert "# Not checked: the weights themselves" in text and "tests/compress/test_520mb.py" in text
    assert "ends at 1.76 GB, not at 520 MB" in " ".join(text.replace("#", "").split())


@pytest.mark.slow
def test_weights_are_counted_as_transformers_has_them() -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**{key: value for key, value in YI.items() if key != "model_type"}))
    assert bench.weights(YI) == sum(one.numel() for one in model.parameters() if one.dim() > 1)


@pytest.mark.parametrize("quant", ["Q5_K_M", "Q2_K"])
def test_bytes_are_those_of_the_quantised_file(quant: str, tmp_path: Path) -> None:
    import gguf

    from harness.models.convert import quantize

    shape = {
        "hidden_size": 512, "intermediate_size": 512, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 128, "vocab_size": 512, "tie_word_embeddings": False,
    }  # fmt: skip
    bench.random_model(tmp_path / "plain.gguf", 3, 4, 2, False, width=512)
    made = quantize(tmp_path / "plain.gguf", tmp_path / "small.gguf", quant, threads=2)
    size = sum(int(one.n_bytes) for one in gguf.GGUFReader(made).tensors if len(one.shape) > 1)
    assert bench.gguf_bytes(shape, quant) == size


@pytest.mark.slow
def test_the_page_has_the_figures_that_the_script_prints() -> None:
    page = (ROOT / "docs" / "compression.md").read_text()
    for stage, _, size in bench.stages():
        row = next(line for line in page.splitlines() if line.startswith(f"| {stage} |"))
        assert f"| {size / 1e6:,.0f} |" in row
