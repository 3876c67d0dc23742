"""Sequential mode: the candidate is asked in a seeded order and looked at all the while; known is enough.

    outcome = ask(policy, config, database)            # evaluates, and stops each suite when its answer is known
    evidence = gather(database, policy, outcome.run_id, ..)
    decide(policy, looked(policy, database, evidence))

What was looked at is never kept in memory alone: `looked` plays the stored records again in the same order, so a killed
evaluation that goes on, and a run gated for the second time, come to the same verdict. `gate.looks` says when an answer
is known and why the error rates hold; tests/gate/test_sequential_power.py prints what it saves and what it costs.

A suite is tested at the end only, at the whole alpha, where it has no stored reference, few large clusters, or a metric
that is no mean (`gate.stage`); its check says so. A run that stopped for another reason is no sequential run: what is
missing of it are faults, as ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.compare.differences import differences
from harness.compare.pairs import declared_metric, result_rows
from harness.compare.values import sample_values
from harness.config import EvalConfig
from harness.contracts import Model
from harness.gate import seal
from harness.gate.decide import alpha_of
from harness.gate.evidence import Evidence, SuiteEvidence
from harness.gate.gather import stored_name, stored_references
from harness.gate.looks import Looking
from harness.gate.policy import Policy
from harness.gate.stage import Stage, stage
from harness.runner import Outcome, evaluate
from harness.runner.order import Order, told
from harness.runner.progress import Meter
from harness.store import Database, read
from harness.types import Record

UNFINISHED = "run/unfinished"
"""How `gather` counts the records that a run still wants."""


def ask(
    policy: Policy,
    config: EvalConfig,
    database: Database,
    loop: str = "",
    sealed: bool = False,
    model: Model | None = None,
    fresh: bool = False,
    meter: Meter | None = None,
) -> Outcome:
    """Evaluate a candidate and stop each suite as soon as its answer is known; return as `runner.evaluate` does.

    Raises:
        UsageError: a reference that names no run, and whatever `runner.evaluate` raises.
    """
    plan = _Plan(policy, database, loop)
    lookings: dict[str, Looking | None] = {}

    def watch(suite: str, record: Record) -> bool:
        if suite not in lookings:
            split = "test" if sealed or seal.why_run(database, record.run_id) else config.split
            begun = plan.stage(suite, record.run_id, split)
            lookings[suite] = Looking(begun) if isinstance(begun, Stage) else None
        looking = lookings[suite]
        return looking is not None and looking.add(record.sample_id, record.score.values if record.score else None)

    return evaluate(config, database, model, fresh, meter, order=plan.order, watch=watch)


def looked(policy: Policy, database: Database, evidence: Evidence) -> Evidence:
    """Return the evidence with what looks have found in each suite, from the stored records alone."""
    plan = _Plan(policy, database, evidence.loop)
    return replace(evidence, suites={name: plan.replay(held, evidence) for name, held in evidence.suites.items()})


class _Plan:
    """What a policy says about looking: the order, who shares alpha, and the reference."""

    def __init__(self, policy: Policy, database: Database, loop: str) -> None:
        self.policy, self.database = policy, database
        self.alpha = alpha_of(policy, Evidence("", "", {}, loop=loop))
        self.names = {stored_name(name, {}): name for name in policy.suites}
        """Stored name of a suite -> its name in the policy."""
        clusters = {stored: policy.suites[name].cluster for stored, name in self.names.items()}
        self.order = Order(policy.sequential.order_seed, {suite: tag for suite, tag in clusters.items() if tag})
        references = stored_references(database, policy)
        self.reference = references.get("reference", "")
        pinned = [references[name] for name in ("reference", "previous") if name in references]
        known = [read.run_suites(database, run) for run in pinned]
        self.family = sum(suite in suites for suites in known for suite in self.names)

    def stage(self, suite: str, candidate: str, split: str) -> Stage | str:
        """Return what is fixed about a suite of a run, or why there is only the test at the end."""
        runs = [read.run(self.database, run) for run in (self.reference, candidate) if run]
        rows = [read.run_suites(self.database, run["run_id"]) for run in runs]
        if len(runs) < 2 or suite not in self.names or suite not in rows[0]:
            return "there is no stored reference"
        if any(found.fatal for found in differences(runs, [each[suite] for each in rows])):
            return "the runs are not comparable"
        wanted = self.policy.suites[self.names[suite]]
        metric = declared_metric(rows[1][suite], wanted.metric)
        own = metric if metric.aggregate.startswith("pass@") else replace(metric, aggregate="micro")
        found = [r for r in result_rows(self.database, self.reference, suite, split) if r["measures"] is not None]
        reference, tags = sample_values(own, found), {row["sample_id"]: row["tags"] or {} for row in found}
        groups = {row["sample_id"]: self._group(suite, row) for row in found}
        asked = rows[1][suite]["wanted"] // runs[1]["config"]["samples"]
        rules = self.policy.sequential
        return stage(
            wanted, metric, reference, groups, tags, min(asked, len(reference)), alpha=self.alpha, share=rules.share,
            family=self.family, min_items=rules.min_items, look_every=rules.look_every,
        )  # fmt: skip

    def _group(self, suite: str, row: Mapping[str, object]) -> str:
        tags = row["tags"] if isinstance(row["tags"], Mapping) else {}
        return self.order.group(suite, str(row["origin"] or row["sample_id"]), tags)

    def replay(self, held: SuiteEvidence, evidence: Evidence) -> SuiteEvidence:
        """Return a suite's evidence with the looks at its stored records, in their order."""
        suite = stored_name(held.suite, {})
        begun = self.stage(suite, evidence.candidate, evidence.split)
        if isinstance(begun, str):
            return _warned(held, f"tested at the end only: {begun}")
        run = read.run(self.database, evidence.candidate)
        rows = result_rows(self.database, evidence.candidate, suite)
        rows.sort(key=lambda row: (self.order.rank(self._group(suite, row)), row["sample_id"], row["attempt"]))
        # Of an unfinished suite only what the gate was told is a beginning of the order; the rest came early.
        end = told(run["note"] or "", suite) if UNFINISHED in held.faults else len(rows)
        if end is None:
            return held
        looking = Looking(begun)
        for row in rows[:end]:
            if looking.add(row["sample_id"], row["measures"]):
                break
        else:
            looking.close()
        if UNFINISHED in held.faults and not looking.stopped:
            return _warned(held, "stopped by a gate that asked for something else: the same command goes on")
        faults = {kind: count for kind, count in held.faults.items() if kind != UNFINISHED}
        return replace(held, looks=looking.looks, faults=faults)


def _warned(held: SuiteEvidence, warning: str) -> SuiteEvidence:
    pairs = held.pairs.get("reference")
    if pairs is None:
        return held
    return replace(held, pairs={**held.pairs, "reference": replace(pairs, warnings=(*pairs.warnings, warning))})
