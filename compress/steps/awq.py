"""Float weights become 4-bit ones, in groups of 128, by activation-aware quantisation (AWQ), on any machine.

    inputs       [model artifact: float weights, dataset artifact: rows that calibrate, never a suite's samples]
    parameters   {"samples": 128, "max_length": 512}     rows that calibrate, and tokens of each, at most
    output       a folder that hf: opens (float weights, AWQ's scales folded in: what goes on to GGUF) with a sub-folder
                 int4/ that vllm: and hf: open (packed, compressed-tensors); run.json, README.md (model card)

Eight rows are kept aside, and both folders are opened again and compared on them (`compress.awq.checking`). Shapes and
architecture are checked before work starts (`compress.awq.shapes`). Source: Lin et al. 2023, arXiv 2306.00978, through
llm-compressor (`compress.awq.rounding`). Cost: the model in memory once, 20 passes of every block over the rows.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import Field

from compress.awq import checking
from compress.awq.rounding import IGNORED, SCHEME, Smoothed, quantize
from compress.awq.shapes import GROUP, check_shapes
from compress.oneshot import token_ids
from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.errors import UsageError
from harness.hashing import digest
from harness.models.hf.loading import HFSettings, load
from harness.types import Artifact
from harness.workbench import candidate, record, rows

NAME = "compress.awq"
PROBES = 8
"""Rows kept aside to compare on."""
FEWEST = 8
"""Rows below which nothing is calibrated."""


class Parameters(Strict):
    """What may be told to `compress.awq`."""

    samples: int = Field(default=128, ge=4)
    """Rows that calibrate, at most, spread evenly over those given."""
    max_length: int = Field(default=512, ge=8)
    """Tokens of a row; the rest is cut."""


class Awq(Step):
    """Quantises a model to 4 bits."""

    version = "1"
    kind = "model"
    takes = ("model", "dataset")
    works_on = ("float",)
    alone = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Parameters, NAME)

    def foresee(
        self, config: Mapping[str, Any], folder: Path | None, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the same configuration: shapes stay. See `check_shapes` for what is refused."""
        check_shapes(config)
        return config

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Return the folder.

        Raises:
            UsageError: not one model, no dataset, too few rows, weights that cannot be cut into groups of 128.
            InfrastructureError: what was written does not answer as it should.
            MissingPackage: llm-compressor is not installed.
        """
        given = validate(dict(parameters), Parameters, NAME)
        model = candidate.model_of(inputs, NAME)
        calibrating, aside = _divided(rows.some_of(inputs, NAME))
        started, folder = time.monotonic(), context.scratch / "awq"
        place = candidate.locate(model, "")
        skipped = check_shapes(_config(place))
        loaded = load(place, HFSettings())
        ids = token_ids(calibrating, loaded.tokenizer, given.samples, given.max_length)
        probes = token_ids(aside, loaded.tokenizer, PROBES, checking.TOKENS)
        source = checking.log_probabilities(loaded.model, probes)
        context.progress(0.1, f"{len(ids)} rows, {sum(map(len, ids))} tokens")
        smoothed = quantize(loaded, ids, folder)
        del loaded
        gc.collect()
        context.progress(0.8, "written; opened again and compared next")
        found = checking.compare(source, folder, probes)
        seconds = time.monotonic() - started
        told = _record(inputs, model, given) | {"agreement": asdict(found), "seconds": seconds}
        told |= {"calibration": {"rows": len(ids), "tokens": sum(map(len, ids)), "digest": digest(ids)}}
        record.write(folder, told | _done(folder, smoothed, skipped))
        context.spend("seconds", seconds)
        context.progress(1.0, f"{found.divergence:.3g} nats apart, {found.top1:.1%} the same")
        return folder


def _config(place: str) -> dict[str, Any]:
    """Return the configuration of a folder, or of a name on the hub, as it lies there."""
    told = Path(place) / "config.json"
    if told.is_file():
        found: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
        return found
    from transformers import AutoConfig

    return dict(AutoConfig.from_pretrained(place).to_dict())


def _divided(given: Sequence[rows.Row]) -> tuple[list[rows.Row], list[rows.Row]]:
    """Return (rows that calibrate, rows that are compared on), the latter spread evenly over all."""
    if len(given) < FEWEST:
        raise UsageError(f"{len(given)} rows to calibrate on", f"{FEWEST} or more; 128 are usual", "draw more rows")
    step = max(2, len(given) // PROBES)
    aside = set(range(0, len(given), step)[:PROBES])
    return [row for at, row in enumerate(given) if at not in aside], [given[at] for at in sorted(aside)]


def _record(inputs: Sequence[Artifact], model: Artifact, given: Parameters) -> dict[str, Any]:
    told = record.read(Path(model.path))
    tags = ("awq", "int4", "compressed-tensors", *told.get("tags", ()))
    found = record.facts(NAME, Awq.version, given.model_dump(), tags=tags)
    found |= {"base": told.get("base") or {"name": model.path, "digest": model.digest}}
    found |= {"data": [{"artifact": one.id, "digest": one.digest} for one in inputs if one.kind == "dataset"]}
    return found | {"model": {"artifact": model.id, "digest": model.digest, "run": told}}


def _done(folder: Path, smoothed: Sequence[Smoothed], skipped: Sequence[str]) -> dict[str, Any]:
    """Return what was done to the weights, and what they weigh."""
    errors = {one.layer: {"without_scales": one.before, "with_scales": one.after} for one in smoothed}
    scheme = {"name": SCHEME, "bits": 4, "group": GROUP, "symmetric": False, "left_out": [IGNORED]}
    sizes = {"float": _weights(folder), candidate.INT4: _weights(folder / candidate.INT4)}
    return {"scheme": scheme, "block_errors": errors, "not_smoothed": list(skipped), "weights_bytes": sizes}


def _weights(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.glob("*.safetensors"))
