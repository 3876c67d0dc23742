"""Reads and checks the header of a GGUF file before llama.cpp sees it.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (MIT), versions 2 and 3, little endian:
magic, version, counts, key-value pairs, tensor descriptions, padding, tensor data.

    read_parts(Path("model-Q4_K_M.gguf"))[0].values["general.architecture"]  ->  "llama"

A header is hostile input: every length is bounded by what the file still holds, so a damaged file costs a message and
neither memory nor time. What it does not do: look at the weights; llama.cpp checks what an architecture needs.
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""GGUF value type -> struct format."""
STRING, ARRAY = 8, 9
# fmt: off
BLOCKS: Mapping[int, tuple[int, int]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18),
}
"""ggml tensor type -> (elements, bytes) of a block. A type that is not here is left to llama.cpp."""
# fmt: on
SPLIT_NAME = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
MAX_KEPT = 4096
"""Arrays of numbers up to this length are kept as values; longer ones and arrays of strings as their length."""


@dataclass(frozen=True)
class Header:
    """What a GGUF file says of itself."""

    path: Path
    version: int
    values: Mapping[str, Any]
    """Scalars, strings, short arrays of numbers; other arrays as their length."""
    tensors: Mapping[str, tuple[int, ...]]
    """Tensor name -> shape, the fastest dimension first."""
    size_bytes: int


class Damaged(ValueError):
    """The bytes are no whole GGUF file; the message says where."""


def read_parts(path: Path) -> list[Header]:
    """Return the checked headers of a model: one, or one per part of a split file (`-00001-of-0000N.gguf`).

    Raises:
        UsageError: missing, a folder, unreadable, empty, not GGUF, wrong version, damaged, cut short; a missing part.
    """
    if not path.exists():
        near = sorted(p.name for p in path.parent.glob("*.gguf"))[:5] if path.parent.is_dir() else []
        expected = "in that folder: " + ", ".join(near) if near else "a path to a GGUF file"
        raise UsageError(f"no file {str(path)!r}", expected, f"type: ls -l {path.parent}")
    parts = [_read(part) for part in _part_paths(path)]
    if not parts[0].values.get("general.architecture"):
        raise _refused(path, "holds no general.architecture: not a model", "the first part of a model")
    return parts


def _part_paths(path: Path) -> list[Path]:
    named = SPLIT_NAME.match(path.name)
    if named is None:
        return [path]
    count = int(named["count"])
    paths = [path.with_name(f"{named['stem']}-{n:05d}-of-{count:05d}.gguf") for n in range(1, count + 1)]
    missing = [p.name for p in paths if not p.exists()]
    if missing:
        raise UsageError(
            f"{path.name!r} is one of {count} parts, and {len(missing)} are missing: {', '.join(missing[:3])}",
            f"all parts beside each other in {str(path.parent)!r}",
            "download the missing parts",
        )
    return paths


def _read(path: Path) -> Header:
    try:
        if path.is_dir():
            raise _refused(path, "is a folder", "a GGUF file (a folder with config.json opens as hf:FOLDER)")
        if path.stat().st_size == 0:
            raise _refused(path, "is empty (0 bytes)", "a GGUF file")
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(path, data).header()
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror or error}", "a readable GGUF file") from error
    except Damaged as error:
        raise _refused(path, str(error), "a whole GGUF file, version 2 or 3") from error


def _refused(path: Path, what: str, expected: str) -> UsageError:
    return UsageError(f"{str(path)!r} {what}", expected, f"type: ls -l {path} (and download or convert it again)")


class _Reader:
    """Walks one header; every read is bounded by the file."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path, self.data, self.size, self.at = path, data, len(data), 0

    def header(self) -> Header:
        magic = bytes(self.data[:4])
        if magic != b"GGUF":
            raise Damaged(f"is not GGUF: it begins with {magic!r}, not b'GGUF'")
        self.at = 4
        version = self.scalar("<I")
        if version not in (2, 3):
            raise Damaged(f"has GGUF version {version}, and 2 and 3 can be read")
        tensor_count, value_count = self.scalar("<Q"), self.scalar("<Q")
        if tensor_count * 24 + value_count * 12 > self.size:
            raise Damaged(f"promises {tensor_count} tensors and {value_count} values, more than its size can hold")
        values = {}
        for _ in range(value_count):
            key = self.text(65_535)
            values[key] = self.value(self.scalar("<I"))
        tensors, end = self.tensors(tensor_count)
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 8 or alignment > 1 << 20 or alignment & (alignment - 1):
            raise Damaged(f"has the alignment {alignment!r}, which is no power of two")
        needed = -(-self.at // alignment) * alignment + end
        if tensors and needed > self.size:
            raise Damaged(f"is cut short: its header promises {needed} bytes, the file has {self.size}")
        _check_numbers(values)
        return Header(self.path, version, values, tensors, self.size)

    def tensors(self, count: int) -> tuple[dict[str, tuple[int, ...]], int]:
        """Return (name -> shape, the end of the furthest tensor relative to the data)."""
        shapes: dict[str, tuple[int, ...]] = {}
        end = 0
        for _ in range(count):
            name = self.text(1024)
            rank = self.scalar("<I")
            if not 1 <= rank <= 4:
                raise Damaged(f"is damaged: the tensor {name!r} has {rank} dimensions")
            shape = tuple(self.scalar("<Q") for _ in range(rank))
            kind, offset = self.scalar("<I"), self.scalar("<Q")
            if min(shape) < 1 or math.prod(shape) > self.size * 64:
                raise Damaged(f"is cut short or damaged: the tensor {name!r} of shape {shape} does not fit in it")
            elements, size = BLOCKS.get(kind, (1, 0))
            if shape[0] % elements:
                raise Damaged(f"is damaged: rows of the tensor {name!r} ({shape[0]}) are not whole blocks")
            end = max(end, offset + math.prod(shape) // elements * size)
            shapes[name] = shape
        return shapes, end

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind in SCALARS:
            return self.scalar(SCALARS[kind])
        if kind == STRING:
            return self.text(self.size)
        if kind != ARRAY or depth > 1:
            raise Damaged(f"is damaged: unknown value type {kind} at byte {self.at}")
        inner, count = self.scalar("<I"), self.scalar("<Q")
        if inner in SCALARS:
            raw = self.take(count * struct.calcsize(SCALARS[inner]))
            return list(struct.unpack(f"<{count}{SCALARS[inner][1]}", raw)) if count <= MAX_KEPT else count
        if count * 8 > self.size - self.at:
            raise Damaged(f"is cut short or damaged: a list of {count} values at byte {self.at}")
        for _ in range(count):
            if inner == STRING:
                self.skip_text()
            else:
                self.value(inner, depth + 1)
        return count

    def scalar(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def take(self, count: int) -> bytes:
        if count > self.size - self.at:
            raise Damaged(f"is cut short or damaged: {count} bytes wanted at byte {self.at} of {self.size}")
        self.at += count
        return self.data[self.at - count : self.at]

    def text(self, longest: int) -> str:
        length = self.scalar("<Q")
        if length > longest:
            raise Damaged(f"is damaged: a name of {length} bytes at byte {self.at}")
        return self.take(length).decode("utf-8", "replace")

    def skip_text(self) -> None:
        (length,) = struct.unpack_from("<Q", self.take(8))
        if length > self.size - self.at:
            raise Damaged(f"is cut short or damaged: a string of {length} bytes at byte {self.at}")
        self.at += length


LENGTHS = ("block_count", "context_length", "embedding_length")
LARGEST = 1 << 24


def _check_numbers(values: Mapping[str, Any]) -> None:
    """Refuse the lengths that we and llama.cpp divide by or allocate for, when they are out of all range."""
    architecture = values.get("general.architecture")
    if architecture is not None and not isinstance(architecture, str):
        raise Damaged("is damaged: general.architecture is no text")
    for key in LENGTHS:
        value = values.get(f"{architecture}.{key}", 1)
        if not isinstance(value, int) or not 1 <= value <= LARGEST:
            raise Damaged(f"is damaged: {architecture}.{key} is {value!r}")
