"""Pairs the records of two runs by sample, and says where the runs are not comparable.

A pair is one sample (same id, same content) that has a score in both runs. What lacks a score on either side is
counted, never taken for a zero. Cost: two passes over the records of both runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.compare.values import sample_values
from harness.errors import UsageError, nearest
from harness.store import Database, read
from harness.types import Metric

DECODING = ("temperature", "top_p", "max_tokens", "reasoning_tokens", "seed", "samples")
"""Keys of a run's configuration that change what is decoded. Only the first four make runs incomparable."""


@dataclass(frozen=True)
class Difference:
    """Something in which two runs differ. `fatal`: their scores do not measure the same thing."""

    what: str
    """`version`, `scorer`, `prompt`, `temperature`, `sandbox`, `engine`, `seed`, ..."""
    reference: str
    candidate: str
    fatal: bool


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
    """Values whose mean is the metric over the pairs (`values.sample_values`)."""
    candidate: tuple[float, ...]
    unpaired_reference: int
    """Samples with a score in the reference only."""
    unpaired_candidate: int
    faults_reference: Mapping[str, int]
    """`boundary/kind` -> count."""
    faults_candidate: Mapping[str, int]
    differences: tuple[Difference, ...]

    @property
    def refused(self) -> str:
        """Why the two may not be compared, or empty."""
        return "; ".join(f"{d.what}: {d.reference} against {d.candidate}" for d in self.differences if d.fatal)

    def clusters(self, tag: str = "") -> tuple[str, ...]:
        """Return the cluster of each pair: a tag's value, or the origin, which siblings and duplicates share."""
        return tuple(tags.get(tag, "") for tags in self.tags) if tag else self.origins

    def only(self, keep: Sequence[bool]) -> SuitePairs:
        """Return the pairs for which `keep` is true. Weights of macro averages stay those of the whole suite."""
        columns = ("ids", "names", "origins", "splits", "tags", "reference", "candidate")
        chosen = {c: tuple(v for v, k in zip(getattr(self, c), keep, strict=True) if k) for c in columns}
        return SuitePairs(**{**{name: getattr(self, name) for name in self.__dataclass_fields__}, **chosen})


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
    runs = [read.run(database, named) for named in (reference, candidate)]
    wanted = [{row["suite"]: row for row in read.run_suites(database, run["run_id"])} for run in runs]
    common = sorted(set(wanted[0]) & set(wanted[1])) if suites is None else list(suites)
    if missing := [name for name in common if name not in wanted[0] or name not in wanted[1]]:
        lacks = reference if missing[0] not in wanted[0] else candidate
        what = f"run {lacks!r} has no suite {missing[0]!r}"
        raise UsageError(what, nearest(missing[0], wanted[0]), f"type: harness eval MODEL --suite {missing[0]}")
    if not common:
        what = f"runs {reference!r} and {candidate!r} have no suite in common"
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
    """Return the records of a run's suite with sample, tags, values and faults, in the order of sample ids."""
    where = "" if split == "all" else " AND split = ?"
    return read.query(
        database,
        "SELECT sample_id, sample, origin, split, tags, attempt, measures, mode, answer, fault_boundary, fault_kind,"
        f" completion_keys FROM results WHERE run_id = ? AND suite = ?{where} ORDER BY sample_id, attempt",
        [run_id, suite, *([] if split == "all" else [split])],
    )


def fault_counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return `boundary/kind` -> count of the rows without a score."""
    return dict(Counter(f"{r['fault_boundary']}/{r['fault_kind']}" for r in rows if r["measures"] is None))


def _suite(
    database: Database, runs: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], named: str, split: str
) -> SuitePairs:
    metric = declared_metric(wanted[1], named)
    found = [result_rows(database, run["run_id"], wanted[1]["suite"], split) for run in runs]
    scored = [[row for row in rows if row["measures"] is not None] for rows in found]
    common = {row["sample_id"] for row in scored[0]} & {row["sample_id"] for row in scored[1]}
    values = [sample_values(metric, [row for row in rows if row["sample_id"] in common]) for rows in scored]
    first = {row["sample_id"]: row for row in scored[1]}
    ids = sorted(set(values[0]) & set(values[1]))
    return SuitePairs(
        suite=wanted[1]["suite"],
        metric=metric,
        ids=tuple(ids),
        names=tuple(first[i]["sample"] or i[:12] for i in ids),
        origins=tuple(first[i]["origin"] for i in ids),
        splits=tuple(first[i]["split"] for i in ids),
        tags=tuple(first[i]["tags"] or {} for i in ids),
        reference=tuple(values[0][i] for i in ids),
        candidate=tuple(values[1][i] for i in ids),
        unpaired_reference=len({row["sample_id"] for row in scored[0]} - common),
        unpaired_candidate=len({row["sample_id"] for row in scored[1]} - common),
        faults_reference=fault_counts(found[0]),
        faults_candidate=fault_counts(found[1]),
        differences=tuple(differences(runs, wanted)),
    )


def differences(runs: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """Return in what two runs (reference, candidate) of a suite differ besides the model."""
    found = []

    def note(what: str, values: Sequence[Any], fatal: bool) -> None:
        if values[0] != values[1]:
            found.append(Difference(what, str(values[0]), str(values[1]), fatal))

    note("version", [w["version"] for w in wanted], True)
    note("sandbox", [w["sandbox"] for w in wanted], False)
    if not found:
        # The key holds version and sandbox level too: where those differ it says nothing new.
        note("scorer", [w["scorer_key"][:12] for w in wanted], True)
    note("prompt", [r["config"].get("prompt") for r in runs], True)
    for name in DECODING:
        note(name, [r["config"].get(name) for r in runs], name not in ("seed", "samples"))
    note("engine", [r["config"].get("engine", {}).get("name") for r in runs], False)
    return found
