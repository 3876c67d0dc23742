"""LoRA fine-tuning by trl's SFTTrainer, held to what a step of ours promises.

    trained = train(base, plan, parameters, where, scratch, context)    -> adapter in scratch/adapter, log.jsonl

Set against the trainer's habits (trl 1.16, transformers 5.17): rows keep their order; nothing is printed to stdout; a
NaN is not replaced by the last average (`logging_nan_inf_filter`); bf16 and gradient checkpointing are off unless asked
for; no telemetry is sent; the generators of random numbers go on afterwards where they were. Equal seeds give equal
adapters, byte for byte, on a CPU with as many threads.

Cost: about 60 ms a step of 8 short rows for a model of a million parameters on two cores; memory that of the base once.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contracts import StepContext
from harness.errors import InfrastructureError, MissingPackage, UsageError, nearest
from harness.models.hf import is_out_of_memory
from harness.models.hf.borrowed import randomness
from harness.models.hf.loading import Loaded
from improve.training.base import Device
from improve.training.parameters import ALL_LINEAR, Finetune
from improve.training.preflight import Plan
from improve.training.rows import Encoded
from improve.training.watching import Watch

EVALUATIONS = 10
"""Looks at the rows held out, the one before the training left out."""
BOOK_S = 1.0
"""Between two bookings of seconds."""


@dataclass(frozen=True)
class Trained:
    """What a training came to."""

    adapter: Path
    is_first: bool
    """Whether this is the process that writes, of several that train together."""
    steps: int
    seconds: float
    tokens: int
    """Trained on, padding left out, every pass counted."""
    loss: float
    """Mean of the last tenth of the steps, in nats per supervised token."""
    held_out: Mapping[str, float]
    """`before`, `best`, `best_step`, `last`; empty where nothing was held out."""
    over_fitting: str | None
    stopped_early: bool


def train(base: Loaded, plan: Plan, parameters: Finetune, where: Device, context: StepContext) -> Trained:
    """Train an adapter and write it to `context.scratch / "adapter"`.

    Raises:
        UsageError: unknown target modules; the loss is not finite or diverges; nothing was learned.
        InfrastructureError: memory ran out. MissingPackage: trl or peft is not installed.
        BudgetSpent: of the workbench.
    """
    started = time.monotonic()
    with randomness(), _memory(parameters):
        trainer = _trainer(base, plan, parameters, where, context.scratch)
        watch = Watch(_steps(plan, parameters, trainer), parameters.learning_rate, "log.jsonl")
        observer = _observer(watch, parameters, context)
        trainer.add_callback(observer)
        trainer.train()
        if plan.held and (not watch.held or watch.held[-1][0] < trainer.state.global_step):
            trainer.evaluate()
        observer.close(trainer.model)
        adapter = context.scratch / "adapter"
        if trainer.is_world_process_zero():
            _save(trainer.model, adapter)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    tail = losses[-max(1, len(losses) // 10) :]
    return Trained(
        adapter=adapter,
        is_first=trainer.is_world_process_zero(),
        steps=int(trainer.state.global_step),
        seconds=time.monotonic() - started,
        tokens=int(trainer._total_train_tokens),
        loss=sum(tail) / len(tail),
        held_out=_held_out(watch),
        over_fitting=watch.over_fitting(),
        stopped_early=observer.stopped,
    )


def _held_out(watch: Watch) -> dict[str, float]:
    if watch.best is None:
        return {}
    step, loss = watch.best
    return {"before": watch.held[0][1], "best": loss, "best_step": step, "last": watch.held[-1][1]}


def _steps(plan: Plan, parameters: Finetune, trainer: Any) -> int:
    if parameters.steps is not None:
        return parameters.steps
    rows = parameters.batch * parameters.accumulation * trainer.accelerator.num_processes
    return math.ceil(len(plan.train) / int(rows) * (parameters.epochs or 1.0))


def _trainer(base: Loaded, plan: Plan, parameters: Finetune, where: Device, scratch: Path) -> Any:
    try:
        from peft import LoraConfig
        from transformers import PrinterCallback
        from trl import SFTTrainer
    except ImportError as error:
        raise MissingPackage(error.name or "trl", "fine-tuning", "train") from error

    class Trainer(SFTTrainer):  # type: ignore[misc]
        def _send_telemetry(self) -> None:
            """Say nothing to anybody."""

    lora = LoraConfig(
        r=parameters.r,
        lora_alpha=parameters.alpha,
        lora_dropout=parameters.dropout,
        target_modules=_targets(base.model, parameters.targets),
        task_type="CAUSAL_LM",
    )
    trainer = Trainer(
        model=base.model,
        args=_arguments(plan, parameters, where, scratch),
        train_dataset=_dataset(plan.train),
        eval_dataset=_dataset(plan.held) if plan.held else None,
        processing_class=base.tokenizer,
        peft_config=lora,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _dataset(rows: tuple[Encoded, ...]) -> Any:
    from datasets import Dataset

    return Dataset.from_dict({"input_ids": [list(row.ids) for row in rows], "labels": [row.labels for row in rows]})


def _arguments(plan: Plan, parameters: Finetune, where: Device, scratch: Path) -> Any:
    from trl import SFTConfig

    passes = parameters.batch * parameters.accumulation
    steps = parameters.steps or math.ceil(len(plan.train) / passes * (parameters.epochs or 1.0))
    schedule = "constant_with_warmup" if parameters.schedule == "constant" else parameters.schedule
    return SFTConfig(
        output_dir=str(scratch / "trainer"),
        max_steps=parameters.steps or -1,
        num_train_epochs=parameters.epochs or 1.0,
        per_device_train_batch_size=parameters.batch,
        per_device_eval_batch_size=parameters.batch,
        gradient_accumulation_steps=parameters.accumulation,
        learning_rate=parameters.learning_rate,
        lr_scheduler_type=schedule,
        warmup_steps=parameters.warmup,
        seed=parameters.seed,
        bf16=where.dtype == "bfloat16",
        use_cpu=where.use_cpu,
        gradient_checkpointing=parameters.gradient_checkpointing,
        logging_steps=1,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if plan.held else "no",
        eval_steps=max(1, steps // EVALUATIONS),
        eval_on_start=bool(plan.held),
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        dataloader_pin_memory=not where.use_cpu,
    )


def _targets(model: Any, wanted: str | list[str]) -> str | list[str]:
    """Return the modules that get an adapter, each checked against the model's linear layers."""
    if wanted == ALL_LINEAR:
        return ALL_LINEAR
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    known = {name.rpartition(".")[2] for name, module in model.named_modules() if "Linear" in type(module).__name__}
    known -= {"lm_head"}  # trl computes the loss from its weight alone: an adapter there would never be trained
    for name in names:
        if name not in known:
            raise UsageError(f"targets: no linear layer {name!r}", nearest(name, known), f"or targets: {ALL_LINEAR}")
    return names


def _save(model: Any, adapter: Path) -> None:
    model.save_pretrained(str(adapter), safe_serialization=True)
    path = adapter / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    # PEFT keeps them as a set, whose order differs from process to process.
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@contextmanager
def _memory(parameters: Finetune) -> Any:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        reason = (str(error).splitlines() or ["MemoryError"])[0]
        smaller = f"batch: {max(1, parameters.batch // 2)} and accumulation: {parameters.accumulation * 2}"
        raise InfrastructureError(
            f"the training does not fit in memory: {reason}",
            "room for a batch",
            f"{smaller}, or gradient_checkpointing",
        ) from error


def _observer(watch: Watch, parameters: Finetune, context: StepContext) -> Any:
    from improve.training.observer import Observer

    return Observer(watch, parameters, context, BOOK_S)
