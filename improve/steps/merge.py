"""Adds an adapter to its base's weights, and refuses the result unless it answers as the two did.

    inputs       [adapter artifact, base model artifact (or `model:`, or what the adapter's run record names),
                 dataset artifact (else the rows that the adapter kept for this)]
    parameters   improve.training.parameters.Merge
    output       a folder that `hf:` opens and `convert.hf_to_gguf` converts: weights, tokenizer and chat template of
                 the base, run.json with the adapter's own record inside, README.md (model card)

The sum is made in float32 and then rounded to `dtype`, never to 8 or 4 bits: that is what destroys a tune (quantise the
merged model instead). Before it is handed on, the written folder is opened through `hf:` and compared with base plus
adapter on N prompts (`improve.training.agreement` states the tolerances). Cost: the base in float32 twice in memory,
one after the other, and N short texts from each.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import registry
from harness.config import validate
from harness.contracts import Step, StepContext
from harness.errors import InfrastructureError, MissingPackage, UsageError
from harness.models.hf.loading import HFSettings, load
from harness.types import Artifact
from harness.workbench import candidate, record
from improve.training import base as bases
from improve.training import rows
from improve.training.agreement import NATS, OTHER, Agreement, agreement
from improve.training.parameters import Merge


class Merging(Step):
    """Merges an adapter."""

    version = "1"
    kind = "model"
    takes = ("adapter", "model")
    alone = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Merge, "improve.merge")

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Return the merged model's folder.

        Raises:
            UsageError: no adapter, another base than it was trained on, a quantised base, no rows to compare on.
            InfrastructureError: the merged model does not answer as base and adapter do.
        """
        wanted = validate(dict(parameters), Merge, where="improve.merge")
        adapter = bases.one(inputs, "adapter", "improve.merge")
        assert adapter is not None
        folder, told = Path(adapter.path), record.read(Path(adapter.path))
        given = bases.one(inputs, "model", "improve.merge", needed=False)
        spec = wanted.model or ("" if given else str(told.get("base", {}).get("name", "")))
        place = candidate.locate(given, spec)
        probes = _probes(folder, bases.one(inputs, "dataset", "improve.merge", needed=False))[: wanted.prompts]
        started = time.monotonic()
        merged, digest = _merge(place, folder, wanted, told, context.scratch / "merged")
        context.progress(0.5, "merged; compared with base and adapter next")
        found = _compare(place, folder, wanted, merged, probes)
        _refuse_other(found, wanted)
        _write(merged, adapter, wanted, told, {"name": place, "digest": digest}, found, time.monotonic() - started)
        context.spend("seconds", time.monotonic() - started)
        context.progress(1.0, f"{found.same_texts} of {found.rows} texts the same, {found.nats:.1e} nats apart")
        return merged


def _probes(adapter: Path, dataset: Artifact | None) -> list[rows.Row]:
    if dataset is not None:
        return rows.read(Path(dataset.path))
    kept = adapter / "probes.jsonl"
    if not kept.is_file():
        what = f"the adapter {str(adapter)!r} kept no rows to compare on"
        raise UsageError(what, "probes.jsonl, as improve.finetune leaves it", "give a dataset among the inputs")
    return rows.read(kept)


def _merge(place: str, adapter: Path, wanted: Merge, told: Mapping[str, Any], target: Path) -> tuple[Path, str | None]:
    """Write the merged model and tokenizer; return the folder and the base's digest."""
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingPackage("peft", "merging an adapter", "train") from error
    import torch

    base = load(place, HFSettings(dtype="float32", device="cpu", revision=wanted.revision))
    trained_on = told.get("base", {}).get("digest")
    if trained_on is not None and trained_on != base.digest:
        what = f"the adapter was trained on another base than {place!r}: {trained_on[:12]}, this is {base.digest!s:.12}"
        raise UsageError(what, "the base that its run.json names", "give that model")
    if getattr(base.model.config, "quantization_config", None):
        what = f"the base {place!r} is quantised: an adapter merged into rounded weights is lost"
        raise UsageError(what, "its original weights", "merge first, quantise the merged model")
    try:
        model = PeftModel.from_pretrained(base.model, str(adapter)).merge_and_unload(safe_merge=True)
    except (RuntimeError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [""])[0][:300]
        raise UsageError(
            f"the adapter {str(adapter)!r} cannot be merged: {reason}", "one for this base", "check it"
        ) from error
    model = model.to(getattr(torch, wanted.dtype))
    model.save_pretrained(str(target), safe_serialization=True)
    base.tokenizer.save_pretrained(str(target))
    return target, base.digest


def _compare(place: str, adapter: Path, wanted: Merge, merged: Path, probes: Sequence[rows.Row]) -> Agreement:
    options = {"device": "cpu", "dtype": "float32"}
    revision = {"revision": wanted.revision} if wanted.revision else {}
    with (
        registry.open_model(f"hf:{place}", {**options, **revision, "adapter": str(adapter)}) as before,
        registry.open_model(f"hf:{merged}", {**options, "dtype": wanted.dtype}) as after,
    ):
        return agreement(before, after, probes, wanted.max_tokens)


def _refuse_other(found: Agreement, wanted: Merge) -> None:
    if found.holds(wanted.dtype):
        return
    share = OTHER[wanted.dtype]
    raise InfrastructureError(
        f"the merged model is another one: {found.rows - found.same_texts} of {found.rows} texts differ, "
        f"{found.nats:.2g} nats per token apart; {found.other}",
        f"in {wanted.dtype} at most {share:.3g} of the texts and {NATS[wanted.dtype]:g} nats",
        "merge with dtype: float32" if wanted.dtype != "float32" else "look at the adapter: is it plain LoRA?",
    )


def _write(
    folder: Path, adapter: Artifact, wanted: Merge, told: Mapping[str, Any], base: Mapping[str, Any],
    found: Agreement, seconds: float,
) -> None:  # fmt: skip
    about = record.facts("improve.merge", Merging.version, wanted.model_dump(), tags=told.get("tags", ()))
    about |= {"base": dict(base), "adapter": {"artifact": adapter.id, "digest": adapter.digest}, "seconds": seconds}
    about |= {"agreement": asdict(found), "finetune": dict(told)}
    record.write(folder, about)
