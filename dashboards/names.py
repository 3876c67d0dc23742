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
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LIVE = re.compile(r":(?=//|[-+\w/]+:)|www(?=\.)|@(?=\w)", re.IGNORECASE)
"""Where links, addresses and names of icons are found in what is plain already: a sign of no width parts them."""


def model(spec: str) -> str:
    """Return a model's spec as a person would say it: a file or folder by its last parts, a name as it is."""
    path = PurePosixPath(spec.partition(":")[2] or spec)
    if "://" in spec or (not path.is_absolute() and len(path.parts) <= 2):
        return _short(spec)
    return _short("/".join(path.parts[-2:]).replace("//", "/"))


def plain(text: str) -> str:
    """Return a text, on one line, in which every character stands for itself where Markdown is read.

    Signs that cannot be seen, or turn the direction of what follows, are shown as the replacement character.
    """
    seen = _UNSEEN.sub("\ufffd", _SPACE.sub(" ", text))
    return _MARKS.sub(r"\\\1", _LIVE.sub("\\g<0>\u2060", seen))


def _short(text: str) -> str:
    half = (LONG - 1) // 2
    return text if len(text) <= LONG else f"{text[:half]}\u2026{text[-half:]}"
