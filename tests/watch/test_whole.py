"""A half-written checkpoint is never taken for a whole one, wherever the writing stopped."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest
import training
from hypothesis import given
from hypothesis import strategies as st

from harness.watch.checkpoints import ADAPTER, ADAPTER_CONFIG, INDEX, Checkpoint, find
from harness.watch.whole import lacking


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training.save(tmp_path_factory.mktemp("whole") / "checkpoint-7")


def reason(folder: Path) -> str:
    """Return what the one checkpoint at `folder` lacks."""
    (found,) = [one for one in find(folder.parent) if one.path == folder]
    return lacking(found)


def test_a_whole_one_lacks_nothing(whole: Path) -> None:
    assert reason(whole) == ""


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
@given(share=st.floats(0, 1, exclude_max=True))
def test_any_prefix_of_a_file_is_seen(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, name: str, share: float
) -> None:
    copy = tmp_path_factory.mktemp("cut") / "checkpoint-7"
    shutil.copytree(whole, copy)
    data = (copy / name).read_bytes()
    # The last byte of a JSON file may be its newline.
    (copy / name).write_bytes(data[: int(share * len(data.rstrip()))])
    assert name in reason(copy)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_missing_file_is_seen(whole: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(whole, tmp_path / "checkpoint-7"))
    (copy / name).unlink()
    assert "yet" in reason(copy)


def test_bytes_too_many_and_headers_of_nonsense(whole: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(whole, tmp_path / "checkpoint-7"))
    weights = copy / "model.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good + b"\0")
    assert "longer than its header says" in reason(copy)
    for bad in (b"", b"\xff" * 64, struct.pack("<Q", 4) + b"null", struct.pack("<Q", 12) + b'{"a": {"x":1', b"PK" * 99):
        weights.write_bytes(bad)
        assert "model.safetensors" in reason(copy), bad


def shard(path: Path, *names: str) -> None:
    """Write a safetensors file with one byte a tensor."""
    entries = {n: {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]} for i, n in enumerate(names)}
    header = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"x" * len(names))


def test_every_shard_of_an_index_must_be_there_with_its_tensors(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-1"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    shard(folder / "model-00001-of-00002.safetensors", "a", "b")
    assert "neither" in reason(folder)
    index = {"a": "model-00001-of-00002.safetensors", "b": "model-00001-of-00002.safetensors"}
    index["c"] = "model-00002-of-00002.safetensors"
    (folder / INDEX).write_text(json.dumps({"weight_map": index}))
    assert reason(folder) == "no model-00002-of-00002.safetensors yet"
    shard(folder / "model-00002-of-00002.safetensors", "d")
    assert "does not hold 'c'" in reason(folder)
    shard(folder / "model-00002-of-00002.safetensors", "c")
    assert reason(folder) == ""


def test_an_adapter_needs_both_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "anything"
    folder.mkdir()
    shard(folder / ADAPTER, "lora_A")
    assert reason(folder) == f"no {ADAPTER_CONFIG} yet"
    (folder / ADAPTER_CONFIG).write_text("{}")
    assert reason(folder) == ""
    (folder / ADAPTER).unlink()
    assert reason(folder) == f"no {ADAPTER} yet"


def test_a_gguf_is_whole_when_header_and_size_agree(tmp_path: Path) -> None:
    path = tmp_path / "model-step-40.gguf"
    training.save_gguf(path)
    assert reason(path) == ""
    data = path.read_bytes()
    for cut in (0, 3, 20, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        assert reason(path), cut


def test_a_checkpoint_that_is_gone_lacks_something(tmp_path: Path) -> None:
    assert lacking(Checkpoint(tmp_path / "checkpoint-3", "hf", 3, 0.0))
    assert Checkpoint(tmp_path / "checkpoint-3", "hf", 3, 0.0).stamp() == ()
