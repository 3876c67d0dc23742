"""Rules about a score by itself: a floor or ceiling of the policy, or one that a published figure gives.

    absolute, min 0.72, 130 of 164 right  ->  Finding(observed=0.793, bound=0.72, low=0.736, kept=True, p=0.98, ..)

Shares of right and wrong answers have Wilson's score bounds and its test (Wilson 1927); everything else those of the
mean by clusters (`stats.contrast` against a constant). A figure that says on how many samples it was measured has noise
of its own: bounds are put together by MOVER (Zou and Donner 2008, Statistics in Medicine 27:1693).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
    """Return whether the mean is proven to be at least (at most) a constant."""
    n, values = len(held.values), held.values
    found = estimate(held, level.alpha)
    distance = found.value - bound if at_least else bound - found.value
    if found.worth == 0 or (distance >= 0 and not 0 < bound < 1):
        p = 1.0
    elif found.method.endswith("wilson"):
        variance = bound * (1 - bound) / found.worth
        p = found.below(distance / math.sqrt(variance)) if variance > 0 else 0.0
    else:
        shifted = contrast([bound] * n, values, held.clusters, level.alpha)
        p = shifted.p_drop if at_least else shifted.p_gain
    kept = found.low >= bound if at_least else found.high <= bound
    numbers = {"n": n, "clusters": found.clusters, "p": p}
    numbers |= {"se": found.se} if math.isfinite(found.se) else {}
    numbers |= {} if kept else settled_by(n, found.se, found.value - bound, level)
    return Finding(held.suite, rule, found.value, bound, found.low, found.high, kept, p, found.method, numbers)


@dataclass(frozen=True)
class Mean:
    """The mean of a suite's values with one-sided bounds."""

    value: float
    low: float
    high: float
    se: float
    clusters: int
    worth: int
    """Independent samples that the clustered ones are worth (Kish 1965, design effect)."""
    method: str

    def below(self, z: float) -> float:
        """Return P(Z <= z): normal, or t where clusters were estimated from."""
        if not self.method.startswith("clustered"):
            return NORMAL.cdf(z)
        from scipy.stats import t

        return float(t.cdf(z, self.clusters - 1))


def estimate(held: SuiteEvidence, alpha: float) -> Mean:
    """Return the mean of a suite's values: Wilson for right or wrong, its n divided by the clusters' design effect."""
    values, n = held.values, len(held.values)
    found = contrast([0.0] * n, values, held.clusters, alpha)
    if not set(values) <= {0.0, 1.0}:
        return Mean(found.delta, found.low, found.high, found.se, found.clusters, n, found.method)
    share, clusters = math.fsum(values) / n, found.clusters
    single = math.sqrt(share * (1 - share) / n)
    if clusters == n:
        whole = wilson(math.fsum(values), n, NORMAL.inv_cdf(1 - alpha))
        return Mean(share, whole.low, whole.high, single, n, n, "wilson")
    if clusters < 2:
        return Mean(share, 0.0, 1.0, math.inf, clusters, 0, "one cluster: nothing is known of its spread, wilson")
    from scipy.stats import t

    effect = max(1.0, (found.se / single) ** 2) if single else n / clusters
    worth = max(1, int(n / effect))
    whole = wilson(share * worth, worth, float(t.ppf(1 - alpha, clusters - 1)))
    se = single * math.sqrt(effect)
    return Mean(share, whole.low, whole.high, se, clusters, worth, "clustered wilson")


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
    own = estimate(held, level.alpha)
    other = wilson(figure.value * figure.n, figure.n, level.z)
    low = own.value - math.hypot(own.value - own.low, share * (other.high - other.value))
    high = own.value + math.hypot(own.high - own.value, share * (other.value - other.low))
    noise = share * math.sqrt(other.value * (1 - other.value) / figure.n)
    both = math.hypot(own.se, noise)
    distance = own.value - bound if up else bound - own.value
    p = NORMAL.cdf(distance / both) if both else float(distance >= 0)
    kept = low > bound if up else high < bound
    numbers = {"n": len(held.values), "figure": figure.value, "figure_n": figure.n, "share": share, "p": p}
    numbers |= {"se": both} if math.isfinite(both) else {}
    numbers |= {} if kept else settled_by(len(held.values), own.se, distance, level, noise)
    note = f"{said} (n={figure.n}); {own.method}, MOVER"
    return Finding(held.suite, rule, own.value, bound, low, high, kept, p, note, numbers)
