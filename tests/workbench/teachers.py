"""Teachers of the tests: `scripted:teachers:NAME`."""

from __future__ import annotations

import os
import time
from pathlib import Path

from harness.types import Completion, Request


def sure(request: Request) -> Completion:
    """Answer at once: 4 tokens of prompt, 10 of text."""
    return Completion(f"answer to {request.prompt}", prompt_tokens=4, completion_tokens=10)


def slow(request: Request) -> Completion:
    """Answer after a while, and write down that it was asked."""
    time.sleep(0.03)
    with Path(os.environ["TEACHER_LOG"]).open("a", encoding="utf-8") as file:
        file.write(f"{request.prompt}\n")
    return sure(request)
