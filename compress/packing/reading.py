"""Unpacks an archive: streaming, held to its manifest byte for byte, all of it or nothing.

    unpack(Path("packed"), Path("again"))                -> the manifest; `again` is there only if every file is right
    unpacked(Path("packed"), Path("results/cache"))      -> a verified copy, made once

Every packed file is checked against its SHA-256 before zstd sees it. Then its frame must promise the size that the
manifest says, no dictionary, a checksum, and a window of 128 MiB at most; no byte beyond the size is written; and the
SHA-256 of what was written must be right before it gets its name. Links in an archive are refused. Cost: 0.3-1 GB/s;
memory the window and three pieces of 32 MiB.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from compress.packing import manifest, place, planes
from compress.packing.manifest import Manifest, Packed, Run, refused
from harness.errors import InfrastructureError, MissingPackage
from harness.hashing import file_sha256
from harness.workbench import record

WINDOW = 1 << 27
"""Bytes that zstd may look back, and must keep in memory."""
HEADER = 18
"""Bytes of a frame's header, at most."""
CHUNK = 1 << 20
Progress = Callable[[float], None]


def unpack(archive: Path, target: Path, progress: Progress | None = None) -> Manifest:
    """Write the model that `archive` holds as the folder `target`, with its run record; return the manifest.

    Raises:
        UsageError: no archive, a damaged or hostile one, the target is there. InfrastructureError: no room, the disk
        refuses. MissingPackage: zstandard.
    """
    try:
        import zstandard  # noqa: F401
    except ImportError as error:
        raise MissingPackage("zstandard", "unpacking", "compress") from error
    found = manifest.read(archive)
    for one in found.files:
        _check_place(archive, one)
    done = 0
    with place.whole(target, found.size_bytes) as folder:
        for one in found.files:
            (folder / one.name).parent.mkdir(parents=True, exist_ok=True)
            _restore(archive, one, folder / one.name)
            done += one.size
            if progress is not None:
                progress(done / max(1, found.size_bytes))
        if told := _record(archive):
            place.synced(folder / record.FILE, json.dumps(told, indent=1, sort_keys=True) + "\n")
    return found


def unpacked(archive: Path, cache: Path) -> Path:
    """Return a folder in `cache` with what `archive` holds: made once, by one process, checked at every call.

    Raises:
        UsageError, InfrastructureError, MissingPackage: as `unpack`.
    """
    found = manifest.read(archive)
    shelf = cache / "unpacked"
    target = shelf / file_sha256(archive / manifest.NAME)[:16]
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        with (shelf / f".{target.name}.lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in shelf.glob(f".{target.name}.part-*"):
                shutil.rmtree(left, ignore_errors=True)  # of a killed process: the lock is ours
            if not _is_whole(target, found):
                shutil.rmtree(target, ignore_errors=True)
                unpack(archive, target)
    except OSError as error:
        what = f"cannot unpack into {str(shelf)!r}: {error.strerror or error}"
        raise InfrastructureError(what, "a folder that you may write in", "look at the disk") from error
    return target


def _record(archive: Path) -> dict[str, Any]:
    """Return the model's own run record, as the archive's holds it; {} where there is none."""
    path = archive / record.FILE
    if path.is_symlink() or not path.is_file() or path.stat().st_size > manifest.MOST_BYTES:
        return {}
    try:
        model = record.read(archive).get("model")
    except RecursionError:
        return {}
    told = model.get("run") if isinstance(model, dict) else None
    return told if isinstance(told, dict) else {}


def _is_whole(folder: Path, found: Manifest) -> bool:
    paths = [(folder / one.name, one) for one in found.files]
    return all(path.is_file() and path.stat().st_size == one.size for path, one in paths) and all(
        file_sha256(path) == one.sha256 for path, one in paths
    )


def _check_place(archive: Path, one: Packed) -> None:
    """Refuse a packed file that is missing, a link, lies below one, or is of another size."""
    path = archive
    for part in one.packed_name.split("/"):
        path = path / part
        if path.is_symlink():
            raise refused(archive, f"{str(path.relative_to(archive))!r} is a link")
    try:
        info = path.stat()
    except OSError as error:
        raise refused(archive, f"{one.packed_name!r}: {error.strerror}") from error
    if not stat.S_ISREG(info.st_mode):
        raise refused(archive, f"{one.packed_name!r} is no file")
    if info.st_size != one.packed_size:
        raise refused(archive, f"{one.packed_name!r} has {info.st_size} bytes, the manifest says {one.packed_size}")


def _restore(archive: Path, one: Packed, target: Path) -> None:
    import zstandard

    with os.fdopen(os.open(archive / one.packed_name, os.O_RDONLY | os.O_NOFOLLOW), "rb") as packed:
        if _sha256(packed) != one.packed_sha256:
            raise refused(archive, f"{one.packed_name!r} is damaged: its SHA-256 is not the manifest's")
        hasher = hashlib.sha256()
        try:
            with target.open("xb") as writing:
                for piece in _content(archive, one, packed):
                    hasher.update(piece)
                    writing.write(piece)
                writing.flush()
                os.fsync(writing.fileno())
        except zstandard.ZstdError as error:
            raise refused(archive, f"{one.packed_name!r}: {error}") from error
    if hasher.hexdigest() != one.sha256:
        raise refused(archive, f"{one.name!r}: the SHA-256 of what it unpacks to is not the manifest's")


def _content(archive: Path, one: Packed, packed: BufferedReader) -> Iterator[bytes]:
    """Yield a file's bytes, exactly as many as the manifest says."""
    source: Any = packed if one.codec == "none" else _frame(archive, one, packed)
    runs = one.planes or ([Run(length=one.size, stride=1)] if one.size else [])
    for length, stride in planes.pieces(runs):
        if stride > 1:
            yield planes.join(_exactly(archive, one, source, length), stride)
            continue
        for start in range(0, length, CHUNK):
            yield _exactly(archive, one, source, min(CHUNK, length - start))
    if source.read(1):
        raise refused(archive, f"{one.packed_name!r} unpacks to more than the {one.size} bytes of the manifest")


def _frame(archive: Path, one: Packed, packed: BufferedReader) -> Any:
    """Return the only frame of a packed file as a stream, after a look at what it promises."""
    import zstandard

    told = zstandard.get_frame_parameters(packed.read(HEADER))
    packed.seek(0)
    if told.content_size != one.size:
        raise refused(archive, f"{one.packed_name!r} promises {told.content_size} bytes, the manifest {one.size}")
    if told.window_size > WINDOW:
        raise refused(archive, f"{one.packed_name!r} wants a window of {told.window_size} bytes, {WINDOW} are granted")
    if told.dict_id or not told.has_checksum:
        raise refused(archive, f"{one.packed_name!r} needs a dictionary, or has no checksum")
    opened = zstandard.ZstdDecompressor(max_window_size=WINDOW)
    # Across frames: what follows the first one must not go unseen.
    return opened.stream_reader(packed, read_across_frames=True, closefd=False)


def _exactly(archive: Path, one: Packed, source: Any, length: int) -> bytes:
    parts, missing = [], length
    while missing:
        part = source.read(missing)
        if not part:
            raise refused(archive, f"{one.packed_name!r} unpacks to less than the {one.size} bytes of the manifest")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _sha256(file: BufferedReader) -> str:
    hasher = hashlib.file_digest(file, "sha256")
    file.seek(0)
    return hasher.hexdigest()
