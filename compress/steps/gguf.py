"""A Hugging Face model becomes a GGUF file, by llama.cpp's own converter.

    inputs       [model artifact: a folder with config.json and safetensors]
    parameters   {"kind": "f16"}                    f32, f16, bf16, q8_0
                 {"kind": "f16", "quant": "Q5_K_M"} quantised after that, without an importance matrix
    output       a folder with model.gguf, run.json (with the run record of the model inside), README.md (model card)

Cost: reads and writes the weights once; `tiny` a few seconds, most of them imports.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.errors import UsageError
from harness.hashing import file_sha256
from harness.models import convert
from harness.types import Artifact
from harness.workbench import record

NAME = "compress.gguf"
FILE = "model.gguf"


class Parameters(Strict):
    """What may be told to `compress.gguf`."""

    kind: Literal["f32", "f16", "bf16", "q8_0"] = "f16"
    """Of the tensors with two dimensions; the others stay F32."""
    quant: str = ""
    """K-quant or legacy quant of llama.cpp; empty: none."""


class Gguf(Step):
    """Converts a model."""

    version = "1"
    kind = "model"
    takes = ("model",)
    alone = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Parameters, NAME)

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Return the folder with the file.

        Raises:
            UsageError: not one model, an architecture or tokenizer unknown to the converter, an unknown quant.
            MissingPackage: a package for converting is not installed.
        """
        given = validate(dict(parameters), Parameters, NAME)
        models = [one for one in inputs if one.kind == "model"]
        if len(models) != 1:
            raise UsageError(f"{NAME} has {len(models)} models among its inputs", "one", "look at the recipe")
        started, folder = time.monotonic(), context.scratch / "gguf"
        folder.mkdir()
        target = folder / FILE
        written = convert.hf_to_gguf(Path(models[0].path), folder / "plain.gguf" if given.quant else target, given.kind)
        if given.quant:
            convert.quantize(written, target, given.quant)
            written.unlink()
        record.write(folder, _record(models[0], target, given, time.monotonic() - started))
        context.progress(1.0, f"{target.stat().st_size >> 20} MiB")
        return folder


def _record(model: Artifact, written: Path, given: Parameters, seconds: float) -> dict[str, Any]:
    told = record.read(Path(model.path))
    found = record.facts(NAME, Gguf.version, given.model_dump(), "gguf", ("gguf", *told.get("tags", ())))
    found |= {"base": told.get("base") or {"name": model.path, "digest": model.digest}, "seconds": seconds}
    found |= {"file": {"name": FILE, "size_bytes": written.stat().st_size, "sha256": file_sha256(written)}}
    return found | {"model": {"artifact": model.id, "digest": model.digest, "run": told}}
