"""Models that know primer by heart and forget some of it, for gates (`scripted:drifting:NAME`)."""

from __future__ import annotations

import worlds

from harness.hashing import fraction
from harness.types import Request


def base(request: Request) -> str:
    """Know four fifths."""
    return worlds.by_heart(request) if fraction("base", request.prompt) < 0.8 else " no idea"


def worse(request: Request) -> str:
    """Know a fifth less."""
    return base(request) if fraction("worse", request.prompt) < 0.8 else " no idea"


def equal(request: Request) -> str:
    """Know as much, but not quite the same."""
    other = fraction("equal", request.prompt) < 0.03
    known = fraction("base", request.prompt) < 0.8
    return worlds.by_heart(request) if known != other else " no idea"
