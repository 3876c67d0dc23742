"""Fine-tuning: equal seeds give equal bytes, nothing leaks out, what trains nothing is no success."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import training_kit as kit

from harness import registry
from harness.errors import MissingPackage, UsageError
from harness.store import Database
from harness.store.curves import points
from harness.types import Artifact
from harness.workbench import Workbench, keep

pytestmark = pytest.mark.slow
QUICK: dict[str, Any] = {"steps": 12, "batch": 4, "r": 4, "learning_rate": 1e-2, "held_out": 0.2}
Tune = Callable[..., tuple[Path, kit.Remembering]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return kit.random_model(tmp_path_factory.mktemp("model") / "base")


@pytest.fixture
def tune(base: Artifact, tmp_path: Path) -> Tune:
    def run(rows: list[dict[str, Any]] | None = None, **changes: Any) -> tuple[Path, kit.Remembering]:
        context = kit.Remembering(tmp_path / f"scratch{len(list(tmp_path.iterdir()))}")
        data = kit.dataset(tmp_path / "data", rows or kit.rows(60))
        return registry.step("improve.finetune").run([base, data], {**QUICK, **changes}, context), context

    return run


def weights(folder: Path) -> bytes:
    return (folder / "adapter_model.safetensors").read_bytes()


def test_equal_seeds_give_equal_bytes_and_the_process_stays_as_it_was(tune: Tune, capfd: Any) -> None:
    import numpy as np
    import torch

    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    expected = (torch.rand(1).item(), random.random(), np.random.rand())
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    threads = torch.get_num_threads()
    first, context = tune()
    assert (torch.rand(1).item(), random.random(), np.random.rand()) == expected
    assert torch.get_num_threads() == threads and capfd.readouterr().out == "", "stdout belongs to --json"
    second, _ = tune()
    other, _ = tune(seed=1)
    assert weights(first) == weights(second) != weights(other)
    same = "adapter_config.json"
    assert (first / same).read_text() == (second / same).read_text()
    assert context.curve("loss")[-1] < context.curve("loss")[0] and len(context.curve("held_out_loss")) >= 10
    assert context.curve("held_out_loss")[-1] < context.curve("held_out_loss")[0]
    assert sum(amount for what, amount in context.spent if what == "seconds") > 0


def test_the_folder_holds_record_card_log_and_probes(tune: Tune, base: Artifact) -> None:
    folder, _ = tune([*kit.rows(60), {"id": "long", "prompt": "one " * 99, "completion": " x"}], max_length=64)
    found = json.loads((folder / "run.json").read_text())
    assert found["data"]["dropped"] == {"too_long": 1} and found["training"]["steps"] == 12 and found["seed"] == 0
    assert found["data"]["rows"] + found["data"]["held_out"] == 60 and found["training"]["tokens"] > 0
    assert found["base"]["name"] == base.path and found["parameters"]["r"] == 4
    assert json.loads((folder / "dropped.jsonl").read_text())["id"] == "long"
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log if "loss" in entry] == list(range(1, 13))
    assert len((folder / "probes.jsonl").read_text().splitlines()) == 32
    assert "library_name: peft" in (folder / "README.md").read_text()
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".jsonl", ".safetensors", ".md"}


def test_rows_are_trained_in_the_order_of_the_file(tune: Tune) -> None:
    rows = kit.rows(24)
    forward, _ = tune(rows, held_out=0.0, steps=6)
    backward, _ = tune(rows[::-1], held_out=0.0, steps=6)
    again, _ = tune(rows, held_out=0.0, steps=6)
    assert weights(forward) == weights(again) != weights(backward)


def test_a_rate_that_breaks_the_training_stops_it_with_its_log_kept(tune: Tune, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"diverges|is nan|is inf|held-out loss is") as error:
        tune(learning_rate=300.0, schedule="constant", warmup=0.0, steps=80)
    assert "lower learning_rate" in error.value.next
    (log,) = tmp_path.glob("scratch*/log.jsonl")
    assert len(log.read_text().splitlines()) < 90 and "learning_rate" in log.read_text()


def test_a_training_that_changes_nothing_is_no_success(tune: Tune) -> None:
    with pytest.raises(UsageError, match="nothing was learned"):
        tune(steps=1, warmup=0.5, held_out=0.0)  # its only step is the first of the warm-up, at a rate of 0


def test_over_fitting_is_reported_and_early_stop_keeps_the_best(tune: Tune) -> None:
    # What is taught says nothing of what is held out: answers are drawn.
    dice = random.Random(4)
    rows = [{**row, "completion": f" {dice.choice(kit.WORDS)}"} for row in kit.rows(40)]
    hard = {"steps": 100, "learning_rate": 2e-2, "r": 16, "held_out": 0.5, "schedule": "constant"}
    folder, _ = tune(rows, **hard)
    found = json.loads((folder / "run.json").read_text())
    assert "over-fitting" in found["training"]["over_fitting"]
    stopped, _ = tune(rows, **hard, early_stop=2)
    told = json.loads((stopped / "run.json").read_text())
    assert told["training"]["stopped_early"] and told["training"]["steps"] < 100
    assert told["held_out_loss"]["best"] <= told["held_out_loss"]["last"] and weights(stopped) != weights(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"targets": ["q_prj"]}, "nearest: 'q_proj'"), ({"targets": "lm_head"}, "lm_head"), ({"rank": 4}, "unknown key")],
)
def test_what_cannot_be_trained_is_named_before_a_step(tune: Tune, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        tune(**changes)


def test_inputs_that_do_not_fit_are_refused(base: Artifact, tmp_path: Path) -> None:
    step, context = registry.step("improve.finetune"), kit.Remembering(tmp_path / "scratch")
    data = kit.dataset(tmp_path / "data", kit.rows(20))
    for inputs, parameters, told in (
        ([base], {}, "exactly one dataset"),
        ([base, data, data], {}, "exactly one dataset"),
        ([data], {}, "no base model"),
        ([base, data], {"model": "tiny"}, "two bases"),
        ([data], {"model": "gguf:x.gguf"}, "cannot be trained on"),
        ([data], {"model": "nonsense"}, "no model 'nonsense'"),
        ([base, data], {"use_cpu": False}, "no accelerator"),
    ):
        with pytest.raises(UsageError, match=told):
            step.run(inputs, parameters, context)


def test_a_quantised_base_without_bitsandbytes_says_what_to_install(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    whole = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else whole(name))
    with pytest.raises(MissingPackage, match=r"llm-harness\[qlora\]"):
        tune(quantised=True)


def test_gradients_through_a_quantised_base_survive_a_look_at_held_out_rows(base: Artifact) -> None:
    pytest.importorskip("bitsandbytes", reason="QLoRA needs bitsandbytes: pip install 'llm-harness[qlora]'")
    import torch
    from peft import LoraConfig, get_peft_model

    from improve.training import base as bases
    from improve.training.parameters import Finetune

    found = []
    for dequantised in (False, True):
        wanted = Finetune(quantised=True, use_cpu=True)
        model = bases.load(base.path, wanted, bases.device(wanted)).model
        model = model.dequantize().float() if dequantised else model
        torch.manual_seed(0)
        tuned = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
        ids = torch.arange(40).reshape(4, 10)
        with torch.no_grad():
            tuned.eval()(input_ids=ids)
        tuned.train()(input_ids=ids, labels=ids).loss.backward()
        found.append({name: p.grad for name, p in tuned.named_parameters() if p.requires_grad})
    here, there = found
    assert here.keys() == there.keys() and len(here) == 14
    for name, gradient in there.items():
        assert torch.allclose(here[name], gradient, rtol=1e-3, atol=1e-6), name


def test_a_quantised_base_is_tuned_and_merged_in_full(tune: Tune, base: Artifact, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="QLoRA needs bitsandbytes: pip install 'llm-harness[qlora]'")
    folder, context = tune(quantised=True, steps=30, learning_rate=2e-2)
    assert context.curve("held_out_loss")[-1] < context.curve("held_out_loss")[0] - 1
    adapter = Artifact("adapter", "adapter", str(folder), "x")
    merged = registry.step("improve.merge").run([base, adapter], {}, kit.Remembering(tmp_path / "merging"))
    assert "quantization_config" not in json.loads((merged / "config.json").read_text())


def test_in_a_process_of_its_own_its_curves_are_rows(base: Artifact, tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    data = kit.dataset(tmp_path / "data", kit.rows(40))
    inputs = [keep(database, Path(one.path), one.kind, (), {}) for one in (base, data)]
    bench = Workbench(database, "nightly", {"seconds": 1000.0})
    made = bench.make("improve.finetune", inputs, QUICK)
    assert made.kind == "adapter" and bench.make("improve.finetune", inputs, QUICK) == made
    from harness.store import artifacts

    (row,) = artifacts.executions(database)
    found = points(database, row["step_key"])
    assert [step for step, _ in found["loss"]] == list(range(1, 13)) and found["held_out_loss"][0][0] == 0
    assert artifacts.spent(database, "nightly")["seconds"] > 0
    with pytest.raises(UsageError, match=r"diverges|is nan|held-out loss is"):
        bench.make("improve.finetune", inputs, {**QUICK, "learning_rate": 300.0, "warmup": 0.0, "steps": 80})
    failed = artifacts.executions(database)[-1]
    log = database.folder / "steps" / failed["step_key"] / "log.jsonl"
    assert failed["fault"].startswith("UsageError: the ") and '"loss"' in log.read_text()
    assert points(database, failed["step_key"])["loss"], "and its curves are rows as well"
