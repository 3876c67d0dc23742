"""Keeps taxonomies and assignments in the store, and gives them back as nouns.

keep(database, taxonomy, descents)
keep_assignments(database, taxonomy, cases, assignments)
kept(database, "tax-5b0c93f1aa")      -> Taxonomy, under the names that people gave its causes since
latest(database, suites=["bbh"])      -> the newest one fitted on just these suites, or None
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from harness.errors import UsageError, nearest
from harness.failures.case import Case
from harness.failures.taxonomy import Assignment, Cause, Descent, Taxonomy, frozen
from harness.store import Database
from harness.store import failures as rows


def keep(database: Database, taxonomy: Taxonomy, descents: Sequence[Descent] = ()) -> None:
    """Store a taxonomy, once for an id, and what became of its parent's causes."""
    row = {
        "taxonomy_id": taxonomy.id, "embedder": taxonomy.embedder, "seed": taxonomy.seed, "split": taxonomy.split,
        "suites": list(taxonomy.suites), "parent": taxonomy.parent, "silhouette": taxonomy.silhouette,
        "stability": taxonomy.stability, "params": dict(taxonomy.params), "state": frozen.to_bytes(taxonomy.state),
        "n": taxonomy.params.get("n", sum(cause.size for cause in taxonomy.causes)),
    }  # fmt: skip
    lineage = [
        {"old_cause": d.old, "new_cause": d.new, "kind": d.kind, "cosine": d.cosine, "jaccard": d.jaccard}
        for d in descents
    ]
    rows.add_taxonomy(database, row, [_cause_row(cause) for cause in taxonomy.causes], lineage)


def kept(database: Database, taxonomy_id: str) -> Taxonomy:
    """Return the taxonomy of that id, or of the one id that begins so.

    Raises:
        UsageError: none, or more than one; tells the nearest. InfrastructureError: its state is damaged.
    """
    known = [str(row["taxonomy_id"]) for row in rows.taxonomies(database)]
    found = [name for name in known if taxonomy_id and name.startswith(taxonomy_id)]
    row = rows.taxonomy(database, found[0]) if len(found) == 1 else None
    if row is None:
        what = f"{taxonomy_id!r} could be {len(found)} taxonomies" if found else f"no taxonomy {taxonomy_id!r}"
        hint = nearest(taxonomy_id, found or known)
        raise UsageError(f"{what} in {str(database.path)!r}", hint, "type: harness failures RUN")
    return _taxonomy(row, rows.names(database))


def latest(database: Database, suites: Iterable[str] | None = None, split: str | None = None) -> Taxonomy | None:
    """Return the newest taxonomy (fitted on just `suites`, and on `split`), or None."""
    wanted = None if suites is None else sorted(suites)
    for row in rows.taxonomies(database):
        if wanted in (None, sorted(row["suites"])) and split in (None, row["split"]):
            return kept(database, row["taxonomy_id"])
    return None


def keep_assignments(
    database: Database, taxonomy: Taxonomy, cases: Sequence[Case], assignments: Sequence[Assignment]
) -> None:
    """Store where cases belong, run by run; what is stored already is left as it is."""
    pairs = sorted(zip(cases, assignments, strict=True), key=lambda pair: (pair[0].run_id, pair[0].key))
    for run_id, group in groupby(pairs, key=lambda pair: pair[0].run_id):
        members = [
            {
                "suite": case.suite, "sample_id": case.sample_id, "attempt": case.attempt, "cause_id": found.cause,
                "similarity": found.similarity, "novel": found.novel, "x": found.x, "y": found.y,
            }
            for case, found in group
        ]  # fmt: skip
        rows.add_members(database, taxonomy.id, run_id, members)


def _cause_row(cause: Cause) -> dict[str, Any]:
    suite, sample, attempt = cause.medoid or (None, None, None)
    return {
        "cause_id": cause.id, "label": cause.label, "label_source": cause.label_source,
        "keywords": list(cause.keywords), "medoid_suite": suite, "medoid_sample": sample, "medoid_attempt": attempt,
        "size": cause.size,
    }  # fmt: skip


def _taxonomy(row: Mapping[str, Any], names: Mapping[str, str]) -> Taxonomy:
    return Taxonomy(
        id=row["taxonomy_id"], causes=tuple(_cause(cause, names) for cause in row["causes"]), embedder=row["embedder"],
        state=frozen.from_bytes(row["state"]), seed=row["seed"], split=row["split"], suites=tuple(row["suites"]),
        parent=row["parent"], silhouette=row["silhouette"], stability=row["stability"],
        params=json.loads(row["params"]),
    )  # fmt: skip


def _cause(row: Mapping[str, Any], names: Mapping[str, str]) -> Cause:
    named = names.get(row["cause_id"])
    return Cause(
        id=row["cause_id"], label=row["label"] if named is None else named,
        label_source=row["label_source"] if named is None else "person", keywords=tuple(row["keywords"]),
        medoid=(row["medoid_suite"], row["medoid_sample"], row["medoid_attempt"]) if row["medoid_suite"] else None,
        size=row["size"],
    )  # fmt: skip
