"""Refits a taxonomy: clusters anew, keeps the id of every cause that is still the same, tells what became of each.

    fresh, descents = refit(old, cases, diagnoses)
    descents   -> [Descent("3f9a..", "3f9a..", "same", .97, .88), Descent("77d0..", "c1e2..", "split", .71, .45),
                   Descent("77d0..", "9b40..", "split", .68, .41), Descent("", "e07a..", "new", .31, .02)]

Old and new causes are paired one to one so that cosine + Jaccard is largest in sum (Kuhn 1955; among pairs that reach
both bounds only, so that a hopeless pair never costs another its id). The cosine is between centroids in the *new*
space, into which the old cause's cases are embedded again; the Jaccard index is over the cases whose old cause is
known. A pair with cosine >= .7 and Jaccard >= .5 keeps the id and the label; every other new cause gets an id that was
never there.

What is not the same is told by where cases went: `split`, where at least two new causes hold a fifth of an old one's
each; `merged`, where at least two old causes make a fifth of a new one each; else `gone` and `new`. Every old cause and
every new one is in at least one row, and a kept one may also have lost or taken in a part.

A refit is an explicit act: nothing else changes ids. `refit_advised` says when it is worth one.
Cost: that of a fit and one embedding more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.failures import embedding
from harness.failures.case import Case, Diagnosis
from harness.failures.embedding import Progress
from harness.failures.taxonomy import UNASSIGNED, Assignment, Cause, Descent, Taxonomy
from harness.failures.taxonomy.assigning import assign
from harness.failures.taxonomy.fitting import collapsed, fit
from harness.failures.taxonomy.frozen import sealed
from harness.failures.taxonomy.space import Space
from harness.hashing import digest
from harness.store import Database, failures

COSINE, JACCARD = 0.7, 0.5
"""A cause that reaches both is the same one."""
PART = 0.2
"""A part this large of a cause's cases counts."""
STRANGE = 0.1
"""Share of a checkpoint's failures that no cause takes, above which a refit is advised."""


def refit_advised(assignments: Sequence[Assignment]) -> bool:
    """Return whether more than `STRANGE` of a checkpoint's failures are novel or unassigned (about .05 always are)."""
    strange = sum(found.novel or found.cause == UNASSIGNED for found in assignments)
    return strange > STRANGE * len(assignments)


def refit(
    old: Taxonomy,
    cases: Sequence[Case],
    diagnoses: Sequence[Diagnosis],
    before: Sequence[str | None] | None = None,
    embedder: str = "auto",
    seed: int = 0,
    method: str = "kmeans",
    progress: Progress | None = None,
) -> tuple[Taxonomy, list[Descent]]:
    """Return a taxonomy of `cases` (pooled over runs, in any order) with `old` as its parent, and the lineage.

    `before`: the old cause of each case, `UNASSIGNED`, or None where unknown (`remembered`); without it the cases are
    assigned to `old` now, which takes its embedder.

    Raises:
        UsageError: an unknown embedder or method, or the old one's sentence model is gone. MissingPackage.
    """
    if before is None:
        before = [found.cause for found in assign(old, diagnoses)]
    fitted, assignments = fit(cases, diagnoses, embedder=embedder, seed=seed, method=method, progress=progress)
    after = [found.cause for found in assignments]
    ids = [cause.id for cause in old.causes], [cause.id for cause in fitted.causes]
    descents = lineage(*ids, before, after, _cosines(fitted, ids[0], before, diagnoses))
    kept = {one.new: one.old for one in descents if one.kind == "same"}
    # With the parent in it: the same cases fitted again later are another cause.
    renamed = {new: kept.get(new) or digest("refit", old.id, new)[:12] for new in ids[1]}
    parents = {cause.id: cause for cause in old.causes}
    causes = tuple(_heir(cause, renamed[cause.id], parents.get(renamed[cause.id])) for cause in fitted.causes)
    rows = [replace(one, new=renamed.get(one.new, "")) for one in descents]
    return sealed(replace(fitted, causes=causes, parent=old.id)), rows


def remembered(database: Database, old: Taxonomy, cases: Sequence[Case]) -> list[str | None]:
    """Return the old cause of each case as it is stored; None where the case was never assigned to `old`."""
    known = {
        (run_id, row["suite"], row["sample_id"], row["attempt"]): str(row["cause_id"])
        for run_id in sorted({case.run_id for case in cases})
        for row in failures.members(database, old.id, run_id)
    }
    return [known.get((case.run_id, *case.key)) for case in cases]


def lineage(
    old: Sequence[str], new: Sequence[str], before: Sequence[str | None], after: Sequence[str], cosines: Any
) -> list[Descent]:
    """Return what became of the causes `old`, in their order, then those of `new` that came from none.

    `before`, `after`: the old and the new cause of each case. `cosines`: float (old, new), of the centroids.
    """
    overlap, was, now = _overlap(old, new, before, after)
    jaccards = _share(overlap, was[:, None] + now[None, :] - overlap)
    same = _pairs(cosines, jaccards)
    kept = {o for o, _ in same}, {n for _, n in same}
    # Between two that are both kept, but not as one, cases only crossed a border.
    crossed = [[o in kept[0] and n in kept[1] and (o, n) not in same for n in range(len(new))] for o in range(len(old))]
    children = _parts(overlap, was[:, None], crossed)
    parents = _parts(overlap, now[None, :], crossed)
    rows: list[tuple[int, int, str]] = [(o, n, "same") for o, n in same]
    for o in range(len(old)):
        found = [n for n in range(len(new)) if children[o][n]]
        rows += [(o, n, "split") for n in found if len(found) > 1 and (o, n) not in same]
    for n in range(len(new)):
        found = [o for o in range(len(old)) if parents[o][n]]
        rows += [(o, n, "merged") for o in found if len(found) > 1 and (o, n) not in same]
    rows.sort(key=lambda row: (row[0], ("same", "split", "merged").index(row[2]), row[1]))
    told = [Descent(old[o], new[n], kind, float(cosines[o, n]), float(jaccards[o, n])) for o, n, kind in rows]
    gone = [_alone(old[o], "", cosines[o], jaccards[o]) for o in range(len(old)) if all(o != row[0] for row in rows)]
    come = [_alone("", new[n], cosines[:, n], jaccards[:, n]) for n in range(len(new)) if all(n != r[1] for r in rows)]
    place = {cause: number for number, cause in enumerate(old)}
    return sorted([*told, *gone], key=lambda one: place[one.old]) + come


def _alone(old: str, new: str, cosines: Any, jaccards: Any) -> Descent:
    """Return the row of a cause without kin, with the figures of the nearest of the other side."""
    nearest = max(zip(jaccards, cosines, strict=True), default=(0.0, 0.0))
    return Descent(old, new, "gone" if old else "new", float(nearest[1]), float(nearest[0]))


def _heir(cause: Cause, cause_id: str, parent: Cause | None) -> Cause:
    """Return a fitted cause under its final id, with the names of the old cause that it is."""
    if parent is None:
        return replace(cause, id=cause_id)
    return replace(cause, id=cause_id, label=parent.label, label_source=parent.label_source, keywords=parent.keywords)


def _cosines(fitted: Taxonomy, old: Sequence[str], before: Sequence[str | None], diagnoses: Sequence[Diagnosis]) -> Any:
    """Return float (old, new): cosines of the old causes' cases, as the new space has them, to the new centroids."""
    import numpy as np

    centroids = fitted.state["centroids"]
    cosines = np.zeros((len(old), len(centroids)))
    if not len(centroids) or not diagnoses:
        return cosines
    distinct, inverse, _ = collapsed(diagnoses)
    with embedding.one_thread():
        vectors = Space.again(fitted.state["space"]).vectors(distinct)
        for place, cause in enumerate(old):
            rows = [inverse[i] for i, was in enumerate(before) if was == cause]
            if rows:
                cosines[place] = embedding.unit(vectors[rows].mean(axis=0, keepdims=True))[0] @ centroids.T
    return np.round(cosines, 6)


def _overlap(
    old: Sequence[str], new: Sequence[str], before: Sequence[str | None], after: Sequence[str]
) -> tuple[Any, Any, Any]:
    """Return cases by old and new cause (old, new), by old (old,) and by new (new,), where the old one is known."""
    import numpy as np

    places = {cause: number for number, cause in enumerate(old)}, {cause: number for number, cause in enumerate(new)}
    table = np.zeros((len(old) + 1, len(new) + 1))
    for was, now in zip(before, after, strict=True):
        if was is not None:
            table[places[0].get(was, len(old)), places[1].get(now, len(new))] += 1
    return table[:-1, :-1], table.sum(axis=1)[:-1], table.sum(axis=0)[:-1]


def _pairs(cosines: Any, jaccards: Any) -> list[tuple[int, int]]:
    """Return the one-to-one pairs (old, new) that are the same cause."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    alike = (cosines >= COSINE) & (jaccards >= JACCARD)
    rows, columns = linear_sum_assignment(np.where(alike, -cosines - jaccards, 0.0))
    return [(int(o), int(n)) for o, n in zip(rows, columns, strict=True) if alike[o, n]]


def _parts(overlap: Any, whole: Any, crossed: Sequence[Sequence[bool]]) -> Any:
    """Return bool (old, new): whether the cases in common are a part that counts of `whole`."""
    import numpy as np

    return (overlap > 0) & (overlap >= PART * whole) & ~np.array(crossed, dtype=bool).reshape(overlap.shape)


def _share(part: Any, whole: Any) -> Any:
    import numpy as np

    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
