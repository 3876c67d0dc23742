"""The rule that no recipe may leave decontamination out.

require(["improve.generate", "improve.verify", "improve.mix", "improve.decontaminate", "improve.finetune"])
require(["improve.decontaminate", "improve.mix", "improve.finetune"])     -> UsageError: mix comes behind it
"""

from __future__ import annotations

from collections.abc import Sequence

from harness import registry
from harness.errors import UsageError

DECONTAMINATE = "improve.decontaminate"
ONLY_DROP = frozenset({"improve.dedup", "improve.verify", "compress.hardest"})
"""Steps that take rows out and add none: what was clean stays clean."""


def require(steps: Sequence[str]) -> None:
    """Refuse a recipe's steps (registered names, in order) where one trains on rows that are not decontaminated.

    A step trains, or calibrates, where it makes a model or an adapter out of rows. Whatever makes rows, and is not
    known to take some out only, makes them unclean again: a step of tomorrow is held to this without being named here.

    Raises:
        UsageError: names the step that trains and the step behind which decontamination is missing. Also: no such step.
    """
    clean, last = False, ""
    for name in steps:
        step = registry.step(name)
        makes = step.kind
        if makes == "dataset" and name not in ONLY_DROP:
            clean, last = name == DECONTAMINATE, name
        elif makes in ("model", "adapter") and "dataset" in step.takes and not clean:
            where = f"behind {last!r}" if last else f"before {name!r}"
            raise UsageError(
                f"{name!r} would train on rows that were not held against the samples of the benchmarks",
                f"{DECONTAMINATE!r} {where}: no benchmark sample trains, ever",
                f"add the step {DECONTAMINATE} to the recipe, right before {name}",
            )
