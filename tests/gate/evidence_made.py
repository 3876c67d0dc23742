"""Evidence made of tables and arrays, as tests want it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.gate.evidence import Evidence, Pairs, SuiteEvidence
from harness.gate.policy import Policy
from harness.types import Check, Metric, Verdict

ACC = Metric("acc", "acc")


def table(both: int, losses: int, wins: int, neither: int, **more: Any) -> Pairs:
    """Return pairs of right and wrong: both right, only the reference, only the candidate, neither."""
    reference = (1.0,) * (both + losses) + (0.0,) * (wins + neither)
    candidate = (1.0,) * both + (0.0,) * losses + (1.0,) * wins + (0.0,) * neither
    return Pairs(reference, candidate, **{"run": "base-1", **more})


def suite(
    name: str = "quiz", pairs: Pairs | None = None, values: Sequence[float] = (), metric: Metric = ACC, **more: Any
) -> SuiteEvidence:
    """Return a suite's evidence; its values are the candidate's side of the pairs where none are given."""
    shown = tuple(values) or (pairs.candidate if pairs is not None else ())
    held = {} if pairs is None else {"reference": pairs}
    return SuiteEvidence(name, metric, shown, **{"wanted": len(shown), "pairs": held, **more})


def evidence(*suites: SuiteEvidence, **more: Any) -> Evidence:
    """Return the evidence of a candidate."""
    return Evidence("cand-1", "scripted:cand", {one.suite: one for one in suites}, **more)


def policy(suites: Mapping[str, Mapping[str, Any]], **more: Any) -> Policy:
    """Return a policy with a pinned reference and no least number of samples, but for what is given."""
    given: dict[str, Any] = {"reference": {"run": "main"}, "suites": dict(suites), **more}
    return Policy.model_validate({**given, "defaults": {"min_items": 1, **given.get("defaults", {})}})


def of(verdict: Verdict, rule: str, suite_name: str = "quiz") -> Check:
    """Return the one check of a rule."""
    found = [check for check in verdict.checks if (check.suite, check.rule) == (suite_name, rule)]
    assert len(found) == 1, [(check.suite, check.rule) for check in verdict.checks]
    return found[0]
