"""A file that appears whole or not at all: it is written beside its place and renamed.

    with beside(Path("out/report.html")) as part:
        part.write_text(page)

What was there before stays until the rename; what broke leaves nothing behind. Source: POSIX, rename(2).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import InfrastructureError


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yield where to write; the file takes its place when the block ends well. Makes the folder.

    Raises:
        InfrastructureError: no permission, no room, a folder of that name.
    """
    import duckdb

    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, duckdb.IOException) as error:
        said = getattr(error, "strerror", None) or str(error).splitlines()[0]
        what = f"cannot write {str(path)!r}: {said}"
        raise InfrastructureError(what, "a folder with room that you may write in", "type: --to DIR") from error


def write_text(path: Path, text: str) -> Path:
    """Write a text as UTF-8, lone surrogates as `\\udc80`; return the path. Raises as `beside`."""
    with beside(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path
