"""The run record and the card of it: complete, of this machine's paths nothing, hostile text as text."""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from harness.store import Database
from harness.workbench import keep, record


def told(**more: object) -> dict[str, object]:
    return record.facts("improve.finetune", "1", {"r": 8}, "peft", ("lora",)) | more


def test_a_record_and_its_card_hold_hostile_text_as_text(tmp_path: Path) -> None:
    about = record.facts("improve.finetune", "1", {"model": "x|y\n# <script>`*"}) | {"base": {"name": "org/name"}}
    record.write(tmp_path, about)
    assert record.read(tmp_path)["parameters"]["model"] == "x|y\n# <script>`*"
    card = (tmp_path / "README.md").read_text()
    assert "base_model: org/name" in card and "<script>" not in card and "\n# <" not in card and "x&#124;y" in card
    assert "torch" in record.read(tmp_path)["versions"] and json.loads((tmp_path / "run.json").read_text())["commit"]
    assert record.read(tmp_path / "nowhere") == {}


def test_the_hub_reads_the_card() -> None:
    nested = {"base": {"name": "org/name"}, "finetune": {"data": {"rows": 3, "dropped": {"long": 1}}, "seed": 7}}
    read = ModelCard(record.card(told(**nested), license="mit"))
    assert read.data.base_model == "org/name" and read.data.library_name == "peft" and read.data.tags == ["lora"]
    assert read.data.license == "mit" and read.data.pipeline_tag == "text-generation"
    for line in ("| data.rows | 3 |", "| data.dropped.long | 1 |", "| seed | 7 |", "| r | 8 |"):
        assert line in read.text


def test_a_base_in_a_folder_is_no_name_of_the_hub_and_its_path_is_not_shown() -> None:
    base = {"name": "/home/ada/secret project/models/tiny-1"}
    card = record.card(told(base=base, opened="gguf:/home/ada/m/model.gguf"))
    assert "base_model" not in card and "ada" not in card and "| name | tiny-1 |" in card
    assert "gguf:model.gguf" in card
    assert record.hub_name({"base": {"name": "./models"}}) is None and record.hub_name({}) is None


def test_of_paths_alone_something_is_left_out() -> None:
    kept = ["org/name", "a/b c/d", "https://example.org/a/b", "/no_think", "1/2", "", "hf:org/name", "and/or\n/a/b"]
    assert record.without_places(kept) == kept
    given = {"data": ["/srv/data/mmlu", "~/models/x/"], "n": 3, "none": None}
    said = "the model '9f' is at '/home/ada/m/model.gguf', not \"gguf:~/m/other.gguf\"; 'a/b' is none"
    assert record.without_places(said) == "the model '9f' is at 'model.gguf', not \"gguf:other.gguf\"; 'a/b' is none"
    assert record.without_places(given) == {"data": ["mmlu", "x"], "n": 3, "none": None}


@given(st.text(max_size=60))
def test_no_cell_leaves_its_table(text: str) -> None:
    found = record.table("a title", ("what", "value"), [(text, [text])]).splitlines()
    assert len(found) == 5 and all(line.count("|") == 3 for line in found[2:])
    assert not set("<>`*[]") & set(found[4])


def test_the_hour_at_which_a_model_was_made_makes_no_other_artifact(tmp_path: Path) -> None:
    database, digests = Database(tmp_path / "r.duckdb"), []
    for hour, weights in enumerate(("same", "same", "other")):
        folder = tmp_path / f"made{hour}"
        folder.mkdir()
        (folder / "model.safetensors").write_text(weights)
        record.write(folder, told(finished_at=f"2026-11-21T0{hour}:00:00+00:00"))
        digests.append(keep(database, folder, "model", (), {"step": "improve.merge"}))
    assert digests[0] == digests[1] and digests[0].digest != digests[2].digest
    assert record.read(database.folder / digests[0].path)["finished_at"].startswith("2026-11-21T00")
