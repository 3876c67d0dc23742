"""What a run says: per suite the declared metrics with 95% intervals, faults, modes and groups.

Every number is made here from the records' values; nothing of it is stored. Cost: one pass over the run's records.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import stats
from harness.modes import MODES, SUSPECT
from harness.store import Database, read
from harness.types import Metric

SUSPECT_ALARM = 0.9
"""Share of answers in `modes.SUSPECT` from which zeros look like a bug of prompt, limits or extraction."""


@dataclass(frozen=True)
class SuiteReport:
    """One suite of a run. `metrics` maps names to estimates; the first is the primary one."""

    suite: str
    version: str
    wanted: int
    scored: int
    faults: Mapping[str, int]
    """`boundary/kind` -> count."""
    metrics: Mapping[str, stats.Estimate]
    modes: Mapping[str, int]
    """Mode -> count, most frequent first."""
    groups: Mapping[str, stats.Estimate]
    """Group (subject, task, skill) -> estimate of the primary metric."""
    seconds: float
    sandbox: str
    cut_prompts: int
    """Prompts that did not fit the model's context and were cut from the left."""
    graded: bool = True
    """Whether the primary metric is a share, of which more is better: nats and edit distances earn no letter."""

    @property
    def primary(self) -> tuple[str, stats.Estimate]:
        """Name and estimate of the primary metric."""
        return next(iter(self.metrics.items()))

    @property
    def alarm(self) -> str:
        """A line of warning when the scores may say more about the set-up than about the model, else empty."""
        found = []
        if self.cut_prompts:
            found.append(
                f"{self.cut_prompts} prompts did not fit the context and were cut from the left: try a larger n_ctx"
            )
        suspects = {mode: count for mode, count in self.modes.items() if mode in SUSPECT}
        if self.scored >= 10 and sum(suspects.values()) >= SUSPECT_ALARM * self.scored:
            most = max(suspects, key=lambda mode: suspects[mode])
            found.append(f"{suspects[most]} of {self.scored} answers are {most} ({MODES[most]}): {SUSPECT[most]}")
        return "; ".join(found)


def reports(database: Database, run_id: str) -> list[SuiteReport]:
    """Return the report of every suite of a run, in the order of their names."""
    return [_report(database, run_id, wanted) for wanted in read.run_suites(database, run_id).values()]


def _report(database: Database, run_id: str, wanted: Mapping[str, Any]) -> SuiteReport:
    rows = read.query(
        database,
        "SELECT sample_id, attempt, tags, measures, mode, fault_boundary, fault_kind FROM results"
        " WHERE run_id = ? AND suite = ?",
        [run_id, wanted["suite"]],
    )
    scored = [row for row in rows if row["measures"] is not None]
    metrics = [Metric(**declared) for declared in wanted["metrics"]]
    faults = Counter(f"{row['fault_boundary']}/{row['fault_kind']}" for row in rows if row["measures"] is None)
    estimates = {metric.name: estimate for metric in metrics if (estimate := aggregate(metric, scored)) is not None}
    by_group: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in scored:
        if (group := row["tags"].get(wanted["group_tag"])) is not None:
            by_group[group].append(row)
    groups = {group: aggregate(metrics[0], members) for group, members in sorted(by_group.items())}
    return SuiteReport(
        suite=wanted["suite"],
        version=wanted["version"],
        wanted=wanted["wanted"],
        scored=len(scored),
        faults=dict(faults.most_common()),
        metrics=estimates,
        modes=dict(Counter(row["mode"] for row in scored).most_common()),
        groups={group: estimate for group, estimate in groups.items() if estimate is not None},
        seconds=wanted["seconds"],
        sandbox=wanted["sandbox"],
        cut_prompts=_cut_prompts(database, run_id, wanted["suite"]),
        graded=metrics[0].higher_is_better and (metrics[0].high <= 1.0 or metrics[0].aggregate.startswith("ratio")),
    )


def _cut_prompts(database: Database, run_id: str, suite: str) -> int:
    found = read.query(
        database,
        "SELECT count(*) AS n FROM completions c SEMI JOIN"
        " (SELECT unnest(completion_keys) AS key FROM records WHERE run_id = ? AND suite = ?) k ON c.key = k.key"
        " WHERE c.cut_tokens > 0",
        [run_id, suite],
    )
    return int(found[0]["n"])


def aggregate(metric: Metric, rows: Sequence[Mapping[str, Any]]) -> stats.Estimate | None:
    """Return a metric over rows with `sample_id`, `tags` and `measures`; None when there are too few attempts for it.

    Attempts at one sample are averaged first: they are not independent.
    """
    how, _, argument = metric.aggregate.partition(":")
    if how.startswith("pass@"):
        return _pass_at(metric, rows, int(how.removeprefix("pass@")))
    values = _per_sample(rows, metric.value)
    if how == "micro":
        return stats.mean(list(values.values()), metric.low, metric.high)
    if how == "macro":
        tag_of = {row["sample_id"]: row["tags"].get(argument, "") for row in rows}
        groups: dict[str, list[float]] = defaultdict(list)
        for sample_id, value in values.items():
            groups[tag_of[sample_id]].append(value)
        return stats.macro(groups, metric.low, metric.high)
    if how == "ratio":
        return stats.ratio(list(values.values()), list(_per_sample(rows, argument).values()))
    raise ValueError(f"metric {metric.name!r} has an unknown aggregate {metric.aggregate!r}")


def _per_sample(rows: Iterable[Mapping[str, Any]], value: str) -> dict[str, float]:
    attempts: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        attempts[row["sample_id"]].append(row["measures"][value])
    return {sample_id: math.fsum(values) / len(values) for sample_id, values in attempts.items()}


def _pass_at(metric: Metric, rows: Sequence[Mapping[str, Any]], k: int) -> stats.Estimate | None:
    attempts: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        attempts[row["sample_id"]].append(row["measures"][metric.value])
    if any(len(values) < k for values in attempts.values()) or (k > 1 and not attempts):
        return None
    return stats.mean([stats.pass_at_k(len(v), sum(x >= 1.0 for x in v), k) for v in attempts.values()])


def document(database: Database, run_id: str, grades: Mapping[str, float]) -> dict[str, Any]:
    """Return the JSON document of `eval`, `rescore` and `show --json`."""
    run = read.run(database, run_id)
    return {
        "run_id": run["run_id"],
        "name": run["name"],
        "status": run["status"],
        "model": run["model"],
        "model_sha256": run["model_digest"],
        "prompt": run["config"]["prompt"],
        "started_at": run["started_at"].isoformat() + "Z",
        "suites": {report.suite: _suite_document(report, grades) for report in reports(database, run["run_id"])},
        "database": str(database.path),
        "log": str(database.folder / "runs" / run["run_id"] / "log.jsonl"),
    }


def _suite_document(report: SuiteReport, grades: Mapping[str, float]) -> dict[str, Any]:
    name, primary = report.primary
    return {
        "version": report.version,
        "metric": name,
        "n": report.scored,
        "wanted": report.wanted,
        "score": finite(primary.value),
        "low": primary.low,
        "high": primary.high,
        "grade": stats.letter(primary.value, grades) if report.graded else "-",
        "faults": sum(report.faults.values()),
        "fault_kinds": dict(report.faults),
        "metrics": {
            key: {"value": finite(e.value), "low": e.low, "high": e.high, "n": e.n} for key, e in report.metrics.items()
        },
        "modes": dict(report.modes),
        "groups": {
            key: {"value": finite(e.value), "low": e.low, "high": e.high, "n": e.n} for key, e in report.groups.items()
        },
        "sandbox": report.sandbox,
        "seconds": round(report.seconds, 3),
        "cut_prompts": report.cut_prompts,
        "alarm": report.alarm,
    }


def finite(value: float) -> float | None:
    """Return the number, or None for nan: JSON knows no nan, and no score is not a zero."""
    return None if math.isnan(value) else value
