"""A quantised GGUF with an importance matrix: columns that calibration text uses much are rounded with more care.

    inputs       [model artifact as for `compress.gguf`, dataset artifact: decontaminated rows]
    parameters   {"quant": "Q4_K_M"}                                  from 128 rows of at most 512 tokens
                 {"quant": "IQ2_XS", "samples": 64, "max_length": 256}
    output       as of `compress.gguf`; run.json names the rows and the tensors that were weighed

A step of its own, because what it takes is another: without rows there is no such matrix, and a model made with them is
held to the rule of clean rows (`workbench.clean`). Source: `compress.gguf.imatrix`. Cost: that of `compress.gguf` and
one forward pass over the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from compress.steps import gguf
from harness.types import Artifact
from harness.workbench import rows as dataset
from harness.workbench.rows import Row

NAME = "compress.gguf_imatrix"


class Weighed(gguf.Parameters):
    """What may be told to `compress.gguf_imatrix`."""

    quant: str
    samples: int = Field(default=128, ge=1)
    """Rows that the columns are weighed on, spread evenly over those given."""
    max_length: int = Field(default=512, ge=8)
    """Tokens of a row at most."""


class GgufImatrix(gguf.Gguf):
    """Converts a model and quantises it with an importance matrix."""

    version = "1"
    takes = ("model", "dataset")
    name = NAME
    parameters = Weighed

    def rows(self, inputs: Sequence[Artifact]) -> Sequence[Row]:
        """Return the rows of all datasets among the inputs."""
        return dataset.some_of(inputs, NAME)

    def data(self, inputs: Sequence[Artifact]) -> Mapping[str, Any]:
        """Return which they were."""
        found = [one for one in inputs if one.kind == "dataset"]
        return {"data": [{"artifact": one.id, "digest": one.digest} for one in found]}
