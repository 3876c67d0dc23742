"""What an archive holds: `manifest.json`, written by `writing`, hostile to `reading`.

    {"format": 1, "ratio": 1.0504,
     "files": [{"name": "model.gguf", "size": 1705408, "sha256": "9f", "packed_size": 1623571, "packed_sha256": "4c..",
                "codec": "zstd", "level": 19, "planes": [{"length": 24128, "stride": 1}, {"length": .., "stride": 34}]},
               {"name": "config.json", .., "codec": "none"}]}

A file of the codec `zstd` lies beside the manifest as NAME.zst, one of `none` as NAME. `planes` names the reversible
filter that was applied before zstd (`planes.py`); empty: none. Refused are names that could leave the folder, hide in
it, mean a device somewhere (`NUL`, `COM1`), or stand for one another where case or Unicode forms do not count; and
figures that contradict each other.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from harness.config import Strict, validate
from harness.errors import UsageError

NAME, ENDING = "manifest.json", ".zst"
OWN = frozenset({NAME, "artifact.json", "run.json", "readme.md"})
"""Of the archive itself, directly below it; in lower case."""
DEVICES = frozenset({"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)})
MOST_BYTES = 1 << 24
"""Of a manifest."""
MOST_FILES = 10_000
MOST_RATIO = 1000
"""Of size to packed size: weights do not shrink like that. What does (zeros) is stored as it is."""
LARGEST = 1 << 46
"""Of a file, in bytes: 64 TiB."""

Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class Run(Strict):
    """Bytes of a file that are filtered alike."""

    length: int = Field(ge=1, le=LARGEST)
    stride: int = Field(ge=1, le=4096)
    """Bytes of a block; 1: left as they are."""


class Packed(Strict):
    """One file of an archive."""

    name: str = Field(min_length=1, max_length=1024)
    """Relative to the folder, with slashes."""
    size: int = Field(ge=0, le=LARGEST)
    sha256: str = Sha256
    packed_size: int = Field(ge=0, le=LARGEST)
    packed_sha256: str = Sha256
    codec: Literal["zstd", "none"]
    level: int | None = None
    planes: list[Run] = Field(default_factory=list, max_length=1_000_000)

    @property
    def packed_name(self) -> str:
        """Where it lies in the archive."""
        return self.name + (ENDING if self.codec == "zstd" else "")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if why := problem(self.name):
            raise ValueError(f"the name {self.name[:80]!r} {why}")
        if self.codec == "none" and (self.planes or (self.size, self.sha256) != (self.packed_size, self.packed_sha256)):
            raise ValueError(f"{self.name!r} is stored as it is, and its two sizes or digests differ")
        if self.planes and sum(run.length for run in self.planes) != self.size:
            raise ValueError(f"the planes of {self.name!r} are of {sum(run.length for run in self.planes)} bytes")
        if self.codec == "zstd" and self.size > MOST_RATIO * max(1, self.packed_size):
            raise ValueError(f"{self.name!r} claims to be {self.size} bytes, packed into {self.packed_size}")
        return self


class Manifest(Strict):
    """All files of an archive."""

    format: Literal[1] = 1
    ratio: float = Field(gt=0)
    """Of the sums of sizes and packed sizes."""
    files: list[Packed] = Field(min_length=1, max_length=MOST_FILES)

    @property
    def size_bytes(self) -> int:
        """Of all files, unpacked."""
        return sum(one.size for one in self.files)

    @property
    def packed_bytes(self) -> int:
        """Of all files as they lie in the archive."""
        return sum(one.packed_size for one in self.files)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for names in ([one.name for one in self.files], [one.packed_name for one in self.files]):
            _refuse_alike(names)
        if abs(self.ratio - ratio(self.size_bytes, self.packed_bytes)) > 1e-6 * self.ratio:
            raise ValueError(f"ratio = {self.ratio!r}, and its sizes say {ratio(self.size_bytes, self.packed_bytes)!r}")
        return self


def ratio(size: int, packed: int) -> float:
    """Return how many times smaller it became; 1 for nothing at all."""
    return size / packed if size and packed else 1.0


def problem(name: str) -> str | None:
    """Return what is wrong with the name of a file in an archive, None where nothing is."""
    if name.startswith("/") or "\\" in name or ":" in name:
        return "is no relative path with slashes"
    if any(not c.isprintable() for c in name):
        return "holds a character that cannot be seen"
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "leads elsewhere"
    for part in parts:
        if part.startswith(".") or part.endswith((".", " ")):
            return "is hidden, or ends with a dot or blank"
        if part.split(".")[0].rstrip().casefold() in DEVICES:
            return "means a device on some systems"
        if len(part.encode("utf-8")) > 200:
            return "is too long"
    if _folded(parts[0]) in OWN:
        return "is one of the archive's own"
    return None


def read(archive: Path) -> Manifest:
    """Return an archive's manifest.

    Raises:
        UsageError: no folder, no manifest, or one that is not to be trusted; says why.
    """
    path = archive / NAME
    try:
        if path.is_symlink() or path.stat().st_size > MOST_BYTES:
            raise refused(archive, f"its {NAME} is a link, or of more than {MOST_BYTES} bytes")
        raw = json.loads(path.read_bytes())
    except OSError as error:
        what = f"{str(archive)!r} is no archive: {NAME}: {error.strerror}"
        raise UsageError(what, "a folder that compress.pack made", f"type: ls -l {archive}") from error
    except (ValueError, RecursionError) as error:
        raise refused(archive, f"its {NAME} is no JSON: {str(error)[:200]}") from error
    if not isinstance(raw, dict):
        raise refused(archive, f"its {NAME} holds a {type(raw).__name__}")
    try:
        return validate(raw, Manifest, where=str(path))
    except (UsageError, UnicodeEncodeError) as error:
        raise refused(archive, str(getattr(error, "what", error))[:500]) from error


def refused(archive: Path, why: str) -> UsageError:
    """Return the error for an archive that is damaged or was made to harm."""
    return UsageError(
        f"the archive {str(archive)!r} is refused: {why}",
        "an archive as compress.pack made it; nothing was unpacked",
        "copy or download it again, from where you trust it",
    )


def _refuse_alike(names: list[str]) -> None:
    """Refuse names that are the same, or of which one is a folder of another, on whatever file system."""
    folded = [_folded(name) for name in names]
    taken = set(folded)
    if len(taken) < len(folded):
        twice = next(name for name, key in zip(names, folded, strict=True) if folded.count(key) > 1)
        raise ValueError(f"the name {twice[:80]!r} is there twice")
    for name, key in zip(names, folded, strict=True):
        parts = key.split("/")
        if any("/".join(parts[:depth]) in taken for depth in range(1, len(parts))):
            raise ValueError(f"the name {name[:80]!r} lies below a file")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
