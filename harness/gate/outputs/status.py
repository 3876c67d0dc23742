"""How one check counts: the single rule that exit code, JUnit file, annotations and tables share.

a required FAIL is `failed`; an INCONCLUSIVE is `skipped`, or `failed` where the policy maps it so; the FAIL of a suite
that is not required is `skipped`: it is shown and blocks nothing.
"""

from __future__ import annotations

from typing import Literal

from harness.types import Check, Outcome, Verdict

OnInconclusive = Literal["report", "fail", "pass"]
Status = Literal["passed", "failed", "skipped", "error"]
WORST_FIRST: tuple[Outcome, ...] = ("ERROR", "FAIL", "INCONCLUSIVE", "PASS")


def status(check: Check, on_inconclusive: OnInconclusive = "report") -> Status:
    """Return how `check` counts for the whole."""
    if check.outcome == "PASS":
        return "passed"
    if not check.required:
        return "skipped"
    if check.outcome == "INCONCLUSIVE":
        return "failed" if on_inconclusive == "fail" else "skipped"
    return "failed" if check.outcome == "FAIL" else "error"


def shown(verdict: Verdict) -> list[Check]:
    """Return the checks, worst first and required ones before others; and the verdict itself as a check of the rule
    `verdict` where no required check carries its outcome (a spent budget, say)."""
    checks = list(verdict.checks)
    if verdict.outcome != "PASS" and not any(c.required and c.outcome == verdict.outcome for c in checks):
        checks.append(Check("", "verdict", verdict.outcome, note=verdict.note))
    return sorted(checks, key=lambda c: (WORST_FIRST.index(c.outcome), not c.required))


def tolerated(check: Check) -> bool:
    """Return whether a drop was detected and lies inside the margin: a PASS that deserves a warning."""
    p, alpha = check.numbers.get("p_holm", 1.0), check.numbers.get("alpha", 0.0)
    return check.rule.startswith("regression") and check.outcome == "PASS" and p <= alpha


def place(check: Check) -> str:
    """Return the suite of a check, `run` for what concerns the whole run."""
    return check.suite or "run"
