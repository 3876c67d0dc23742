"""A Hugging Face model becomes a GGUF file, by llama.cpp's own converter.

    inputs       [model artifact: a folder with config.json and safetensors; of one that was packed to 4 bits the float
                 weights above the packed ones]
    parameters   {"kind": "f16"}                    f32, f16, bf16, q8_0
                 {"kind": "f16", "quant": "Q5_K_M"} quantised after that, without an importance matrix (with one:
                                                    `compress.gguf_imatrix`)
                 {.., "fallback": true}             tensors whose rows are no whole blocks may become another type
    output       a folder with model.gguf, run.json (with the run record of the model inside), README.md (model card)

Before it is handed on the file is held against its source: token ids of texts, logits along text that the model writes
itself, types of all tensors (`compress.gguf.agreement`). What was found is in run.json. Cost: reads and writes the
weights once, the model in float32 in memory; `tiny` six seconds, most of them imports.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from compress.gguf import kinds, source
from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.errors import UsageError
from harness.hashing import file_sha256
from harness.types import Artifact, ArtifactKind
from harness.workbench import record
from harness.workbench.rows import Row

FILE = "model.gguf"


class Parameters(Strict):
    """What may be told to `compress.gguf`."""

    kind: Literal["f32", "f16", "bf16", "q8_0"] = "f16"
    """Of the tensors with two dimensions; the others stay F32."""
    quant: str = ""
    """K-quant or legacy quant of llama.cpp; empty: none."""
    fallback: bool = False
    """Whether llama.cpp may take another type for tensors whose rows are no multiple of the quant's block."""


class Gguf(Step):
    """Converts a model."""

    version = "2"
    kind = "model"
    takes: ClassVar[tuple[ArtifactKind, ...]] = ("model",)
    works_on = ("float", "int4")
    alone = True
    name: ClassVar[str] = "compress.gguf"
    parameters: ClassVar[type[Parameters]] = Parameters

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate, the name of the quant too."""
        given = validate(dict(parameters), self.parameters, self.name)
        if given.quant:
            kinds.check(given.quant, imatrix="dataset" in self.takes)

    def foresee(
        self, config: Mapping[str, Any], folder: Path | None, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Refuse a model that cannot become such a GGUF. See `source.check_source`."""
        given = validate(dict(parameters), self.parameters, self.name)
        options = {"imatrix": "dataset" in self.takes, "fallback": given.fallback}
        source.check_source(config, folder, given.quant, **options)
        return config

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Return the folder with the file.

        Raises:
            UsageError: not one model, an architecture or tokenizer unknown to the converter, an unknown quant, rows
                that are no whole blocks. MissingPackage: a package for converting is not installed.
            InfrastructureError: the file does not say what its source says.
        """
        given = validate(dict(parameters), self.parameters, self.name)
        models = [one for one in inputs if one.kind == "model"]
        if len(models) != 1:
            raise UsageError(f"{self.name} has {len(models)} models among its inputs", "one", "look at the recipe")
        from compress.gguf.making import Order, make

        started, folder = time.monotonic(), context.scratch / "gguf"
        folder.mkdir()
        order = Order(**given.model_dump(), rows=self.rows(inputs))
        made = make(Path(models[0].path), folder / FILE, order)
        found = record.facts(self.name, self.version, given.model_dump(), "gguf", self._tags(models[0]))
        found |= {**_origin(models[0], folder / FILE), **made, **self.data(inputs)}
        record.write(folder, found | {"seconds": time.monotonic() - started})
        said = "; ".join(made["warnings"])
        context.progress(1.0, said or f"{(folder / FILE).stat().st_size >> 20} MiB")
        return folder

    def rows(self, inputs: Sequence[Artifact]) -> Sequence[Row]:
        """Return the rows to weigh the columns by: none here."""
        return ()

    def data(self, inputs: Sequence[Artifact]) -> Mapping[str, Any]:
        """Return what the record says of them."""
        return {}

    def _tags(self, model: Artifact) -> tuple[str, ...]:
        return ("gguf", *record.read(Path(model.path)).get("tags", ()))


def _origin(model: Artifact, written: Path) -> dict[str, Any]:
    told = record.read(Path(model.path))
    found = {"base": told.get("base") or {"name": model.path, "digest": model.digest}}
    found |= {"file": {"name": FILE, "size_bytes": written.stat().st_size, "sha256": file_sha256(written)}}
    return found | {"model": {"artifact": model.id, "digest": model.digest, "run": told}}
