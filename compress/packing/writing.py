"""Packs a model's folder into an archive.

    found, gains = pack(Path("q8"), Path("packed"))     -> packed/model.gguf.zst, packed/manifest.json; found.ratio 1.07

Big files (GGUF, safetensors, whatever has a MiB) become zstd streams: level 19, checksum on, a window of 128 MiB and
long-distance matching where the file is larger than level 19's own window of 8 MiB. Whether the byte-plane filter comes
first is measured on the file itself, up to 16 MiB of it. No dictionary: it measures larger (docs/compression.md). Equal
files give equal archives with one version of zstd, on any number of threads. Cost: some 3 MB/s a core at level 19;
memory a few hundred MB a thread.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from compress.packing import manifest, place, planes
from compress.packing.manifest import Manifest, Packed, Run
from harness.errors import InfrastructureError, MissingPackage, UsageError

BIG = 1 << 20
ENDINGS = (".gguf", ".safetensors")
LONG, WINDOW_LOG = 1 << 23, 27
THREADS = 8
"""At most: each needs memory of its own."""
PROBED, PROBES = 1 << 22, 4
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Gain:
    """What the filter gained on the bytes it was tried on, each packed by itself."""

    tried: int
    plain: int
    """Bytes packed without it."""
    planes: int


def pack(
    source: Path, target: Path, level: int = 19, progress: Progress | None = None
) -> tuple[Manifest, dict[str, Gain]]:
    """Write the archive `target` of the folder `source`; return its manifest, and what the filter was measured to gain.

    Hidden files, the run record, the card and the note of an artifact are left out: an archive has its own.

    Raises:
        UsageError: nothing to pack, a file's name that no archive can hold, the target is there.
        InfrastructureError: no room, the disk refuses, a file changes meanwhile. MissingPackage: zstandard.
    """
    try:
        import zstandard  # noqa: F401
    except ImportError as error:
        raise MissingPackage("zstandard", "packing", "compress") from error
    names = _names(source)
    sizes = [(source / name).stat().st_size for name in names]
    tell = _told(progress, sum(sizes))
    packed: list[Packed] = []
    gains: dict[str, Gain] = {}
    with place.whole(target, sum(sizes)) as folder:
        for name, size in zip(names, sizes, strict=True):
            path = source / name
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if path.suffix not in ENDINGS and size < BIG:
                packed.append(_stored(path, folder, name))
                continue
            divided, gain = _divided(path, level)
            if gain is not None:
                gains[name] = gain
            packed.append(_stream(path, folder, name, level, divided, tell))
        sums = sum(one.size for one in packed), sum(one.packed_size for one in packed)
        found = Manifest(ratio=manifest.ratio(*sums), files=packed)
        place.synced(folder / manifest.NAME, found.model_dump_json(indent=1) + "\n")
    return found, gains


def _told(progress: Progress | None, total: int) -> Progress:
    """Return what is told bytes and tells `progress` shares."""
    done = 0.0

    def tell(size: float) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(min(1.0, done / max(1, total)))

    return tell


def compressor(level: int, size: int, plain: bool = False) -> Any:
    """Return a zstd compressor for a stream of `size` bytes. `plain`: without the long window."""
    import zstandard

    options: dict[str, Any] = {"enable_ldm": True, "window_log": WINDOW_LOG} if size > LONG and not plain else {}
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, source_size=size, write_checksum=True, threads=min(THREADS, os.cpu_count() or 1), **options
    )
    return zstandard.ZstdCompressor(compression_params=parameters)


def _names(source: Path) -> list[str]:
    if not source.is_dir():
        raise UsageError(f"{str(source)!r} is no folder", "a model's folder", f"type: ls -l {source}")
    found = []
    for path in source.rglob("*"):
        name = path.relative_to(source).as_posix()
        if any(part.startswith(".") for part in name.split("/")) or (path.is_dir() and not path.is_symlink()):
            continue
        if not path.is_file():
            what = f"{name!r} in {str(source)!r} is a link to a folder or to nothing, or no file"
            raise UsageError(what, "files, and links to files", "take it out, or copy what it links to")
        if name.casefold() in manifest.OWN - {manifest.NAME}:
            continue
        if why := manifest.problem(name):
            raise UsageError(f"{name!r} in {str(source)!r} {why}", "a name for every system", "rename that file")
        found.append(name)
    if not found:
        raise UsageError(f"nothing to pack in {str(source)!r}", "a model's folder", f"type: ls -la {source}")
    return sorted(found)


def _divided(path: Path, level: int) -> tuple[list[Run], Gain | None]:
    """Return the runs to filter by (none where it does not gain), and what was measured."""
    runs = planes.runs(path)
    if all(run.stride == 1 for run in runs):
        return [], None
    tried = plain = filtered = 0
    with path.open("rb") as file:
        for start, length, stride in _probes(runs):
            file.seek(start)
            piece = file.read(length)
            tried += len(piece)
            plain += len(compressor(level, len(piece)).compress(piece))
            filtered += len(compressor(level, len(piece)).compress(planes.split(piece, stride)))
    return runs if filtered < plain else [], Gain(tried, plain, filtered)


def _probes(runs: list[Run]) -> list[tuple[int, int, int]]:
    """Return (start, bytes, stride) of pieces of filtered runs: all of a small file, some spread over a large one."""
    found, at = [], 0
    for length, stride in planes.pieces(runs):
        most = max(1, PROBED // stride) * stride
        if stride > 1:
            found += [(at + start, min(most, length - start), stride) for start in range(0, length, most)]
        at += length
    if sum(length for _, length, _ in found) <= PROBES * PROBED:
        return found
    whole = [one for one in found if one[1] > PROBED // 2] or found
    return [whole[index * len(whole) // PROBES] for index in range(min(PROBES, len(whole)))]


def _stream(path: Path, folder: Path, name: str, level: int, divided: list[Run], tell: Progress) -> Packed:
    size, hasher = path.stat().st_size, hashlib.sha256()
    runs = divided or ([Run(length=size, stride=1)] if size else [])
    packed = folder / (name + manifest.ENDING)
    with path.open("rb") as reading, packed.open("xb") as writing:
        counted = _Counted(writing)
        # Closed at the end alone: a stream that was promised more says so, where an error is on its way already.
        sink = compressor(level, size).stream_writer(counted, size=size, closefd=False)
        for length, stride in planes.pieces(runs):
            piece = _exactly(reading, length)
            hasher.update(piece)
            sink.write(planes.split(piece, stride))
            tell(length)
        _exactly(reading, 0)
        sink.close()
        writing.flush()
        os.fsync(writing.fileno())
    if size > manifest.MOST_RATIO * counted.size:
        packed.unlink()
        return _stored(path, folder, name)
    return Packed(
        name=name, size=size, sha256=hasher.hexdigest(), packed_size=counted.size,
        packed_sha256=counted.hasher.hexdigest(), codec="zstd", level=level, planes=divided,
    )  # fmt: skip


def _exactly(reading: BinaryIO, length: int) -> bytes:
    """Return the next bytes of a file; none: its end."""
    piece = reading.read(length or 1)
    if len(piece) != length:
        what = f"{reading.name!r} changed while it was packed"
        raise InfrastructureError(what, "a file that nobody writes", "the same command, later")
    return piece


def _stored(path: Path, folder: Path, name: str) -> Packed:
    with path.open("rb") as reading, (folder / name).open("xb") as writing:
        counted = _Counted(writing)
        while piece := reading.read(planes.PIECE):
            counted.write(piece)
    digest = counted.hasher.hexdigest()
    return Packed(
        name=name, size=counted.size, sha256=digest, packed_size=counted.size, packed_sha256=digest, codec="none"
    )


class _Counted:
    """A file that knows the size and SHA-256 of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.size, self.hasher = file, 0, hashlib.sha256()

    def write(self, piece: bytes) -> int:
        self.file.write(piece)
        self.size += len(piece)
        self.hasher.update(piece)
        return len(piece)

    def flush(self) -> None:
        self.file.flush()
