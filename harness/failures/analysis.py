"""The whole of failure analysis for one run: what fails, for which cause, what changed, which questions are weak.

    found = analyse(database, "tuned-9c21d0aa3e")        what an improvement loop is given: the split `dev` alone
    found.causes[0].label, found.shares[found.causes[0].id].failures    -> ("off by one · expected number", 41)
    found.members(found.causes[0].id)[0].case.sample_id                 -> "9f3a.."

The first run of some suites fits a taxonomy on its failures and keeps it; every later run of the same suites and split
is *assigned* to the newest one, so that ids stay (`reuse`). Taxonomies of different splits never mix: what is given for
`dev` was fitted, named, compared and counted on `dev` samples alone (`tests/failures/test_report_splits.py`).

Cost: `tests/bench/bench_report.py` says where the time of 14,000 failures goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from harness.contracts import Model
from harness.errors import InfrastructureError
from harness.failures import trends
from harness.failures.case import Case, Diagnosis
from harness.failures.embedding import Progress
from harness.failures.gold import Suspect, suspects
from harness.failures.reuse import NEWEST, Found, Wanted, settle
from harness.failures.scope import Scope
from harness.failures.taxonomy import Assignment, Cause, Taxonomy
from harness.failures.taxonomy.assigning import assign
from harness.failures.taxonomy.keeping import keep_assignments
from harness.failures.trends import Answer, Change, Flow, Share
from harness.failures.weakness import Weakness, weaknesses
from harness.store import Database, read
from harness.types import Fault


class Member(NamedTuple):
    """A failure in its place."""

    case: Case
    diagnosis: Diagnosis
    assignment: Assignment


@dataclass(frozen=True)
class Analysis:
    """Why a run fails."""

    run: Mapping[str, Any]
    split: str
    suites: tuple[str, ...]
    found: Found
    """The taxonomy and how it was come by."""
    failures: tuple[Member, ...]
    answers: int
    """Answers with a score, right ones too."""
    faulty: int
    """Answers without one."""
    shares: Mapping[str, Share]
    """By cause, and `UNASSIGNED`."""
    before: Mapping[str, Any] | None
    """The run that is compared with."""
    changes: Mapping[str, Change]
    """By cause, and `UNASSIGNED`; empty without a run before."""
    flows: tuple[Flow, ...]
    weak: tuple[Weakness, ...]
    gold: tuple[Suspect, ...]
    peers: tuple[str, ...]
    """Other runs that suspected targets were looked for in."""
    faults: tuple[Fault, ...]
    """Of judge, sandbox and label model: those failures keep their deterministic diagnosis, causes their keywords."""

    @property
    def taxonomy(self) -> Taxonomy | None:
        """The taxonomy that failures were assigned to; None where nothing failed and nothing was fitted before."""
        return self.found.taxonomy

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The causes of the taxonomy, what fails most first."""
        every = self.taxonomy.causes if self.taxonomy else ()
        return tuple(sorted(every, key=lambda cause: (-self.shares[cause.id].failures, -cause.size, cause.id)))

    def members(self, cause: str) -> tuple[Member, ...]:
        """Return the failures of a cause, the most typical first; `UNASSIGNED` is one."""
        found = [member for member in self.failures if member.assignment.cause == cause]
        return tuple(sorted(found, key=lambda member: (-round(member.assignment.similarity, 5), member.case.key)))


def analyse(
    database: Database,
    run_id: str,
    split: str = "dev",
    suites: Sequence[str] | None = None,
    *,
    against: str | None = None,
    wanted: Wanted = NEWEST,
    judge: Model | None = None,
    weak: bool = True,
    progress: Progress | None = None,
) -> Analysis:
    """Return why a run fails; keep what was fitted and where its failures belong.

    `against`: the run to compare with; without it the latest earlier one of another model on the same suites.
    `judge`: criticises failures first. `weak`: also look for weak questions and suspected targets.

    Raises:
        UsageError: no such run, suite, split, taxonomy or embedder, or runs that may not be compared.
        InfrastructureError: no answer has a score.
    """
    run = read.run(database, run_id)
    scope = Scope.of(database, run["run_id"], split, suites, judge, progress)
    scored, faulty = scope.counts(run["run_id"])
    if not scored:
        what = f"run {run['run_id']!r} has no answer with a score on split {split!r}, and {faulty} faults"
        raise InfrastructureError(what, "answers with scores", f"type: harness show {run['run_id']} --samples")
    before = scope.before(run, against)
    cases, diagnoses = scope.failures(run["run_id"])
    found = settle(scope, cases, diagnoses, wanted)
    ids = [cause.id for cause in found.taxonomy.causes] if found.taxonomy else []
    failures, now = _placed(scope, run, found.taxonomy, cases, diagnoses)
    then = _placed(scope, before, found.taxonomy, *scope.failures(before["run_id"]))[1] if before else []
    peers = scope.peers(run) if weak else ()
    scope.tell("looking for weak questions", 0.0)
    return Analysis(
        run=run, split=split, suites=scope.suites, found=found, failures=failures, answers=scored, faulty=faulty,
        shares=trends.shares(now, ids), before=before if then else None,
        changes=trends.changes(then, now, ids) if then and _shared(then, now) else {}, flows=trends.flows(then, now),
        weak=tuple(weaknesses(database, run["run_id"], split, scope.suites, progress=progress)) if weak else (),
        gold=_suspected(scope, run, peers, {case.key[:2] for case in cases}), peers=peers, faults=tuple(scope.faults),
    )  # fmt: skip


def _placed(
    scope: Scope,
    run: Mapping[str, Any],
    taxonomy: Taxonomy | None,
    cases: Sequence[Case],
    diagnoses: Sequence[Diagnosis],
) -> tuple[tuple[Member, ...], list[Answer]]:
    """Return the failures of a run in their places, which are kept, and all of its answers."""
    scope.tell("assigning", 0.0)
    places = assign(taxonomy, diagnoses, scope.progress) if taxonomy else []
    if taxonomy:
        keep_assignments(scope.database, taxonomy, cases, places)
    answers = trends.answers(scope.database, run["run_id"], cases, places, scope.split, scope.suites)
    return tuple(map(Member, cases, diagnoses, places)), answers


def _shared(then: Sequence[Answer], now: Sequence[Answer]) -> bool:
    return bool({(a.key[:2], a.digest) for a in then} & {(a.key[:2], a.digest) for a in now})


def _suspected(
    scope: Scope, run: Mapping[str, Any], peers: Sequence[str], failed: set[tuple[str, str]]
) -> tuple[Suspect, ...]:
    """Return suspected targets among what this run fails."""
    found = suspects(scope.database, [run["run_id"], *peers], scope.split) if peers else []
    return tuple(one for one in found if (one.suite, one.sample_id) in failed)
