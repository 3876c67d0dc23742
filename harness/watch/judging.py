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
from dataclasses import dataclass, replace

from harness import registry
from harness.config import EvalConfig
from harness.errors import InfrastructureError, MissingPackage, UsageError
from harness.gate import judge as gate
from harness.models.hf import HF
from harness.models.hf.loading import unmap
from harness.runner.progress import Meter
from harness.store import checkpoints
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
        if isinstance(model, HF) and model.loaded is not None:
            # A training may write the same file anew, and what was mapped would become its weights.
            unmap(model.loaded.model)
        if checkpoint.stamp() != stamp:
            raise Unsteady
        run_id = conditions.ask(config, model, meter)
    return record(checkpoint, content, conditions, run_id)


def config_of(checkpoint: Checkpoint, conditions: Conditions) -> EvalConfig:
    """Return how a checkpoint is evaluated: an adapter on its base, anything else by itself.

    Raises:
        UsageError: nothing tells an adapter's base.
    """
    place = str(checkpoint.path)
    if not checkpoint.is_adapter:
        return conditions.evaluation(f"{checkpoint.kind}:{place}")
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
    return conditions.evaluation(spec, {"adapter": place}, name)


def record(
    checkpoint: Checkpoint, content: str, conditions: Conditions, run_id: str | None = None, error: str = ""
) -> Judged:
    """Return what became of a checkpoint after storing it: the verdict on its run, or why there is none."""
    judged = Judged(str(checkpoint.path), checkpoint.kind, checkpoint.step, "ERROR", BROKEN, error=error)
    if run_id is not None:
        gated = gate.judge(conditions.database, conditions.terms, run_id)
        verdict, code = gated.verdict, int(gated.row["exit_code"])
        judged = replace(
            judged, outcome=verdict.outcome, exit_code=code, run_id=run_id, gate_id=verdict.id, note=verdict.note
        )
    checkpoints.add(
        conditions.database, folder=conditions.folder, path=judged.path, kind=judged.kind, step=judged.step,
        digest=content, conditions=conditions.digest, run_id=run_id, gate_id=judged.gate_id, outcome=judged.outcome,
        exit_code=judged.exit_code, error=error,
    )  # fmt: skip
    return judged
