"""A loaded model with its context: the one room that hands batches to llama.cpp and takes logits from it.

    context = Context(llama, header, settings)
    batch = Batch(context.n_batch)
    batch.add(tokens, position=0, sequences=np.array([2], np.int32), outputs=[len(tokens) - 1])
    context.prefill(batch)
    logits = context.row(len(tokens) - 1)        # (vocabulary,) float32, valid until the next decode

**Batch layout.** llama.cpp computes with other kernels below 8 rows, from 8 to 63, and from 64 on; on quantised weights
their results differ by some 0.05 in a logit. So that a result does not depend on what else was in the batch, prompts
are always computed 64 rows or more at a time and steps of generation 8 to 63, never mixed; missing rows are filled
with a scratch sequence (`PAD`) that is dropped again.

llama.cpp aborts the process when a batch is too large or asks for too many outputs: both are checked here first.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.models.gguf.header import Header
from harness.models.gguf.library import complaints, forget
from harness.models.gguf.settings import PAD_ROWS, GGUFSettings, context_length, pool_cells, usable_cores
from harness.models.gguf.tokens import Tokens, Vocabulary

TRUNK, PAD, FIRST = 0, 1, 2
"""Sequence ids: the kept prefix, the filler rows, the first of those that carry requests."""
SEQUENCES = 128
"""Sequences of a context, these two included."""
LOGITS_BYTES = 128 << 20
"""Bounds the rows of logits of one decode."""
STEP_ROWS = 8
"""Least rows of a step of generation."""


class DecodeError(RuntimeError):
    """llama.cpp could not compute a batch; the context is as good as empty afterwards."""


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


class Context:
    """Owns llama.cpp's model and context. Not thread-safe; `close` frees both."""

    def __init__(self, llama: Any, header: Header, settings: GGUFSettings) -> None:
        """Load the weights and allocate the cache.

        Raises:
            UsageError: llama.cpp refuses the file or the memory, or it is no causal language model.
        """
        self.llama, self.settings = llama, settings
        self.model: Any = None
        self.handle: Any = None
        forget()
        path = header.path
        self.model = self._load(path)
        try:
            self._check_kind(path)
            self.shares = not (llama.llama_model_is_recurrent(self.model) or llama.llama_model_is_hybrid(self.model))
            """Whether a prefix can be copied between sequences; recurrent states cannot be cut."""
            self.vocabulary = Vocabulary(llama, self.model, header.values)
            self.n_ctx = context_length(header.values, settings.n_ctx)
            self.handle = self._create(path, self._cells(header))
        except BaseException:
            self.close()
            raise
        self.memory = llama.llama_get_memory(self.handle)
        self.cells: int = llama.llama_n_ctx(self.handle)
        self.n_ctx = min(self.n_ctx, self.cells - PAD_ROWS)
        self.n_batch, self.n_ubatch = settings.n_batch, settings.n_ubatch
        self._filler = np.zeros(PAD_ROWS, dtype=np.int32)
        self._pad = np.array([PAD], dtype=np.int32)
        self.decoded = 0
        """Rows computed since the start, fillers included: what measurements divide by."""

    def _load(self, path: Path) -> Any:
        params = self.llama.llama_model_default_params()
        params.n_gpu_layers = self.settings.gpu_layers if self.llama.llama_supports_gpu_offload() else 0
        model = self.llama.llama_model_load_from_file(str(path).encode("utf-8", "surrogateescape"), params)
        if not model:
            raise UsageError(
                f"llama.cpp cannot load {str(path)!r}: {complaints() or 'no reason given'}",
                "a GGUF model of an architecture that this build of llama.cpp knows",
                "type: harness doctor",
            )
        return model

    def _check_kind(self, path: Path) -> None:
        llama = self.llama
        other = llama.llama_model_has_encoder(self.model) or llama.llama_model_is_diffusion(self.model)
        if other or not llama.llama_model_has_decoder(self.model):
            raise UsageError(
                f"{str(path)!r} is no causal language model", "a decoder that predicts the next token", "try another"
            )

    def _cells(self, header: Header) -> int:
        # With long-context RoPE factors (Phi-3) the size of the cache decides which ones are used.
        if "rope_factors_long.weight" in header.tensors:
            return self.n_ctx
        return pool_cells(header.values, self.settings, self.n_ctx)

    def _create(self, path: Path, cells: int) -> Any:
        llama, settings = self.llama, self.settings
        params = llama.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = cells, settings.n_batch, settings.n_ubatch
        room = SEQUENCES if self.shares else settings.width + FIRST
        self.sequences = min(room, settings.n_batch, llama.llama_max_parallel_sequences())
        self.max_outputs = max(PAD_ROWS, min(settings.n_batch, LOGITS_BYTES // (4 * self.vocabulary.size)))
        params.n_seq_max, params.n_outputs_max = self.sequences, max(self.max_outputs, self.sequences)
        params.n_threads = params.n_threads_batch = self.threads
        params.flash_attn_type = {"auto": -1, "off": 0, "on": 1}[settings.flash_attn]
        params.type_k = params.type_v = {"f32": 0, "f16": 1, "q8_0": 8}[settings.kv_type]
        params.kv_unified = params.swa_full = True
        params.no_perf = True
        handle = llama.llama_init_from_model(self.model, params)
        if not handle:
            raise UsageError(
                f"no context of {cells} tokens for {str(path)!r}: {complaints() or 'no reason given'}",
                "enough free memory for the key-value cache, and settings that the model allows",
                "try: --set n_ctx=1024 --set width=4",
            )
        return handle

    @property
    def threads(self) -> int:
        """Threads that compute."""
        asked: int = self.settings.threads
        return asked or usable_cores()

    @property
    def max_sequences(self) -> int:
        """Sequences that requests may use, from `FIRST` on."""
        count: int = self.sequences - FIRST
        return count

    def prefill(self, batch: Batch) -> None:
        """Compute prompt rows, filled up so that every part that is computed at once has 64 rows or more."""
        rest = batch.count % self.n_ubatch
        self._decode(batch, PAD_ROWS - rest if 0 < rest < PAD_ROWS else 0)

    def step(self, batch: Batch) -> None:
        """Compute one row per text under way, filled up to 8 rows."""
        self._decode(batch, max(0, STEP_ROWS - batch.count))

    def _decode(self, batch: Batch, missing: int) -> None:
        if batch.outputs > max(self.max_outputs, self.sequences):
            raise ValueError(f"{batch.outputs} rows of logits asked of a context that holds {self.max_outputs}")
        fill = missing if self.settings.layout == "fixed" and self.shares else 0
        if fill:
            batch.add(self._filler[:fill], 0, self._pad)
        code = self.llama.llama_decode(self.handle, batch.view(self.llama))
        self.decoded += batch.count
        if code != 0:
            self.clear()
            raise DecodeError(
                f"llama_decode answered {code} to {batch.count} rows: {complaints() or 'no reason given'}"
            )
        if fill:
            self.remove(PAD)

    def row(self, index: int) -> NDArray[np.float32]:
        """Return the logits after batch row `index`: (vocabulary,), a view that the next decode overwrites."""
        pointer = self.llama.llama_get_logits_ith(self.handle, index)
        if not pointer:
            raise DecodeError(f"no logits at row {index}")
        return np.ctypeslib.as_array(pointer, shape=(self.vocabulary.size,))

    def copy(self, source: int, target: int, end: int = -1) -> None:
        """Let `target` share the first `end` tokens of `source` (-1: all). Costs no computation."""
        self.llama.llama_memory_seq_cp(self.memory, source, target, 0 if end >= 0 else -1, end)

    def remove(self, sequence: int, start: int = -1) -> None:
        """Drop a sequence's tokens from position `start` on (-1: all)."""
        self.llama.llama_memory_seq_rm(self.memory, sequence, start, -1)

    def keep(self, sequence: int) -> None:
        """Drop all sequences but one."""
        self.llama.llama_memory_seq_keep(self.memory, sequence)

    def clear(self) -> None:
        """Drop all sequences."""
        self.llama.llama_memory_clear(self.memory, False)

    def close(self) -> None:
        """Free context and weights. Idempotent."""
        # At interpreter exit the library may be gone already.
        with contextlib.suppress(TypeError, AttributeError):
            if self.handle:
                self.llama.llama_free(self.handle)
            if self.model:
                self.llama.llama_model_free(self.model)
        self.handle = self.model = None
