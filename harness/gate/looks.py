"""Looking at one suite while the candidate answers: when its answer is known, and what the looks are worth at the end.

    looking = Looking(stage)                        # what was fixed before the first answer
    for record in records:                          # in the seeded order
        if looking.add(record.sample_id, measures): # False: go on; True: known, ask no more
            break
    looking.looks                                   # Looks(share=0.8, n=112, of=500, p_drop=0.0004, stopped=True, ..)

Two e-processes (`stats.sequential`) bet on the differences, one bet a cluster:

- against "not worse than the reference". The suites share alpha: with k regression tests in the family a suite is
  stopped with FAIL at p <= share * alpha / k: its combined p then survives Holm's adjustment whatever the others say.
- against "worse by the margin or more". PASS is stopped at p <= share * alpha, undivided: the verdict passes only if
  every suite does, so the chance that it passes although one of them must not is at most that one's alpha
  (intersection-union; Berger 1982, Technometrics 24:295).

Who looks and then tests once more at the end splits alpha: for right or wrong on independent samples it is counted
exactly what the looks have used (`p_after_looking`); elsewhere, and for margins, (1 - share) * alpha is left for the
test at the end (`combined_p`). A suite is stopped only where its answer cannot change any more: PASS
where the margin is its only rule; FAIL where no margin could tolerate the drop, or that margin is lost (`_lost`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.compare.values import sample_values
from harness.gate.evidence import Looks, SuiteEvidence
from harness.gate.finding import NORMAL, Finding, Level
from harness.gate.policy import SuitePolicy
from harness.gate.rules import findings
from harness.gate.stage import Stage
from harness.stats.sequential import EProcess, combined_p, p_after_looking

HOPE = 0.05
"""A margin is lost when a candidate that were equal to the reference from here on kept it with a smaller chance."""


class Looking:
    """One suite on its way, fed record by record in the seeded order, the attempts at a sample side by side."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.stopped = False
        self._exact = stage.largest == 1.0
        self._drop, self._keep = EProcess(), EProcess()
        self._group, self._rows = "", list[dict[str, Any]]()
        self._n = self._wins = self._losses = self._looked_at = 0
        self._sum = self._squares = 0.0

    def add(self, sample_id: str, measures: Mapping[str, float] | None) -> bool:
        """Take the next record (None: a fault, which is no pair); return whether the suite's answer is known.

        A cluster is bet on when the next one begins.
        """
        group = self.stage.groups.get(sample_id)
        if self.stopped or group is None:
            return self.stopped
        if group != self._group:
            self.close()
            self._group = group
        if not self.stopped and measures is not None:
            self._rows.append({"sample_id": sample_id, "measures": measures, "tags": {}})
        return self.stopped

    def close(self) -> None:
        """Bet on the cluster that is complete. After the last record, too."""
        rows, self._rows = self._rows, []
        stage = self.stage
        # Weights stand for the macro average; a sample's own value is the mean of its attempts.
        own = stage.metric if stage.metric.aggregate.startswith("pass@") else replace(stage.metric, aggregate="micro")
        differences = [
            (stage.weights.get(i, 1.0), self._difference(i, value)) for i, value in sample_values(own, rows).items()
        ]
        if self.stopped or not differences:
            return
        self._n += len(differences)
        self._exact = self._exact and all(d in (-1.0, 0.0, 1.0) for _, d in differences)
        self._wins += sum(d > 0 for _, d in differences)
        self._losses += sum(d < 0 for _, d in differences)
        total = math.fsum(w * d for w, d in differences)
        self._sum, self._squares = self._sum + total, self._squares + total * total
        self._drop.add(-total / stage.largest)
        if stage.margin is not None:
            weight = math.fsum(w for w, _ in differences)
            self._keep.add((total + weight * stage.margin) / (stage.largest * (1.0 - stage.margin)))
        if self._n >= stage.min_items and self._n - self._looked_at >= stage.look_every:
            self._looked_at = self._n
            self.stopped = self._known()

    def _difference(self, sample_id: str, value: float) -> float:
        stage = self.stage
        scaled = (value - stage.metric.low) / (stage.metric.high - stage.metric.low)
        return (scaled - stage.reference[sample_id]) * (1.0 if stage.up else -1.0)

    def _known(self) -> bool:
        stage = self.stage
        spent = stage.share * stage.alpha
        if stage.passes and stage.margin is not None and self._keep.p <= spent:
            return True
        return self._drop.p * stage.family <= spent and (stage.margin is None or self._lost())

    def _lost(self) -> bool:
        """Return whether the margin is as good as lost: it was not shown so far, and from here to the end a candidate
        equal to the reference would keep it in the test at the end with a chance below `HOPE` (stochastic curtailment).

        A drop that is real and tolerable must not be stopped as a FAIL: at the end it may pass.
        """
        stage, bets = self.stage, self._drop.bets
        assert stage.margin is not None
        if self._keep.p <= stage.share * stage.alpha:
            return False
        spread = self._squares / bets
        clusters = bets * stage.of / self._n
        z = NORMAL.inv_cdf(1.0 - (1.0 - stage.share) * stage.alpha)
        above = self._sum + stage.of * stage.margin - z * math.sqrt(spread * clusters)
        left = math.sqrt(spread * max(0.0, clusters - bets))
        return above <= 0.0 if left == 0.0 else NORMAL.cdf(above / left) < HOPE

    @property
    def looks(self) -> Looks:
        """What was found so far, differences in the metric's own units."""
        stage, scale = self.stage, self.stage.metric.high - self.stage.metric.low
        return Looks(
            stage.share, self._n, stage.of, self._wins, self._losses, scale * self._sum / max(1, self._n),
            self._drop.p, None if stage.margin is None else self._keep.p,
            stage.share * stage.alpha / stage.family if self._exact else None, self.stopped,
        )  # fmt: skip


def found(wanted: SuitePolicy, held: SuiteEvidence, level: Level) -> list[Finding]:
    """Return what the rules of a suite find, looks included where there were some.

    A stopped suite is judged by what was looked at alone: its margin where that is kept, its other rules not at all.
    They would need the samples that were not asked, and a FAIL is a FAIL without them.
    """
    looks = held.looks
    if looks is None:
        return findings(wanted, held, level)
    if looks.stopped:
        return _stopped(wanted, held, looks, level)
    late = {f.rule: f for f in findings(wanted, held, Level((1.0 - looks.share) * level.alpha, level.power))}
    return [_with_looks(f, late[f.rule], looks, level) for f in findings(wanted, held, level)]


def _with_looks(early: Finding, late: Finding, looks: Looks, level: Level) -> Finding:
    """Return a finding of all samples, with what looks have found before (`late`: at the alpha that they left)."""
    numbers = {"looked_at": looks.n, "share": looks.share}
    note = f"looked at after every sample; {early.note}"
    if early.impossible:
        return early
    if early.rule == "regression" and early.p is not None:
        numbers |= {"p_looks": looks.p_drop, "p_end": early.p}
        p = combined_p(looks.p_drop, early.p, looks.share)
        if looks.exact_at is not None:
            p = p_after_looking(looks.wins, looks.losses, looks.p_drop, looks.exact_at)
        return replace(late, p=p, note=note, numbers={**late.numbers, **numbers})
    if early.rule == "non_inferiority" and looks.p_margin is not None:
        kept = late.kept or looks.p_margin <= looks.share * level.alpha
        numbers |= {"p_looks": looks.p_margin}
        return replace(late, kept=kept, note=note, numbers={**late.numbers, **numbers})
    return early


def _stopped(wanted: SuitePolicy, held: SuiteEvidence, looks: Looks, level: Level) -> list[Finding]:
    pairs = held.pairs.get("reference")
    refused = f"not comparable with {pairs.run}: {pairs.refused}" if pairs is not None and pairs.refused else ""
    note = f"known after {looks.n} of {looks.of} pairs, the rest was not asked"
    counts = {"n": looks.n, "of": looks.of, "wins": looks.wins, "losses": looks.losses, "share": looks.share}
    drop = {**counts, "delta": looks.delta, "p_looks": looks.p_drop}
    p = combined_p(looks.p_drop, 1.0, looks.share)
    if looks.exact_at is not None:
        # Stopped for another reason than a drop, nothing is left to be said of one.
        p = looks.p_drop if looks.p_drop <= looks.exact_at else 1.0
    several = [Finding(held.suite, "regression", looks.delta, 0.0, None, None, True, p, note, drop, refused)]
    rule = wanted.non_inferiority
    kept = looks.p_margin is not None and looks.p_margin <= looks.share * level.alpha
    # A margin that is lost goes unsaid only beside the drop that lost it.
    if rule is not None and looks.p_margin is not None and (kept or p > level.alpha):
        keep = {**counts, "delta": looks.delta, "margin": rule.margin, "p_looks": looks.p_margin}
        bounds = (looks.delta, -rule.margin, None, None)
        several.append(Finding(held.suite, "non_inferiority", *bounds, kept, 1.0, note, keep, refused))
    return several
