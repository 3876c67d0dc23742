"""May a round of the loop be accepted? Small suites decide together: better where it aimed, not worse anywhere else.

A round aims at named tags ("ordering" of primer, "anatomy" of mmlu): tens of samples each, on which no suite alone
proves anything. So samples are pooled over the suites, `test` split only:

    accept(paired(database, before, after), {("primer", "skill", "ordering")}, alpha=0.05, margin=0.03)
      superiority      60 targeted samples, 9 wins, 1 loss: p .011              PASS
      non_inferiority  600 others, 20 wins, 23 losses: lower bound -.024        PASS
      regression       each suite of the others, Holm: smallest p .31           PASS    ->  Verdict("PASS", ..)

All must hold, so none needs a smaller alpha for it (intersection-union; Berger 1982, Technometrics 24:295): a round
that changed nothing is accepted with a chance of at most alpha, and so is one that truly costs the others `margin`.

Pooling is by sample, every suite weighs as much as it has. Where answers are right or wrong the pooled test is
McNemar's exact one, and stratified by construction: given that a pair differs, either side is as likely in every suite.
Other scores are brought to [0, 1], higher is better, and have the clustered t of `stats.contrast`; differences between
suites stay in its variance, which errs on the safe side. Clusters are origins, across suites: siblings are one.

Pooling alone would let a small suite collapse behind large ones; the Holm-adjusted regression check of each suite is
there for that. It blocks a round that changed nothing with a further chance of at most alpha.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from harness.compare import SuitePairs
from harness.gate.decide import worst
from harness.stats import Contrast, contrast, holm
from harness.stats.power import needed, needed_by_se, needed_for_drop
from harness.types import Check, Outcome, Verdict

Targeted = Callable[[str, str, Mapping[str, str]], bool] | Collection[tuple[str, str, str]]
"""Whether a sample (its suite, id, tags) was aimed at; or the (suite, tag, value) that were."""
MAX_FAULTS = 0.01
"""Share of a suite's samples that the candidate may leave without a score."""


def accept(
    pairs: Sequence[SuitePairs],
    targeted: Targeted,
    alpha: float = 0.05,
    margin: float = 0.03,
    power: float = 0.8,
    candidate: str = "",
    baseline: str | None = None,
) -> Verdict:
    """Return whether a round may be accepted: PASS, FAIL, or INCONCLUSIVE with the samples that are missing.

    `pairs`: of the model before (reference) and after the round. `margin`: what the others may lose, as a share of
    each metric's range. `power`: of the number of samples named. `candidate`, `baseline`: run ids, for the verdict.
    """
    if unsound := [check for one in pairs if (check := _unsound(one)) is not None]:
        return Verdict("ERROR", tuple(unsound), candidate, baseline, note=unsound[0].note)
    aimed, others = [], []
    for one in pairs:
        hit = [_hit(targeted, one.suite, *sample) for sample in zip(one.ids, one.tags, strict=True)]
        sealed = [split == "test" for split in one.splits]
        aimed.append(scaled(one.within([a and s for a, s in zip(hit, sealed, strict=True)])))
        others.append(scaled(one.within([s and not a for a, s in zip(hit, sealed, strict=True)])))
    checks = (
        _superiority(aimed, alpha, margin, power),
        _non_inferiority(others, alpha, margin, power),
        *_regressions(others, alpha, margin),
    )
    outcome = worst(checks)
    note = "; ".join(
        f"{check.suite} {check.rule}: {check.note}".strip() for check in checks if check.outcome == outcome
    )
    return Verdict(outcome, checks, candidate, baseline, note=note)


def scaled(pairs: SuitePairs) -> SuitePairs:
    """Return the pairs with values brought to [0, 1], higher is better."""
    low, span = pairs.metric.low, pairs.metric.high - pairs.metric.low
    turned = (lambda v: (v - low) / span) if pairs.metric.higher_is_better else (lambda v: 1.0 - (v - low) / span)
    return replace(pairs, reference=tuple(map(turned, pairs.reference)), candidate=tuple(map(turned, pairs.candidate)))


def _hit(targeted: Targeted, suite: str, sample_id: str, tags: Mapping[str, str]) -> bool:
    if callable(targeted):
        return targeted(suite, sample_id, tags)
    return any((suite, tag, value) in targeted for tag, value in tags.items())


def _unsound(pairs: SuitePairs) -> Check | None:
    """Return why the pairs of a suite may not be used, or None."""
    if pairs.refused:
        return Check(pairs.suite, "comparable", "ERROR", note=f"the two runs differ: {pairs.refused}")
    if not 0 < pairs.metric.high - pairs.metric.low < math.inf:
        note = f"{pairs.metric.name!r} has no bounds, so that it cannot be pooled with other metrics"
        return Check(pairs.suite, "comparable", "ERROR", note=note)
    faults = sum(pairs.faults_candidate.values())
    share = faults / (faults + len(pairs.ids)) if faults else 0.0
    if share > MAX_FAULTS:
        note = f"{faults} samples have no score: evaluate again, then accept"
        return Check(pairs.suite, "faults", "ERROR", share, MAX_FAULTS, note=note, numbers={"faults": faults})
    return None


def _superiority(pairs: Sequence[SuitePairs], alpha: float, margin: float, power: float) -> Check:
    """Return whether the targeted samples together got better."""
    found = _pooled(pairs, alpha)
    if found is None:
        return Check("", "superiority", "ERROR", note="no sample of the `test` split was aimed at")
    numbers = {**_numbers(found, alpha), "p": found.p_gain}
    outcome: Outcome = "PASS" if found.p_gain <= alpha else "FAIL" if found.p_drop <= alpha else "INCONCLUSIVE"
    note = f"{found.wins} wins, {found.losses} losses on {found.n} targeted samples, {found.method}"
    if outcome == "INCONCLUSIVE":
        gain = max(found.delta, margin)
        exact = needed_for_drop(max(found.psi, gain), gain, alpha, power)
        seen = "a gain like this" if found.delta > margin else f"a gain of {gain:g} (none as large is seen)"
        note, numbers = _missing(note, numbers, found, gain, exact, seen, power)
    return Check("", "superiority", outcome, found.delta, 0.0, found.low, found.high, note, numbers)


def _non_inferiority(pairs: Sequence[SuitePairs], alpha: float, margin: float, power: float) -> Check:
    """Return whether all other samples together are proven to have lost less than the margin."""
    found = _pooled(pairs, alpha)
    if found is None:
        return Check("", "non_inferiority", "ERROR", note="no sample of the `test` split is left that was not targeted")
    numbers = {**_numbers(found, alpha), "margin": margin}
    outcome: Outcome = "PASS" if found.low > -margin else "FAIL" if found.high < -margin else "INCONCLUSIVE"
    note = f"{found.wins} wins, {found.losses} losses on {found.n} other samples, {found.method}"
    if outcome == "INCONCLUSIVE":
        exact = needed(found.psi, margin, alpha, power)
        note, numbers = _missing(note, numbers, found, margin, exact, "others that are in truth unchanged", power)
    return Check("", "non_inferiority", outcome, found.delta, -margin, found.low, found.high, note, numbers)


def _regressions(pairs: Sequence[SuitePairs], alpha: float, margin: float) -> list[Check]:
    """Return a check per suite: FAIL where its other samples got worse (Holm), unless proven within the margin."""
    found = {one.suite: held for one in pairs if (held := _pooled([one], alpha)) is not None}
    adjusted = holm({suite: held.p_drop for suite, held in found.items()})
    checks = []
    for suite, held in found.items():
        detected, kept = adjusted[suite] <= alpha, held.low > -margin
        note = f"{held.wins} wins, {held.losses} losses, {held.method}"
        note = f"real but tolerated: {note}" if detected and kept else note
        numbers = {**_numbers(held, alpha), "p": held.p_drop, "p_holm": adjusted[suite]}
        outcome: Outcome = "FAIL" if detected and not kept else "PASS"
        checks.append(Check(suite, "regression", outcome, held.delta, 0.0, held.low, held.high, note, numbers))
    return checks


def _pooled(pairs: Sequence[SuitePairs], alpha: float) -> Contrast | None:
    """Return the contrast of all pairs together, clustered by origin; None where there is no pair."""
    reference = [value for one in pairs for value in one.reference]
    candidate = [value for one in pairs for value in one.candidate]
    origins = [origin for one in pairs for origin in one.origins]
    return contrast(reference, candidate, origins, alpha) if reference else None


def _numbers(found: Contrast, alpha: float) -> dict[str, float]:
    return {
        "n": found.n, "clusters": found.clusters, "wins": found.wins, "losses": found.losses, "psi": found.psi,
        "alpha": alpha,
    }  # fmt: skip


def _missing(
    note: str, numbers: dict[str, float], found: Contrast, effect: float, exact: int, of_what: str, power: float
) -> tuple[str, dict[str, float]]:
    """Return note and numbers with how many samples are missing; `exact`: wanted where answers are right or wrong."""
    se = found.se if 0.0 < found.se < math.inf else 1.0 / math.sqrt(found.n)
    wanted = exact if found.method == "tango" else needed_by_se(found.n, se, effect, found.alpha, power)
    wanted = max(wanted, found.n + 1)
    return f"{note}; {wanted - found.n} more would settle {of_what}", {
        **numbers, "needed": wanted, "missing": wanted - found.n,
    }  # fmt: skip
