"""What an analysis may look at: one split, some suites; and the other runs that may be seen beside a run.

    scope = Scope.of(database, "tuned-9c21d0aa3e", "dev")
    scope.failures("tuned-9c21d0aa3e")       -> (cases, diagnoses) of `dev` samples
    scope.before(run)["run_id"]              -> the latest earlier run of another model on the same suites

Everything of an analysis that reads samples goes through here, so that a split is kept in one place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.contracts import Model
from harness.errors import UsageError, nearest
from harness.failures import trends
from harness.failures.case import Case, Diagnosis
from harness.failures.cases import cases
from harness.failures.diagnosis import diagnose_all
from harness.failures.diagnosis.critique import criticised
from harness.failures.diagnosis.probing import probed
from harness.failures.embedding import Progress
from harness.store import Database, gates, read
from harness.types import Fault

SPLITS = ("dev", "test", "all")
PEERS = 8
"""At most so many other models are asked about suspected targets."""


@dataclass(frozen=True)
class Scope:
    """One split of some suites."""

    database: Database
    split: str
    suites: tuple[str, ...]
    judge: Model | None = None
    """Criticises failures before they are diagnosed."""
    progress: Progress | None = None
    faults: list[Fault] = field(default_factory=list)
    """Of the judge and of the sandbox, as they come up."""

    @staticmethod
    def of(
        database: Database,
        run_id: str,
        split: str,
        suites: Sequence[str] | None = None,
        judge: Model | None = None,
        progress: Progress | None = None,
    ) -> Scope:
        """Return the scope of a run, of all its suites where `suites` is None.

        Raises:
            UsageError: an unknown split, a suite that the run lacks, or a run without any.
        """
        if split not in SPLITS:
            raise UsageError(f"no split {split!r}", nearest(split, SPLITS), "type: --split all")
        known = read.run_suites(database, run_id, suites or None)
        if not known:
            raise UsageError(f"run {run_id!r} has no suite", "a run with answers", "type: harness list runs")
        return Scope(database, split, tuple(known), judge, progress)

    def failures(self, run_id: str) -> tuple[list[Case], list[Diagnosis]]:
        """Return the failures of a run with their diagnoses, sorted by key; of the suites that it has."""
        known = read.run_suites(self.database, run_id)
        self.tell("reading failures", 0.0)
        found = cases(self.database, run_id, self.split, [name for name in self.suites if name in known])
        self.tell("running wrong programs again", 0.0)
        found, faults = probed(found, self.database)
        self.faults.extend(faults)
        if self.judge is not None:
            self.tell("asking the judge", 0.0)
            found, faults = criticised(found, self.judge, self.database)
            self.faults.extend(faults)
        self.tell("diagnosing", 0.0)
        return found, diagnose_all(found)

    def counts(self, run_id: str) -> tuple[int, int]:
        """Return how many answers of a run have a score, and how many have none."""
        where = "" if self.split == "all" else " AND s.split = ?"
        found = read.query(
            self.database,
            "SELECT count(*) FILTER (scored) AS scored, count(*) FILTER (NOT scored) AS faulty FROM ("
            " SELECT bool_or(r.score_key IS NOT NULL) AS scored FROM records r"
            " LEFT JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest"
            f" WHERE r.run_id = ? AND list_contains(?::VARCHAR[], r.suite){where}"
            " GROUP BY r.suite, r.sample_id, r.attempt)",
            [run_id, list(self.suites), *([] if self.split == "all" else [self.split])],
        )
        return int(found[0]["scored"]), int(found[0]["faulty"])

    def before(self, run: Mapping[str, Any], against: str | None = None) -> dict[str, Any] | None:
        """Return the run to compare with: the one named, else the latest earlier one of another model, or None.

        Raises:
            UsageError: the run named does not exist, is the run itself, or may not be compared with it.
        """
        if against is None:
            earlier = (one for one in self._others(run) if one["started_at"] < run["started_at"])
            return next((one for one in earlier if not self._refused(one, run)), None)
        other = read.run(self.database, gates.resolve(self.database, against))
        if other["run_id"] == run["run_id"]:
            what = f"the same run twice, {run['run_id']!r}"
            raise UsageError(what, "another run to compare with", "type: harness list runs")
        if why := self._refused(other, run):
            what = f"run {run['run_id']!r} may not be compared with {other['run_id']!r}"
            raise UsageError(what, why, f"type: harness compare {other['run_id']} {run['run_id']}")
        return other

    def peers(self, run: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the latest run of each other model on these suites, the newest first, at most `PEERS`."""
        models: dict[str, str] = {}
        for one in self._others(run):
            models.setdefault(one["model_digest"] or one["model"], one["run_id"])
        return tuple(models.values())[:PEERS]

    def tell(self, what: str, share: float) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(what, share)

    def _others(self, run: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the runs of other models on all these suites that have answers with scores, newest first."""
        rows = [read.run(self.database, one["run_id"]) for one in read.runs(self.database) if self._covers(one)]
        own = run["model_digest"] or run["model"]
        return [row for row in rows if (row["model_digest"] or row["model"]) != own]

    def _covers(self, row: Mapping[str, Any]) -> bool:
        return row["records"] > row["faults"] and set(self.suites) <= set(row["suites"] or ())

    def _refused(self, other: Mapping[str, Any], run: Mapping[str, Any]) -> str:
        lacks = set(self.suites) - set(read.run_suites(self.database, other["run_id"]))
        why = trends.refused(self.database, other["run_id"], run["run_id"], self.suites)
        told = [f"{name}: it has no such suite" for name in sorted(lacks)]
        return "; ".join(told + [f"{name}: {reason}" for name, reason in why.items()])
