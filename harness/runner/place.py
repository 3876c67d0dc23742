"""The place a run works in: room on the disk, the lock of its folder, facts of the machine."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import __version__
from harness.errors import InfrastructureError, UsageError
from harness.store import Database

LOW_DISK_BYTES = 32 << 20


def check_room(database: Database) -> None:
    """Raise before any work when the results cannot be written: folder, permissions, disk, damaged file."""
    with database.write():
        pass
    free = shutil.disk_usage(database.folder).free
    if free < LOW_DISK_BYTES:
        raise InfrastructureError(
            f"only {free >> 20} MiB are free under {str(database.folder)!r}",
            f"at least {LOW_DISK_BYTES >> 20} MiB for results",
            "make room, or name another place with --db",
        )


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Keep a second process from driving the same thing (`run 'tiny-0a..'`); the lock dies with the process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Path(folder / "lock").open("w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"{what} is being driven by another process",
                    "one process at a time",
                    "wait for it, or give this one a --name of its own",
                ) from None
            yield
    except OSError as error:
        raise InfrastructureError(
            f"cannot write to {str(folder)!r}: {error.strerror}",
            "a folder that you may write in, with room",
            "the same command goes on when there is",
        ) from error


def host() -> dict[str, Any]:
    """Return facts of this machine for the run's row: no names, no addresses."""
    return {
        "harness": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
