"""What `harness compare A B` says: per suite, and per tag value inside it, how far the candidate is from the reference.

    found = compare(database, "base-1f0c9a77d2", "tuned-9c21d0aa3e")
    found.suites[0].whole   ->  Line(name="mmlu", delta=-0.031, low=-0.044, high=-0.018, losses=902, wins=466, ..)

Differences stand in the metric's own units with a two-sided interval at 1 - alpha; wins, losses and p mean "better" and
"worse" whichever direction is better. p is two-sided: over suites adjusted by Holm, which may be believed; over tag
values by Benjamini and Hochberg, which is a list to look at. Samples of one origin (duplicates, variants) are one
cluster. Methods and sources: `stats.contrast`.

Cost: two runs of 14,000 records in 57 subjects take 1.2 s on two busy cores, most of it reading
(`tests/bench/bench_compare.py`); a line of graded scores in fewer than 30 clusters takes about 30 ms.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness import stats
from harness.compare.differences import allowed
from harness.compare.pairs import SuitePairs, paired_sides, read_side
from harness.errors import UsageError, nearest
from harness.store import Database


@dataclass(frozen=True)
class Line:
    """Reference and candidate on some samples of a suite."""

    name: str
    """Suite, or value of a tag."""
    n: int
    """Pairs."""
    clusters: int
    """Independent groups of them."""
    reference: float
    """Score over the pairs."""
    candidate: float
    delta: float
    """Candidate minus reference, as is the interval: in units of the metric."""
    low: float
    high: float
    wins: int
    """Samples on which the candidate does better."""
    losses: int
    ties: int
    p: float
    """Two-sided."""
    p_adjusted: float
    method: str
    verdict: str
    """`better`, `worse`, or empty where no difference is shown at alpha, adjusted."""


@dataclass(frozen=True)
class SuiteComparison:
    """One suite. `whole` is None without a pair."""

    pairs: SuitePairs
    whole: Line | None
    tag: str
    """The tag that `lines` are about; empty for none."""
    lines: tuple[Line, ...]
    """A line per value of the tag, exploratory."""


@dataclass(frozen=True)
class Comparison:
    """Two runs. `reference` and `candidate` are their rows (`read.run`)."""

    reference: Mapping[str, Any]
    candidate: Mapping[str, Any]
    suites: tuple[SuiteComparison, ...]
    only_reference: tuple[str, ...]
    """Suites that only the reference has."""
    only_candidate: tuple[str, ...]
    alpha: float
    split: str

    @property
    def warnings(self) -> list[str]:
        """Lines that say what makes the figures doubtful."""
        found = []
        for side, run in (("reference", self.reference), ("candidate", self.candidate)):
            if run["status"] != "done":
                found.append(f"the {side}'s run {run['run_id']} is {run['status']}")
        seen: dict[tuple[str, str, str], list[str]] = {}
        for suite in self.suites:
            for d in suite.pairs.differences:
                seen.setdefault((d.what, d.reference, d.candidate), []).append(suite.pairs.suite)
        found += [f"{what}: {a} against {b} ({', '.join(names)})" for (what, a, b), names in seen.items()]
        return found


def compare(
    database: Database,
    reference: str,
    candidate: str,
    *,
    suites: Sequence[str] | None = None,
    metrics: Mapping[str, str] | None = None,
    split: str = "all",
    by: str = "",
    alpha: float = 0.05,
    allow: Collection[str] = (),
) -> Comparison:
    """Return the comparison of two runs (ids) on the suites that both have, or on `suites`.

    `by`: tag to look into, empty for the suite's own (subject, task, skill), `none` for no tag. `allow`: what may
    differ all the same (`differences.FATAL`).

    Raises:
        UsageError: the runs are not comparable, are the same, or share no suite; an unknown suite, metric or tag.
    """
    named = [read_side(database, run) for run in (reference, candidate)]
    sides, has = zip(*named, strict=True)
    found = [
        replace(each, differences=allowed(each.differences, allow))
        for each in paired_sides(database, named, metrics, split, suites)
    ]
    if unknown := sorted(set(metrics or {}) - {pairs.suite for pairs in found}):
        what = f"a metric is named for the suite {unknown[0]!r}, which is not compared"
        raise UsageError(what, nearest(unknown[0], [pairs.suite for pairs in found]), "type: harness list runs")
    _refuse(found, sides)
    tags = {"none": ""}.get(by, by)
    if tags and not any(tags in each for pairs in found for each in pairs.tags):
        known = {tag for pairs in found for each in pairs.tags for tag in each}
        raise UsageError(f"no sample has a tag {by!r}", nearest(by, known), "type: --by none")
    wholes = _adjusted([line_of(pairs.suite, pairs, alpha) for pairs in found], stats.holm, alpha)
    return Comparison(
        reference=sides[0],
        candidate=sides[1],
        suites=tuple(
            _suite(pairs, whole, pairs.group_tag if by == "" else tags, alpha)
            for pairs, whole in zip(found, wholes, strict=True)
        ),
        only_reference=tuple(sorted(set(has[0]) - set(has[1]))),
        only_candidate=tuple(sorted(set(has[1]) - set(has[0]))),
        alpha=alpha,
        split=split,
    )


def _refuse(found: Sequence[SuitePairs], sides: Sequence[Mapping[str, Any]]) -> None:
    fatal = {d.what: d for pairs in found for d in pairs.differences if d.fatal}
    if not fatal:
        return
    shown = "; ".join(f"{d.what}: {d.reference} against {d.candidate}" for d in fatal.values())
    named = " ".join(run["run_id"] for run in sides)
    other = " (`harness rescore RUN` scores again with today's scorer)" if {"version", "scorer"} & set(fatal) else ""
    raise UsageError(
        f"the runs are not comparable, {shown}",
        f"the same suite version, scorer, prompt form, decoding and judges{other}, or the difference allowed by name",
        "type: " + " ".join([f"harness compare {named}", *(f"--allow {what}" for what in fatal)]),
    )


def _suite(pairs: SuitePairs, whole: Line | None, tag: str, alpha: float) -> SuiteComparison:
    values = [tags.get(tag) for tags in pairs.tags]
    names = sorted({value for value in values if value is not None}) if tag else []
    groups = [line_of(name, pairs.within([value == name for value in values]), alpha) for name in names]
    lines = [line for line in _adjusted(groups, stats.benjamini_hochberg, alpha) if line is not None]
    return SuiteComparison(pairs, whole, tag if lines else "", tuple(lines))


def line_of(name: str, pairs: SuitePairs, alpha: float) -> Line | None:
    """Return the line of some pairs (`SuitePairs.within`), its p not yet adjusted; None without a pair."""
    if not pairs.ids:
        return None
    sides = (pairs.reference, pairs.candidate)
    higher = pairs.metric.higher_is_better
    # The sides change places where less is better: negated, rights and wrongs would no longer be 0 and 1 to `contrast`.
    found = stats.contrast(*(sides if higher else sides[::-1]), pairs.clusters(), alpha / 2)
    up = 1.0 if higher else -1.0
    low, high = sorted((up * found.low, up * found.high))
    scores = (found.reference, found.candidate)
    signs = pairs.signs
    return Line(
        name, found.n, found.clusters, *(scores if higher else scores[::-1]), up * found.delta, low, high,
        signs.count(1), signs.count(-1), signs.count(0), found.p_two_sided, found.p_two_sided, found.method,
        "better" if found.p_gain < found.p_drop else "worse",
    )  # fmt: skip


def _adjusted(lines: Sequence[Line | None], adjust: Any, alpha: float) -> list[Line | None]:
    ps = adjust({place: line.p for place, line in enumerate(lines) if line is not None})
    return [
        line and dataclasses.replace(line, p_adjusted=ps[place], verdict=line.verdict if ps[place] <= alpha else "")
        for place, line in enumerate(lines)
    ]
