"""Rows for one decode, in numpy arrays that llama.cpp reads in place."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.gguf.tokens import Tokens


class Batch:
    """Rows for one decode, in numpy arrays that llama.cpp reads in place."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.count = 0
        self.outputs = 0
        self._tokens = np.zeros(capacity, dtype=np.int32)
        self._positions = np.zeros(capacity, dtype=np.int32)
        self._counts = np.zeros(capacity, dtype=np.int32)
        self._pointers = np.zeros(capacity, dtype=np.uint64)
        self._wanted = np.zeros(capacity, dtype=np.int8)
        self._alive: list[NDArray[np.int32]] = []
        """Arrays of sequence ids that `_pointers` points into."""

    @property
    def room(self) -> int:
        """Rows that still fit."""
        return self.capacity - self.count

    def add(self, tokens: Tokens, position: int, sequences: NDArray[np.int32], outputs: Sequence[int] = ()) -> int:
        """Append consecutive tokens that belong to all of `sequences`; return the batch row of the first.

        `outputs`: offsets into `tokens` whose logits are wanted.
        """
        start, end = self.count, self.count + len(tokens)
        if end > self.capacity:
            raise ValueError(f"{end} rows in a batch of {self.capacity}")
        self._tokens[start:end] = tokens
        self._positions[start:end] = np.arange(position, position + len(tokens), dtype=np.int32)
        self._counts[start:end] = len(sequences)
        self._pointers[start:end] = sequences.ctypes.data
        self._wanted[start:end] = 0
        for offset in outputs:
            self._wanted[start + offset] = 1
        self._alive.append(sequences)
        self.count = end
        self.outputs += len(outputs)
        return start

    def fill_outputs(self, part: int, least: int) -> None:
        """Ask for more rows of logits wherever some but fewer than `least` are wanted of `part` rows in a row."""
        for start in range(0, self.count, part):
            wanted = self._wanted[start : min(start + part, self.count)]
            have = int(wanted.sum())
            if 0 < have < least:
                more = np.flatnonzero(wanted == 0)[: least - have]
                wanted[more] = 1
                self.outputs += len(more)

    def clear(self) -> None:
        """Forget all rows."""
        self.count = self.outputs = 0
        self._alive.clear()

    def view(self, llama: Any) -> Any:
        """Return the `llama_batch` over these arrays."""

        def pointer(array: NDArray[Any], kind: Any) -> Any:
            return ctypes.cast(ctypes.c_void_p(array.ctypes.data), ctypes.POINTER(kind))

        return llama.llama_batch(
            n_tokens=self.count,
            token=pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=pointer(self._positions, ctypes.c_int32),
            n_seq_id=pointer(self._counts, ctypes.c_int32),
            seq_id=pointer(self._pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=pointer(self._wanted, ctypes.c_int8),
        )
