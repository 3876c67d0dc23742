"""Digests: of JSON values, of files and of folders. Everything that has an identity here gets it from this file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from harness.types import Sample

HEX = 32
"""Hex digits of a digest (128 bits): a collision among 10^10 rows has a chance of about 10^-19."""


def canonical(value: Any) -> str:
    """Return `value` as JSON with sorted keys and no blanks; dataclasses are read as mappings, tuples as lists.

    Raises:
        TypeError: for anything that is not JSON data (sets, bytes, objects), and
        ValueError: for NaN and infinities: an identity must not depend on a representation.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # Fields marked compare=False (a request's source) are no part of an identity.
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.compare}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"not JSON data: {type(value).__name__} {value!r}")


def digest(*values: Any) -> str:
    """Return the digest of JSON values: 32 hex digits of SHA-256. Lone surrogates are allowed."""
    text = canonical(list(values))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HEX]


def sample_digest(sample: Sample) -> str:
    """Return the digest of everything a score can depend on: the row, target and tests included."""
    return digest(sample.id, sample.data, sample.target)


def file_sha256(path: Path, chunk_bytes: int = 1 << 22) -> str:
    """Return the full SHA-256 of a file, read in chunks: constant memory, about 1-2 GB/s."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(chunk_bytes):
            hasher.update(chunk)
    return hasher.hexdigest()


def folder_sha256(folder: Path, leave_out: Collection[str] = ()) -> str:
    """Return the SHA-256 over the sorted (relative name, file digest) pairs of a folder, hidden files left out.

    `leave_out`: patterns (`checkpoint-*`) of files and folders directly below it that do not count.
    """
    hasher = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts):
            continue
        if any(fnmatch(relative.parts[0], pattern) for pattern in leave_out):
            continue
        hasher.update(f"{relative.as_posix()}\0{file_sha256(path)}\n".encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()


def fraction(*values: Any) -> float:
    """Return a number in [0, 1) that depends on the values alone: for splits and seeded orders."""
    return int(digest(*values)[:13], 16) / float(1 << 52)
