"""`compress.pack` and `harness unpack` as a chain and a person meet them: records, full disks, kills, two at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import packing_kit as kit
import pytest
from rows_kit import Remembering
from typer.testing import CliRunner

from compress.packing import place, unpack, unpacked
from harness import registry
from harness.cli import app
from harness.errors import InfrastructureError, UsageError
from harness.hashing import file_sha256
from harness.store import Database
from harness.types import Artifact
from harness.workbench import Workbench, candidate, record

CHILD = Path(__file__).with_name("packing_child.py")
NOISE = np.random.default_rng(0).bytes(300_000)


def child(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(*words: object) -> tuple[int, str]:
    started = child(*words)
    out, err = started.communicate()
    assert "Traceback" not in err, err
    return started.returncode, out


def model(place: Path) -> Artifact:
    """A GGUF's folder as `compress.gguf` leaves it."""
    place.mkdir()
    kit.gguf_file(place / "model.gguf", np.random.default_rng(1).standard_normal((200, 64)).astype(np.float32))
    made = record.facts("compress.gguf", "1", {"quant": "Q8_0"}, "gguf", ("gguf", "lora")) | {"base": {"name": "a/b"}}
    record.write(place, made)
    return Artifact("m1", "model", str(place), "of m1")


def test_an_archive_says_what_it_gained_and_of_what_it_is(tmp_path: Path) -> None:
    source, step = model(tmp_path / "model"), registry.step("compress.pack")
    context = Remembering(tmp_path / "scratch")
    folder = step.run([source], {}, context)
    assert sorted(one.name for one in folder.iterdir()) == ["README.md", "manifest.json", "model.gguf.zst", "run.json"]
    assert candidate.form_of(folder) == "archive"
    told, gguf = record.read(folder), tmp_path / "model" / "model.gguf"
    (found,) = kit.told(folder)["files"]
    packed = told["packed"]
    assert packed["size_bytes"] == found["size"] == gguf.stat().st_size and found["sha256"] == file_sha256(gguf)
    assert packed["packed_bytes"] == (folder / "model.gguf.zst").stat().st_size == found["packed_size"]
    assert packed["saved"] == pytest.approx(1 - packed["packed_bytes"] / packed["size_bytes"])
    about = packed["files"]["model.gguf"]
    assert about["filter"] == ("byte planes" if found["planes"] else "none")
    assert about["tried"]["tried"] <= gguf.stat().st_size and about["tried"]["plain"] > 0
    assert told["tags"] == ["zstd", "gguf", "lora"] and told["library"] == "gguf" and told["base"] == {"name": "a/b"}
    assert told["model"]["run"]["parameters"] == {"quant": "Q8_0"} and told["parameters"] == {"level": 19}
    unpack(folder, tmp_path / "again")
    assert (tmp_path / "again" / "model.gguf").read_bytes() == gguf.read_bytes()
    assert record.read(tmp_path / "again") == record.read(tmp_path / "model")


def test_int4_folders_are_packed_with_both_weights(tmp_path: Path) -> None:
    weights = kit.safetensors(NOISE, "F32", 4)
    names = ("model.safetensors", "int4/model.safetensors")
    kit.folder(tmp_path / "model", {**dict.fromkeys(names, weights), "config.json": b"{}", "int4/config.json": b"{}"})
    source = Artifact("m", "model", str(tmp_path / "model"), "of m")
    folder = registry.step("compress.pack").run([source], {"level": 3}, Remembering(tmp_path / "scratch"))
    assert candidate.form_of(folder) == "archive"
    opened = unpacked(folder, tmp_path / "cache")
    assert kit.content(opened) == kit.content(tmp_path / "model") and candidate.form_of(opened) == "int4"


def test_what_cannot_be_told_or_packed_is_refused(tmp_path: Path) -> None:
    step = registry.step("compress.pack")
    for wrong in ({"level": 20}, {"level": 0}, {"levels": 3}):
        with pytest.raises(UsageError):
            step.check(wrong)
    with pytest.raises(UsageError, match="0 models"):
        step.run([], {}, Remembering(tmp_path / "a"))
    with pytest.raises(UsageError, match="is no folder"):
        step.run([Artifact("m", "model", "org/name", "d")], {}, Remembering(tmp_path / "b"))


def test_the_command_unpacks_folders_files_and_artifacts(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "h.duckdb")
    made = Workbench(database, "one").make("compress.pack", [model(tmp_path / "model")], {"level": 3})
    folder = database.folder / made.path
    gguf = (tmp_path / "model" / "model.gguf").read_bytes()
    for number, named in enumerate((folder, folder / "model.gguf.zst", made.id, made.id[:8])):
        target = tmp_path / f"again{number}"
        words = ["unpack", str(named), "--to", str(target), "--json", "--db", str(database.path)]
        said = CliRunner().invoke(app, words)
        assert said.exit_code == 0, said.output
        document = json.loads(said.stdout)
        assert (target / "model.gguf").read_bytes() == gguf and document["size_bytes"] == len(gguf)
        assert document["files"][0]["sha256"] == file_sha256(target / "model.gguf")
    for named in ("nothing", str(tmp_path / "model")):
        said = CliRunner().invoke(app, ["unpack", named, "--to", str(tmp_path / "x"), "--db", str(database.path)])
        assert said.exit_code == 2 and "no archive" in said.output
    (folder / "model.gguf.zst").write_bytes(b"damaged")
    words = ["unpack", str(folder), "--to", str(tmp_path / "x"), "--json"]
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 2 and "is refused" in json.loads(said.stdout)["error"]["what"]
    assert not (tmp_path / "x").exists()


def lying(place: Path, leave_out: Sequence[str] = ()) -> list[str]:
    return sorted(path.name for path in place.iterdir() if path.name not in leave_out)


def test_a_full_disk_leaves_the_original_and_nothing_else(tmp_path: Path) -> None:
    files = {"model.safetensors": kit.safetensors(NOISE, "F32", 4), "config.json": b"{}"}
    packed = kit.archive(tmp_path, files)
    before = kit.content(packed), kit.content(tmp_path / "model")
    for verb, source in (("pack", tmp_path / "model"), ("unpack", packed), ("unpacked", packed)):
        code, said = ended("full", 200_000, verb, source, tmp_path / "target")
        assert code == 4 and "InfrastructureError: cannot write" in said and "make room" in said, said
        assert [path for path in (tmp_path / "target").rglob("*") if path.suffix != ".lock" and path.is_file()] == []
    assert (kit.content(packed), kit.content(tmp_path / "model")) == before
    assert lying(tmp_path, ["target"]) == ["model", "packed"]


def test_no_room_is_found_before_work_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = kit.archive(tmp_path)
    monkeypatch.setattr(place, "SPARE", 1 << 60)
    with pytest.raises(InfrastructureError, match="are to be written"):
        unpack(packed, tmp_path / "again")
    step, source = registry.step("compress.pack"), Artifact("m", "model", str(tmp_path / "model"), "d")
    with pytest.raises(InfrastructureError, match="are free"):
        step.run([source], {}, Remembering(tmp_path / "scratch"))
    assert lying(tmp_path, ["scratch"]) == ["model", "packed"] and lying(tmp_path / "scratch") == []


def test_a_kill_leaves_nothing_that_is_taken_for_whole(tmp_path: Path) -> None:
    packed = kit.archive(tmp_path)
    for verb, source in (("pack", tmp_path / "model"), ("unpack", packed)):
        code, _ = ended("killed", "-", verb, source, tmp_path / verb)
        assert code == -signal.SIGKILL and not (tmp_path / verb).exists()
    cache = tmp_path / "cache"
    code, _ = ended("killed", "-", "unpacked", packed, cache)
    left = lying(cache / "unpacked")
    assert code == -signal.SIGKILL and left and all(name.startswith(".") for name in left)
    opened = unpacked(packed, cache)
    assert kit.content(opened) == kit.SMALL
    assert lying(cache / "unpacked") == [f".{opened.name}.lock", opened.name]


def test_two_at_once_make_one_copy(tmp_path: Path) -> None:
    packed = kit.archive(tmp_path, {"model.gguf": NOISE})
    both = [child("whole", "-", "unpacked", packed, tmp_path / "cache") for _ in range(2)]
    said = [one.communicate()[0] for one in both]
    assert [one.returncode for one in both] == [0, 0] and said[0] == said[1]
    assert kit.content(Path(said[0].strip())) == {"model.gguf": NOISE}
    assert len([name for name in lying(tmp_path / "cache" / "unpacked") if not name.startswith(".")]) == 1
