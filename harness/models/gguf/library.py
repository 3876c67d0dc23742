"""Loads llama-cpp-python once, silences llama.cpp's log and keeps its last complaints for error messages.

Pinned exactly (0.3.36): its ctypes structures follow llama.cpp's and move. Everything of it that this project uses
goes through this package. Not here: any model or context.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any

from harness.errors import MissingPackage
from harness.models.threads import wait_politely

WARNING, ERROR, CONTINUED = 3, 4, 5
"""ggml's log levels (the comments of llama-cpp-python 0.3.36 have older ones)."""
_lines: deque[str] = deque(maxlen=12)
_level = [0]
"""The level that a continued line belongs to."""
_kept: list[Any] = []
"""The callback: llama.cpp holds a bare pointer to it, so Python must never collect it."""


def load_llama() -> Any:
    """Return the module `llama_cpp` with its log captured and its backend initialised.

    Raises:
        MissingPackage: not installed, or its shared library does not load.
    """
    # An abort inside llama.cpp would otherwise start a debugger to print a backtrace.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    wait_politely(os.environ)
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise MissingPackage("llama-cpp-python", f"a gguf: model ({error})", "all") from error
    if not _kept:
        _kept.append(llama_cpp.llama_log_callback(_hear))
        llama_cpp.llama_backend_init()
    # Set again at every load: the package's own high-level classes may have put theirs in place meanwhile.
    llama_cpp.llama_log_set(_kept[0], None)
    return llama_cpp


def version() -> str:
    """Return the version of llama-cpp-python."""
    from importlib.metadata import version as of

    return of("llama-cpp-python")


def complaints(last: int = 3) -> str:
    """Return the last warnings and errors of llama.cpp on one line, or an empty string."""
    return "; ".join(list(_lines)[-last:])


def forget() -> None:
    """Drop what was heard, so that a later message does not quote an earlier failure."""
    _lines.clear()


def _hear(level: int, text: bytes, _: Any) -> None:
    line = text.decode("utf-8", "replace").strip()
    if level == CONTINUED:
        if line and _level[0] in (WARNING, ERROR) and _lines:
            _lines[-1] = (_lines[-1] + " " + line)[:300]
        return
    _level[0] = level
    if level in (WARNING, ERROR) and line:
        _lines.append(line[:300])
