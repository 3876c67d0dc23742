"""Trains a damaged model back: LoRA at a low learning rate on training rows, merged into its weights.

    inputs       [model artifact, dataset artifacts: all rows at hand, in one order by seed]
    parameters   those of improve.finetune, with the defaults below, and `dtype` of the merged weights
    output       a folder like the input's: weights, tokenizer, run.json (with the records of both steps), README.md

    recover:
      - compress.hardest: {share: 0.3}            of the rows drawn, those that the cut made hard
      - improve.generate: {suite: primer, rows: 600}    for the samples of `dev` that broke
      - improve.verify
      - improve.dedup
      - improve.decontaminate
      - compress.recover

Both steps of the improvement wing are asked by name: their checks of rows, loss and agreement hold. A sum with an
adapter has no zeros left, so where more than a twentieth of the linear weights were exactly zero these are set to zero
again, and what that changed is measured (`compress.sparsity`). Source: docs/compression.md, section Recovery, says how
much this mends. Cost: that of improve.finetune and improve.merge; `tiny` half a minute on two cores.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from compress import sparsity
from compress.partial import Part
from harness import registry
from harness.contracts import Step, StepContext
from harness.errors import UsageError, nearest
from harness.hashing import digest, fraction
from harness.types import Artifact
from harness.workbench import candidate, record
from harness.workbench import rows as dataset
from harness.workbench.rows import Row

NAME = "compress.recover"
FINETUNE, MERGE = "improve.finetune", "improve.merge"
DEFAULTS: Mapping[str, Any] = {"r": 64, "alpha": 64, "steps": 300, "learning_rate": 3e-4}
"""Where the recipe says nothing else. On `tiny`, three times the rate mends more and breaks far more anew."""
Dtype = Literal["float32", "float16", "bfloat16"]
OURS = ("model", "revision")
"""Parameters of improve.finetune that this step answers itself."""


class Recover(Step):
    """A model and rows in, a model out."""

    version = "1"
    kind: ClassVar = "model"
    takes: ClassVar = ("model", "dataset")
    works_on: ClassVar = ("float",)
    seeded: ClassVar = True
    alone: ClassVar = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        _given(parameters)

    def estimate(self, parameters: Mapping[str, Any]) -> Mapping[str, float]:
        """Return what the training takes."""
        return registry.step(FINETUNE).estimate(_given(parameters)[0])

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Return the recovered model's folder.

        Raises:
            UsageError: no model, no rows, rows or parameters that cannot be trained with; a loss that diverges.
            InfrastructureError: the merged model is another one than was trained; memory ran out.
        """
        started = time.monotonic()
        tuning, dtype = _given(parameters)
        model = candidate.model_of(inputs, NAME)
        place = candidate.locate(model, "")
        rows = _ordered(dataset.some_of(inputs, NAME), int(tuning.get("seed", 0)))
        taught = _kept(rows, context.scratch / "rows")
        adapter = _run(FINETUNE, [model, taught], tuning, Part(context, "finetune", 0.0, 0.7))
        merging = _merging(dtype or _dtype(place))
        merged = Path(_run(MERGE, [adapter, model], merging, Part(context, "merge", 0.7, 0.95)).path)
        told = record.read(merged)
        zeros = sparsity.kept(place, merged, Path(adapter.path) / "probes.jsonl", merging["dtype"])
        found = record.facts(NAME, self.version, {**tuning, "dtype": dtype}, tags=told.get("tags", ()))
        found |= {"seed": tuning.get("seed", 0), "base": told["base"], "seconds": time.monotonic() - started}
        found |= {"data": {"artifacts": [one.id for one in inputs if one.kind == "dataset"], "rows": len(rows)}}
        found |= {"agreement": told["agreement"], "zeros": zeros, "finetune": told["finetune"]}
        found |= {"model": {"artifact": model.id, "digest": model.digest, "run": record.read(Path(place))}}
        record.write(merged, found)
        context.progress(1.0, "zeros are zero again" if zeros["restored"] else "merged")
        return merged


def _given(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return (parameters of the training, type of the merged weights; empty: that of the model)."""
    tuning = dict(parameters)
    dtype = tuning.pop("dtype", "")
    if dtype and dtype not in get_args(Dtype):
        what = f"{NAME}: dtype = {dtype!r}"
        raise UsageError(what, nearest(str(dtype), get_args(Dtype)), "leave it out: the model's own is kept")
    if named := [name for name in OURS if name in tuning]:
        what = f"{NAME}: {named[0]} = {tuning[named[0]]!r}: the model is what the stages before it made"
        raise UsageError(what, "no other", f"take {named[0]} out")
    default = {key: value for key, value in DEFAULTS.items() if key != "steps" or "epochs" not in tuning}
    whole = {**default, **tuning}
    registry.step(FINETUNE).check(whole)
    return whole, str(dtype)


def _ordered(rows: Sequence[Row], seed: int) -> list[Row]:
    """Return different rows in an order by seed: trainers keep it, and several datasets came one after the other."""
    every = {str(row["id"]): row for row in rows}
    return [every[name] for name in sorted(every, key=lambda name: (fraction(seed, NAME, name), name))]


def _kept(rows: Sequence[Row], folder: Path) -> Artifact:
    names = digest([row["id"] for row in rows])
    return Artifact(names[:16], "dataset", str(dataset.write(folder, NAME, rows, (), len(rows))), names)


def _run(name: str, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Artifact:
    """Return what another wing's step makes."""
    step = registry.step(name)
    made = step.run(inputs, parameters, context)
    by = {"step": name, "version": step.version, "parameters": dict(parameters)}
    return Artifact(digest(by, [one.digest for one in inputs])[:16], step.kind, str(made), digest(by), made_by=by)


def _merging(dtype: str) -> dict[str, Any]:
    """Return the parameters of the merge."""
    # Rounding to 16 bits turns near ties, and every token after such a tie is another one: more texts, shorter ones.
    return {"dtype": dtype, **({} if dtype == "float32" else {"prompts": 32, "max_tokens": 16})}


def _dtype(place: str) -> str:
    """Return the type that a model's weights are declared in."""
    path = Path(place) / "config.json"
    told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    named = str(told.get("dtype") or told.get("torch_dtype") or "float32")
    return named if named in get_args(Dtype) else "float32"
