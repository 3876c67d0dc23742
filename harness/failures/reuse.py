"""Finds the taxonomy that a run's failures are assigned to, or fits one: ids stay unless somebody asks for new ones.

    settle(scope, cases, diagnoses, NEWEST).how     -> "assigned"

Without a word the newest taxonomy is taken that was fitted on the same suites and the same split; where there is none
(or none of the embedder that was asked for), one is fitted on this run's failures alone, named and kept. A refit is
fitted on the failures of all runs that were assigned to the old one, this one included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.contracts import Model
from harness.errors import UsageError
from harness.failures.case import Case, Diagnosis
from harness.failures.scope import Scope
from harness.failures.taxonomy import Assignment, Descent, Taxonomy, keeping, lineage
from harness.failures.taxonomy.assigning import assign
from harness.failures.taxonomy.fitting import fit
from harness.failures.taxonomy.frozen import sealed
from harness.failures.taxonomy.labelling import labelled
from harness.failures.taxonomy.naming import named
from harness.store import failures as rows

How = Literal["none", "fitted", "assigned", "refitted"]


@dataclass(frozen=True)
class Wanted:
    """What was asked for about the taxonomy."""

    taxonomy: str | None = None
    """Id, or the beginning of one: this one and no other."""
    refit: bool = False
    embedder: str = "auto"
    labeller: Model | None = None
    """Names causes that are fitted now."""
    seed: int = 0


NEWEST = Wanted()


@dataclass(frozen=True)
class Found:
    """A taxonomy and how it was come by; `none` where nothing failed and nothing was there."""

    taxonomy: Taxonomy | None
    how: How
    descents: tuple[Descent, ...] = ()
    """What became of the causes of the one before, where it was refitted."""
    parent: Taxonomy | None = None


def settle(scope: Scope, cases: Sequence[Case], diagnoses: Sequence[Diagnosis], wanted: Wanted) -> Found:
    """Return the taxonomy for the failures of a run; one that is fitted is kept.

    Raises:
        UsageError: no such taxonomy, or one that saw samples which this split may not know of.
    """
    known = _known(scope, wanted)
    if known is not None and not (wanted.refit and cases):
        return Found(known, "assigned")
    if not cases:
        return Found(None, "none")
    if known is not None:
        return _refitted(scope, known, wanted, cases[0].run_id)
    scope.tell("fitting", 0.0)
    fresh, assignments = fit(cases, diagnoses, wanted.embedder, wanted.seed, progress=scope.progress)
    fresh = _called(_scoped(fresh, scope), diagnoses, assignments, scope, wanted)
    keeping.keep(scope.database, fresh)
    return Found(fresh, "fitted")


def _refitted(scope: Scope, old: Taxonomy, wanted: Wanted, run_id: str) -> Found:
    """Return the taxonomy in place of `old`, fitted on what was assigned to it and on a run's failures."""
    runs = [scope.failures(one) for one in sorted({run_id, *rows.member_runs(scope.database, old.id)})]
    cases, diagnoses = [case for each, _ in runs for case in each], [found for _, each in runs for found in each]
    scope.tell("fitting anew", 0.0)
    before = lineage.remembered(scope.database, old, cases)
    fresh, descents = lineage.refit(
        old, cases, diagnoses, before, wanted.embedder, wanted.seed, progress=scope.progress
    )  # fmt: skip
    fresh = _scoped(fresh, scope)
    fresh = _called(fresh, diagnoses, assign(fresh, diagnoses), scope, wanted)
    keeping.keep(scope.database, fresh, descents)
    return Found(fresh, "refitted", tuple(descents), old)


def _called(
    taxonomy: Taxonomy,
    diagnoses: Sequence[Diagnosis],
    assignments: Sequence[Assignment],
    scope: Scope,
    wanted: Wanted,
) -> Taxonomy:
    """Return the taxonomy with keywords and labels; those of the model that was asked to name them."""
    taxonomy = named(taxonomy, diagnoses, assignments)
    if wanted.labeller is None:
        return taxonomy
    scope.tell("naming causes", 0.0)
    taxonomy, faults = labelled(taxonomy, diagnoses, assignments, wanted.labeller, scope.database)
    scope.faults.extend(faults)
    return taxonomy


def _known(scope: Scope, wanted: Wanted) -> Taxonomy | None:
    if wanted.taxonomy is None:
        found = keeping.latest(scope.database, scope.suites, scope.split)
        return found if found is None or wanted.refit or _embedded(found, wanted.embedder) else None
    found = keeping.kept(scope.database, wanted.taxonomy)
    if found.split not in (scope.split, "dev"):
        what = (
            f"taxonomy {found.id!r} was fitted on {found.split!r} samples, the failures asked for are {scope.split!r}"
        )
        raise UsageError(what, f"one fitted on {scope.split!r} or on 'dev'", f"type: --split {found.split}")
    return found


def _embedded(taxonomy: Taxonomy, embedder: str) -> bool:
    own = taxonomy.embedder.partition(":")[0]
    return embedder == "auto" or own in (embedder, "signature")


def _scoped(taxonomy: Taxonomy, scope: Scope) -> Taxonomy:
    """Return the taxonomy under the split and suites that were asked for: those of its failures may be fewer."""
    return sealed(replace(taxonomy, split=scope.split, suites=scope.suites))
