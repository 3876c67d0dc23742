"""Prunes a model: whole channels, heads or layers by what runs through them, or single weights by llm-compressor.

    inputs       [model artifact: a Hugging Face folder, dataset artifact: rows to calibrate on]
    parameters   {"method": "channels", "share": 0.5}                       half of the feed-forward channels go
                 {"method": "heads", "share": 0.25}                         whole key-value groups
                 {"method": "layers", "share": 0.25}                        the blocks that turn least
                 {"method": "sparsegpt", "share": 0.5, "pattern": "2:4"}    zeros, no smaller and no faster
    output       a Hugging Face folder, run.json, README.md (model card)

`share` is of the *original* model, so that a schedule calls this step with growing shares: each call watches the rows
run through the model as it then is, and cuts what is still missing. A call that finds nothing missing hands on what it
was given. The record says what a cut costs: perplexity on the calibration rows, before and after. Structured cuts make
a plain smaller model (`compress.pruning.plan` for what fits); it is opened again before it is handed on. Cost: two
forward passes over the rows, and the weights twice in memory.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from compress import oneshot
from compress.pruning import plan as plans
from compress.pruning import sparse
from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.errors import InfrastructureError, UsageError
from harness.models.hf.loading import HFSettings, Loaded, load
from harness.types import Artifact
from harness.workbench import candidate, record
from harness.workbench import rows as dataset

NAME = "compress.prune"


class Parameters(Strict):
    """What may be told to `compress.prune`."""

    method: Literal["channels", "heads", "layers", "wanda", "sparsegpt"] = "channels"
    share: float = Field(gt=0.0, lt=1.0)
    """Of the original width, or of the weights inside the blocks, that is gone afterwards."""
    pattern: sparse.Pattern = "unstructured"
    """Of zeros: anywhere, or two of every four in a row. Of `wanda` and `sparsegpt`."""
    samples: int = Field(default=128, ge=1)
    """Rows that are watched, spread over those given."""
    max_length: int = Field(default=512, ge=2)
    """Tokens of a row; what is longer is cut."""
    multiple: Literal[128, 256] = 256
    """Widths stay multiples of it: 256 for K-quants, 128 where nothing but AWQ follows."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.pattern == "2:4" and self.method not in ("wanda", "sparsegpt"):
            raise ValueError(f"pattern 2:4 is of wanda and sparsegpt, method is {self.method}")
        if self.pattern == "2:4" and self.share != 0.5:
            raise ValueError(f"two of four are a share of 0.5, not {self.share:g}")
        return self


@dataclass(frozen=True)
class Cut:
    """What was done to a model."""

    model: Any
    original: Mapping[str, int]
    now: Mapping[str, int]
    met: float
    """The share that is gone."""
    before: float
    after: float
    """Perplexity of the calibration rows."""


class Prune(Step):
    """Cuts."""

    version = "1"
    kind = "model"
    takes = ("model", "dataset")
    alone = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Parameters, NAME)

    def foresee(
        self, config: Mapping[str, Any], folder: Path | None, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the config.json after the cut.

        Raises:
            UsageError: an unknown architecture, a share that widths in multiples do not meet, nothing left to cut.
        """
        given = validate(dict(parameters), Parameters, NAME)
        if given.method == "wanda" or given.method == "sparsegpt":
            plans.known(config)
            return config
        found = plans.plan(config, given.method, given.share, given.multiple)
        if found.then == found.now:
            what = (
                f"{found.met:.3f} of {plans.WIDTHS[given.method]} are gone already, share: {given.share:g} cuts nothing"
            )
            raise UsageError(what, "a share beyond that", "leave this cut out")
        return found.config

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Return the folder of the pruned model.

        Raises:
            UsageError: not one model, no rows, what `foresee` refuses. MissingPackage: llm-compressor is not installed.
            InfrastructureError: the pruned model does not open, or answers with what is no number.
        """
        given = validate(dict(parameters), Parameters, NAME)
        source = candidate.model_of(inputs, NAME)
        rows, started = dataset.some_of(inputs, NAME), time.monotonic()
        # llm-compressor takes each block to the accelerator itself.
        device = "cpu" if given.method in ("wanda", "sparsegpt") else "auto"
        loaded = load(candidate.locate(source, ""), HFSettings(device=device))
        plans.known(loaded.model.config.to_dict())
        ids = oneshot.token_ids(rows, loaded.tokenizer, given.samples, min(given.max_length, loaded.n_ctx))
        context.progress(0.2, f"{len(ids)} rows")
        done = _cut(loaded, ids, given)
        context.progress(0.8, f"{done.met:.1%} gone")
        folder = context.scratch / "pruned"
        oneshot.save(done.model, loaded.tokenizer, folder)
        _opens(folder, done)
        told = _record(source, [one for one in inputs if one.kind == "dataset"], given, ids, done)
        seconds = time.monotonic() - started
        record.write(folder, told | {"seconds": seconds})
        context.spend("seconds", seconds)
        context.progress(1.0, f"{done.met:.1%} gone, perplexity {done.before:.3g} -> {done.after:.3g}")
        return folder


def _cut(loaded: Loaded, ids: Sequence[Sequence[int]], given: Parameters) -> Cut:
    from compress.pruning.cutting import cut
    from compress.pruning.importance import perplexity, score

    model = loaded.model
    if given.method == "wanda" or given.method == "sparsegpt":
        before = perplexity(model, ids)
        found = sparse.sparsify(model, loaded.tokenizer, ids, given.method, given.share, given.pattern)
        left = {"weights": found.weights - found.zeros}
        return Cut(model, {"weights": found.weights}, left, found.share, before, perplexity(model, ids))
    planned = plans.plan(model.config.to_dict(), given.method, given.share, given.multiple)
    key, seen = plans.WIDTHS[given.method], score(model, given.method, ids)
    if planned.then < planned.now:
        model = cut(model, planned, seen.scores)
    after = perplexity(model, ids) if model is not loaded.model else seen.perplexity
    return Cut(model, {key: planned.original}, {key: planned.then}, planned.met, seen.perplexity, after)


def _opens(folder: Path, done: Cut) -> None:
    """Refuse a folder that does not open with all weights and no others, or a model that answers with no number."""
    from transformers import AutoModelForCausalLM

    try:
        # Names and shapes alone: no second copy in memory.
        _, found = AutoModelForCausalLM.from_pretrained(
            folder, output_loading_info=True, local_files_only=True, device_map="meta"
        )
    except (RuntimeError, ValueError, OSError) as error:
        what = f"the pruned model does not open: {str(error).splitlines()[0]}"
        raise InfrastructureError(what, "weights as its config.json says", "look at the disk") from error
    wrong = {key: sorted(map(str, found[key])) for key in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    if any(wrong.values()):
        raise InfrastructureError(
            f"the pruned model does not open as it is: {wrong}", "all weights, no others", "look at the disk"
        )
    if not math.isfinite(done.after):
        what = f"the pruned model's perplexity on its calibration rows is {done.after}"
        raise InfrastructureError(what, "a number", "look at the model's weights and at the rows")


def _record(
    model: Artifact, datasets: Sequence[Artifact], given: Parameters, ids: Sequence[Sequence[int]], done: Cut
) -> dict[str, Any]:
    told = record.read(Path(model.path))
    found = record.facts(NAME, Prune.version, given.model_dump(), tags=("pruned", *told.get("tags", ())))
    found |= {"base": told.get("base") or {"name": model.path, "digest": model.digest}}
    found |= {"pruned": {"original": dict(done.original), "now": dict(done.now), "share": done.met}}
    found |= {"calibration": {"artifacts": {one.id: one.digest for one in datasets}, "rows": len(ids)}}
    found["calibration"] |= {"tokens": sum(map(len, ids)), "perplexity": {"before": done.before, "after": done.after}}
    return found | {"model": {"artifact": model.id, "digest": model.digest, "run": told}}
