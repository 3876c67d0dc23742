"""A hard cap on what a loop may cost: every cost is a row, and the one that would pass the cap is refused.

    budget = Budget(database, "nightly", {"usd": 5.0})
    budget.check("usd", 0.02)       before a call: raises BudgetSpent where it would pass the cap
    budget.spend(key, "usd", 0.02)  after it: what was paid is booked in any case

Sums are read from the store, so that a killed and resumed loop goes on counting. A call's cost is known only when it is
over: the cap is passed by at most one call.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import HarnessError
from harness.store import Database, artifacts


class BudgetSpent(HarnessError):
    """The cap is reached: nothing further is bought."""

    exit_code = 3


class Budget:
    """The costs of one loop. Kinds without a cap are counted and never refused."""

    def __init__(self, database: Database, loop: str, caps: Mapping[str, float]) -> None:
        self.database, self.loop, self.caps = database, loop, dict(caps)
        self.spent = artifacts.spent(database, loop)

    def left(self, what: str) -> float | None:
        """Return what may still be spent; None where there is no cap."""
        cap = self.caps.get(what)
        return None if cap is None else cap - self.spent.get(what, 0.0)

    def check(self, what: str, amount: float = 0.0) -> None:
        """Raise where nothing is left, or less than `amount`.

        Raises:
            BudgetSpent: says how much of which cap is used.
        """
        left = self.left(what)
        if left is not None and (left <= 0 or amount > left):
            used = f"{self.spent.get(what, 0.0):g} of {self.caps[what]:g} {what} are spent"
            asked = f", {amount:g} more are asked for" if amount else ""
            raise BudgetSpent(f"budget of {self.loop!r}: {used}{asked}", "a larger budget", "raise it, and run again")

    def spend(self, step_key: str, what: str, amount: float) -> None:
        """Book a cost, then raise where the cap is passed.

        Raises:
            BudgetSpent: it is booked all the same.
        """
        if not amount >= 0:
            raise ValueError(f"a cost of {amount!r}")
        artifacts.book(self.database, self.loop, step_key, what, amount)
        self.spent[what] = self.spent.get(what, 0.0) + amount
        left = self.left(what)
        if left is not None and left < 0:
            self.check(what)
