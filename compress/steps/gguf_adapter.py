"""A LoRA adapter becomes a GGUF adapter, which llama.cpp puts on the GGUF of its base, quantised or not.

    inputs       [adapter artifact of `improve.finetune`, model artifact: the base that it was trained on]
    parameters   none
    output       a folder with adapter.gguf, run.json (with the adapter's own record inside), README.md (model card)

    harness eval base-Q5_K_M.gguf --set adapter=FOLDER/adapter.gguf

Before it is handed on, base and adapter are compared: transformers with peft, and llama.cpp with the base in F16 and
the new file on it (`compress.gguf.agreement`, the bound of f16). Cost: that of `compress.gguf`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compress.gguf import source
from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.errors import UsageError
from harness.hashing import file_sha256, folder_sha256
from harness.types import Artifact
from harness.workbench import record

NAME = "compress.gguf_adapter"
FILE = "adapter.gguf"


class Parameters(Strict):
    """Nothing may be told to `compress.gguf_adapter`."""


class GgufAdapter(Step):
    """Converts an adapter."""

    version = "1"
    kind = "adapter"
    takes = ("adapter", "model")
    alone = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Parameters, NAME)

    def foresee(
        self, config: Mapping[str, Any], folder: Path | None, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Refuse an adapter of a model that cannot become a GGUF."""
        source.check_source(config, folder)
        return config

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Return the folder with the file.

        Raises:
            UsageError: not one adapter and one model, another base than it was trained on, no plain LoRA, an
                architecture unknown to the converter. InfrastructureError: base and adapter say something else.
        """
        self.check(parameters)
        adapter, base = _one(inputs, "adapter"), _one(inputs, "model")
        source.check_source(source.read_config(Path(base.path)), Path(base.path))
        started, folder = time.monotonic(), context.scratch / "gguf"
        folder.mkdir()
        told = record.read(Path(adapter.path))
        checked = _make(Path(adapter.path), Path(base.path), folder / FILE, told)
        found = record.facts(NAME, self.version, {}, "gguf", ("gguf", *told.get("tags", ())))
        found |= {"base": told.get("base") or {"name": base.path, "digest": base.digest}, "checks": {"f16": checked}}
        size, sha256 = (folder / FILE).stat().st_size, file_sha256(folder / FILE)
        found |= {"file": {"name": FILE, "size_bytes": size, "sha256": sha256}}
        found |= {"adapter": {"artifact": adapter.id, "digest": adapter.digest, "run": told}}
        record.write(folder, found | {"seconds": time.monotonic() - started})
        context.progress(1.0, f"{size >> 10} KiB")
        return folder


def _one(inputs: Sequence[Artifact], kind: str) -> Artifact:
    found = [one for one in inputs if one.kind == kind]
    if len(found) != 1:
        raise UsageError(f"{NAME} has {len(found)} of kind {kind!r} among its inputs", "one", "look at the recipe")
    return found[0]


def _make(adapter: Path, base: Path, target: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Write the file and return how far base and adapter agree with the source."""
    from compress.gguf import agreement, reference
    from harness.models import convert
    from harness.models.convert_lora import lora_to_gguf
    from harness.models.hf.loading import TRAINING, HFSettings, load

    trained_on, here = told.get("base", {}).get("digest"), folder_sha256(base, TRAINING)
    if trained_on is not None and trained_on != here:
        what = f"the adapter was trained on another base than {str(base)!r}: {trained_on[:12]}, this is {here[:12]}"
        raise UsageError(what, "the base that its run.json names", "give that model")
    lora_to_gguf(adapter, target, base)
    loaded = load(str(base), HFSettings(dtype="float32", adapter=str(adapter)))
    said = reference.take(loaded, reference.texts(loaded.tokenizer))
    del loaded
    plain = convert.hf_to_gguf(base, target.with_name("base.gguf"), "f16")
    try:
        found = agreement.agreement(plain, said, str(target))
    finally:
        plain.unlink()
    agreement.refuse(target, found, "f16", "")
    return asdict(found)
