"""How often an improvement loop may look at a gate, and what is left of alpha.

A loop that may try again until the gate says PASS will get its PASS. So every gate of a loop (`harness gate .. --loop
NAME`) is a row of `gates`, every look decides at alpha / looks, and after the last one the gate says only that its
budget is spent: INCONCLUSIVE, never PASS, and without the checks, which would be a look.

    budget: {looks: 10}     ->   each look at alpha 0.005; the eleventh: "the loop 'repair' has used its 10 looks .."

What wears out is samples, not files. The digest of a policy is that of what it says (comments, order and spelt-out
defaults do not count), and a look counts here when it was one at the same policy, *or* at any suite that shares a
question with this policy's: editing the file, dropping a suite, another reference or a sibling suite is no fresh start.
It counts with the alpha that it spent, so that raising `looks` in the file buys none. A loop under another name is a
fresh start; names are given by people.

Why equal parts (Bonferroni). The level of a look does not depend on how many came before, so two at once need no order,
and the last candidates, the good ones, meet the same level as the first; harmonic parts leave the tenth look a third
of that. Overlapping candidates make it conservative, but no sharper bound holds for all loops. Chance that any of 10
looks passes a candidate that is truly worse by the margin (500 samples, discordance .15, alpha .05, 4,000 loops;
`pytest tests/gate/test_budget_error.py -s` prints them; standard error .003 where it is small):

    the loop's next candidate                                          undivided   alpha / looks   harmonic
    new each time                                                          .41           .045         .046
    from the last, a fifth of its answers drawn again                      .22           .028         .029
    from the last that was no FAIL, likewise                               .24           .035         .034
    climbs on the difference printed: from the best so far                 .47           .110         .063

The bound holds while a loop hears outcomes. One that climbs on the printed numbers fits the sealed samples themselves,
and no division of alpha among tens of looks mends that: show a loop the outcome, not the figures.
"""

from __future__ import annotations

import math
from typing import Any

import duckdb

from harness.errors import HarnessError
from harness.gate.policy import Policy
from harness.hashing import digest
from harness.store import Database, gates
from harness.types import Check, Verdict


class Spent(HarnessError):
    """The last look was taken while this one was being decided."""

    exit_code = 3


def policy_digest(policy: Policy) -> str:
    """Return what tells policies apart: the digest of all that one says, defaults included."""
    return digest(policy.model_dump(mode="json"))


def alpha_now(policy: Policy, looks: int) -> float:
    """Return the error rate of a loop's next look after `looks` before; 0 when the budget is spent."""
    return policy.defaults.alpha / policy.budget.looks if looks < policy.budget.looks else 0.0


def check(policy: Policy, loop: str, looks: int) -> Check:
    """Return the check of a loop's budget after `looks` before: PASS, or INCONCLUSIVE with what to do."""
    most = policy.budget.looks
    numbers = {"looks": looks, "alpha": alpha_now(policy, looks)}
    if looks < most:
        note = f"look {looks + 1} of {most} of the loop {loop!r}"
        return Check("", "budget", "PASS", looks + 1, most, note=note, numbers=numbers)
    note = (
        f"the loop {loop!r} has used its {most} looks at these samples: nothing more is decided on them;"
        " it needs samples that it never saw, in a policy of other suites"
    )
    return Check("", "budget", "INCONCLUSIVE", looks + 1, most, note=note, numbers=numbers)


def refusal(policy: Policy, candidate: str, loop: str, looks: int, baseline: str | None = None) -> Verdict:
    """Return the verdict of a look that is not to be had: the budget's check and nothing else."""
    only = check(policy, loop, looks)
    return Verdict("INCONCLUSIVE", (only,), candidate, baseline, note=only.note)


def looks(database: Database, policy: Policy, loop: str) -> int:
    """Return how many looks of this policy a loop has used, here or at samples that this policy shares.

    A gate that ended in ERROR counts: its figures were shown. A refusal does not: it showed none.
    """
    if not loop or not gates.latest(database, 1, loop=loop):
        return 0
    with database.read() as connection:
        return _used(connection, policy, loop)


def record(
    database: Database, policy: Policy, verdict: Verdict, /, loop: str = "", **columns: Any
) -> tuple[str, Verdict]:
    """Store a verdict; return (gate id, the verdict that holds).

    They differ when another gate of the loop took the last look meanwhile: count and row are one transaction, so of two
    at once only one is let in. What is not passed in `columns` (of `store.gates`) is filled in: exit code, digest of
    the policy, alpha, loop.
    """
    from harness.gate.decide import exit_code  # which asks this file for the budget

    alpha = alpha_now(policy, 0) if loop else policy.defaults.alpha
    filled = {"policy_digest": policy_digest(policy), "loop": loop or None, "alpha": alpha, **columns}

    def still_open(connection: duckdb.DuckDBPyConnection) -> None:
        if _used(connection, policy, loop) >= policy.budget.looks:
            raise Spent(f"the budget of the loop {loop!r} was spent while this gate was being decided")

    guard = still_open if loop and any(one.suite for one in verdict.checks) else None
    try:
        return gates.add(database, verdict, guard, **filled, exit_code=exit_code(verdict, policy)), verdict
    except Spent:
        refused = refusal(policy, verdict.candidate, loop, looks(database, policy, loop), verdict.baseline)
        return gates.add(database, refused, **filled, exit_code=exit_code(refused, policy)), refused


def _used(connection: duckdb.DuckDBPyConnection, policy: Policy, loop: str) -> int:
    """Return the alpha that a loop has spent on this policy or on questions of its suites, in looks, rounded up.

    A suite without code goes by its path in a policy (and in checks) and by `file:PATH` among the samples.
    """
    query = """
        WITH kin AS (
            SELECT unnest($suites::VARCHAR[]) AS suite
            UNION SELECT suite FROM samples WHERE origin IN (
                SELECT origin FROM samples WHERE list_contains($suites::VARCHAR[], suite)))
        SELECT coalesce(sum(coalesce(alpha, $each)), 0.0) FROM gates g WHERE loop = $loop AND EXISTS (
            SELECT 1 FROM checks c WHERE c.gate_id = g.gate_id AND c.suite <> ''
            AND (g.policy_digest = $policy OR c.suite IN (FROM kin) OR 'file:' || c.suite IN (FROM kin)))
    """
    each = alpha_now(policy, 0)
    suites = [name for suite in sorted(policy.suites) for name in (suite, f"file:{suite}")]
    parameters = {"suites": suites, "loop": loop, "policy": policy_digest(policy), "each": each}
    found = connection.execute(query, parameters).fetchone()
    assert found is not None
    return math.ceil(float(found[0]) / each - 1e-9)
