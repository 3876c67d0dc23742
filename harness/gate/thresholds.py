"""Rules about a score by itself: a floor or ceiling of the policy, or one that a published figure gives.

    absolute, min 0.72, 130 of 164 right  ->  Finding(observed=0.793, bound=0.72, low=0.736, kept=True, p=0.98, ..)

Shares of right and wrong answers have Wilson's score bounds and its test (Wilson 1927); everything else those of the
mean by clusters (`stats.contrast` against a constant). A figure that says on how many samples it was measured has noise
of its own: bounds are put together by MOVER (Zou and Donner 2008, Statistics in Medicine 27:1693).
"""

from __future__ import annotations

import math

from harness.gate.evidence import Figure, SuiteEvidence
from harness.gate.finding import NORMAL, Finding, Level, settled_by
from harness.gate.policy import Absolute
from harness.stats import contrast, wilson


def absolute(held: SuiteEvidence, rule: Absolute, level: Level) -> Finding:
    """Return whether the score keeps a bound: as measured (`point`), or by its one-sided confidence bound."""
    if not held.values:
        return Finding(held.suite, "absolute", impossible="no score")
    at_least = rule.min is not None
    bound = rule.min if rule.min is not None else rule.max
    assert bound is not None
    if rule.mode == "point":
        value = math.fsum(held.values) / len(held.values)
        kept = value >= bound if at_least else value <= bound
        note = "the score as measured"
        return Finding(held.suite, "absolute", value, bound, None, None, kept, None, note, {"n": len(held.values)})
    return _threshold(held, "absolute", bound, at_least, level)


def _threshold(held: SuiteEvidence, rule: str, bound: float, at_least: bool, level: Level) -> Finding:
    """Return whether the mean is proven to be at least (at most) a constant: Wilson for shares, else by clusters."""
    n = len(held.values)
    value, low, high, se, method = estimate(held, level.alpha)
    if method == "wilson":
        spread = math.sqrt(bound * (1 - bound) / n) if 0 < bound < 1 else 0.0
        distance = value - bound if at_least else bound - value
        p = NORMAL.cdf(distance / spread) if spread else float(distance >= 0)
    else:
        shifted = contrast([bound] * n, held.values, _groups(held), level.alpha)
        p = shifted.p_drop if at_least else shifted.p_gain
    kept = low >= bound if at_least else high <= bound
    numbers = {"n": n, "p": p, "se": se, **({} if kept else settled_by(n, se, value - bound, level))}
    return Finding(held.suite, rule, value, bound, low, high, kept, p, method, numbers)


def estimate(held: SuiteEvidence, alpha: float) -> tuple[float, float, float, float, str]:
    """Return (mean, one-sided lower and upper bound, standard error, method) of a suite's values."""
    n, groups = len(held.values), _groups(held)
    if groups is None and set(held.values) <= {0.0, 1.0}:
        share = wilson(math.fsum(held.values), n, NORMAL.inv_cdf(1 - alpha))
        return share.value, share.low, share.high, math.sqrt(share.value * (1 - share.value) / n), "wilson"
    found = contrast([0.0] * n, held.values, groups, alpha)
    return found.delta, found.low, found.high, found.se, found.method


def _groups(held: SuiteEvidence) -> tuple[str, ...] | None:
    return held.clusters if held.clusters is not None and len(set(held.clusters)) < len(held.clusters) else None


def against_figure(
    held: SuiteEvidence, rule: str, figure: Figure, bound: float, share: float, up: bool, level: Level
) -> Finding:
    """Return whether the mean is proven to reach `bound`, which is `share` of a published figure (give or take)."""
    if not held.values:
        return Finding(held.suite, rule, impossible="no score")
    said = f"{bound:.4f} from {figure.value:g} of {figure.source or 'a file of figures'}"
    constant = _threshold(held, rule, bound, up, level)
    numbers = {**constant.numbers, "figure": figure.value, "share": share}
    if figure.n is None:
        note = f"{said}, taken as exact; {constant.note}"
        return Finding(
            held.suite, rule, constant.observed, bound, constant.low, constant.high, constant.kept, constant.p, note,
            numbers,
        )  # fmt: skip
    value, low, high, se, method = estimate(held, level.alpha)
    other = wilson(figure.value * figure.n, figure.n, level.z)
    low = value - math.hypot(value - low, share * (other.high - other.value))
    high = value + math.hypot(high - value, share * (other.value - other.low))
    noise = share * math.sqrt(other.value * (1 - other.value) / figure.n)
    both = math.hypot(se, noise)
    distance = value - bound if up else bound - value
    p = NORMAL.cdf(distance / both) if both else float(distance >= 0)
    kept = low > bound if up else high < bound
    numbers = {"n": len(held.values), "figure": figure.value, "figure_n": figure.n, "share": share, "p": p, "se": both}
    numbers |= {} if kept else settled_by(len(held.values), se, distance, level, noise)
    note = f"{said} (n={figure.n}); {method}, MOVER"
    return Finding(held.suite, rule, value, bound, low, high, kept, p, note, numbers)
