"""LoRA supervised fine-tuning: a base model and a dataset give an adapter.

    inputs       [model artifact (or `model: hf:org/name`), dataset artifact]
    parameters   improve.training.parameters.Finetune
    output       adapter_config.json, adapter_model.safetensors, run.json, README.md (model card),
                 log.jsonl (a line a step), probes.jsonl (rows that `improve.merge` compares on), dropped.jsonl

Trained on completions alone, in the order of the file: mixing is another step's work. Checked before the first step:
`improve.training.preflight`; while it runs: `improve.training.watching`. Source: Hu et al. 2021, arXiv 2106.09685, on
transformers, peft and trl. Cost: about 60 ms a step of 8 short rows for `tiny` on two cores.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.config import validate
from harness.contracts import Step, StepContext
from harness.models.hf.codec import Codec
from harness.types import Artifact
from harness.workbench import candidate, record
from improve.training import base as bases
from improve.training import rows
from improve.training.parameters import Finetune
from improve.training.preflight import Plan, preflight

PROBES = 32
"""Rows kept for later comparisons: held-out ones first."""


class Finetuning(Step):
    """Trains an adapter."""

    version = "1"
    kind = "adapter"
    takes = ("model", "dataset")
    seeded = True
    alone = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Finetune, "improve.finetune")

    def estimate(self, parameters: Mapping[str, Any]) -> Mapping[str, float]:
        """Return optimiser steps: those given, else what the epochs take where no row is held out."""
        given = validate(dict(parameters), Finetune, "improve.finetune")
        if given.steps:
            return {"steps": given.steps}
        return {"steps_a_row": (given.epochs or 1.0) / (given.batch * given.accumulation)}

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Return the adapter's folder.

        Raises:
            UsageError: parameters, rows or targets that cannot be trained with; a loss that is not finite or diverges.
            InfrastructureError: memory ran out. MissingPackage: trl, peft or bitsandbytes is not installed.
        """
        wanted = validate(dict(parameters), Finetune, where="improve.finetune")
        dataset = bases.one(inputs, "dataset", "improve.finetune")
        assert dataset is not None
        place = candidate.locate(bases.one(inputs, "model", "improve.finetune", needed=False), wanted.model)
        where = bases.device(wanted)
        given = rows.read(Path(dataset.path))
        context.progress(0.0, f"{len(given)} rows")
        started = time.monotonic()
        base = bases.load(place, wanted, where)
        limit = min(wanted.max_length or base.n_ctx, base.n_ctx)
        plan = preflight(given, Codec(base.tokenizer), bases.end_tokens(base), limit, wanted.held_out, wanted.seed)
        loading = time.monotonic() - started
        from improve.training.trainer import train

        trained = train(base, plan, wanted, where, context)
        found = record.facts("improve.finetune", self.version, wanted.model_dump(), "peft", ("lora", "sft"))
        found |= {"seed": wanted.seed, "base": {"name": place, "digest": base.digest, "context": base.n_ctx}}
        found |= {"data": {"artifact": dataset.id, "digest": dataset.digest, **plan.report()}, "device": asdict(where)}
        outcome = {
            key: value for key, value in asdict(trained).items() if key not in ("adapter", "is_first", "held_out")
        }
        found |= {"training": {**outcome, "loading_seconds": loading}, "held_out_loss": dict(trained.held_out)}
        if trained.is_first:
            _finish(trained.adapter, found, plan, given, context)
        context.progress(1.0, trained.over_fitting or f"loss {trained.loss:.3f}")
        return trained.adapter


def _finish(
    folder: Path, found: Mapping[str, Any], plan: Plan, given: Sequence[rows.Row], context: StepContext
) -> None:
    """Write everything beside the weights."""
    record.write(folder, found)
    (context.scratch / "log.jsonl").replace(folder / "log.jsonl")
    by_id = {str(row["id"]): row for row in given}
    probes = [*plan.held, *plan.train][:PROBES]
    _write(folder / "probes.jsonl", [by_id[row.row_id] for row in probes])
    dropped = [{**by_id[row_id], "dropped": reason} for row_id, reason in plan.dropped.items()]
    _write(folder / "dropped.jsonl", dropped)


def _write(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
