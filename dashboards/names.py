r"""Texts that fit a page: a model's spec without its folders, and foreign text that Markdown takes for nothing.

model("gguf:/home/ann/results/artifacts/model/45a34c049ec0/model.gguf")  -> "45a34c049ec0/model.gguf"
model("vllm:org/name")                                                   -> "vllm:org/name"
plain("*a*")                                                             -> "\*a\*"
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

LONG = 48
"""Characters of a model's name at most; the middle goes."""
_MARKS = re.compile(r"([!-/:-@\[-`{-~])")
_SPACE = re.compile(r"\s+")


def model(spec: str) -> str:
    """Return a model's spec as a person would say it: a file or folder by its last parts, a name as it is."""
    path = PurePosixPath(spec.partition(":")[2] or spec)
    if "://" in spec or (not path.is_absolute() and len(path.parts) <= 2):
        return _short(spec)
    return _short("/".join(path.parts[-2:]).replace("//", "/"))


def plain(text: str) -> str:
    """Return a text, on one line, in which every character stands for itself where Markdown is read."""
    return _MARKS.sub(r"\\\1", _SPACE.sub(" ", text))


def _short(text: str) -> str:
    half = (LONG - 1) // 2
    return text if len(text) <= LONG else f"{text[:half]}\u2026{text[-half:]}"
