"""Assigns failures to the causes of a frozen taxonomy: nothing is fitted, so ids and the map stay.

    assign(taxonomy, [diagnose(case) for case in cases])
      -> [Assignment(cause="3f9a0c11d2e8", similarity=.93, novel=False, x=.41, y=-.08), ..]

A failure belongs to the cause with the most similar centroid (cosine). Below that cause's threshold, the 5th
percentile of its own members, it is *novel*: `UNASSIGNED`. So about one in twenty failures of known kinds is novel too;
a share well above that means a new kind. Cost: one product of matrices; embedding is what takes time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.failures.case import Diagnosis
from harness.failures.embedding import Progress, one_thread
from harness.failures.taxonomy import UNASSIGNED, Assignment, Taxonomy
from harness.failures.taxonomy.space import Space


def assign(taxonomy: Taxonomy, diagnoses: Sequence[Diagnosis], progress: Progress | None = None) -> list[Assignment]:
    """Return where each failure belongs, in their order.

    Raises:
        UsageError: the sentence model that the taxonomy was fitted with is gone, or another one lies in its place.
    """
    if not diagnoses:
        return []
    with one_thread():
        vectors = Space.again(taxonomy.state["space"]).vectors(diagnoses, progress)
        return assigned(taxonomy.state, [cause.id for cause in taxonomy.causes], vectors)


def assigned(state: Mapping[str, Any], cause_ids: Sequence[str], vectors: Any) -> list[Assignment]:
    """Return the assignment of each row of `vectors`, float32 (n, d); `cause_ids` in the order of the centroids."""
    import numpy as np

    places = (vectors - state["middle"]) @ state["axes"].T
    places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    if not cause_ids:
        return [Assignment(UNASSIGNED, 0.0, True, float(x), float(y)) for x, y in places]
    similarities = vectors @ state["centroids"].T
    nearest = np.argmax(np.round(similarities, 6), axis=1)
    best = similarities[np.arange(len(vectors)), nearest]
    novel = best < state["thresholds"][nearest]
    return [
        Assignment(UNASSIGNED if new else cause_ids[cause], float(np.clip(s, -1, 1)), bool(new), float(x), float(y))
        for cause, s, new, (x, y) in zip(nearest, best, novel, places, strict=True)
    ]
