"""`compress.recover`: a model is trained back through the improvement wing's steps, and what was zero stays zero."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import rows_kit as kit

from harness import registry
from harness.errors import UsageError
from harness.models.hf.loading import HFSettings, load
from harness.types import Artifact
from harness.workbench import record
from harness.workbench import rows as dataset

STEP = registry.step("compress.recover")
TUNING: dict[str, Any] = {"steps": 30, "r": 8, "alpha": 16, "learning_rate": 2e-2, "held_out": 0.3, "seed": 1}
WORDS = ["red", "blue", "one", "two", "three", "door", "river", "house", "yes", "no"]


def lines(count: int) -> list[dict[str, Any]]:
    asked = [(n // len(WORDS), n % len(WORDS)) for n in range(count)]
    return [{"prompt": f"Q: {a} after {WORDS[b]}\nA:", "completion": f" {WORDS[b - 1]}"} for a, b in asked]


def recovered(inputs: list[Artifact], scratch: Path, **parameters: Any) -> tuple[Path, kit.Remembering]:
    context = kit.Remembering(scratch)
    return STEP.run(inputs, {**TUNING, **parameters}, context), context


def weights(folder: str | Path) -> dict[str, Any]:
    return dict(load(str(folder), HFSettings(device="cpu")).model.state_dict())


def sparse(model: Artifact, folder: Path, share: float) -> Artifact:
    """Return the model with a share of each linear layer's weights at zero, the smallest ones."""
    import torch

    loaded = load(model.path, HFSettings(device="cpu"))
    for name, module in loaded.model.named_modules():
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            bar = module.weight.abs().flatten().kthvalue(int(share * module.weight.numel())).values
            module.weight.data = torch.where(module.weight.abs() <= bar, 0.0, module.weight)
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    return Artifact(folder.name, "model", str(folder), f"{share} of {model.digest}")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return kit.random_model(tmp_path_factory.mktemp("model") / "random")


@pytest.mark.slow
def test_a_dense_model_learns_the_rows_of_all_datasets(model: Artifact, tmp_path: Path) -> None:
    every = lines(60)
    datasets = [kit.dataset(tmp_path / "a", every[:40]), kit.dataset(tmp_path / "b", every[30:])]
    folder, context = recovered([model, *datasets], tmp_path / "scratch")
    told = record.read(folder)
    held = told["finetune"]["held_out_loss"]
    assert held["last"] < 0.5 * held["before"]
    assert told["step"] == "compress.recover" and told["zeros"]["restored"] == 0 and told["zeros"]["share"] < 0.01
    assert told["data"] == {"artifacts": ["a", "b"], "rows": 60}
    assert told["finetune"]["data"]["rows"] + told["finetune"]["data"]["held_out"] == 60
    assert told["agreement"]["same_texts"] == told["agreement"]["rows"] == 16
    assert told["model"]["digest"] == model.digest and told["parameters"]["r"] == 8 and "lora" in told["tags"]
    assert [n for n, _ in context.notes] == sorted(n for n, _ in context.notes) and context.notes[-1][0] == 1.0
    assert {name for _, values in context.points for name in values} >= {"loss"} and context.spent
    before, after = weights(model.path), weights(folder)
    assert {name: (one.shape, one.dtype) for name, one in before.items()} == {
        name: (one.shape, one.dtype) for name, one in after.items()
    }
    assert (folder / "tokenizer.json").read_text() == (Path(model.path) / "tokenizer.json").read_text()


@pytest.mark.slow
def test_what_was_zero_is_zero_after_it_and_the_price_is_told(model: Artifact, tmp_path: Path) -> None:
    pruned = sparse(model, tmp_path / "pruned", 0.5)
    folder, _ = recovered([pruned, kit.dataset(tmp_path / "rows", lines(60))], tmp_path / "scratch")
    zeros = record.read(folder)["zeros"]
    before, after = weights(pruned.path), weights(folder)
    linear = [name for name in before if "proj" in name]
    assert linear and all(((after[name] == 0) == (before[name] == 0)).all() for name in linear)
    assert any((after[name] != before[name]).any() for name in linear)
    assert zeros["share"] == pytest.approx(0.5, abs=0.01)
    assert zeros["restored"] == pytest.approx(0.5 * sum(before[name].numel() for name in linear), rel=0.02)
    assert zeros["written"] <= 1e-4 < zeros["apart"]
    nats = zeros["nats"]
    assert nats["merged"] < nats["kept"] < nats["before"], "a part of what was learned goes with the mask"


@pytest.mark.slow
def test_a_few_zeros_are_no_mask(model: Artifact, tmp_path: Path) -> None:
    pruned = sparse(model, tmp_path / "pruned", 0.03)
    folder, _ = recovered([pruned, kit.dataset(tmp_path / "rows", lines(30))], tmp_path / "scratch", steps=5)
    zeros = record.read(folder)["zeros"]
    assert zeros == {"share": pytest.approx(0.03, abs=0.002), "restored": 0}
    config = json.loads((folder / "config.json").read_text())
    assert config["dtype"] == "float32"


@pytest.mark.slow
def test_the_weights_keep_their_type(model: Artifact, tmp_path: Path) -> None:
    import torch

    half = load(model.path, HFSettings(device="cpu", dtype="bfloat16"))
    half.model.save_pretrained(tmp_path / "half")
    half.tokenizer.save_pretrained(tmp_path / "half")
    inputs = [Artifact("h", "model", str(tmp_path / "half"), "h"), kit.dataset(tmp_path / "rows", lines(30))]
    folder, _ = recovered(inputs, tmp_path / "scratch", steps=5, learning_rate=1e-3)
    assert {one.dtype for one in weights(folder).values()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"step": 5}, "unknown key 'step', nearest: 'steps'"),
        ({"dtype": "float8"}, "dtype = 'float8'"),
        ({"model": "hf:org/name"}, "model = 'hf:org/name'"),
        ({"steps": 3, "epochs": 1.0}, "both given"),
        ({"learning_rate": 0}, "learning_rate"),
    ],
)
def test_parameters_that_cannot_be_right_are_refused(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        STEP.check(parameters)


def test_epochs_stand_for_the_steps_that_nobody_gave() -> None:
    STEP.check({"epochs": 2.0})
    assert STEP.estimate({"epochs": 2.0}) == {"steps_a_row": 2 / 8} and STEP.estimate({}) == {"steps": 300}


def test_without_rows_or_a_model_nothing_is_trained(model: Artifact, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no row"):
        recovered([model, kit.dataset(tmp_path / "rows", [])], tmp_path / "a")
    with pytest.raises(UsageError, match="0 models"):
        recovered([kit.dataset(tmp_path / "more", lines(3))], tmp_path / "b")
    assert dataset.at(tmp_path / "more")
