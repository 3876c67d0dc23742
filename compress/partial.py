"""A context for a step that another step runs: a scratch folder of its own, a part of the progress, the rest passed on.

registry.step("improve.merge").run(inputs, {}, Part(context, "merge", 0.7, 0.95))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.contracts import StepContext
from harness.types import Completion, Fault, Request


class Part(StepContext):
    """What a step within a step may use."""

    def __init__(self, whole: StepContext, name: str, begin: float, end: float) -> None:
        """`name`: of its scratch folder. `begin`, `end`: of the whole's progress."""
        self.whole, self.begin, self.end = whole, begin, end
        self.scratch, self.cache = whole.scratch / name, whole.cache
        self.scratch.mkdir()

    def ask(self, model: str, requests: Sequence[Request]) -> list[Completion | Fault]:
        """Ask as the whole does."""
        return self.whole.ask(model, requests)

    def spend(self, what: str, amount: float) -> None:
        """Book on the whole."""
        self.whole.spend(what, amount)

    def progress(self, done: float, note: str = "") -> None:
        """Report this part of the whole's progress."""
        self.whole.progress(self.begin + done * (self.end - self.begin), note)

    def measure(self, step: int, values: Mapping[str, float]) -> None:
        """Put a point on the whole's curves."""
        self.whole.measure(step, values)
