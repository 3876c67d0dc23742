"""Lossless archives of a model: one zstd stream for each big file, small files as they are, and a manifest.

    pack(Path("q8"), Path("packed"))                   packed/model.gguf.zst, packed/manifest.json
    unpack(Path("packed"), Path("again"))              again/model.gguf, bit for bit the first
    unpacked(Path("packed"), Path("results/cache"))    -> results/cache/unpacked/3f1c..; made once, for evaluations

The manifest is written last, so an archive without one is none. Nothing in an archive is trusted: `manifest` says what
is refused before a byte is written, `reading` what is while it is written.
"""

from compress.packing.reading import unpack, unpacked
from compress.packing.writing import pack

__all__ = ["pack", "unpack", "unpacked"]
