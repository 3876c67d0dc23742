"""Recipes of compressions: what is read, what is refused before work starts, and how shares grow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from compress import soundness
from compress.recipe import Group, Recipe, load
from harness.errors import UsageError

GATES = {"version": 1, "suites": {"primer": {"non_inferiority": {"margin": 0.1}}}}
RECIPE: dict[str, Any] = {"policy": "gates.yaml", "training": {"suite": "primer"}, "stages": ["compress.gguf"]}


def write(folder: Path, **changes: Any) -> str:
    (folder / "gates.yaml").write_text(yaml.safe_dump(GATES))
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, **changes}))
    return str(path)


def refused(folder: Path, model: str = "tiny", **changes: Any) -> str:
    with pytest.raises(UsageError) as error:
        soundness.check(load(write(folder, **changes)), model, {})
    return f"{error.value.what} / {error.value.expected} / {error.value.next}"


def test_stages_are_steps_or_groups(tmp_path: Path) -> None:
    gradual = {"share": 0.5, "increments": 2, "steps": [{"compress.prune": {"method": "channels"}}, "compress.recover"]}
    found = load(write(tmp_path, stages=["compress.awq", {"slow": gradual}, {"mend": ["compress.recover"]}])).recipe
    assert [(one.label, len(one.steps), one.share) for one in found.groups] == [
        ("compress.awq", 1, None), ("slow", 2, 0.5), ("mend", 1, None),
    ]  # fmt: skip
    assert found.groups[1].steps[0].parameters == {"method": "channels"}


@given(st.floats(0.01, 0.99), st.integers(1, 20))
def test_shares_grow_by_the_cubic_schedule_and_end_at_the_share(share: float, increments: int) -> None:
    shares = [one or 0.0 for one in Group("g", (), share, increments).shares()]
    steps = [b - a for a, b in zip([0.0, *shares], shares, strict=False)]
    assert len(shares) == increments and shares[-1] == pytest.approx(share)
    assert all(step > 0 for step in steps) and steps == sorted(steps, reverse=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stages": ["compress.ggug"]}, "compress.gguf"),
        ({"stages": [{"compress.gguf": {"qant": "Q5_K_M"}}]}, "quant"),
        ({"stages": [{"mend": ["improve.finetune"]}]}, "a model"),
        ({"stages": [{"mend": ["improve.merge"]}]}, "takes a adapter"),
        (
            {
                "stages": [
                    {
                        "mend": [
                            {"improve.generate": {"suite": "primer", "rows": 9}},
                            "improve.finetune",
                            "improve.merge",
                        ]
                    }
                ]
            },
            "no benchmark sample trains",
        ),
        ({"training": {"suite": "humaneval"}}, "makes no practice rows"),
        ({"training": {"file": "rows.jsonl"}}, "rows.jsonl"),
        ({"budget": {"euro": 3}}, "usd"),
    ],
)
def test_what_cannot_work_is_refused_before_work_starts(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    assert said in refused(tmp_path, **changes)


ROW = '{"prompt": "Q: %d", "completion": "%d"}\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no rows"),
        ("{not json}\n", "line 1"),
        ('{"prompt": 7}\n', "line 1"),
        ("".join(ROW % (n, n) for n in range(9)), "9 rows, and 20 are to be passed over"),
        (ROW % (1, 1) * 90, "90 rows, and 20 are to be passed over"),
    ],
)
def test_rows_that_do_not_suffice_are_refused_before_work_starts(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "rows.jsonl").write_text(text)
    assert said in refused(tmp_path, training={"file": "rows.jsonl", "rows": 20, "held": 8})


def test_rows_that_suffice(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(ROW % (n, n) for n in range(30)))
    loaded = load(write(tmp_path, training={"file": "rows.jsonl", "rows": 20, "held": 8}))
    assert [one.label for one in soundness.check(loaded, "tiny", {})] == ["compress.gguf"]


def test_a_folder_without_a_model_is_no_name_of_the_hub(tmp_path: Path) -> None:
    assert "no config.json" in refused(tmp_path, model=f"hf:{tmp_path / 'nothing'}")


@pytest.mark.parametrize("stages", [[{"a": []}], [{"a": 1, "b": 2}], [7], [{"a": {"share": 2, "steps": ["x"]}}], []])
def test_stages_that_cannot_be_read(tmp_path: Path, stages: list[Any]) -> None:
    with pytest.raises(UsageError):
        load(write(tmp_path, stages=stages))


def test_a_rounded_model_is_not_rounded_again(tmp_path: Path) -> None:
    assert "its original weights" in refused(tmp_path, model="gguf:model.gguf")


def test_the_name_is_the_files_and_the_models(tmp_path: Path) -> None:
    loaded = load(write(tmp_path))
    assert loaded.named("tiny") == "small-tiny" and loaded.named("hf:org/Some Model") == "small-Some-Model"
    assert load(write(tmp_path), "mine").named("tiny") == "mine"
    assert Recipe.model_validate({**RECIPE, "budget": {"usd": 1}}).digest == Recipe.model_validate(RECIPE).digest


LLAMA: dict[str, Any] = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 320, "intermediate_size": 700,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 512,
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "stages", "said"),
    [
        ({}, ["compress.awq"], "128"),
        ({}, [{"compress.gguf": {"quant": "Q5_K_M"}}], "256"),
        ({"model_type": "weird", "architectures": ["WeirdForCausalLM"]}, ["compress.gguf"], "WeirdForCausalLM"),
        ({"model_type": "weird"}, [{"compress.prune": {"method": "channels", "share": 0.5}}], "weird"),
        (
            {"hidden_size": 256, "intermediate_size": 1024},
            [{"compress.prune": {"method": "channels", "share": 0.9}}, {"compress.gguf": {"quant": "Q5_K_M"}}],
            "0.75",
        ),
    ],
)
def test_shapes_are_found_wrong_before_work_starts(
    tmp_path: Path, config: dict[str, Any], stages: list[Any], said: str
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({**LLAMA, **config}))
    (model / "tokenizer.json").write_text(json.dumps({"pre_tokenizer": {"type": "ByteLevel"}}))
    assert said in refused(tmp_path, model=str(model), stages=stages)


def test_a_plan_touches_nothing_and_trains_nothing(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "harness", "compress", "tiny", "--recipe", "quickstart", "--plan", "--json"]
    place = {"HARNESS_HOME": str(tmp_path / "home"), "HARNESS_DB": str(tmp_path / "results" / "h.duckdb")}
    done = subprocess.run(line, capture_output=True, text=True, env={**os.environ, **place}, check=True)
    widths = [one["intermediate_size"] for one in json.loads(done.stdout)["stages"]]
    assert widths[0] == 256 and len(widths) == 6 and list(tmp_path.iterdir()) == []
