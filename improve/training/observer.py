"""The trainer's callback: curves go out live, costs are booked, the rules of `watching` are applied.

Imported by `trainer` alone, when transformers is there. Every log entry is a line of `log.jsonl` and a point of every
curve; both are written at the step they belong to. In a training of several processes the first one does it.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

from transformers import TrainerCallback

from harness.contracts import StepContext
from harness.errors import UsageError
from improve.training.parameters import Finetune
from improve.training.watching import Watch

CURVES = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "mean_token_accuracy": "token_accuracy",
    "num_tokens": "tokens",
    "eval_loss": "held_out_loss",
    "eval_mean_token_accuracy": "held_out_token_accuracy",
}
"""What the trainer logs -> our curve."""


class Observer(TrainerCallback):  # type: ignore[misc]
    """Watches one training."""

    def __init__(self, watch: Watch, parameters: Finetune, context: StepContext, book_s: float) -> None:
        self.watch, self.parameters, self.context, self.book_s = watch, parameters, context, book_s
        self.stopped = False
        self._best: dict[str, Any] = {}
        self._booked = time.monotonic()
        self._gpus = 0
        self._is_first = True

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin the clock."""
        self._booked = time.monotonic()
        self._gpus = 0 if args.use_cpu else int(args.world_size)
        self._is_first = bool(state.is_world_process_zero)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Write the entry down, then apply the rules: what broke a training must be in its log."""
        logs = logs or {}
        step = int(state.global_step)
        points = {ours: float(logs[theirs]) for theirs, ours in CURVES.items() if theirs in logs}
        if state.is_world_process_zero and points:
            with (self.context.scratch / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **points}) + "\n")
            self.context.measure(step, points)
            self._book()
        if "loss" in logs:
            self.watch.loss(step, points["loss"], points.get("grad_norm", 0.0))
            if state.is_world_process_zero:
                self.context.progress(step / max(1, state.max_steps), f"loss {points['loss']:.3f}")

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, Any] | None = None, model: Any = None, **_: Any
    ) -> None:
        """Take the held-out loss; remember the best adapter and stop where that is asked for."""
        loss = (metrics or {}).get("eval_loss")
        if loss is None:
            return
        self.watch.held_out(int(state.global_step), float(loss))
        patience = self.parameters.early_stop
        if patience is None:
            return
        best = self.watch.best
        if best is not None and best[0] == state.global_step:
            self._best = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
        if self.watch.is_stale(patience):
            self.stopped = control.should_training_stop = True

    def close(self, model: Any) -> None:
        """Put the best adapter back where that was asked for, book the rest, check what was trained.

        Raises:
            UsageError: a weight is not finite, or no weight has changed.
        """
        if self._is_first:
            self._book(force=True)
        weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
        for name, weight in weights.items():
            if name in self._best:
                weight.data.copy_(self._best[name])
        total = sum(float(weight.detach().float().abs().sum()) for name, weight in weights.items() if "lora_B" in name)
        rate = self.parameters.learning_rate
        if not math.isfinite(total):
            raise UsageError(
                "the adapter holds weights that are not finite", "finite ones", f"lower learning_rate: {rate:g}"
            )
        if total == 0.0:  # B begins at zero: the adapter does nothing at all
            what = "nothing was learned: no weight of the adapter has changed"
            raise UsageError(what, "a training that changes weights", f"more steps, or a learning_rate above {rate:g}")

    def _book(self, force: bool = False) -> None:
        elapsed = time.monotonic() - self._booked
        if elapsed < self.book_s and not force:
            return
        self._booked = time.monotonic()
        self.context.spend("seconds", elapsed)
        if self._gpus:
            self.context.spend("gpu_minutes", elapsed * self._gpus / 60)
