"""Pairs the records of two runs by sample.

    suite = paired(database, "base-1f0c9a77d2", "tuned-9c21d0aa3e")[0]
    suite.ids[0], suite.reference[0], suite.candidate[0]   ->  ("9f..", 1.0, 0.0)

A pair is one sample (same id, same content and target) that has a score in both runs. What lacks a score on either
side is counted, never taken for a zero. Attempts at one sample are averaged. Where two runs are not comparable,
`differences` says why; the pairs are made all the same, and whoever reads them decides.

Cost: one query a suite over the records of both runs and a pass over its rows: two runs of 14,000 records are paired
in less than a second on two busy cores (`tests/bench/bench_compare.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

from harness.compare.differences import Difference, differences
from harness.compare.values import Point, level, linearised, points
from harness.errors import UsageError, nearest
from harness.store import Database, read
from harness.types import Metric

Side = tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]]
"""A run (`read.run`), and what it wants of each of its suites (`read.run_suites`)."""


@dataclass(frozen=True)
class SuitePairs:
    """One suite of two runs under one metric. All columns have one entry per pair, in the order of the sample ids."""

    suite: str
    metric: Metric
    ids: tuple[str, ...]
    names: tuple[str, ...]
    origins: tuple[str, ...]
    splits: tuple[str, ...]
    tags: tuple[Mapping[str, str], ...]
    reference: tuple[float, ...]
    """Values whose mean is the metric over the pairs (`values.linearised`)."""
    candidate: tuple[float, ...]
    unpaired_reference: int
    """Samples with a score in the reference that form no pair: not scored or changed in the candidate, or tried too few
    times for pass@k on either side."""
    unpaired_candidate: int
    faults_reference: Mapping[str, int]
    """`boundary/kind` -> count."""
    faults_candidate: Mapping[str, int]
    differences: tuple[Difference, ...]
    points_reference: tuple[Point, ...]
    """What the values were made from: the score of each sample by itself."""
    points_candidate: tuple[Point, ...]
    changed: int = 0
    """Samples with a score in both runs whose content or target differs: not paired."""
    group_tag: str = ""
    """Tag by which the suite groups its samples (subject, task, skill)."""

    @property
    def refused(self) -> str:
        """Why the two may not be compared, or empty."""
        return "; ".join(f"{d.what}: {d.reference} against {d.candidate}" for d in self.differences if d.fatal)

    @property
    def signs(self) -> tuple[int, ...]:
        """1 where the candidate did better, -1 where worse, 0 else, whichever direction is better."""
        better = 1 if self.metric.higher_is_better else -1
        sides = zip(map(level, self.points_reference), map(level, self.points_candidate), strict=True)
        return tuple(0 if x is None or y is None else better * ((y > x) - (y < x)) for x, y in sides)

    def clusters(self, tag: str = "") -> tuple[str, ...]:
        """Return the cluster of each pair: a tag's value, or the origin, which siblings and duplicates share."""
        return tuple(tags.get(tag, "") for tags in self.tags) if tag else self.origins

    def only(self, keep: Sequence[bool]) -> SuitePairs:
        """Return the pairs for which `keep` is true. Weights of macro averages stay those of the whole suite."""
        columns = (
            "ids", "names", "origins", "splits", "tags", "reference", "candidate",
            "points_reference", "points_candidate",
        )  # fmt: skip
        if len(keep) != len(self.ids):
            raise ValueError(f"{len(keep)} marks for {len(self.ids)} pairs")
        chosen: dict[str, Any] = {column: tuple(compress(getattr(self, column), keep)) for column in columns}
        return replace(self, **chosen)

    def within(self, keep: Sequence[bool]) -> SuitePairs:
        """Return the pairs for which `keep` is true as if they were the whole suite: values are made anew from them.

        Without a pair where a ratio has nothing below on either side.
        """
        kept = self.only(keep)
        values = [linearised(self.metric, p, kept.tags) for p in (kept.points_reference, kept.points_candidate)]
        if kept.ids and not all(values):
            return self.only([False] * len(self.ids))
        return replace(kept, reference=tuple(values[0]), candidate=tuple(values[1]))


def paired(
    database: Database,
    reference: str,
    candidate: str,
    metrics: Mapping[str, str] | None = None,
    split: str = "all",
    suites: Sequence[str] | None = None,
) -> list[SuitePairs]:
    """Return the pairs of every suite that both runs have (or of `suites`), in the order of their names.

    `reference`, `candidate`: run ids. `metrics`: suite -> name of the metric, where it is not the primary one.

    Raises:
        UsageError: no suite in common, a suite that one of them lacks, an unknown metric, or one run of both.
    """
    sides = [read_side(database, named) for named in (reference, candidate)]
    return paired_sides(database, sides, metrics, split, suites)


def read_side(database: Database, named: str) -> Side:
    """Return one side of a comparison.

    Raises:
        UsageError: no such run, or an ambiguous start of an id.
    """
    run = read.run(database, named)
    return run, read.run_suites(database, run["run_id"])


def paired_sides(
    database: Database,
    sides: Sequence[Side],
    metrics: Mapping[str, str] | None = None,
    split: str = "all",
    suites: Sequence[str] | None = None,
) -> list[SuitePairs]:
    """Return what `paired` does, of two sides that are read already; raises as it does."""
    runs, wanted = zip(*sides, strict=True)
    if runs[0]["run_id"] == runs[1]["run_id"]:
        raise UsageError(f"the same run twice, {runs[0]['run_id']!r}", "two runs", "type: harness list runs")
    common = sorted(set(wanted[0]) & set(wanted[1])) if suites is None else list(dict.fromkeys(suites))
    for run, known in zip(runs, wanted, strict=True):
        if missing := [name for name in common if name not in known]:
            what = f"run {run['run_id']!r} has no suite {missing[0]!r}"
            again = f"type: harness eval {run['model']} --suite {missing[0]}"
            raise UsageError(what, nearest(missing[0], known), again)
    if not common:
        what = " and ".join(repr(run["run_id"]) for run in runs) + " have no suite in common"
        raise UsageError(what, f"{sorted(wanted[0])} and {sorted(wanted[1])}", "type: harness list runs")
    chosen = metrics or {}
    return [_suite(database, runs, [w[name] for w in wanted], chosen.get(name, ""), split) for name in common]


def declared_metric(row: Mapping[str, Any], named: str) -> Metric:
    """Return a metric of a run's suite: the primary one where `named` is empty.

    Raises:
        UsageError: the suite declares none of that name; tells the nearest.
    """
    metrics = {declared["name"]: Metric(**declared) for declared in row["metrics"]}
    if named and named not in metrics:
        what = f"the suite {row['suite']!r} has no metric {named!r}"
        raise UsageError(what, nearest(named, metrics), "type: harness list suites")
    return metrics[named] if named else next(iter(metrics.values()))


def result_rows(database: Database, run_id: str, suite: str, split: str = "all") -> list[dict[str, Any]]:
    """Return the records of a run's suite with sample, tags, values and faults, in the order of sample ids.

    One row a sample and attempt: should a record lie there twice, one with a score, the latest, speaks.
    """
    return _rows(database, (run_id,), suite, split)


def _rows(database: Database, run_ids: Sequence[str], suite: str, split: str) -> list[dict[str, Any]]:
    runs = ", ".join("?" for _ in run_ids)
    where = "" if split == "all" else " AND s.split = ?"
    return read.query(
        database,
        "SELECT r.run_id, r.sample_id, r.sample_digest, s.name AS sample, s.origin, s.split, s.tags, r.attempt,"
        " sc.measures, sc.mode, sc.answer, r.fault_boundary, r.fault_kind, r.completion_keys FROM records r"
        " LEFT JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest"
        " LEFT JOIN scores sc ON sc.key = r.score_key AND sc.suite = ?"
        f" WHERE r.run_id IN ({runs}) AND r.suite = ?{where}"
        " QUALIFY row_number() OVER (PARTITION BY r.run_id, r.sample_id, r.attempt"
        " ORDER BY r.score_key IS NULL, r.recorded_at DESC) = 1 ORDER BY r.sample_id, r.attempt",
        [suite, *run_ids, suite, *([] if split == "all" else [split])],
    )


def fault_counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return `boundary/kind` -> count of the rows without a score."""
    return dict(Counter(f"{r['fault_boundary']}/{r['fault_kind']}" for r in rows if r["measures"] is None))


def _suite(
    database: Database, runs: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], named: str, split: str
) -> SuitePairs:
    metric = declared_metric(wanted[1], named)
    ids = [run["run_id"] for run in runs]
    mixed = _rows(database, ids, wanted[1]["suite"], split)
    found = [[row for row in mixed if row["run_id"] == run_id] for run_id in ids]
    scored = [[row for row in rows if row["measures"] is not None] for rows in found]
    contents = [_contents(rows) for rows in scored]
    both = set(contents[0]) & set(contents[1])
    same = {sample_id for sample_id in both if contents[0][sample_id] == contents[1][sample_id]}
    each = [points(metric, [row for row in rows if row["sample_id"] in same]) for rows in scored]
    kept = sorted(set(each[0]) & set(each[1]))
    first = {row["sample_id"]: row for row in scored[1]}
    tags = tuple(first[i]["tags"] or {} for i in kept)
    sides = [[side[i] for i in kept] for side in each]
    values = [linearised(metric, side, tags) for side in sides]
    if not all(values):  # a ratio with nothing below on one side
        kept, tags, sides, values = [], (), [[], []], [[], []]
    return SuitePairs(
        suite=wanted[1]["suite"],
        metric=metric,
        ids=tuple(kept),
        names=tuple(first[i]["sample"] or i[:12] for i in kept),
        origins=tuple(first[i]["origin"] or i for i in kept),
        splits=tuple(first[i]["split"] or "" for i in kept),
        tags=tags,
        reference=tuple(values[0]),
        candidate=tuple(values[1]),
        unpaired_reference=len(contents[0]) - len(kept),
        unpaired_candidate=len(contents[1]) - len(kept),
        faults_reference=fault_counts(found[0]),
        faults_candidate=fault_counts(found[1]),
        differences=differences(runs, wanted),
        points_reference=tuple(sides[0]),
        points_candidate=tuple(sides[1]),
        changed=len(both) - len(same),
        group_tag=wanted[1]["group_tag"] or "",
    )


def _contents(rows: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Return sample id -> digests of content and target that its records were scored with."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row["sample_id"]].add(row["sample_digest"])
    return found
