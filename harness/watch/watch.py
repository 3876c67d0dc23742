"""Looks at a folder again and again, and judges each checkpoint once, the earliest step first.

    watch = Watch(Path("out"), conditions, settle_s=5.0)
    for judged in watch.look(): ...        one pass: what is whole, at rest and not judged yet
    watch.waiting                          {Path("out/checkpoint-30"): "no config.json yet"}

A checkpoint is at rest when none of its files has changed for `settle_s` seconds, by the clock of the disk or by ours
(a disk on another machine may have another time). Whether it was judged is a question to the database, by the digest of
its content and of the conditions: a watch that was killed goes on where it stopped, two folders with the same weights
are one checkpoint, and a folder whose weights changed is a new one. Cost of a pass: names and times; weights are read
once to be hashed, and again only when times changed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError, MissingPackage, UsageError
from harness.runner import Interrupted
from harness.runner.progress import Meter
from harness.store import checkpoints
from harness.watch.checkpoints import Checkpoint, Stamp, find
from harness.watch.conditions import Conditions
from harness.watch.judging import BROKEN, Judged, Unsteady, judge
from harness.watch.whole import lacking

TRIES = 3
"""How often one watch evaluates a checkpoint whose evaluation breaks."""
CHANGING = "still changing"


class Watch:
    """The memory of one `harness watch`."""

    def __init__(self, folder: Path, conditions: Conditions, settle_s: float, meter: Meter | None = None) -> None:
        self.folder, self.conditions, self.settle_s = folder, conditions, settle_s
        self.meter = meter or Meter(quiet=True)
        self.waiting: dict[Path, str] = {}
        """What a checkpoint waits for; as of the last pass."""
        self._done: dict[Path, Stamp] = {}
        self._since: dict[Path, tuple[Stamp, float]] = {}
        self._tries: Counter[str] = Counter()

    def look(self) -> Iterator[Judged]:
        """Yield what became of each checkpoint that is whole, at rest, and new to this watch: one pass.

        Raises:
            UsageError: no such folder, a missing package. Interrupted: by Ctrl-C or SIGTERM.
        """
        self.waiting = {}
        for checkpoint in find(self.folder):
            stamp = checkpoint.stamp()
            if not stamp and not checkpoint.path.exists():
                continue
            if self._done.get(checkpoint.path) == stamp:
                continue
            if reason := self._reason_to_wait(checkpoint, stamp):
                self.waiting[checkpoint.path] = reason
            elif (judged := self._judged(checkpoint)) is None:
                self.waiting[checkpoint.path] = CHANGING
            else:
                if judged.lasting:
                    self._done[checkpoint.path] = stamp
                yield judged

    def _reason_to_wait(self, checkpoint: Checkpoint, stamp: Stamp) -> str:
        if self._since.get(checkpoint.path, ((), 0.0))[0] != stamp:
            self._since[checkpoint.path] = (stamp, time.monotonic())
        seen_s = time.monotonic() - self._since[checkpoint.path][1]
        age_s = time.time() - max((changed for _, _, changed in stamp), default=0) / 1e9
        if stamp and max(seen_s, age_s) < self.settle_s:
            return CHANGING
        return lacking(checkpoint)

    def _judged(self, checkpoint: Checkpoint) -> Judged | None:
        """Return what became of a checkpoint; None when it changed or went away meanwhile."""
        stamp = checkpoint.stamp()
        try:
            content = checkpoint.content(self.conditions.base)
        except (OSError, UsageError):  # gone, or no GGUF any more
            return None
        if checkpoint.stamp() != stamp:
            return None
        row = checkpoints.known(self.conditions.database, self.conditions.digest).get(content)
        if row is not None:
            return Judged(
                str(checkpoint.path), checkpoint.kind, checkpoint.step, row["outcome"], row["exit_code"],
                row["run_id"], row["gate_id"], error=row["error"] or "", known=True,
            )  # fmt: skip
        try:
            return judge(checkpoint, content, self.conditions, self.meter)
        except Unsteady:
            return None
        except (Interrupted, MissingPackage):
            raise
        except HarnessError as error:
            return self._broke_off(checkpoint, content, error)

    def _broke_off(self, checkpoint: Checkpoint, content: str, error: HarnessError) -> Judged:
        """Return an error without a row; it counts as done for this watch after `TRIES`."""
        self._tries[content] += 1
        return Judged(
            str(checkpoint.path), checkpoint.kind, checkpoint.step, "ERROR", BROKEN, error=error.what,
            lasting=self._tries[content] >= TRIES, stored=False,
        )  # fmt: skip
