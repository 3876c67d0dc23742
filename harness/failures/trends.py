"""How often a run fails for each cause, and what changed against the run before, on the samples that both scored.

    now, then = answers(database, run_id, cases, assignments), answers(database, previous, old_cases, old_assignments)
    shares(now, causes)["3f9a.."]         -> Share(failures=12, of_answers=Estimate(.060, .035, .102, 200), ..)
    changes(then, now, causes)["3f9a.."]  -> Change(before=40, after=12, delta=-.14, p_adjusted=2e-6, verdict="shrank")
    flows(then, now)                      -> (Flow("3f9a..", "right", 27), Flow("3f9a..", "77d0..", 3), ..)
    sentence(change, "off by one", ..)    -> "off by one shrank from 40 to 12 of 200: 27 fixed, 3 to wrong unit"

Shares have Wilson's interval on the effective number of answers: where several share an origin (attempts, perturbed
siblings), it is divided by the design effect, at least 1 (Korn and Graubard 1998, Survey Methodology 24:193). A change
is paired: the exact McNemar test on "this sample fails for this cause", clustered by origin where siblings exist
(`stats.contrast`), two-sided, then Benjamini and Hochberg over the causes (`unassigned` is one of them). Intervals are
not adjusted: an interval beside 0 with the verdict `no change` is what that adjustment does.

A change of share is one of *both* runs' assignments to one taxonomy. It does not tell a model that fails otherwise from
one whose new failures are merely assigned elsewhere; novelty (`taxonomy.lineage.refit_advised`) does.
Cost: one query a run and suite; 14,000 answers and 12 causes in about a second.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness import stats
from harness.compare.differences import differences
from harness.compare.pairs import result_rows
from harness.failures.case import Case
from harness.failures.taxonomy import UNASSIGNED, Assignment
from harness.stats import Estimate
from harness.store import Database, read

RIGHT = "right"
"""State of an answer that is no failure."""
LEVEL = 0.05
"""False discovery rate at which a change counts."""
Verdict = Literal["grew", "shrank", "new", "gone", "no change"]
"""`new`: grew from nothing; `gone`: shrank to nothing; both only where the change counts."""


@dataclass(frozen=True)
class Answer:
    """One scored answer of a run."""

    key: tuple[str, str, int]
    """Suite, sample id and attempt."""
    digest: str
    """Of the sample's content and target: answers to another content are not paired."""
    origin: str
    state: str
    """Id of a cause, `UNASSIGNED`, or `RIGHT`."""


@dataclass(frozen=True)
class Share:
    """How often a run fails for a cause."""

    cause: str
    failures: int
    of_answers: Estimate
    """Share of all scored answers, 95% interval; `n` is their number."""
    of_failures: Estimate


@dataclass(frozen=True)
class Change:
    """A cause in two runs, on the samples that both scored."""

    cause: str
    samples: int
    before: int
    """Failing samples in the run before; one that fails in any of its attempts counts."""
    after: int
    delta: float
    """After minus before, as a share of the samples (attempts at one averaged)."""
    low: float
    """Bounds of delta, 95% two-sided; infinite where there are too few origins for any."""
    high: float
    p: float
    """Two-sided."""
    p_adjusted: float
    """Over the causes, by Benjamini and Hochberg."""
    verdict: Verdict


@dataclass(frozen=True)
class Flow:
    """Answers that went from one state to another between two runs."""

    origin: str
    to: str
    answers: int


def answers(
    database: Database,
    run_id: str,
    cases: Sequence[Case],
    assignments: Sequence[Assignment],
    split: str = "all",
    suites: Sequence[str] | None = None,
) -> list[Answer]:
    """Return every scored answer of a run, sorted by key. What is a fault has no score and is left out.

    `cases` and their `assignments` must be those of the run, `split` and `suites`.
    """  # fmt: skip
    states = {case.key: found.cause for case, found in zip(cases, assignments, strict=True)}
    if suites is None:
        suites = list(read.run_suites(database, run_id))
    found = []
    for suite in sorted(set(suites)):
        for row in result_rows(database, run_id, suite, split):
            if row["measures"] is not None:
                key = (suite, row["sample_id"], row["attempt"])
                origin = row["origin"] or row["sample_id"]
                found.append(Answer(key, row["sample_digest"] or "", origin, states.get(key, RIGHT)))
    return sorted(found, key=lambda answer: answer.key)


def refused(database: Database, before: str, after: str, suites: Iterable[str] | None = None) -> dict[str, str]:
    """Return suite -> why two runs may not be compared on it, for the suites that both have (of `suites`)."""
    runs = [read.run(database, run_id) for run_id in (before, after)]
    rows = [read.run_suites(database, run["run_id"]) for run in runs]
    common = sorted(set(rows[0]) & set(rows[1]) & set(rows[0] if suites is None else suites))
    fatal = {name: [d for d in differences(runs, [side[name] for side in rows]) if d.fatal] for name in common}
    return {
        name: "; ".join(f"{d.what}: {d.reference} before, {d.candidate} now" for d in why)
        for name, why in fatal.items()
        if why
    }


def shares(found: Sequence[Answer], causes: Iterable[str]) -> dict[str, Share]:
    """Return the share of each cause, in the order given, then of `UNASSIGNED`. nan in [0, 1] without an answer."""
    failures = [answer for answer in found if answer.state != RIGHT]
    counts = Counter(answer.state for answer in failures)
    of_answers, of_failures = _sharing(found), _sharing(failures)
    return {
        cause: Share(cause, counts[cause], of_answers(cause), of_failures(cause)) for cause in (*causes, UNASSIGNED)
    }


def changes(before: Sequence[Answer], after: Sequence[Answer], causes: Iterable[str]) -> dict[str, Change]:
    """Return what changed, by cause in the order given, then `UNASSIGNED`.

    Raises:
        ValueError: no sample (of the same content) that both scored.
    """
    sides = [_samples(side) for side in (before, after)]
    both = sorted(set(sides[0]) & set(sides[1]))
    if not both:
        raise ValueError("no sample that both runs scored")
    origins = [sides[1][sample][0].origin for sample in both]
    named = (*causes, UNASSIGNED)
    columns = [_columns([side[sample] for sample in both], named) for side in sides]
    counts = {cause: [sum(value > 0 for value in side[cause]) for side in columns] for cause in columns[0]}
    tested = {c: stats.contrast(columns[0][c], columns[1][c], origins, alpha=LEVEL / 2) for c in columns[0]}
    adjusted = stats.benjamini_hochberg({cause: one.p_two_sided for cause, one in tested.items()})
    return {
        cause: Change(
            cause, len(both), counts[cause][0], counts[cause][1], one.delta, one.low, one.high, one.p_two_sided,
            adjusted[cause], _verdict(counts[cause], one.delta, adjusted[cause]),
        )
        for cause, one in tested.items()
    }  # fmt: skip


def flows(before: Sequence[Answer], after: Sequence[Answer]) -> tuple[Flow, ...]:
    """Return how many answers (same sample, content and attempt) went from where to where, the largest first.

    Answers that stayed where they were are among them; those that were right both times are not.
    """
    now = {(answer.key, answer.digest): answer.state for answer in after}
    pairs = ((a.state, now[a.key, a.digest]) for a in before if (a.key, a.digest) in now)
    counts = Counter(pair for pair in pairs if pair != (RIGHT, RIGHT))
    return tuple(Flow(*pair, count) for pair, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def sentence(change: Change, label: str, found: Sequence[Flow], labels: Mapping[str, str]) -> str:
    """Return one line for people: what changed and, where it shrank, where its answers went.

    `labels`: cause id -> label, for where they went; not escaped.
    """
    moved = f"{label}: {change.before} -> {change.after} of {change.samples} samples"
    if change.verdict == "new":
        moved = f"{label} is new: {change.after} of {change.samples} samples"
    elif change.verdict == "gone":
        moved = f"{label} is gone: {change.before} of {change.samples} samples before"
    elif change.verdict != "no change":
        moved = f"{label} {change.verdict} from {change.before} to {change.after} of {change.samples} samples"
    if change.verdict not in ("shrank", "gone"):
        return moved
    named = {RIGHT: "fixed", UNASSIGNED: "unassigned"}
    left = [flow for flow in found if flow.origin == change.cause and flow.to != change.cause]
    told = [f"{flow.answers} {named.get(flow.to) or f'to {labels.get(flow.to, flow.to)}'}" for flow in left]
    return f"{moved}: {', '.join(told)}" if told else moved


def _sharing(found: Sequence[Answer]) -> Callable[[str], Estimate]:
    """Return what tells the share of a cause among these answers."""
    n, origins, counts = len(found), [answer.origin for answer in found], Counter(answer.state for answer in found)
    independent = len(set(origins)) == n

    def share(cause: str) -> Estimate:
        effective = float(n)
        if n and not independent:
            effective = n / _design_effect([float(answer.state == cause) for answer in found], origins)
        count = max(1, round(effective)) if n else 0
        interval = stats.wilson(counts[cause] * count / n if n else 0.0, count)
        return Estimate(interval.value, interval.low, interval.high, n)

    return share


def _design_effect(values: Sequence[float], origins: Sequence[str]) -> float:
    """Return the variance of the share with its clusters over that of independent answers, at least 1.

    Where all answers are alike nothing can be estimated: each origin then counts once.
    """
    n, clusters, share = len(values), len(set(origins)), sum(values) / len(values)
    if clusters == n:
        return 1.0
    if clusters == 1 or share in (0.0, 1.0):
        return n / clusters
    sums: dict[str, float] = defaultdict(float)
    for value, origin in zip(values, origins, strict=True):
        sums[origin] += value - share
    spread = clusters / (clusters - 1) * sum(total * total for total in sums.values())
    return max(1.0, spread / (n * share * (1 - share)))


def _samples(found: Sequence[Answer]) -> dict[tuple[str, str, str], list[Answer]]:
    """Return (suite, sample id, digest) -> its answers."""
    samples: dict[tuple[str, str, str], list[Answer]] = defaultdict(list)
    for answer in found:
        samples[(*answer.key[:2], answer.digest)].append(answer)
    return samples


def _columns(samples: Sequence[Sequence[Answer]], causes: Iterable[str]) -> dict[str, list[float]]:
    """Return by cause the share of each sample's answers that fail for it."""
    counts = {cause: [0] * len(samples) for cause in causes}
    for place, tried in enumerate(samples):
        for answer in tried:
            if answer.state in counts:
                counts[answer.state][place] += 1
    return {cause: [n / len(tried) for n, tried in zip(row, samples, strict=True)] for cause, row in counts.items()}


def _verdict(counts: Sequence[int], delta: float, p_adjusted: float) -> Verdict:
    if p_adjusted > LEVEL or delta == 0.0:
        return "no change"
    if delta > 0:
        return "grew" if counts[0] else "new"
    return "shrank" if counts[1] else "gone"
