"""Distributions of a model on given tokens, written once to a folder and read back piece by piece.

    facts.json     token ids per row, vocabulary, whether whole; written last
    logprobs.f4    (positions, vocabulary), or of the 256 most probable tokens
    tokens.i4      (positions, 256) the ids of these, the most probable first; only where not whole
    nll.f8         (positions,) negative log-likelihood of the token that follows

    with Writer(folder, ids, vocabulary=1024) as writer: writer.add(logprobs, targets)
    Kept(folder).piece(0, 64)

Written with plain writes, so that a full disk is an error and no signal. At most `MOST_BYTES` a model: a vocabulary of
more than 65,536 tokens at 8,192 positions is kept in part (`divergence` says what that costs).
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOP = 256
MOST_BYTES = 2 << 30
DAY_S = 86_400.0
FACTS, LOGPROBS, TOKENS, NLL = "facts.json", "logprobs.f4", "tokens.i4", "nll.f8"


class Writer:
    """Writes beside `folder` and renames at the end of the block, unless it raised."""

    def __init__(self, folder: Path, ids: Sequence[Sequence[int]], vocabulary: int) -> None:
        self.folder, self.part = folder, folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
        positions = sum(len(row) - 1 for row in ids)
        self.whole = vocabulary <= TOP or positions * vocabulary * 4 <= MOST_BYTES
        self.facts = {"ids": [list(map(int, row)) for row in ids], "vocabulary": vocabulary, "whole": self.whole}

    def __enter__(self) -> Writer:
        self.part.mkdir(parents=True)
        self._files = {name: (self.part / name).open("wb") for name in (LOGPROBS, TOKENS, NLL)}
        return self

    def add(self, logprobs: NDArray[np.float32], nll: NDArray[np.float64]) -> None:
        """Append positions (n, vocabulary)."""
        if not self.whole:
            best = np.argpartition(logprobs, -TOP, axis=1)[:, -TOP:]
            order = np.argsort(-np.take_along_axis(logprobs, best, axis=1), axis=1, kind="stable")
            best = np.take_along_axis(best, order, axis=1)
            logprobs = np.take_along_axis(logprobs, best, axis=1)
            self._files[TOKENS].write(best.astype("<i4").tobytes())
        self._files[LOGPROBS].write(logprobs.astype("<f4").tobytes())
        self._files[NLL].write(nll.astype("<f8").tobytes())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            for file in self._files.values():
                file.close()
            if kind is None:
                (self.part / FACTS).write_text(json.dumps(self.facts), encoding="utf-8")
                shutil.rmtree(self.folder, ignore_errors=True)
                self.part.rename(self.folder)
        finally:
            shutil.rmtree(self.part, ignore_errors=True)


class Kept:
    """Distributions that were written."""

    def __init__(self, folder: Path) -> None:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        self.ids: list[list[int]] = facts["ids"]
        self.vocabulary: int = facts["vocabulary"]
        self.whole: bool = facts["whole"]
        positions, columns = sum(len(row) - 1 for row in self.ids), self.vocabulary if self.whole else TOP
        self.nll = np.fromfile(folder / NLL, dtype="<f8")
        self._logprobs = np.memmap(folder / LOGPROBS, dtype="<f4", mode="r", shape=(positions, columns))
        shape = (positions, TOP)
        self._tokens = None if self.whole else np.memmap(folder / TOKENS, dtype="<i4", mode="r", shape=shape)

    def piece(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.int32] | None]:
        """Return log-probabilities of positions, and of which tokens; None where of all."""
        tokens = None if self._tokens is None else np.asarray(self._tokens[start:stop])
        return np.asarray(self._logprobs[start:stop]), tokens


def is_kept(folder: Path) -> bool:
    """Return whether distributions lie there, and mark them as used."""
    if not (folder / FACTS).is_file():
        return False
    os.utime(folder)
    return True


def trim(home: Path, most_bytes: int, needed: Sequence[Path]) -> None:
    """Remove what was not used for longest until no more than `most_bytes` lie in `home`; never one of `needed`.

    What a kill left unfinished goes after a day.
    """
    for left in home.glob(".*"):
        if left.is_dir() and left.stat().st_mtime < time.time() - DAY_S:
            shutil.rmtree(left, ignore_errors=True)
    found = [folder for folder in home.iterdir() if (folder / FACTS).is_file()]
    found.sort(key=lambda folder: (folder not in needed, -folder.stat().st_mtime))
    total = 0
    for folder in found:
        total += sum(file.stat().st_size for file in folder.iterdir())
        if total > most_bytes and folder not in needed:
            shutil.rmtree(folder, ignore_errors=True)
