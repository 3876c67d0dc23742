"""Merging: the merged model answers as base and adapter do, in every engine, or it is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import training_kit as kit

from harness import registry
from harness.errors import InfrastructureError, UsageError
from harness.models import convert
from harness.types import Artifact
from harness.workbench import record
from improve.training import rows
from improve.training.agreement import Agreement, agreement

pytestmark = pytest.mark.slow
TUNING = {"steps": 30, "batch": 8, "r": 8, "learning_rate": 2e-2, "held_out": 0.3}


@pytest.fixture(scope="module", params=[False, True], ids=["raw", "chat"])
def tuned(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, Artifact]:
    """Return (base, adapter), trained on prompts or on chats."""
    place = tmp_path_factory.mktemp("tuned")
    base = kit.random_model(place / "base", template=request.param)
    lines = [chat(row) for row in kit.rows(60)] if request.param else kit.rows(60)
    context = kit.Remembering(place / "scratch")
    made = registry.step("improve.finetune").run([base, kit.dataset(place / "data", lines)], TUNING, context)
    return base, Artifact("adapter", "adapter", str(made), "of the adapter")


def chat(row: dict[str, Any]) -> dict[str, Any]:
    turns = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]
    return {"id": row["id"], "messages": turns}


def merge(inputs: list[Artifact], scratch: Path, **parameters: Any) -> Path:
    return registry.step("improve.merge").run(inputs, parameters, kit.Remembering(scratch))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_merged_model_agrees_through_hf_and_through_gguf(
    tuned: tuple[Artifact, Artifact], tmp_path: Path, dtype: str
) -> None:
    base, adapter = tuned
    merged = merge([base, adapter], tmp_path / "scratch", dtype=dtype)
    told = record.read(merged)
    assert told["agreement"]["rows"] == 16 and told["finetune"]["step"] == "improve.finetune"
    assert told["adapter"]["digest"] == adapter.digest and told["base"]["digest"] == told["finetune"]["base"]["digest"]
    for name in ("tokenizer.json", "chat_template.jinja"):
        assert (merged / name).exists() == (Path(base.path) / name).exists()
        if (merged / name).exists():
            assert (merged / name).read_text() == (Path(base.path) / name).read_text()
    gguf = convert.hf_to_gguf(merged, tmp_path / "merged.gguf", "f32")
    probes = rows.read(Path(adapter.path) / "probes.jsonl")
    with (
        registry.open_model(f"hf:{base.path}", {"adapter": adapter.path, "dtype": "float32"}) as both,
        registry.open_model(f"gguf:{gguf}") as served,
        registry.open_model(f"hf:{base.path}") as untuned,
    ):
        found = agreement(both, served, probes, 24)
        assert found.holds("float16") and found.rows == 20 + 12, found
        assert not agreement(untuned, served, probes, 24).holds("bfloat16"), "what was learned is in the merged weights"


def test_another_base_is_refused(tuned: tuple[Artifact, Artifact], tmp_path: Path) -> None:
    stranger = kit.random_model(tmp_path / "stranger", seed=4)
    with pytest.raises(UsageError, match="trained on another base"):
        merge([stranger, tuned[1]], tmp_path / "scratch")


def test_without_an_artifact_the_base_is_the_one_that_the_adapter_names(
    tuned: tuple[Artifact, Artifact], tmp_path: Path
) -> None:
    merged = merge([tuned[1]], tmp_path / "scratch", prompts=4, max_tokens=8)
    assert record.read(merged)["base"]["name"] == tuned[0].path
    assert json.loads((merged / "config.json").read_text())["dtype"] == "float32"


def test_an_adapter_without_rows_to_compare_on_needs_a_dataset(
    tuned: tuple[Artifact, Artifact], tmp_path: Path
) -> None:
    base, adapter = tuned
    bare = Path(shutil.copytree(adapter.path, tmp_path / "bare"))
    (bare / "probes.jsonl").unlink()
    stranger = Artifact("bare", "adapter", str(bare), "x")
    with pytest.raises(UsageError, match="no rows to compare on"):
        merge([base, stranger], tmp_path / "first")
    merge([base, stranger, kit.dataset(tmp_path / "data", kit.rows(5))], tmp_path / "second", max_tokens=8)


def test_a_model_that_answers_otherwise_is_refused(
    tuned: tuple[Artifact, Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft.tuners.lora import Linear

    # A merge that forgets the adapter: what a wrong target, a wrong scale or a later release could do.
    monkeypatch.setattr(Linear, "merge", lambda self, safe_merge=False, adapter_names=None: None)
    with pytest.raises(InfrastructureError, match="the merged model is another one"):
        merge(list(tuned), tmp_path / "scratch")


def test_the_bounds_of_agreement() -> None:
    assert Agreement(16, 15, 5e-5).holds("float32") and not Agreement(16, 14, 5e-5).holds("float32")
    assert not Agreement(16, 16, 5e-4).holds("float32") and Agreement(16, 14, 5e-3).holds("float16")
    assert not Agreement(16, 16, 0.05).holds("float16") and Agreement(16, 16, 0.05).holds("bfloat16")
