"""Gates a training of transformers from inside: task scores stand beside the loss, on the weights in memory.

    trainer = Trainer(..., callbacks=[GateCallback("gates.yaml", every_saves=1, stop_on_fail=True)])
    trainer.train()
    trainer.state.log_history   -> {"harness/primer": 0.41, "harness/exit_code": 0, "step": 30, ..}, {"loss": 1.9, ..}

The policy is checked before the first step. Scores go through the trainer's own log, so TensorBoard and its kin show
them; run, verdict and checkpoint are rows of the database as those of `harness watch`. The training itself is bit for
bit what it would be without the callback (`models/hf/borrowed.py`). An evaluation that breaks is a warning and never
ends a training. One process only: in a distributed training the weights are not whole here, and `harness watch` on the
output folder does the same from outside.

Works with every trainer of transformers and TRL that calls `TrainerCallback`; nothing of this file is imported by the
command line.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback

from harness.config import read_settings
from harness.errors import HarnessError, UsageError
from harness.models.hf.borrowed import borrowed
from harness.models.hf.loading import HFSettings
from harness.report import reports
from harness.runner import Interrupted
from harness.runner.progress import Meter
from harness.store import Database
from harness.watch.checkpoints import Checkpoint
from harness.watch.conditions import Conditions, conditions
from harness.watch.judging import Judged, record

say = logging.getLogger("harness.watch")


class GateCallback(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Evaluates and gates the model at every n-th save, or every n steps.

    Args:
        policy: as `--policy` of `harness watch`.
        database: results file; None: HARNESS_DB, else results/harness.duckdb.
        baseline: run or baseline to compare with, in place of the policy's reference.
        every_saves: 1 is at every save of the trainer. Not used where `every_steps` is given.
        every_steps: optimiser steps between two evaluations, whether anything is saved or not.
        stop_on_fail: end the training after a FAIL; never after anything else.
        data: folder with the suites' official files; None: HARNESS_DATA.
        tokenizer: where the trainer has no `processing_class`.
        settings: as after `--set`: batch_size, n_ctx, reasoning.
    """

    def __init__(
        self,
        policy: str,
        database: str | None = None,
        baseline: str | None = None,
        every_saves: int = 1,
        every_steps: int | None = None,
        stop_on_fail: bool = False,
        data: str | None = None,
        tokenizer: Any = None,
        **settings: str,
    ) -> None:
        if min(every_saves, every_steps or 1) < 1:
            raise UsageError(f"every_saves={every_saves}, every_steps={every_steps}", "1 or more", "mend the call")
        self.policy, self.database, self.baseline, self.data = policy, database, baseline, data
        self.every_saves, self.every_steps, self.stop_on_fail = every_saves, every_steps, stop_on_fail
        self.tokenizer, self.settings = tokenizer, {name: str(value) for name, value in settings.items()}
        self.conditions: Conditions | None = None
        self.saves = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Check policy, data, references and tokenizer before the first step.

        Raises:
            UsageError: what a person must change. InfrastructureError: the results cannot be written.
        """
        if args.world_size > 1:
            what = f"GateCallback in a training of {args.world_size} processes: no process has all weights"
            raise UsageError(what, "one process", f"type: harness watch {args.output_dir} --policy {self.policy}")
        if self._tokenizer(given) is None:
            expected = "Trainer(processing_class=..) or GateCallback(tokenizer=..)"
            raise UsageError("GateCallback has no tokenizer to ask the model with", expected, "give one of them")
        database = Database.at(self.database)
        self.conditions = conditions(
            database, self.policy, str(args.output_dir), self.baseline, settings=self.settings, data=self.data
        )
        read_settings(self.conditions.evaluation("").settings, HFSettings)

    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Judge the weights that were just saved."""
        self.saves += 1
        if self.every_steps is None and self.saves % self.every_saves == 0:
            self._judge(args, state, control, **given)

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Judge the weights every `every_steps` steps."""
        if self.every_steps is not None and state.global_step % self.every_steps == 0:
            self._judge(args, state, control, **given)

    def _judge(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        assert self.conditions is not None, "on_train_begin comes first"
        step = int(state.global_step)
        checkpoint = Checkpoint(Path(args.output_dir) / f"checkpoint-{step}", "memory", step, 0.0)
        config = self.conditions.evaluation("")
        spec = f"training:{args.output_dir}/step-{step}"
        try:
            with borrowed(given["model"], self._tokenizer(given), spec, config.settings) as served:
                run_id = self.conditions.ask(config, served, Meter(quiet=True))
                judged = record(checkpoint, str(served.digest), self.conditions, run_id)
        except Interrupted as error:
            raise KeyboardInterrupt from error
        except HarnessError as error:
            say.warning("step %d was not gated: %s", step, error.what)
            return
        say.info("step %d: %s, %s", step, judged.outcome, judged.note)
        wanted = control.should_log
        self._log(state, self._figures(judged))
        # Logging takes the wish to log back, and the loss of this step has yet to be logged.
        control.should_log = wanted
        if self.stop_on_fail and judged.outcome == "FAIL":
            say.warning("step %d FAILs, the training stops: %s", step, judged.note)
            control.should_training_stop = True

    def _tokenizer(self, given: dict[str, Any]) -> Any:
        return self.tokenizer or given.get("processing_class") or given.get("tokenizer")

    def _figures(self, judged: Judged) -> dict[str, float]:
        """Return what the log gets: the primary score of every suite with its interval, and the exit code."""
        assert self.conditions is not None and judged.run_id is not None
        found: dict[str, float] = {"harness/exit_code": judged.exit_code}
        for report in reports(self.conditions.database, judged.run_id):
            if report.scored and report.metrics:
                score = report.primary[1]
                bounds = {"": score.value, "_low": score.low, "_high": score.high}
                found |= {f"harness/{report.suite}{end}": value for end, value in bounds.items()}
        return found

    def _log(self, state: Any, figures: dict[str, float]) -> None:
        trainer = _calling_trainer()
        if trainer is None:
            state.log_history.append({**figures, "step": state.global_step})
            return
        # TRL's own `log` would empty its running averages into this entry, and they would lack in that of the loss.
        Trainer.log(trainer, figures)


def _calling_trainer() -> Any:
    """Return the trainer whose callback is running: transformers hands over everything but it, and only it can log."""
    frame = sys._getframe(1)
    while frame is not None:
        if isinstance(frame.f_locals.get("self"), Trainer):
            return frame.f_locals["self"]
        frame = frame.f_back  # type: ignore[assignment]
    return None
