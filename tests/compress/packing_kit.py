"""What tests of archives share: small models' files, folders as bytes, archives whose manifest says something else."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compress.packing import pack
from compress.packing.manifest import NAME

SMALL = {"model.gguf": b"GGUF" + bytes(range(256)) * 4, "config.json": b"{}", "sub/tokenizer.json": b"[1, 2]"}


def folder(place: Path, files: Mapping[str, bytes] = SMALL) -> Path:
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return place


def content(place: Path) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def archive(place: Path, files: Mapping[str, bytes] = SMALL, level: int = 3) -> Path:
    """Pack `files` as `place / "packed"`."""
    pack(folder(place / "model", files), place / "packed", level)
    return place / "packed"


def told(packed: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((packed / NAME).read_text())
    return found


def tell(packed: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Let the manifest say something else, its ratio mended."""
    found = told(packed)
    change(found)
    sizes = [sum(one[key] for one in found["files"]) for key in ("size", "packed_size")]
    found["ratio"] = sizes[0] / sizes[1]
    (packed / NAME).write_text(json.dumps(found))
    return packed


def brain(values: np.ndarray[Any, Any]) -> bytes:
    """Return float32 numbers cut to bfloat16."""
    return (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()


def safetensors(weights: bytes, dtype: str, size: int) -> bytes:
    header = {"w": {"dtype": dtype, "shape": [len(weights) // size], "data_offsets": [0, len(weights)]}}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(text)) + text + weights


def gguf_file(path: Path, weights: np.ndarray[Any, Any]) -> Path:
    """Write a GGUF of one Q8_0 tensor with a norm before it."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("norm", np.ones(7, np.float32))
    kind = gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor("w", gguf.quants.quantize(weights, kind), raw_dtype=kind)
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return path
