"""Files: damaged ones are refused in three parts and never end the process; settings, digests, memory."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.models.gguf import GGUF, notes
from harness.models.gguf.header import read_parts
from harness.models.gguf.probe import first_load
from harness.models.gguf.settings import GGUFSettings, context_length, pool_cells
from harness.registry import open_model
from harness.types import Completion, Request

ONE = {"threads": "1", "n_ctx": "128"}
OPEN_ALL = """
import sys
from harness.errors import UsageError
from harness.models.gguf import GGUF
from harness.types import Request
for path in sys.argv[1:]:
    try:
        model = GGUF.open(path, {"threads": "1", "n_ctx": "128", "kv_cells": "512"})
    except UsageError as error:
        assert error.what and error.expected and error.next, path
        print("refused", path, flush=True)
        continue
    list(model.answer([Request("choose", "Is it", choices=(" A", " B"))]))
    model.close()
    print("opened", path, flush=True)
"""


def open_all(paths: list[Path]) -> dict[str, str]:
    """Open each file in one fresh process; return path -> `refused` or `opened`."""
    command = [sys.executable, "-c", OPEN_ALL, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {path: word for word, _, path in (line.partition(" ") for line in done.stdout.splitlines())}


def damaged(source: Path, folder: Path) -> list[Path]:
    """Return 60 files: cut short anywhere, or with zeros or wrong counts where the header has its own."""
    whole = source.read_bytes()
    picker = random.Random(2)
    cuts = [0, 3, 4, 7, 8, 15, 23, 24, 40, len(whole) - 1, *(picker.randrange(len(whole) - 1) for _ in range(20))]
    cases = [whole[:cut] for cut in cuts]
    for at in (0, 4, 8, 16, 24, 32):
        for wrong in (b"\x00" * 8, b"\xff" * 8, picker.randbytes(8), b"GGML\x03\x00\x00\x00"):
            changed = whole[:at] + wrong + whole[at + 8 :]
            cases += [changed] if changed != whole else []
    cases += [b"\x00" * 4096, b"PK\x03\x04" + whole, picker.randbytes(5000), b"GGUF", whole[::-1], b"{}"]
    paths = []
    for number, case in enumerate(cases):
        paths.append(folder / f"damaged-{number:02d}.gguf")
        paths[-1].write_bytes(case)
    return paths


@pytest.mark.slow
def test_damaged_files_are_refused(one_gguf: Path, tmp_path: Path) -> None:
    paths = damaged(one_gguf, tmp_path)
    assert len(paths) >= 55
    assert open_all(paths) == {str(path): "refused" for path in paths}


@pytest.mark.slow
def test_flipped_bytes_never_end_the_process(one_gguf: Path, tmp_path: Path) -> None:
    """A flip in a name changes nothing that matters, so some open; none may crash."""
    whole = one_gguf.read_bytes()
    picker = random.Random(3)
    header = whole.index(b"output_norm.weight")
    paths = []
    for number in range(40):
        changed = bytearray(whole)
        for _ in range(1 + number % 3):
            changed[picker.randrange(header + 500)] ^= 1 << picker.randrange(8)
        paths.append(tmp_path / f"flipped-{number:02d}.gguf")
        paths[-1].write_bytes(bytes(changed))
    found = open_all(paths)
    assert sorted(found) == sorted(map(str, paths))
    assert "refused" in found.values()


def test_what_makes_llama_cpp_abort_is_refused(one_gguf: Path, tmp_path: Path) -> None:
    """A token whose text is cut by a zero byte becomes a duplicate: llama.cpp asserts and would end this process."""
    whole = one_gguf.read_bytes()
    at = whole.index(b"\x01\x00\x00\x00\x00\x00\x00\x00A\x01")
    bad = tmp_path / "twice.gguf"
    bad.write_bytes(whole[: at + 8] + b"B" + whole[at + 9 :])
    assert "GGML_ASSERT" in first_load(bad)
    with pytest.raises(UsageError, match="breaks off") as caught:
        GGUF.open(str(bad), ONE)
    assert caught.value.expected and caught.value.next


def test_what_llama_cpp_says_is_quoted(one_gguf: Path, tmp_path: Path) -> None:
    strange = tmp_path / "strange.gguf"
    strange.write_bytes(one_gguf.read_bytes().replace(b"llama", b"lhama"))
    with pytest.raises(UsageError, match="unknown model architecture: 'lhama'"):
        GGUF.open(str(strange), ONE)


def test_no_file_names_its_neighbours(one_gguf: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        GGUF.open(str(one_gguf.with_name("modle.gguf")), {})
    assert "model.gguf" in str(caught.value)
    with pytest.raises(UsageError, match="is a folder"):
        GGUF.open(str(tmp_path), {})
    (tmp_path / "empty.gguf").touch()
    with pytest.raises(UsageError, match="is empty"):
        GGUF.open(str(tmp_path / "empty.gguf"), {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(one_gguf: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked.gguf"
    locked.write_bytes(one_gguf.read_bytes())
    locked.chmod(0)
    with pytest.raises(UsageError, match="cannot be read"):
        GGUF.open(str(locked), {})


def test_cut_short_says_by_how_much(one_gguf: Path, tmp_path: Path) -> None:
    whole = one_gguf.read_bytes()
    short = tmp_path / "short.gguf"
    short.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match=f"promises {len(whole)} bytes, the file has {len(whole) // 2}"):
        GGUF.open(str(short), {})


def test_a_missing_part_is_named(one_gguf: Path, tmp_path: Path) -> None:
    first = tmp_path / "m-00001-of-00003.gguf"
    first.write_bytes(one_gguf.read_bytes())
    (tmp_path / "m-00003-of-00003.gguf").write_bytes(one_gguf.read_bytes())
    with pytest.raises(UsageError, match=r"m-00002-of-00003\.gguf"):
        read_parts(first)
    with pytest.raises(UsageError, match=r"m-00002-of-00003\.gguf"):
        read_parts(tmp_path / "m-00003-of-00003.gguf")


def test_header_facts(one_gguf: Path) -> None:
    (header,) = read_parts(one_gguf)
    assert header.values["general.architecture"] == "llama"
    assert header.values["llama.context_length"] == 1024
    assert header.tensors["blk.0.attn_k.weight"] == (256, 128)
    assert header.size_bytes == one_gguf.stat().st_size


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_ctxx": "1"}, "n_ctx"),
        ({"width": "zero"}, "width"),
        ({"width": "64"}, "width"),
        ({"n_batch": "100", "n_ubatch": "64"}, "multiple"),
        ({"reasoning": "on"}, "reasoning must be"),
        ({"kv_type": "q8_0", "flash_attn": "off"}, "flash attention"),
        ({"kv_type": "q9"}, "kv_type"),
    ],
)
def test_wrong_settings_are_named(one_gguf: Path, settings: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        GGUF.open(str(one_gguf), settings)


@pytest.mark.parametrize("settings", [{}, {"kv_type": "q8_0"}, {"flash_attn": "off"}, {"kv_type": "f32", "width": "2"}])
def test_settings_are_part_of_the_engine(one_gguf: Path, settings: dict[str, str]) -> None:
    with open_model(str(one_gguf), {**ONE, **settings}) as model:
        assert model.spec == str(one_gguf)
        assert model.can >= {"generate", "choose", "read", "chat"}
        assert model.engine["n_ctx"] == 128
        assert model.engine["kv_type"] == settings.get("kv_type", "f16")
        asked = [Request("choose", "The sky", choices=(" is", " may")), Request("generate", "The", max_tokens=3)]
        assert all(isinstance(c, Completion) for _, c in model.answer(asked))
        facts = model.describe()
    assert facts["quantisation"] == "F16" and facts["architecture"] == "llama"
    assert facts["size_bytes"] == one_gguf.stat().st_size
    assert facts["parameters"] > 1_000_000 and facts["vocabulary"] > 400 and facts["context_length"] == 1024


def test_a_longer_context_than_trained_is_a_warning(one_gguf: Path) -> None:
    with GGUF.open(str(one_gguf), {**ONE, "n_ctx": "2048"}) as model:
        assert "1024" in model.describe()["warnings"][0]


def test_digest_is_that_of_the_file(one_gguf: Path) -> None:
    with GGUF.open(str(one_gguf), ONE) as model:
        assert model.digest == hashlib.sha256(one_gguf.read_bytes()).hexdigest()


def test_notes_of_large_files_are_kept_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(notes, "WORTH_KEEPING_BYTES", 1)
    monkeypatch.setattr(notes, "SETTLED_S", -1.0)
    monkeypatch.setattr(notes, "_in_memory", {})
    file = tmp_path / "weights.gguf"
    file.write_bytes(b"one")
    first = notes.model_sha256([file])
    assert first == hashlib.sha256(b"one").hexdigest()
    (note,) = notes.cache_folder().iterdir()
    monkeypatch.setattr(notes, "_in_memory", {})
    note.write_text("a" * 64)
    assert notes.model_sha256([file]) == "a" * 64, "the note was not read"
    monkeypatch.setattr(notes, "_in_memory", {})
    note.write_text("nonsense")
    assert notes.model_sha256([file]) == first
    file.write_bytes(b"other")
    assert notes.model_sha256([file]) == hashlib.sha256(b"other").hexdigest()


def test_a_new_file_is_not_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(notes, "WORTH_KEEPING_BYTES", 1)
    (tmp_path / "new.gguf").write_bytes(b"new")
    notes.model_sha256([tmp_path / "new.gguf"])
    assert not (tmp_path / "cache").exists()


def test_close_twice(one_gguf: Path) -> None:
    model = GGUF.open(str(one_gguf), ONE)
    next(model.answer([Request("generate", "a", max_tokens=2)]))
    model.close()
    model.close()


@pytest.mark.slow
def test_opening_and_closing_leaks_nothing(one_gguf: Path) -> None:
    """30 cycles of both contexts in a process of their own; a context alone has 3 MB and more."""
    script = """
import os, sys
from harness.models.gguf import GGUF
from harness.types import Request
def used():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
asked = [Request("choose", "a", choices=(" b", " c")), Request("generate", "a", max_tokens=4)]
for cycle in range(40):
    with GGUF.open(sys.argv[1], {"threads": "1", "n_ctx": "512"}) as model:
        assert len(list(model.answer(asked))) == 2
    if cycle == 9:
        before = used()
print(used() - before)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc here")
    done = subprocess.run([sys.executable, "-c", script, str(one_gguf)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 8 << 20


def test_defaults_from_the_header() -> None:
    values = {"general.architecture": "x", "x.context_length": 131072, "x.block_count": 32, "x.embedding_length": 4096}
    values |= {"x.attention.head_count": 32, "x.attention.head_count_kv": 8}
    assert context_length(values, 0) == 4096
    assert context_length(values, 9000) == 9000
    assert context_length({**values, "x.context_length": 700}, 0) == 700
    assert pool_cells(values, GGUFSettings(kv_cells=5000), 99_999) == 5000
    assert pool_cells(values, GGUFSettings(), 4160) == 4160
    huge = pool_cells(values, GGUFSettings(), 10**9)
    assert (1 << 30) // (128 << 10) <= huge < 10**8
