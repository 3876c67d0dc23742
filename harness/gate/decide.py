"""The decision: a policy's promises against the evidence, as a Verdict. Pure, seeded, and the only place that decides.

    decide(policy, evidence)  ->  Verdict("FAIL", (Check("mmlu", "regression", "FAIL", p_holm=0.004, ..), ..), ..)

- ERROR: too many faults, too few samples, a sandbox below the policy's, runs that are not comparable, missing evidence.
- FAIL: a promise is broken at the family-wise alpha: Holm's adjustment over the suites, for each kind of rule; or a
  bound in mode `point`, or a limit of speed or size, is not kept as measured.
- PASS: every bound on the safe side is kept, each at alpha (intersection-union needs no adjustment).
- INCONCLUSIVE: neither; the note says how many samples would settle it.

A suite that has a stored reference is always checked for a regression. One inside the margin or ratio that the policy
allows and the data prove is real but tolerated: PASS, and said. The verdict is the worst of the required checks, ERROR
being worst: evidence that cannot be trusted does not become so by a FAIL beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.gate import budget, looks
from harness.gate.evidence import Evidence, SuiteEvidence
from harness.gate.finding import Finding, Level
from harness.gate.policy import Policy, SuitePolicy
from harness.sandbox.verdict import LEVELS
from harness.stats import holm
from harness.types import Check, Outcome, Verdict

SEVERITY: tuple[Outcome, ...] = ("PASS", "INCONCLUSIVE", "FAIL", "ERROR")
"""Mildest first."""


def decide(policy: Policy, evidence: Evidence) -> Verdict:
    """Return what the gate says of a candidate. The same policy and evidence always give the same verdict."""
    if evidence.loop and not budget.alpha_now(policy, evidence.looks):
        return budget.refusal(policy, evidence.candidate, evidence.loop, evidence.looks)
    level = Level(alpha_of(policy, evidence), policy.defaults.power)
    sound: dict[str, list[Check]] = {}
    found: dict[str, list[Finding]] = {}
    for name, wanted in policy.suites.items():
        held = evidence.suites.get(name)
        if held is None:
            sound[name], found[name] = [Check(name, "items", "ERROR", note="the run has no such suite")], []
            continue
        found[name] = looks.found(wanted, held, level)
        sound[name] = soundness(policy, wanted, held)
    adjusted = adjust([finding for several in found.values() for finding in several])
    checks = [*looked(policy, evidence), *limits(policy, evidence)]
    for name, wanted in policy.suites.items():
        weighed = tolerated([weigh(f, adjusted, level) for f in found[name]], wanted)
        checks += [replace(check, required=wanted.required) for check in (*sound[name], *weighed)]
    baseline = next((s.pairs["reference"].run for s in evidence.suites.values() if "reference" in s.pairs), None)
    return Verdict(worst(checks), tuple(checks), evidence.candidate, baseline or None, note=summary(checks))


def alpha_of(policy: Policy, evidence: Evidence) -> float:
    """Return the one-sided error rate of each promise: a loop's looks share alpha (Bonferroni)."""
    return budget.alpha_now(policy, evidence.looks) if evidence.loop else policy.defaults.alpha


def worst(checks: Sequence[Check]) -> Outcome:
    """Return the worst outcome of the required checks; ERROR where none is: what promises nothing cannot pass."""
    return max((check.outcome for check in checks if check.required), key=SEVERITY.index, default="ERROR")


def exit_code(verdict: Verdict, policy: Policy) -> int:
    """Return 0 PASS, 1 FAIL, 4 ERROR, and of INCONCLUSIVE 3, or what `on_inconclusive` makes of it."""
    unknown = {"report": 3, "fail": 1, "pass": 0}[policy.defaults.on_inconclusive]
    if any(check.rule == "budget" and check.outcome != "PASS" for check in verdict.checks):
        unknown = unknown or 3  # nobody looked: no mapping makes that a pass
    return {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": unknown, "ERROR": 4}[verdict.outcome]


def adjust(found: Sequence[Finding]) -> Mapping[tuple[str, str], float]:
    """Return Holm's adjusted p of every finding that was tested, by (suite, rule): a family is a kind of rule."""
    families: dict[str, dict[tuple[str, str], float]] = {}
    for one in found:
        if one.p is not None:
            families.setdefault(one.rule.partition(":")[0], {})[one.suite, one.rule] = one.p
    return {key: p for family in families.values() for key, p in holm(family).items()}


def weigh(found: Finding, adjusted: Mapping[tuple[str, str], float], level: Level) -> Check:
    """Return the check of a finding: detected is FAIL, proven is PASS, anything else is INCONCLUSIVE."""
    if found.impossible:
        return Check(found.suite, found.rule, "ERROR", bound=found.bound, note=found.impossible)
    p_holm = adjusted.get((found.suite, found.rule))
    regression = found.rule.startswith("regression")
    outcome: Outcome
    if p_holm is None:
        outcome = "PASS" if found.kept else "FAIL"
    elif found.kept and not regression:
        outcome = "PASS"
    else:
        outcome = "FAIL" if p_holm <= level.alpha else "PASS" if regression else "INCONCLUSIVE"
    numbers = {**found.numbers, **({} if p_holm is None else {"p_holm": p_holm, "alpha": level.alpha})}
    if outcome != "INCONCLUSIVE":
        numbers.pop("needed", None)
    return Check(
        found.suite, found.rule, outcome, found.observed, found.bound, found.low, found.high,
        _said(found, outcome, numbers), numbers,
    )  # fmt: skip


def _said(found: Finding, outcome: Outcome, numbers: Mapping[str, float]) -> str:
    if outcome != "INCONCLUSIVE":
        return found.note
    if "needed" in numbers:
        return f"about {numbers['needed']:,.0f} samples would settle it ({numbers['n']:,.0f} are here); {found.note}"
    return f"no number of samples is foreseen to settle it; {found.note}"


def tolerated(checks: Sequence[Check], wanted: SuitePolicy) -> list[Check]:
    """Return the checks with a detected regression passed where the policy's margin or ratio is proven to hold."""
    proven = {check.rule for check in checks if check.outcome == "PASS"}
    allowed: dict[str, str] = {}
    if wanted.non_inferiority is not None and "non_inferiority" in proven:
        allowed[wanted.non_inferiority.to] = f"smaller than the margin {wanted.non_inferiority.margin:g}"
    if wanted.relative is not None and "relative" in proven:
        allowed.setdefault(wanted.relative.to, f"to leave the share {wanted.relative.min_ratio:g}")

    def passed(check: Check) -> Check:
        rule, _, to = check.rule.partition(":")
        why = allowed.get(to or "reference")
        if rule != "regression" or check.outcome != "FAIL" or why is None:
            return check
        note = f"real but tolerated: a drop is detected, and proven {why}; {check.note}"
        return replace(check, outcome="PASS", note=note)

    return [passed(check) for check in checks]


def soundness(policy: Policy, wanted: SuitePolicy, held: SuiteEvidence) -> list[Check]:
    """Return the checks of whether a suite's evidence may be trusted: faults, number of samples, sandbox level."""
    return [_faults(policy, wanted, held), _items(policy, wanted, held), *_sandbox(policy, held)]


def _faults(policy: Policy, wanted: SuitePolicy, held: SuiteEvidence) -> Check:
    most = policy.defaults.max_faults if wanted.max_faults is None else wanted.max_faults
    count = sum(held.faults.values())
    share = count / held.wanted if held.wanted else 0.0
    kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(held.faults.items(), key=lambda pair: (-pair[1], pair[0])))
    note = f"{count} of {held.wanted} records have no score: {kinds}" if count else ""
    numbers = {"faults": count, "wanted": held.wanted}
    return Check(held.suite, "faults", "ERROR" if share > most else "PASS", share, most, note=note, numbers=numbers)


def _items(policy: Policy, wanted: SuitePolicy, held: SuiteEvidence) -> Check:
    least = policy.defaults.min_items if wanted.min_items is None else wanted.min_items
    counts = {"scored samples": len(held.values)}
    used = {"reference", "previous"} | {r.to for r in (wanted.relative, wanted.non_inferiority) if r is not None}
    counts |= {f"pairs with {name}": len(pairs.reference) for name, pairs in held.pairs.items() if name in used}
    if held.looks is not None and held.looks.stopped:
        # More may be stored: answers that came before their turn.
        least, counts = min(least, policy.sequential.min_items), {"pairs looked at": held.looks.n}
    name, n = min(counts.items(), key=lambda pair: pair[1])
    note = f"{n} {name}, fewer than {least} decide nothing" if n < least else ""
    outcome: Outcome = "ERROR" if n < least else "PASS"
    return Check(held.suite, "items", outcome, n, least, note=note, numbers={"n": n})


def _sandbox(policy: Policy, held: SuiteEvidence) -> list[Check]:
    if not held.sandbox:
        return []
    least, here = LEVELS.index(policy.sandbox.min_level), [str(name) for name in LEVELS].index(held.sandbox)
    outcome: Outcome = "PASS" if here >= least else "ERROR"
    note = f"programs ran at level {held.sandbox!r}, the policy wants {policy.sandbox.min_level!r}"
    return [Check(held.suite, "sandbox", outcome, here, least, note=note if outcome == "ERROR" else held.sandbox)]


def limits(policy: Policy, evidence: Evidence) -> list[Check]:
    """Return the checks of measured speeds and sizes; ERROR where nothing was measured."""
    checks = []
    for measure, bound in policy.limits.items():
        value = evidence.speeds.get((measure, bound.width))
        limit = bound.min if bound.min is not None else bound.max
        assert limit is not None
        rule = f"limit:{measure}"
        if value is None:
            note = f"never measured at width {bound.width}: harness bench {evidence.model} --widths {bound.width}"
            checks.append(Check("", rule, "ERROR", bound=limit, note=note))
            continue
        kept = value >= limit if bound.min is not None else value <= limit
        note = f"at {'least' if bound.min is not None else 'most'} {limit:g}, width {bound.width}"
        checks.append(Check("", rule, "PASS" if kept else "FAIL", value, limit, note=note))
    return checks


def looked(policy: Policy, evidence: Evidence) -> list[Check]:
    """Return whether a loop may still look at this gate; nothing where no loop does."""
    return [budget.check(policy, evidence.loop, evidence.looks)] if evidence.loop else []


def summary(checks: Sequence[Check]) -> str:
    """Return one line: which required checks made the verdict."""
    outcome = worst(checks)
    made = [check for check in checks if check.required and check.outcome == outcome]
    if outcome == "PASS":
        return f"all {len(made)} required checks are kept"
    named = ", ".join(f"{check.suite} {check.rule}".strip() for check in made[:5])
    more = f" and {len(made) - 5} more" if len(made) > 5 else ""
    return f"{len(made)} of {sum(check.required for check in checks)} required checks: {named}{more}"
