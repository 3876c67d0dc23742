"""The byte-plane filter: the same byte of every block side by side, because it is alike across blocks.

    split(b"A1B2C3", 2) -> b"ABC123";  join(b"ABC123", 2) -> b"A1B2C3"

A tensor of a GGUF file is a row of blocks of one struct (Q8_0: 2 bytes of scale, 32 of weights), one of safetensors a
row of numbers whose first byte holds most of the exponent. What is not whole blocks (headers, padding, the end of a
piece) stays as it is. Any division into runs is reversible, so a wrong one costs size and never content. Sizes of
blocks: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Cost: 0.3-1 GB/s, three pieces in memory.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from compress.packing.manifest import Run
from harness.errors import MissingPackage

PIECE = 1 << 25
"""Bytes that are filtered at once, part of the format: 32 MiB, so that a plane of Q6_K has some 160 kB."""
NUMBERS = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
"""Bytes of a number of safetensors; of what is not here: 1."""


def runs(path: Path) -> list[Run]:
    """Return how a file's bytes are to be filtered; one run of stride 1 where its format is not known."""
    size = path.stat().st_size
    try:
        found = {".gguf": _gguf, ".safetensors": _safetensors}.get(path.suffix, lambda _: [])(path)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, struct.error):
        found = []  # no file of that format: packed all the same
    return _merged(found, size)


def pieces(divided: Iterable[Run]) -> Iterator[tuple[int, int]]:
    """Yield (bytes, stride) of what is filtered at once."""
    for run in divided:
        most = PIECE // run.stride * run.stride
        for start in range(0, run.length, most):
            yield min(most, run.length - start), run.stride


def split(piece: bytes, stride: int) -> bytes:
    """Return the piece plane by plane."""
    return piece if stride == 1 else _turned(piece, (-1, stride))


def join(piece: bytes, stride: int) -> bytes:
    """Return the piece that `split` was given."""
    return piece if stride == 1 else _turned(piece, (stride, -1))


def _turned(piece: bytes, shape: tuple[int, int]) -> bytes:
    import numpy as np

    whole = len(piece) - len(piece) % max(shape)
    if not whole:
        return piece
    return np.frombuffer(piece, np.uint8, whole).reshape(shape).T.tobytes() + piece[whole:]


def _gguf(path: Path) -> list[tuple[int, int, int]]:
    """Return (start, end, bytes of a block) of the tensors."""
    try:
        import gguf
    except ImportError as error:
        raise MissingPackage("gguf", "packing a GGUF", "compress") from error
    sizes = gguf.GGML_QUANT_SIZES
    tensors = gguf.GGUFReader(path).tensors
    return [(int(t.data_offset), int(t.data_offset + t.n_bytes), sizes[t.tensor_type][1]) for t in tensors]


def _safetensors(path: Path) -> list[tuple[int, int, int]]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > 100_000_000:
            return []
        header = json.loads(file.read(length))
    told = [value for key, value in header.items() if key != "__metadata__"]
    begin = 8 + length
    return [
        (begin + one["data_offsets"][0], begin + one["data_offsets"][1], NUMBERS.get(one["dtype"], 1)) for one in told
    ]


def _merged(found: Iterable[tuple[int, int, int]], size: int) -> list[Run]:
    """Return runs that cover a file of `size` bytes, neighbours of one stride as one."""
    divided: list[tuple[int, int]] = []
    at = 0
    for start, end, stride in sorted(found):
        if start < at or end > size or end < start:
            divided, at = [], 0
            break
        divided += [(start - at, 1), (end - start, stride)]
        at = end
    joined: list[tuple[int, int]] = []
    for length, stride in [*divided, (size - at, 1)]:
        if joined and joined[-1][1] == stride:
            joined[-1] = (joined[-1][0] + length, stride)
        elif length:
            joined.append((length, stride))
    return [Run(length=length, stride=stride) for length, stride in joined]
