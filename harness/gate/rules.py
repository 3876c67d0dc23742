"""The rules of one suite, each a pure function from evidence to a Finding: bounds, a p-value, and what would settle it.

    non_inferiority, margin 0.05, 164 pairs, 10 wins, 18 losses
      ->  Finding(observed=-0.049, bound=-0.05, low=-0.104, high=0.004, kept=False, p=0.52, ..)

`kept` says that the bound on the safe side proves the promise; `p` is small when the data speak against it. A broken
promise is only called so after Holm's adjustment over the suites (`decide`), a kept one needs none: PASS is the
intersection of its promises (Berger 1982, Technometrics 24:295). Differences are turned so that negative is worse.
Sources of the bounds: `stats.paired`, `thresholds`, `calibration`. Cost: one or two passes
over the pairs, about 10 ms for 14,000.
"""

from __future__ import annotations

import math

from harness.gate import calibration
from harness.gate.evidence import Figure, Pairs, SuiteEvidence
from harness.gate.finding import NORMAL, Finding, Level, settled_by
from harness.gate.policy import Calibration, NonInferiority, Relative, SuitePolicy
from harness.gate.thresholds import absolute, against_figure
from harness.stats import Contrast, contrast
from harness.stats.paired import tango_z
from harness.stats.power import needed, needed_by_se


def upward(wanted: SuitePolicy, held: SuiteEvidence) -> bool:
    """Return whether more is better: as the suite declares it, unless the policy says otherwise."""
    declared = held.metric.higher_is_better
    return {"declared": declared, "higher_is_better": True, "lower_is_better": False}[wanted.direction]


def findings(wanted: SuitePolicy, held: SuiteEvidence, level: Level) -> list[Finding]:
    """Return what all rules of a suite find, regressions against stored references included."""
    up = upward(wanted, held)
    found = [
        regression(held, held.pairs[name], name, up, level)
        for name in ("reference", "previous")
        if name in held.pairs
    ]  # fmt: skip
    if wanted.non_inferiority is not None:
        found.append(non_inferiority(held, wanted.non_inferiority, up, level))
    if wanted.relative is not None:
        found.append(relative(held, wanted.relative, up, level))
    if wanted.absolute is not None:
        found.append(absolute(held, wanted.absolute, level))
    if wanted.calibration is not None:
        found.append(calibrated(held, wanted.calibration, level))
    return found


def regression(held: SuiteEvidence, pairs: Pairs, name: str, up: bool, level: Level) -> Finding:
    """Return whether the candidate is detectably worse than a stored run. Kept unless detected."""
    rule = "regression" if name == "reference" else f"regression:{name}"
    if problem := _unpaired(pairs, name):
        return Finding(held.suite, rule, impossible=problem)
    found = _paired(pairs, up, level.alpha)
    hidden = max(level.reach * found.se, found.delta - found.low)
    note = f"against {pairs.run or name}, {found.method}; drops below {hidden:.3f} may hide"
    note = "; ".join([note, *pairs.warnings])
    numbers = {**_numbers(found, up), "p": found.p_drop, "hidden": hidden}
    return Finding(held.suite, rule, found.delta, 0.0, found.low, found.high, True, found.p_drop, note, numbers)


def non_inferiority(held: SuiteEvidence, rule: NonInferiority, up: bool, level: Level) -> Finding:
    """Return whether the candidate is proven not to be worse by `margin` or more."""
    name, margin = "non_inferiority", rule.margin
    if rule.to in held.figures:
        figure = held.figures[rule.to]
        floor = figure.value - margin if up else figure.value + margin
        found = against_figure(held, name, Figure(figure.value, figure.n, figure.source), floor, 1.0, up, level)
        sign = 1.0 if up else -1.0
        shifted = [None if x is None else sign * (x - figure.value) for x in (found.observed, found.low, found.high)]
        low, high = shifted[1:] if up else (shifted[2], shifted[1])
        return Finding(
            held.suite, name, shifted[0], -margin, low, high, found.kept, found.p, found.note,
            {**found.numbers, "margin": margin}, found.impossible,
        )  # fmt: skip
    pairs = held.pairs.get(rule.to, Pairs((), ()))
    if problem := _unpaired(pairs, rule.to):
        return Finding(held.suite, name, impossible=problem)
    found_pairs = _paired(pairs, up, level.alpha)
    p = _p_below(pairs, found_pairs, up, -margin)
    kept = found_pairs.low > -margin
    wanted = {} if kept else _needed(found_pairs, margin, level)
    numbers = {**_numbers(found_pairs, up), "margin": margin, "p": p, **wanted}
    note = f"against {pairs.run or rule.to}, {found_pairs.method}"
    return Finding(
        held.suite, name, found_pairs.delta, -margin, found_pairs.low, found_pairs.high, kept, p, note, numbers
    )


def relative(held: SuiteEvidence, rule: Relative, up: bool, level: Level) -> Finding:
    """Return whether the candidate is proven to reach a share of a reference's score.

    Where less is better the share is that of the reference in the candidate: min_ratio 1.25 allows 0.8 of its errors.
    Low and high are the bounds of the (linear) contrast, moved to the score's scale.
    """
    rho = rule.min_ratio
    if rule.to in held.figures:
        figure = held.figures[rule.to]
        floor = rho * figure.value if up else figure.value / rho
        return against_figure(held, "relative", figure, floor, rho if up else 1.0 / rho, up, level)
    pairs = held.pairs.get(rule.to, Pairs((), ()))
    if problem := _unpaired(pairs, rule.to):
        return Finding(held.suite, "relative", impossible=problem)
    found = _paired(pairs, up, level.alpha, rho)
    candidate, reference = (found.candidate, found.reference) if up else (found.reference, found.candidate)
    bound = rho * reference if up else reference / rho
    low, high = (bound + found.low, bound + found.high) if up else (bound - found.high / rho, bound - found.low / rho)
    numbers = {**_numbers(found, up), "min_ratio": rho, "p": found.p_drop}
    numbers |= {"ratio": candidate / reference} if reference else {}
    numbers |= {} if found.low > 0 else settled_by(found.n, found.se, found.delta, level)
    note = f"{rho:g} of {reference:.4f}, {pairs.run or rule.to}, {found.method}"
    return Finding(held.suite, "relative", candidate, bound, low, high, found.low > 0, found.p_drop, note, numbers)


def calibrated(held: SuiteEvidence, rule: Calibration, level: Level) -> Finding:
    """Return whether the expected calibration error is proven to be at most `max_ece`."""
    if not held.confidences:
        why = "no probabilities of choices are stored: only suites scored by log-likelihood have them"
        if held.scaling:
            why = f"{why}, and of a calibrated model the samples of test alone count"
        return Finding(held.suite, "calibration", impossible=why)
    found = calibration.estimate(held.confidences, rule.bins, rule.max_ece, level.alpha)
    kept = found.high <= rule.max_ece
    numbers = {"n": found.n, "bins": rule.bins, "se": found.se, "p": found.p_above}
    numbers |= {} if kept else settled_by(found.n, found.se, rule.max_ece - found.value, level)
    note = f"expected calibration error{f', {held.scaling}' if held.scaling else ''}"
    return Finding(
        held.suite, "calibration", found.value, rule.max_ece, found.low, found.high, kept, found.p_above, note,
        numbers,
    )  # fmt: skip


def _paired(pairs: Pairs, up: bool, alpha: float, rho: float = 1.0) -> Contrast:
    """Return the contrast turned so that a negative difference is worse: where less is better, the sides change."""
    first, second = (pairs.reference, pairs.candidate) if up else (pairs.candidate, pairs.reference)
    return contrast(first, second, pairs.clusters, alpha, rho)


def _p_below(pairs: Pairs, found: Contrast, up: bool, at: float) -> float:
    """Return the one-sided p of "the difference is at least `at`", by the method of `found`."""
    if found.method not in ("tango", "clustered tango"):
        first, second = (pairs.reference, pairs.candidate) if up else (pairs.candidate, pairs.reference)
        return contrast([x + at for x in first], second, pairs.clusters, found.alpha).p_drop
    z = tango_z(found.wins, found.losses, found.n, -at)
    if found.method == "tango":
        return NORMAL.cdf(z)
    from scipy.stats import t

    single = math.sqrt(max(0.0, found.psi - found.delta**2) / found.n)
    effect = max(1.0, (found.se / single) ** 2) if single else 1.0
    return float(t.cdf(z / math.sqrt(effect), found.clusters - 1))


def _unpaired(pairs: Pairs, name: str) -> str:
    if pairs.refused:
        return f"not comparable with {pairs.run or name}: {pairs.refused}"
    return "" if pairs.reference else f"no sample in common with {pairs.run or name}"


def _numbers(found: Contrast, up: bool) -> dict[str, float]:
    counts = {"n": found.n, "clusters": found.clusters, "wins": found.wins, "losses": found.losses, "ties": found.ties}
    shown = {**counts, "psi": found.psi, "delta": found.delta, "low": found.low, "high": found.high, "se": found.se}
    sides = (found.reference, found.candidate) if up else (found.candidate, found.reference)
    shown |= {"p_two_sided": found.p_two_sided, "reference": sides[0], "candidate": sides[1]}
    return {name: value for name, value in shown.items() if math.isfinite(value)}


def _needed(found: Contrast, margin: float, level: Level) -> dict[str, float]:
    """Return the samples that show non-inferiority of an equal model; beyond those, at the observed difference."""
    if found.method == "tango" and margin < 1.0:
        wanted = needed(found.psi, margin, level.alpha, level.power)
    elif math.isfinite(found.se):
        wanted = needed_by_se(found.n, found.se, margin, level.alpha, level.power)
    else:
        return {}
    return {"needed": wanted} if wanted > found.n else settled_by(found.n, found.se, margin + found.delta, level)
