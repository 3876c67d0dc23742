"""Where steps are done: each once, inside a budget, its output kept as an artifact with its parents.

bench = Workbench(database, loop="nightly", budget={"usd": 5.0, "tokens": 2e6})
rows = bench.make("improve.generate", [failures], {"count": 600})     a second call finds it done
tuned = bench.make("improve.finetune", [base, rows], {"r": 16})       in a process of its own
"""

from harness.workbench.budget import Budget, BudgetSpent
from harness.workbench.making import Workbench
from harness.workbench.shelf import keep

__all__ = ["Budget", "BudgetSpent", "Workbench", "keep"]
