"""Archives that are damaged, or made to harm, are refused: a clear error, and nothing is left behind."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import packing_kit as kit
import pytest
import zstandard

from compress.packing import manifest, unpack, unpacked
from harness.errors import UsageError

GGUF = kit.SMALL["model.gguf"]


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return kit.archive(tmp_path)


def refuse(packed: Path, *words: str) -> None:
    """Assert that an archive is refused with these words, and that nothing but the archive is there afterwards."""
    place = packed.parent
    before = {path: path.lstat().st_mtime_ns for path in place.rglob("*") if path.is_symlink() or path.is_file()}
    with pytest.raises(UsageError) as caught:
        unpack(packed, place / "again")
    error = caught.value
    assert error.expected and error.next and len(error.what) < 2000
    for word in words:
        assert word in error.what, error.what
    with pytest.raises(UsageError):
        unpacked(packed, place / "cache")
    left = [path for path in (place / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == [] and not (place / "again").exists()
    after = {path for path in place.rglob("*") if path.is_symlink() or path.is_file()} - set(before)
    assert all(path.suffix == ".lock" for path in after), after


def test_every_truncation_is_refused(packed: Path) -> None:
    for name in ("model.gguf.zst", "config.json", manifest.NAME):
        whole = (packed / name).read_bytes()
        for size in range(0, len(whole) - (name == manifest.NAME), max(1, len(whole) // 60)):
            (packed / name).write_bytes(whole[:size])
            refuse(packed)
        (packed / name).write_bytes(whole)
    (packed / "model.gguf.zst").unlink()
    refuse(packed, "model.gguf.zst")


def test_no_flipped_byte_changes_what_comes_out(packed: Path) -> None:
    refused = 0
    for path in sorted(path for path in packed.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        for at in range(0, len(whole), 3):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
            target = packed.parent / f"again-{path.name}-{at}"
            try:
                unpack(packed, target)
            except UsageError:
                refused += 1
                assert not target.exists()
            else:  # what a manifest says of a level is nobody's content
                assert path.name == manifest.NAME and kit.content(target) == kit.SMALL
        path.write_bytes(whole)
    assert refused > 400
    assert not [path for path in packed.parent.iterdir() if path.name.startswith(".")]


HOSTILE = (
    "../out", "sub/../../out", "/etc/passwd", "", ".", "..", "sub//x", "sub/", "./x", "a\\b", "C:x", "a\0b", "a\nb",
    "\u202egnp.exe", "nul", "NUL", "sub/con.txt", "lpt1.json", "com9", "aux .x", "manifest.json", "MANIFEST.json",
    "artifact.json", "Run.json", "readme.md", ".hidden", "sub/.x", "x.", "x ", "y" * 300, "z" * 1025, "~/x/../../y",
    "\ud800", "config.json", "CONFIG.json", "sub", "config.json/x", "model.gguf.zst",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_names_that_lead_elsewhere(packed: Path, name: str) -> None:
    """Of the last file; the file lies there, where it can."""
    source = packed / "sub" / "tokenizer.json"

    def change(found: dict[str, Any]) -> None:
        found["files"][-1]["name"] = name

    assert kit.told(packed)["files"][-1]["name"] == "sub/tokenizer.json"
    kit.tell(packed, change)
    place = packed / name if name and "\0" not in name and len(name) < 200 and name.isprintable() else None
    if place is not None and not place.exists() and place.parent.is_dir() and packed in place.resolve().parents:
        place.write_bytes(source.read_bytes())
    refuse(packed)


@pytest.mark.parametrize("pair", [("é.txt", "e\u0301.txt"), ("Straße", "STRASSE"), ("a", "a/b/c")], ids=ascii)
def test_names_that_stand_for_one_another(packed: Path, pair: tuple[str, str]) -> None:
    def change(found: dict[str, Any]) -> None:
        entry = found["files"][0]
        found["files"] = [{**entry, "name": name} for name in pair]

    refuse(kit.tell(packed, change), "twice" if "/" not in pair[1] else "below a file")


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "format": lambda found: found.update(format=2),
    "no files": lambda found: found.update(files=[]),
    "unknown key": lambda found: found.update(run="rm -rf /"),
    "codec": lambda found: found["files"][0].update(codec="xz"),
    "digest": lambda found: found["files"][0].update(sha256="../../etc"),
    "true for 1": lambda found: found["files"][1].update(size=True),
    "negative": lambda found: found["files"][1].update(size=-1),
    "beyond all": lambda found: found["files"][1].update(size=10**30),
    "planes of other bytes": lambda found: found["files"][1].update(planes=[{"length": 5, "stride": 2}]),
    "stride": lambda found: found["files"][1].update(planes=[{"length": len(GGUF), "stride": 0}]),
    "stored of two sizes": lambda found: found["files"][0].update(size=3),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_manifests_that_contradict_themselves(packed: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    found = kit.told(packed)
    change(found)
    (packed / manifest.NAME).write_text(json.dumps(found))
    refuse(packed)


def test_a_ratio_that_lies(packed: Path) -> None:
    found = kit.told(packed)
    (packed / manifest.NAME).write_text(json.dumps({**found, "ratio": found["ratio"] * 2}))
    refuse(packed, "ratio")


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"null", b"{", b"[" * 100_000, b"\xff", b'{"files": ' + b"9" * 5000 + b"}"]
)
def test_manifests_that_are_none(packed: Path, text: bytes) -> None:
    (packed / manifest.NAME).write_bytes(text)
    refuse(packed)


def frame(content: bytes, checksum: bool = True, sized: bool = True, **options: Any) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, write_checksum=checksum, write_content_size=sized, **options
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(content)


def planted(packed: Path, stream: bytes, size: int = len(GGUF), content: bytes = GGUF) -> Path:
    """Put a stream in the place of the model's, with a manifest that is right about it but for what it unpacks to."""
    (packed / "model.gguf.zst").write_bytes(stream)

    def change(found: dict[str, Any]) -> None:
        told = {"packed_size": len(stream), "packed_sha256": hashlib.sha256(stream).hexdigest(), "size": size}
        found["files"][1] |= {**told, "sha256": hashlib.sha256(content).hexdigest()}

    return kit.tell(packed, change)


def test_the_planted_stream_itself_is_no_reason(packed: Path) -> None:
    unpack(planted(packed, frame(GGUF)), packed.parent / "again")
    assert kit.content(packed.parent / "again") == kit.SMALL


def test_bombs(packed: Path) -> None:
    zeros = bytes(50_000_000)
    refuse(planted(packed, frame(zeros), len(zeros), zeros), "claims to be")
    refuse(planted(packed, frame(zeros)), "promises 50000000 bytes")
    refuse(planted(packed, frame(zeros, sized=False)), "promises")
    refuse(planted(packed, frame(GGUF) + frame(zeros)), "more than")
    refuse(planted(packed, frame(b"") + frame(zeros)), "promises 0")
    refuse(planted(packed, frame(GGUF) + b"and more"), "model.gguf.zst")
    refuse(planted(packed, b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + frame(GGUF)), "promises")
    refuse(planted(packed, frame(GGUF[:-1]), content=GGUF[:-1]), "promises")
    refuse(planted(packed, frame(GGUF, checksum=False)), "checksum")
    refuse(planted(packed, frame(GGUF[::-1])), "SHA-256")
    refuse(planted(packed, b"no zstd at all, but long enough for a header"))


def test_windows_and_dictionaries_are_refused(packed: Path) -> None:
    header = b"\x28\xb5\x2f\xfd\x84" + bytes([(28 - 10) << 3]) + len(GGUF).to_bytes(4, "little")
    told = zstandard.get_frame_parameters(header)
    assert told.window_size == 1 << 28 and told.content_size == len(GGUF) and told.has_checksum
    refuse(planted(packed, header + frame(GGUF)[6:]), "window")
    samples = [hashlib.sha256(bytes([n])).digest() * 3 for n in range(200)]
    trained = zstandard.train_dictionary(1000, samples)
    stream = zstandard.ZstdCompressor(dict_data=trained, write_checksum=True, write_dict_id=True).compress(GGUF)
    refuse(planted(packed, stream), "dictionary")


def test_links_and_what_is_no_file(packed: Path) -> None:
    outside = packed.parent / "outside"
    outside.mkdir()
    for name in ("config.json", "model.gguf.zst", manifest.NAME, "sub"):
        path = packed / name
        path.rename(outside / name)
        path.symlink_to(outside / name)
        refuse(packed, "link")
        path.unlink()
        (outside / name).rename(path)
    (packed / "config.json").unlink()
    os.mkfifo(packed / "config.json")
    refuse(packed, "no file")


def test_a_run_record_that_harms_nobody(packed: Path) -> None:
    for number, text in enumerate(("[" * 100_000, '{"model": 3}', '{"model": {"run": [1]}}', "{")):
        (packed / "run.json").write_text(text)
        unpack(packed, packed.parent / f"again{number}")
        assert kit.content(packed.parent / f"again{number}") == kit.SMALL


def test_nothing_is_overwritten(packed: Path) -> None:
    taken = packed.parent / "taken"
    taken.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        unpack(packed, taken)
    (packed.parent / "dangling").symlink_to(packed.parent / "nowhere")
    with pytest.raises(UsageError, match="is there already"):
        unpack(packed, packed.parent / "dangling")
    assert taken.read_text() == "mine" and not (packed.parent / "nowhere").exists()


def test_what_is_no_archive_is_no_archive(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError, match="is no archive"):
            unpack(place, tmp_path / "again")
