"""The kinds of GGUF that models are quantised to, by their names in llama.cpp: bits, block, what each may lose.

    block("Q5_K_M"), bits("Q5_K_M"), bounds("Q5_K_M")     -> 256, 5, Bounds(kl_mean=0.04, top1=0.94)

K-quants and the legacy ones (Q4_0 .. Q8_0), and llama.cpp's IQ kinds. The bounds are proposals: about three times what
was measured on Llama-3-8B (README of llama.cpp's tools/perplexity), because small models lose more. A model beyond them
is a model with a warning; whether it may ship is a gate's to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.errors import UsageError, nearest
from harness.models import convert

OFFERED = re.compile(r"Q[458]_[01]|Q[2-6]_K(_[SML])?|IQ[1-4]_[A-Z]+")
SUPER_BLOCK, BLOCK = 256, 32
SMALL_BLOCKS = re.compile(r"Q\d_[01]|IQ4_NL")
NEEDS_IMATRIX = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "Q2_K_S"})
"""What llama.cpp refuses to make without an importance matrix."""


@dataclass(frozen=True)
class Bounds:
    """What a kind may lose before it is worth a warning."""

    kl_mean: float
    """Nats per token."""
    top1: float
    """Share of positions."""


BOUNDS = {8: Bounds(0.005, 0.98), 6: Bounds(0.02, 0.96), 5: Bounds(0.04, 0.94), 4: Bounds(0.08, 0.90)}
"""By bits; nothing is promised of fewer."""


def check(quant: str, imatrix: bool) -> None:
    """Refuse what cannot be made.

    Raises:
        UsageError: no such kind, or one that needs an importance matrix. MissingPackage: llama-cpp-python is missing.
    """
    known = [name for name in convert.quantisations() if OFFERED.fullmatch(name)]
    if quant.upper() not in known:
        raise UsageError(f"no GGUF quantisation {quant!r}", nearest(quant.upper(), known), "for example: Q5_K_M")
    if quant.upper() in NEEDS_IMATRIX and not imatrix:
        what = f"{quant} cannot be made without an importance matrix"
        raise UsageError(what, "rows to calibrate on", "take the step compress.gguf_imatrix, or Q3_K_M")


def bits(quant: str) -> int:
    """Return the bits of most weights, scales left out."""
    return int(next(mark for mark in quant if mark.isdigit()))


def block(quant: str) -> int:
    """Return the number of elements that rows must be a multiple of."""
    return BLOCK if SMALL_BLOCKS.fullmatch(quant.upper()) else SUPER_BLOCK


def bounds(quant: str) -> Bounds | None:
    """Return what a kind may lose; None below four bits."""
    return BOUNDS.get(bits(quant))
