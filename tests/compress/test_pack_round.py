"""Archives give back what was packed, bit for bit, and say truly what they gained."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import packing_kit as kit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from compress.packing import manifest, pack, planes, unpack, unpacked, writing
from compress.packing.manifest import Run
from harness.errors import InfrastructureError, UsageError

NAMES = some.lists(
    some.sampled_from(["model.gguf", "a.safetensors", "b/c.safetensors", "b/config.json", "größe.txt", "x.zst", "run"]),
    min_size=1,
    unique=True,
)
CONTENT = some.one_of(
    some.binary(max_size=3000),
    some.builds(lambda piece, times: piece * times, some.binary(min_size=1, max_size=40), some.integers(1, 400)),
    some.builds(lambda seed: kit.safetensors(np.random.default_rng(seed).bytes(999), "BF16", 2), some.integers(0, 9)),
)


@given(names=NAMES, data=some.data(), level=some.sampled_from([1, 3, 19]))
@settings(max_examples=60)
def test_every_folder_comes_back(
    names: list[str], data: some.DataObject, level: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("round")
    files = {name: data.draw(CONTENT) for name in names}
    packed = kit.archive(place, files, level)
    made = unpack(packed, place / "again")
    assert kit.content(place / "again") == files == kit.content(place / "model")
    assert {one.name: one.sha256 for one in made.files} == {
        name: hashlib.sha256(text).hexdigest() for name, text in files.items()
    }
    lying = [path for path in packed.rglob("*") if path.is_file() and path.name != manifest.NAME]
    assert made.packed_bytes == sum(path.stat().st_size for path in lying)


@given(piece=some.binary(max_size=2000), stride=some.integers(1, 300))
def test_planes_are_reversible(piece: bytes, stride: int) -> None:
    apart = planes.split(piece, stride)
    assert planes.join(apart, stride) == piece and len(apart) == len(piece)
    rows = len(piece) // stride
    assert stride == 1 or apart[:rows] == piece[: rows * stride : stride]


@given(runs=some.lists(some.tuples(some.integers(1, 10**9), some.integers(1, 4096)), max_size=5))
def test_pieces_are_whole_blocks_and_cover_all(runs: list[tuple[int, int]]) -> None:
    divided = [Run(length=length, stride=stride) for length, stride in runs]
    assert sum(length for length, _ in planes.pieces(divided)) == sum(run.length for run in divided)
    assert all(length <= planes.PIECE for length, _ in planes.pieces(divided))
    for run in divided:
        assert all(length % run.stride == 0 for length, _ in list(planes.pieces([run]))[:-1])


def test_the_filter_is_used_where_it_is_smaller(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    weights = draw.standard_normal(48_000).astype(np.float32)
    halves = kit.safetensors(kit.brain(weights), "BF16", 2)
    numbers = kit.safetensors(draw.integers(0, 50, 9_000).astype("<i8").repeat(3).tobytes(), "I64", 8)
    folder = kit.folder(tmp_path / "model", {"halves.safetensors": halves, "numbers.safetensors": numbers})
    kit.gguf_file(folder / "model.gguf", weights.reshape(-1, 32)[:1200] * 0.02)
    made, gains = pack(folder, tmp_path / "packed", 19)
    found = {one.name: one for one in made.files}
    for name, one in found.items():
        gain = gains[name]
        assert bool(one.planes) == (gain.planes < gain.plain), name
        alone = len(writing.compressor(19, one.size).compress((folder / name).read_bytes()))
        assert one.packed_size <= alone, name
    assert [run.stride for run in found["halves.safetensors"].planes] == [1, 2]
    assert 34 in {run.stride for run in found["model.gguf"].planes}
    assert found["numbers.safetensors"].planes == []
    assert found["halves.safetensors"].packed_size < 0.95 * len(
        writing.compressor(19, len(halves)).compress(halves)
    )  # bf16: the filter is worth more than a twentieth
    unpack(tmp_path / "packed", tmp_path / "again")
    assert kit.content(tmp_path / "again") == kit.content(folder)


def test_large_files_go_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planes, "PIECE", 1000)
    monkeypatch.setattr(writing, "PROBED", 500)
    weights = kit.brain(np.random.default_rng(1).standard_normal(20_000))
    packed = kit.archive(tmp_path, {"model.safetensors": kit.safetensors(weights, "BF16", 2)}, 19)
    done: list[float] = []
    unpack(packed, tmp_path / "again", done.append)
    assert kit.content(tmp_path / "again") == kit.content(tmp_path / "model") and done == [1.0]
    assert kit.told(packed)["files"][0]["planes"][-1]["stride"] == 2
    gain = writing._divided(tmp_path / "model" / "model.safetensors", 19)[1]
    assert gain is not None and gain.tried <= writing.PROBES * 500


def test_tensors_that_are_there_twice_are_found_far_apart(tmp_path: Path) -> None:
    weights = np.random.default_rng(3).bytes(5 << 20)
    packed = kit.archive(tmp_path, {"model.gguf": weights + weights}, 1)
    made = unpack(packed, tmp_path / "again")
    assert kit.content(tmp_path / "again") == kit.content(tmp_path / "model") and made.ratio > 1.95


def test_files_that_are_no_models_are_packed_all_the_same(tmp_path: Path) -> None:
    odd = {
        "a.gguf": b"GGUF\x03" + b"\xff" * 40,
        "b.safetensors": b"\xff" * 100,
        "c.safetensors": kit.safetensors(b"12345678", "F32", 4).replace(b"[0, 8]", b"[4, 2]"),
        "d.safetensors": b"\x02" + bytes(7) + b"[]",
        "e.gguf": b"",
    }
    unpack(kit.archive(tmp_path, odd), tmp_path / "again")
    assert kit.content(tmp_path / "again") == odd


def test_what_is_the_archives_own_stays_out_and_zeros_stay_as_they_are(tmp_path: Path) -> None:
    files = {**kit.SMALL, "run.json": b"{}", "README.md": b"#", "artifact.json": b"{}", ".hidden": b"", ".git/x": b""}
    files["zeros.gguf"] = bytes(1 << 20)
    packed = kit.archive(tmp_path, files)
    kept = {"model.gguf", "config.json", "sub/tokenizer.json", "zeros.gguf"}
    assert {one["name"] for one in kit.told(packed)["files"]} == kept
    assert {one["codec"] for one in kit.told(packed)["files"] if one["name"] == "zeros.gguf"} == {"none"}
    unpack(packed, tmp_path / "again")
    assert kit.content(tmp_path / "again") == {name: files[name] for name in kept}


def test_equal_models_are_equal_archives_on_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = np.random.default_rng(2).standard_normal(1_500_000).astype("<f4").tobytes()
    folder = kit.folder(tmp_path / "model", {"model.safetensors": kit.safetensors(weights, "F32", 4)})
    pack(folder, tmp_path / "one", 1)
    monkeypatch.setattr(writing, "THREADS", 1)
    pack(folder, tmp_path / "two", 1)
    assert kit.content(tmp_path / "one") == kit.content(tmp_path / "two")


def test_what_cannot_be_packed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="nothing to pack"):
        pack(tmp_path / "empty", tmp_path / "packed")
    with pytest.raises(UsageError, match="no folder"):
        pack(tmp_path / "nowhere", tmp_path / "packed")
    with pytest.raises(UsageError, match="device"):
        pack(kit.folder(tmp_path / "named", {"aux.json": b""}), tmp_path / "packed")
    for number, where in enumerate(("empty", "nowhere")):
        linked = kit.folder(tmp_path / f"linked{number}")
        (linked / "int4").symlink_to(tmp_path / where)
        with pytest.raises(UsageError, match="is a link"):
            pack(linked, tmp_path / "packed")
    growing = kit.folder(tmp_path / "growing", {"model.gguf": b"x" * 5000})
    with monkeypatch.context() as patch:
        patch.setattr(planes, "PIECE", 1000)
        with pytest.raises(InfrastructureError, match="changed while"):
            pack(growing, tmp_path / "packed", 3, lambda _: os.truncate(growing / "model.gguf", 2000))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["empty", "growing", "linked0", "linked1", "named"]


def test_a_copy_for_evaluation_is_made_once_and_mended(tmp_path: Path) -> None:
    packed, cache = kit.archive(tmp_path), tmp_path / "cache"
    first = unpacked(packed, cache)
    assert kit.content(first) == kit.SMALL
    made = first.stat().st_ino
    assert unpacked(packed, cache) == first and first.stat().st_ino == made
    for damage in (b"", b"GGUF" + bytes(1024)):
        (first / "model.gguf").write_bytes(damage)
        assert kit.content(unpacked(packed, cache)) == kit.SMALL
    other = kit.archive(tmp_path / "other", {"model.gguf": b"another"})
    assert unpacked(other, cache) != first
