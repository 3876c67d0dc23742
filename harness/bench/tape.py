"""llama.cpp's own rate on the same batches: what an engine asks of it is recorded, then replayed with nothing around.

    with recording(llama_cpp) as tape:
        list(model.answer(requests))
    tape.replay()[0]     # seconds of the same llama_decode calls, in the same order, on the same contexts

The tap sits at the library's door, the functions of the module `llama_cpp`, so it knows nothing of the engine's rooms.
The replay holds no tokeniser, no scheduler, no sampling, no detokenising and no reading of logits; it keeps the cheap
calls that copy and remove cached sequences, without which the batches would not be valid.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

DECODE = "llama_decode"
MEMORY = ("llama_memory_seq_cp", "llama_memory_seq_rm", "llama_memory_seq_keep", "llama_memory_clear")


class Tape:
    """Calls of llama.cpp in order, with batches of their own."""

    def __init__(self, llama: Any) -> None:
        self.llama = llama
        self.calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self.decodes = 0
        self.rows = 0
        """Batch rows of all decodes."""
        self._decoded: list[int] = []
        """Places of the decodes among the calls."""
        self._alive: list[NDArray[Any]] = []

    def add(self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        """Append one call."""
        if name == DECODE:
            context, batch = arguments
            self.decodes += 1
            self.rows += batch.n_tokens
            self._decoded.append(len(self.calls))
            self.calls.append((function, (context, self._copied(batch))))
            # A GPU computes on while the call returns; whoever wants the logits waits for them, and so does the replay.
            self.calls.append((self.llama.llama_synchronize, (context,)))
        else:
            self.calls.append((function, arguments))

    def _copied(self, batch: Any) -> Any:
        """Return the batch over arrays of its own: the engine overwrites its arrays at once."""
        count = batch.n_tokens

        def own(pointer: Any) -> NDArray[Any]:
            array = np.ctypeslib.as_array(pointer, (count,)).copy()
            self._alive.append(array)
            return array

        lengths = own(batch.n_seq_id)
        pointers = own(ctypes.cast(batch.seq_id, ctypes.POINTER(ctypes.c_uint64)))
        # Rows of one stretch of tokens share one list of sequences: copied once, or recording would cost what it times.
        different, place = np.unique(pointers, return_inverse=True)
        longest = np.zeros(len(different), dtype=np.int64)
        np.maximum.at(longest, place, lengths)
        pairs = zip(different.tolist(), longest.tolist(), strict=True)
        lists = [np.frombuffer(ctypes.string_at(at, 4 * length), np.int32) for at, length in pairs]
        pointers[:] = np.array([one.ctypes.data for one in lists], dtype=np.uint64)[place]
        self._alive += lists

        def cast(array: NDArray[Any], kind: Any) -> Any:
            return ctypes.cast(ctypes.c_void_p(array.ctypes.data), ctypes.POINTER(kind))

        return self.llama.llama_batch(
            n_tokens=count,
            token=cast(own(batch.token), ctypes.c_int32),
            embd=None,
            pos=cast(own(batch.pos), ctypes.c_int32),
            n_seq_id=cast(lengths, ctypes.c_int32),
            seq_id=cast(pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=cast(own(batch.logits), ctypes.c_int8),
        )

    def replay(self) -> tuple[float, float]:
        """Make the same calls again and return (wall seconds, CPU seconds of this process).

        Raises:
            RuntimeError: llama.cpp refuses a batch that it took before.
        """
        cpu_s, started = time.process_time(), time.perf_counter()
        codes = [function(*arguments) for function, arguments in self.calls]
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
        refused = [codes[place] for place in self._decoded if codes[place]]
        if refused:
            raise RuntimeError(f"llama_decode answered {refused[0]} to a recorded batch")
        return seconds, cpu_s


@contextmanager
def recording(llama: Any) -> Iterator[Tape]:
    """Record every decode and every change of cached sequences of this process while the block runs."""
    tape = Tape(llama)
    real = {name: getattr(llama, name) for name in (DECODE, *MEMORY)}

    def tapped(name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            tape.add(name, real[name], arguments)
            return real[name](*arguments)

        return call

    for name in real:
        setattr(llama, name, tapped(name))
    try:
        yield tape
    finally:
        for name, function in real.items():
            setattr(llama, name, function)


@contextmanager
def endless(llama: Any) -> Iterator[None]:
    """Let no token end a text while the block runs, so that every text has the length that is timed."""
    real = llama.llama_vocab_is_eog
    llama.llama_vocab_is_eog = lambda *_: False
    try:
        yield
    finally:
        llama.llama_vocab_is_eog = real
