"""The recipe for a real model, checked as far as it can be without its weights: names, plan, and a round in small."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import llama_kit as kit
import pytest
import yaml
from faulty_teacher import Teacher

from harness import registry
from harness.store import Database, artifacts, read, rounds
from harness.workbench.shelf import folder_of
from improve.plan import plan
from improve.recipe import SHIPPED, load

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
TEACHER = "openai:Qwen/Qwen3-Coder-30B-A3B-Instruct@http://127.0.0.1:8000/v1"
QUANTISED = importlib.util.find_spec("bitsandbytes") is not None
SMALL = [
    "rounds=1", "settings.n_ctx=2048", "settings.start_timeout_s=120", "failures.embedder=lsa", "budget.tokens=200000",
    "improve.generate.rows=32", "improve.decontaminate.embedder=words", "improve.finetune.precision=float32",
    "improve.finetune.use_cpu=null", f"improve.finetune.quantised={str(QUANTISED).lower()}",
    "improve.finetune.epochs=null", "improve.finetune.steps=6", "improve.finetune.early_stop=null",
    # Random weights decide by so little that bfloat16 turns their answers.
    "improve.merge.dtype=float32", "improve.merge.prompts=4", "improve.merge.max_tokens=8",
]  # fmt: skip


def test_every_name_is_known() -> None:
    loaded = load("llama-8b-code")
    recipe = loaded.recipe
    assert registry.split_spec(recipe.model) == ("vllm", kit.NAME) and recipe.settings["revision"] == kit.REVISION
    names = [stage.name for stage in recipe.stages]
    assert names == [
        f"improve.{name}" for name in ("generate", "verify", "dedup", "mix", "decontaminate", "finetune", "merge")
    ]
    given = {stage.name: stage.parameters for stage in recipe.stages}
    assert given["improve.generate"]["teacher"] == TEACHER and set(recipe.teachers) == {TEACHER}
    assert given["improve.finetune"]["quantised"] and given["improve.merge"]["dtype"] == "bfloat16"
    from harness.config import read_settings
    from harness.models.openai.address import OpenAISettings
    from harness.models.vllm.serve import VLLMSettings

    assert read_settings(recipe.settings, VLLMSettings).n_ctx == 8192
    assert read_settings(recipe.teachers[TEACHER].settings, OpenAISettings).concurrency == 32


def test_the_head_of_the_recipe_says_what_was_not_checked() -> None:
    text = (SHIPPED / "llama-8b-code.yaml").read_text()
    assert "# Not checked: the weights themselves" in text and "tests/improve/test_llama_recipe.py" in text


def test_what_it_would_cost_is_told_without_rows_weights_or_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(kit.official(tmp_path / "data")))
    found = plan(load("llama-8b-code"), Database(tmp_path / "results" / "h.duckdb"))
    assert [one.suite for one in found.suites] == ["humaneval", "mbpp", "mmlu:generative"]
    assert [(one.dev or 0) + (one.sealed or 0) for one in found.suites] == [60, 60, 114]
    usd = next(one for one in found.caps if one.what == "usd")
    assert usd.all_rounds is not None and 0 < usd.all_rounds < usd.cap
    assert not (tmp_path / "results").exists()


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason="the official rows are not here")
def test_the_gate_can_be_passed_on_as_many_sealed_samples_as_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(DATA))
    found = plan(load("llama-8b-code"), Database(tmp_path / "h.duckdb"))
    assert found.warnings == () and found.gate.sealed == sum(one.sealed or 0 for one in found.suites) > 1400


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("llama")
    kit.save(folder / "hf")
    kit.official(folder / "data")
    found = {
        **os.environ, "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "HARNESS_DATA": str(folder / "data"),
        "VLLM_ENV": str(kit.vllm(folder / "env")), "OMP_WAIT_POLICY": "PASSIVE", "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    found.pop("HF_HUB_CACHE", None)
    return found


def written(folder: Path, teacher: Teacher) -> Path:
    """Write the shipped recipe with another address of the teacher, and its gate with fewer, shorter answers."""
    text = (SHIPPED / "llama-8b-code.yaml").read_text().replace(TEACHER, teacher.spec)
    (folder / "llama-8b-code.yaml").write_text(text)
    gates: dict[str, Any] = yaml.safe_load((SHIPPED / "llama-8b-code-gates.yaml").read_text())
    gates["evaluate"] = {"limit": 24, "max_tokens": 6}
    for rules in gates["suites"].values():
        rules["min_items"] = 5
    (folder / "llama-8b-code-gates.yaml").write_text(yaml.safe_dump(gates))
    return folder / "llama-8b-code.yaml"


@pytest.mark.slow
def test_a_round_of_the_same_shape_in_small(environment: dict[str, str], tmp_path: Path) -> None:
    teacher = Teacher(kit.reply, faults=((),))
    try:
        recipe = written(tmp_path, teacher)
        command = [sys.executable, "-m", "harness", "improve", str(recipe), "--db", str(tmp_path / "r" / "h.duckdb")]
        replayed = tmp_path / "instruct.jsonl"
        replayed.write_text("".join(json.dumps({"messages": kit.turns(n)}) + "\n" for n in range(40)))
        changes = [*SMALL, "improve.mix.ratio=0.5", f"improve.mix.replay={replayed}"]
        command += ["--json", "--quiet", *(word for change in changes for word in ("--set", change))]
        before = said(subprocess.run([*command, "--plan"], env=environment, capture_output=True, check=False))
        assert not (tmp_path / "r").exists() and not teacher.paid, "a plan touches nothing and asks nobody"
        done = said(subprocess.run(command, env=environment, capture_output=True, check=False), 1)
        after = said(subprocess.run([*command, "--plan"], env=environment, capture_output=True, check=False))
    finally:
        teacher.end()
    assert done["outcome"] in ("rounds", "nothing gained") and len(done["rounds"]) == 1, "a random model cannot pass"
    database = Database(tmp_path / "r" / "h.duckdb")
    (row,) = rounds.rows(database, "llama-8b-code")
    assert row["model"] == f"vllm:{kit.NAME}" and row["model_after"].startswith("vllm:/") and row["verdict_after"]
    _of_its_rows(database, row)
    _of_its_models(database, row, Path(row["model_after"].removeprefix("vllm:")))
    _as_planned(before, after, row, database)


def said(process: subprocess.CompletedProcess[bytes], code: int = 0) -> Any:
    assert process.returncode == code, process.stderr.decode()[-4000:] + process.stdout.decode()[-2000:]
    return json.loads(process.stdout)


def _lines(database: Database, artifact_id: str, name: str) -> list[dict[str, Any]]:
    found = artifacts.artifact(database, artifact_id)
    assert found is not None
    return [json.loads(line) for line in (folder_of(database, found) / name).read_text().splitlines()]


def _of_its_rows(database: Database, row: dict[str, Any]) -> None:
    """What the teacher wrote was run in the sandbox, and repeats of samples are gone before anything trains."""
    generated, verified, _, _, clean, *_ = row["artifacts"]
    steps = {one["step"]: json.loads(one["parameters"]) for one in artifacts.executions(database)}
    assert len(steps["improve.mix"]["replay_sha256"]) == 64, "another file is another step"
    rows = _lines(database, generated, "rows.jsonl")
    assert all(one["messages"][-1]["role"] == "assistant" and one["tests"] for one in rows)
    wrong = Counter(one["dropped"]["mode"] for one in _lines(database, verified, "dropped.jsonl"))
    assert set(wrong) == {"wrong_output", "vacuous"}, wrong
    assert {one["checks"]["verify"] for one in _lines(database, verified, "rows.jsonl")} == {"tests"}
    near = {one["dropped"]["near"]["suite"] for one in _lines(database, clean, "dropped.jsonl")}
    assert "mbpp" in near, "repeats of its tasks"
    left = [one["messages"][0]["content"] for one in _lines(database, clean, "rows.jsonl")]
    assert sum("held between" in one for one in left) > sum("Greet" in one for one in left) > 0
    assert not any("times over" in one for one in left)


def _of_its_models(database: Database, row: dict[str, Any], merged: Path) -> None:
    *_, adapter, model = row["artifacts"]
    told = json.loads((merged / "run.json").read_text())
    assert told["base"]["name"] == kit.NAME and told["parameters"]["revision"] == kit.REVISION
    tuned = artifacts.artifact(database, adapter)
    assert tuned is not None and row["candidate"] == model
    run = json.loads((folder_of(database, tuned) / "run.json").read_text())
    assert run["parameters"]["quantised"] is QUANTISED and run["training"]["steps"] == 6
    config = json.loads((merged / "config.json").read_text())
    assert config["rope_parameters"]["rope_type"] == "llama3" and "quantization_config" not in config
    assert (merged / "chat_template.jinja").read_text() == kit.TEMPLATE
    runs = {one["run_id"]: one for one in read.runs(database)}
    assert {row["run_before"], row["run_after"]} == set(runs)
    assert all(one["status"] == "done" and one["faults"] == 0 for one in runs.values())


def _as_planned(before: Any, after: Any, row: dict[str, Any], database: Database) -> None:
    """Tokens at most, steps exactly; what was measured is known the next time."""
    foreseen = {one["step"]: one["estimate"] for one in before["steps"]}
    assert foreseen["improve.finetune"]["steps"] == 6
    assert 0 < row["cost"]["tokens"] <= foreseen["improve.generate"]["tokens"]
    assert 0 < row["cost"]["usd"] <= foreseen["improve.generate"]["usd"]
    asked = {one["suite"]: one["dev"] + one["sealed"] for one in before["evaluation"]["suites"]}
    wanted = {name: one["wanted"] for name, one in read.run_suites(database, row["run_after"]).items()}
    assert asked == wanted == {"humaneval": 24, "mbpp": 24, "mmlu:generative": 24}
    assert before["budget"]["tokens"]["spent"] == 0 and after["budget"]["tokens"]["spent"] == row["cost"]["tokens"]
    assert not before["evaluation"]["seconds"] and after["evaluation"]["seconds"] > 0
    assert after["not_measured"] == [] and (after["rounds_left"], after["gate"]["used"]) == (0, 2)
