"""Evaluates one whole checkpoint, gates it and records what came of it.

    judge(checkpoint, "5e..", conditions, meter)  ->  Judged(path="out/checkpoint-10", step=10, outcome="FAIL", ..)

Three things can go wrong, and they are told apart:

- it cannot be opened: it is *broken*, which is a row like any other verdict (ERROR), and is not tried again;
- it changed or went away while it was read (a training overwrites, `save_total_limit` deletes): `Unsteady`, no row.
  Once it is open it may be deleted: the weights are in memory, or held by the open file;
- the evaluation broke (disk, sandbox, another process drives the same run): an error without a row; tried again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from harness import registry
from harness.config import EvalConfig
from harness.errors import InfrastructureError, MissingPackage, UsageError
from harness.gate import budget
from harness.gate.decide import decide, exit_code
from harness.gate.gather import gather
from harness.gate.seal import why_run
from harness.runner import evaluate
from harness.runner.progress import Meter
from harness.store import checkpoints, read
from harness.types import Verdict
from harness.watch.checkpoints import Checkpoint
from harness.watch.conditions import Conditions

BROKEN = 4
"""Exit code of a checkpoint that cannot be opened or evaluated."""


class Unsteady(Exception):
    """The checkpoint changed, or is gone, while it was read."""


@dataclass(frozen=True)
class Judged:
    """What became of one checkpoint."""

    path: str
    kind: str
    step: int | None
    outcome: str
    """PASS, FAIL, INCONCLUSIVE or ERROR."""
    exit_code: int
    run_id: str | None = None
    gate_id: str | None = None
    note: str = ""
    """The verdict in a line."""
    error: str = ""
    """Why there is no verdict; empty where there is one."""
    known: bool = False
    """Judged by an earlier watch; nothing was asked."""
    stored: bool = True
    """Whether it is a row. What is not is tried again: a few times by this watch, and by the next."""
    lasting: bool = True
    """Whether this watch is done with it."""


def judge(checkpoint: Checkpoint, content: str, conditions: Conditions, meter: Meter) -> Judged:
    """Return what came of a checkpoint whose content has that digest, after recording it.

    Raises:
        Unsteady: it changed or went away before it was open. Interrupted: by Ctrl-C or SIGTERM.
        HarnessError: the fault is not the checkpoint's: a missing package, disk, database, sandbox.
    """
    stamp = checkpoint.stamp()
    try:
        config = config_of(checkpoint, conditions)
        model = registry.open_model(config.model, config.settings)
    except (MissingPackage, InfrastructureError):
        raise
    except UsageError as error:
        if checkpoint.stamp() != stamp:
            raise Unsteady from error
        return record(checkpoint, content, conditions, error=f"{error.what} (expected: {error.expected})")
    with model:
        if checkpoint.stamp() != stamp:
            raise Unsteady
        run_id = evaluate(config, conditions.database, model, meter=meter).run_id
    return record(checkpoint, content, conditions, run_id)


def config_of(checkpoint: Checkpoint, conditions: Conditions) -> EvalConfig:
    """Return how a checkpoint is evaluated: an adapter on its base, anything else by itself.

    Raises:
        UsageError: nothing tells an adapter's base.
    """
    place = str(checkpoint.path)
    if not checkpoint.is_adapter:
        return conditions.evaluation(f"{checkpoint.kind}:{place}", conditions.settings)
    base = conditions.base or checkpoint.base()
    if not base:
        raise UsageError(f"nothing tells the base of the adapter {place!r}", "a base", "type: --base MODEL")
    # What an adapter names is a folder or a name on the hub; `--base` may be any spec.
    with suppress(UsageError):
        base = ":".join(registry.split_spec(base))
    known = registry.names("models")
    spec = base if base.partition(":")[0] in known else f"hf:{base}"
    # The base alone would not tell checkpoints apart in lists of runs.
    name = f"{checkpoint.path.parent.name}/{checkpoint.path.name}"
    return conditions.evaluation(spec, {**conditions.settings, "adapter": place}, name)


def gate(conditions: Conditions, run_id: str) -> tuple[str, Verdict]:
    """Return (gate id, verdict) of a run, decided and stored."""
    database, policy = conditions.database, conditions.policy
    sealed = bool(why_run(database, run_id))
    split = "test" if sealed else policy.evaluate.split
    verdict = decide(policy, gather(database, policy, run_id, split, sealed, folder=conditions.file.parent))
    run = read.run(database, run_id)
    return budget.record(
        database, policy, verdict, model=run["model"], model_digest=run["model_digest"], policy=conditions.named,
        policy_text=conditions.file.read_text(encoding="utf-8"), split=split, sealed=sealed, way="fixed",
    )  # fmt: skip


def record(
    checkpoint: Checkpoint, content: str, conditions: Conditions, run_id: str | None = None, error: str = ""
) -> Judged:
    """Return what became of a checkpoint after storing it: the verdict on its run, or why there is none."""
    gate_id: str | None = None
    outcome, code, note = "ERROR", BROKEN, ""
    if run_id is not None:
        gate_id, verdict = gate(conditions, run_id)
        outcome, code, note = verdict.outcome, exit_code(verdict, conditions.policy), verdict.note
    judged = Judged(str(checkpoint.path), checkpoint.kind, checkpoint.step, outcome, code, run_id, gate_id, note, error)
    checkpoints.add(
        conditions.database, folder=conditions.folder, path=judged.path, kind=judged.kind, step=judged.step,
        digest=content, conditions=conditions.digest, run_id=run_id, gate_id=gate_id, outcome=outcome, exit_code=code,
        error=error,
    )  # fmt: skip
    return judged
