"""Tells a whole checkpoint from one that is still being written, without loading it.

    lacking(checkpoint)   -> "model.safetensors is cut short: 4,096 of 92,344 bytes"      "" when nothing is lacking

- every .safetensors file: the offsets of its header (https://huggingface.co/docs/safetensors: eight bytes of length,
  little endian, then JSON) add up to the size of the file;
- an index of shards: each shard is there and holds the tensors that the index promises;
- every .json file parses; config.json is there, and weights are; for an adapter both of its files;
- a GGUF: its header and size agree, all parts are there (`models/gguf/header.py`).

It cannot tell that later bytes of a right length are wrong: a file whose place was reserved beforehand is caught by
`watch.py`, which waits until nothing has changed for a while. Cost: headers and JSON files are read, no weights.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.watch.checkpoints import ADAPTER, ADAPTER_CONFIG, CONFIG, INDEX, Checkpoint

LONGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""


class Lacking(Exception):
    """What a checkpoint lacks; the message says it."""


def lacking(checkpoint: Checkpoint) -> str:
    """Return what the checkpoint lacks to be whole, in words; empty when it is whole."""
    try:
        if checkpoint.kind == "gguf":
            _gguf(checkpoint.path)
        else:
            _folder(checkpoint)
    except Lacking as error:
        return str(error)
    except OSError as error:
        return f"{Path(error.filename or checkpoint.path).name}: {error.strerror or error}"
    return ""


def _gguf(path: Path) -> None:
    from harness.models.gguf.header import read_parts

    try:
        read_parts(path)
    except UsageError as error:
        raise Lacking(error.what) from error


def _folder(checkpoint: Checkpoint) -> None:
    names = {path.name: path for path in checkpoint.files()}
    documents = {name: _json(path) for name, path in names.items() if name.endswith(".json")}
    needed = (ADAPTER_CONFIG, ADAPTER) if checkpoint.kind == "adapter" else (CONFIG,)
    for name in needed:
        if name not in names:
            raise Lacking(f"no {name} yet")
    headers = {name: tensors(path) for name, path in names.items() if name.endswith(".safetensors")}
    if not headers:
        raise Lacking("no weights yet (.safetensors; pickled ones are not read)")
    if INDEX in documents:
        _index(documents[INDEX], headers)
    elif checkpoint.kind == "hf" and "model.safetensors" not in headers:
        raise Lacking(f"neither model.safetensors nor {INDEX} yet")


def _index(index: Any, headers: Mapping[str, frozenset[str]]) -> None:
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict):
        raise Lacking(f"{INDEX} has no weight_map")
    for tensor, shard in shards.items():
        if shard not in headers:
            raise Lacking(f"no {shard} yet")
        if tensor not in headers[shard]:
            raise Lacking(f"{shard} does not hold {tensor!r}, which {INDEX} promises")


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise Lacking(f"{path.name} is not whole JSON: {error}") from error


def tensors(path: Path) -> frozenset[str]:
    """Return the names of the tensors of a whole .safetensors file.

    Raises:
        Lacking: cut short, longer than it says, or no such file by its header. OSError: gone.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(8)
        if len(head) < 8:
            raise Lacking(f"{path.name} is cut short: {size} bytes")
        (length,) = struct.unpack("<Q", head)
        if length > LONGEST_HEADER:
            raise Lacking(f"{path.name} is no safetensors file: its header would have {length:,} bytes")
        if 8 + length > size:
            raise Lacking(f"{path.name} is cut short: {size:,} bytes, its header alone has {length:,}")
        text = stream.read(length)
    try:
        header = json.loads(text)
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise Lacking(f"{path.name} is no safetensors file: its header cannot be read") from error
    if 8 + length + end != size:
        word = "cut short" if size < 8 + length + end else "longer than its header says"
        raise Lacking(f"{path.name} is {word}: {size:,} of {8 + length + end:,} bytes")
    return frozenset(entries)
