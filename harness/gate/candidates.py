"""Candidates of loops and recipes: evaluated on a policy's suites in a child process, judged on its sealed samples.

    run_id = evaluated(bench, terms.policy, "gguf:model.gguf", {}, None, "quickstart-1", log)
    gate_id, outcome = judged(database, terms, run_id, "quickstart")

Both are done once: what is stored is not asked again, and a run that was judged under this policy is not looked at
again, so that a loop that was killed spends no second look.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from harness.config import GRADES
from harness.gate import budget as looking
from harness.gate.judge import Terms, evaluation, judge
from harness.gate.policy import Policy
from harness.report import document
from harness.store import Database, gates
from harness.types import Outcome
from harness.workbench import Workbench, candidate

Tell = Callable[[str], None]


def evaluated(
    bench: Workbench, policy: Policy, spec: str, settings: Mapping[str, str], data: str | None, named: str, log: Path,
    quiet: bool = True, tell: Tell = lambda _: None,
) -> str:  # fmt: skip
    """Return the run of a model on the policy's suites, both splits; its seconds are booked, and end it.

    Raises:
        BudgetSpent: no seconds are left. UsageError, InfrastructureError: as the child says; names the log.
    """
    bench.budget.check("seconds")
    config = evaluation(policy, spec, settings, data)
    config = config.model_copy(update={"name": named, "split": "all"})
    left, started, run_id = bench.budget.left("seconds"), time.monotonic(), ""
    with suppress(subprocess.TimeoutExpired):
        try:
            run_id = candidate.evaluate(bench.database, config, log, quiet, left)
        finally:
            bench.book(time.monotonic() - started)
    if not run_id:
        bench.budget.check("seconds")
    for suite, part in document(bench.database, run_id, GRADES)["suites"].items():
        tell(f"  {suite}: {part['score']:.4f} ({part['low']:.3f} to {part['high']:.3f}), both splits")
    return run_id


def judged(
    database: Database, terms: Terms, run_id: str, loop: str, tell: Tell = lambda _: None
) -> tuple[str, Outcome]:
    """Return id and outcome of the verdict on a run's sealed samples, as a look of the loop."""
    digest = looking.policy_digest(terms.policy)
    for row in gates.latest(database, 1, candidate=run_id, loop=loop, policy_digest=digest):
        return str(row["gate_id"]), row["outcome"]
    found = judge(database, terms, run_id, "test", sealed=True, loop=loop).verdict
    tell(f"gate: {found.outcome}")
    return found.id, found.outcome
