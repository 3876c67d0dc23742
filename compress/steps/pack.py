"""Packs a model without loss: zstd, behind a byte-plane filter where that measures smaller.

    inputs       [model artifact: a GGUF's folder, a Hugging Face folder, one with packed int4 weights]
    parameters   {"level": 19}      of zstd, 1 to 19
    output       FILE.zst for every big file, small files as they are, manifest.json with the SHA-256 of every file
                 before and after, run.json (what it gained, file by file; the model's own record inside), README.md

What it gains is little where weights are dense and already few bits: `packed.saved` in run.json says how little, and
docs/compression.md what to expect. `harness unpack` gives the model back bit for bit, and so does the evaluation of an
archive. Cost: some 3 MB/s a core at level 19; disk for one more copy.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import Field

from compress.packing import pack
from compress.packing.manifest import Manifest, ratio
from compress.packing.writing import Gain
from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.errors import UsageError
from harness.types import Artifact
from harness.workbench import record

NAME = "compress.pack"


class Parameters(Strict):
    """What may be told to `compress.pack`."""

    level: int = Field(default=19, ge=1, le=19)
    """Of zstd; 3 is a hundred times faster and packs sparse weights a few percent worse."""


class Pack(Step):
    """Packs a model."""

    version = "1"
    kind = "model"
    takes = ("model",)
    works_on = ("gguf", "float", "int4")

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Parameters, NAME)

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Return the archive's folder.

        Raises:
            UsageError: not one model, one that is no folder, a file's name that no archive can hold.
            InfrastructureError: no room on the disk. MissingPackage: zstandard is not installed.
        """
        given = validate(dict(parameters), Parameters, NAME)
        models = [one for one in inputs if one.kind == "model"]
        if len(models) != 1:
            raise UsageError(f"{NAME} has {len(models)} models among its inputs", "one", "look at the recipe")
        started, folder = time.monotonic(), context.scratch / "packed"
        made, gains = pack(Path(models[0].path), folder, given.level, lambda done: context.progress(done, "packing"))
        record.write(folder, _record(models[0], made, gains, given, time.monotonic() - started))
        context.progress(1.0, f"{made.size_bytes:,} bytes to {made.packed_bytes:,}: {made.ratio:.3f}x")
        return folder


def _record(
    model: Artifact, made: Manifest, gains: Mapping[str, Gain], given: Parameters, seconds: float
) -> dict[str, Any]:
    told = record.read(Path(model.path))
    tags = [one for one in told.get("tags", ()) if one != "zstd"]
    found = record.facts(NAME, Pack.version, given.model_dump(), told.get("library", "transformers"), ("zstd", *tags))
    found |= {"base": told.get("base") or {"name": model.path, "digest": model.digest}, "seconds": seconds}
    sizes = {"size_bytes": made.size_bytes, "packed_bytes": made.packed_bytes}
    found |= {"packed": sizes | {"ratio": made.ratio, "saved": 1 - 1 / made.ratio, "files": _files(made, gains)}}
    return found | {"model": {"artifact": model.id, "digest": model.digest, "run": told}}


def _files(made: Manifest, gains: Mapping[str, Gain]) -> dict[str, Any]:
    """Return ratio and filter of every file that was packed, with what the filter was measured by."""
    found: dict[str, Any] = {}
    for one in made.files:
        if one.codec == "zstd":
            told = {"size_bytes": one.size, "packed_bytes": one.packed_size, "ratio": ratio(one.size, one.packed_size)}
            found[one.name] = told | {"filter": "byte planes" if one.planes else "none"}
            if gain := gains.get(one.name):
                found[one.name]["tried"] = asdict(gain)
    return found
