"""Where an archive or its content is written: room on the disk, and all of it or nothing.

    with whole(Path("again")) as folder: ...        a folder of that name only once the block ends well

A kill leaves a hidden folder `.again.part-..` that nothing takes for the whole; a full disk or an error leaves nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.errors import InfrastructureError, UsageError
from harness.workbench.own_process import FULL, NO_ROOM

SPARE = 16 << 20
"""Bytes that stay free."""


@contextlib.contextmanager
def whole(target: Path, needed: int) -> Iterator[Path]:
    """Yield an empty folder beside `target`, renamed to it at the end; removed where the block fails.

    Raises:
        UsageError: something is there already. InfrastructureError: less than `needed` bytes are free, the disk is full
        or refuses.
    """
    if target.exists() or target.is_symlink():
        raise UsageError(f"{str(target)!r} is there already", "a new name: nothing is overwritten", "name another")
    unfinished: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
        if free < needed + SPARE:
            what = f"{needed} bytes are to be written to {str(target.parent)!r}, and {free} are free"
            raise InfrastructureError(what, *NO_ROOM)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.part-", dir=target.parent))
        yield unfinished
        unfinished.chmod(0o755)
        unfinished.rename(target)
    except OSError as error:
        what = f"cannot write {str(target)!r}: {error.strerror or error}"
        hints = NO_ROOM if error.errno in FULL else ("a folder that you may write in", "look at the disk")
        raise InfrastructureError(what, *hints) from error
    finally:
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)


def synced(path: Path, text: str) -> None:
    """Write a small file to the disk itself."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
