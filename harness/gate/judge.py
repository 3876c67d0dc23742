"""From a policy and a candidate to a stored verdict: what `harness gate`, `harness watch` and trainings share.

terms = Terms.read("gates.yaml", baseline="main")
check(terms.policy, terms.named, database, terms.folder)
run_id = evaluate(evaluation(terms.policy, "gguf:model.gguf"), database).run_id
judged = judge(database, terms, run_id)      judged.verdict.outcome, judged.row["exit_code"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import registry
from harness.config import EvalConfig, validate
from harness.errors import UsageError
from harness.gate import budget, policy, seal
from harness.gate.decide import decide
from harness.gate.gather import gather
from harness.gate.policy import Policy, Reference
from harness.gate.sequential import looked
from harness.store import Database, gates, read
from harness.types import Verdict


@dataclass(frozen=True)
class Terms:
    """A policy, where it came from, and what the command line changed in it."""

    policy: Policy
    named: str
    """As it was typed."""
    text: str
    """The file."""
    folder: Path
    """Where relative paths of figures begin."""

    @classmethod
    def read(cls, named: str, baseline: str | None = None, sequential: bool = False) -> Terms:
        """Return the terms of a file or of `classic`; `baseline` takes the place of the policy's reference.

        Raises:
            UsageError: as `policy.load`.
        """
        found, path = policy.load(named), Path(named).expanduser()
        path = path if path.exists() else policy.CLASSIC
        changes: dict[str, Any] = {}
        if baseline is not None:
            changes["reference"] = validate({"run": baseline}, Reference, "--baseline")
        if sequential:
            changes["sequential"] = found.sequential.model_copy(update={"enabled": True})
        return cls(found.model_copy(update=changes), named, path.read_text(encoding="utf-8"), path.parent)


@dataclass(frozen=True)
class Judged:
    """A verdict and the row of `gates` that holds it."""

    verdict: Verdict
    row: Mapping[str, Any]


def candidate_run(database: Database, named: str) -> str | None:
    """Return the run that CANDIDATE names, or None where it names a model, which is to be evaluated first.

    A baseline, a run's id and a run's name win. Then a model: its file may have changed since a run of that file, and
    an unchanged one is asked nothing again. Then the beginning of a run's id.

    Raises:
        UsageError: it names neither.
    """
    known = read.query(database, "SELECT 1 FROM runs WHERE ? IN (run_id, name)", [named])
    if known or gates.baseline(database, named):
        return gates.resolve(database, named)
    try:
        registry.split_spec(named)
        return None
    except UsageError as no_model:
        try:
            return gates.resolve(database, named)
        except UsageError as no_run:
            expected = f"a run ({no_run.expected}) or a model ({no_model.expected})"
            raise UsageError(f"{named!r} is neither a stored run nor a model", expected, no_run.next) from no_run


def evaluation(
    wanted: Policy,
    model: str,
    settings: Mapping[str, str] | None = None,
    data: str | None = None,
    limit: int | None = None,
    split: str | None = None,
) -> EvalConfig:
    """Return how a candidate that is a model is evaluated: as the policy says, but for what is given here."""
    given = wanted.evaluate.model_dump()
    given |= {"model": model, "suites": list(wanted.suites), "data": data}
    given |= {"settings": {**wanted.evaluate.settings, **(settings or {})}}
    given |= {name: value for name, value in (("limit", limit), ("split", split)) if value is not None}
    return validate(given, EvalConfig, "evaluate")


def judge(
    database: Database, terms: Terms, run_id: str, split: str | None = None, sealed: bool = False, loop: str = ""
) -> Judged:
    """Return the verdict on a stored run after storing it.

    A model whose lineage went through the improvement loop is sealed without being asked to.

    Raises:
        UsageError: a reference, metric or figure that is not there.
    """
    reason = seal.why_run(database, run_id)
    split, sealed = split or terms.policy.evaluate.split, sealed or bool(reason)
    looks = budget.looks(database, terms.policy, loop)
    evidence = gather(database, terms.policy, run_id, split, sealed, loop, looks, terms.folder)
    way = "sequential" if terms.policy.sequential.enabled else "fixed"
    if way == "sequential":
        evidence = looked(terms.policy, database, evidence)
    verdict = decide(terms.policy, evidence)
    if reason:
        verdict = replace(verdict, note=f"{verdict.note}; only test samples count: {reason}")
    run = read.run(database, run_id)
    gate_id, kept = budget.record(
        database, terms.policy, verdict, loop, model=run["model"], model_digest=run["model_digest"],
        policy=terms.named, policy_text=terms.text, split=evidence.split, sealed=sealed, way=way,
    )  # fmt: skip
    return Judged(replace(kept, id=gate_id), gates.verdict(database, gate_id)[0])
