"""What counts as a checkpoint, in which order they come, and when two are the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import training

from harness.errors import UsageError
from harness.watch.checkpoints import Checkpoint, find


def put(folder: Path, *names: str) -> Path:
    """Make a folder with such files."""
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("{}")
    return folder


def test_every_kind_is_found_in_order_of_steps(tmp_path: Path) -> None:
    put(tmp_path / "a" / "checkpoint-100", "config.json", "model.safetensors")
    put(tmp_path / "a" / "checkpoint-20", "adapter_config.json", "adapter_model.safetensors", "README.md")
    put(tmp_path / "a" / "checkpoint-3", "config.json")
    put(tmp_path / "final", "config.json", "model.safetensors")
    put(tmp_path / "renamed", "config.json", "model-00001-of-00002.safetensors")
    (tmp_path / "renamed" / "trainer_state.json").write_text(json.dumps({"global_step": 50}))
    for name in ("m-step_7.gguf", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "notes.txt", ".half.gguf"):
        (tmp_path / name).write_text("")
    put(tmp_path / "runs" / "checkpoint-1", "config.json", "model.safetensors")
    put(tmp_path / ".cache" / "checkpoint-1", "config.json", "model.safetensors")
    put(tmp_path / "tmp-checkpoint-4", "config.json", "model.safetensors")
    put(tmp_path / "tokenizer", "config.json", "tokenizer.json")
    found = [(one.path.relative_to(tmp_path).as_posix(), one.kind, one.step) for one in find(tmp_path)]
    assert found[:5] == [
        ("a/checkpoint-3", "hf", 3),
        ("m-step_7.gguf", "gguf", 7),
        ("a/checkpoint-20", "adapter", 20),
        ("renamed", "hf", 50),
        ("a/checkpoint-100", "hf", 100),
    ]
    assert set(found[5:]) == {("final", "hf", None), ("big-00001-of-00002.gguf", "gguf", None)}


def test_an_output_folder_is_a_checkpoint_and_holds_others(tmp_path: Path) -> None:
    out = put(tmp_path / "out", "config.json", "model.safetensors")
    put(out / "checkpoint-2", "config.json", "model.safetensors")
    assert [one.path.name for one in find(out)] == ["checkpoint-2", "out"]


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        find(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        find(tmp_path / "file")


def test_content_is_what_determines_the_answers(tmp_path: Path) -> None:
    folder = training.save(tmp_path / "checkpoint-2")
    first = Checkpoint(folder, "hf", 2, 0.0)
    content, stamp = first.content(), first.stamp()
    for name in ("optimizer.pt", "rng_state.pth", "trainer_state.json", "training_args.bin", "train.log", "README.md"):
        (folder / name).write_text("{}")
    put(folder / "checkpoint-1", "config.json")
    assert (first.content(), first.stamp()) == (content, stamp), "what a training keeps beside it is not the model"
    copy = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    assert Checkpoint(copy, "hf", None, 0.0).content() == content
    (copy / "tokenizer_config.json").write_text("{}")
    assert Checkpoint(copy, "hf", None, 0.0).content() != content
    training.llama(seed=2).save_pretrained(folder)
    assert first.content() != content and first.stamp() != stamp


def test_parts_of_a_split_gguf_are_one(tmp_path: Path) -> None:
    for part in (1, 2):
        training.save_gguf(tmp_path / f"a[1]-0000{part}-of-00002.gguf")
    (one,) = find(tmp_path)
    assert [path.name for path in one.files()] == ["a[1]-00001-of-00002.gguf", "a[1]-00002-of-00002.gguf"]
    before = one.content()
    training.save_gguf(tmp_path / "a[1]-00002-of-00002.gguf", value=2.0)
    assert one.content() != before
    assert one.content("base") == one.content(), "only an adapter has a base"
