"""The SHA-256 of a model file, kept beside the user's caches so that a large file is not read at every start.

An entry is named by path, size and time of change; a file that was changed within the last seconds is never entered,
because its next change might keep the same time. Split models: the digest of the digests of their parts, in order.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from harness.hashing import digest, file_sha256

WORTH_KEEPING_BYTES = 64 << 20
"""Smaller files are hashed in a few hundredths of a second."""
SETTLED_S = 5.0
_in_memory: dict[str, str] = {}


def model_sha256(parts: Sequence[Path]) -> str:
    """Return 64 hex digits: of the file, or over the digests of all parts."""
    found = [_cached_sha256(part) for part in parts]
    return found[0] if len(found) == 1 else hashlib.sha256("\n".join(found).encode()).hexdigest()


def cache_folder() -> Path:
    """Return the user's cache folder of this project (XDG_CACHE_HOME is honoured)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "llm-harness" / "sha256"


def _cached_sha256(path: Path) -> str:
    facts = path.stat()
    key = digest(str(path.resolve()), facts.st_size, facts.st_mtime_ns)
    if key in _in_memory:
        return _in_memory[key]
    settled = time.time() - facts.st_mtime > SETTLED_S
    note = cache_folder() / key if settled and facts.st_size >= WORTH_KEEPING_BYTES else None
    known = _recall(note) if note else None
    found = known or file_sha256(path)
    if note and not known:
        _note(note, found)
    if settled:
        _in_memory[key] = found
    return found


def _recall(note: Path) -> str | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = note.read_text("ascii").strip()
        if re.fullmatch("[0-9a-f]{64}", text):
            return text
    return None


def _note(note: Path, found: str) -> None:
    """Write the entry in one rename; a home that cannot be written costs time, nothing else."""
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        draft = note.with_name(f"{note.name}.{os.getpid()}")
        draft.write_text(found, "ascii")
        draft.replace(note)
