"""Fits a taxonomy: failures that look alike become causes with ids that never change.

    taxonomy, assignments = fit(cases, [diagnose(case) for case in cases], embedder="auto", seed=0)
    taxonomy.causes[0].id, taxonomy.causes[0].size      -> ("3f9a0c11d2e8", 41)
    assignments[0]                                      -> Assignment(cause="3f9a..", similarity=.93, novel=False, ..)

Rows are sorted by `Case.key` before anything looks at them, numbers are computed by one thread: the same failures give
the same taxonomy byte for byte, in whatever order they come. Fewer than `FEW` failures are grouped by their signatures
alone, and so are failures that no clustering holds together (`choosing.py`); `params["grouping"]` says so. A cause is
at least max(5, 2 %) failures; what is less like its nearest cause than nearly all of that cause's members is nobody's.
The assignments are exactly what `assign` gives for the same diagnoses.

Cost: 14,000 failures, 11,000 of them distinct, take 6 s with `lsa` on a busy core (`test_fitting_scale.py` prints it),
and pure noise in 448 dimensions half a minute. `hdbscan` takes three times as long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from harness.errors import UsageError, nearest
from harness.failures import embedding
from harness.failures.case import Case, Diagnosis
from harness.failures.diagnosis.signature import signature_class
from harness.failures.embedding import Progress
from harness.failures.taxonomy import Assignment, Cause, Taxonomy, frozen
from harness.failures.taxonomy.assigning import assigned
from harness.failures.taxonomy.choosing import Choice, choose, silhouette
from harness.failures.taxonomy.space import Space
from harness.hashing import digest

FEW = 30
"""Below so many failures nothing is clustered."""
CAP = 12
"""At most so many clusters."""
STRANGEST = 5.0
"""Per cent of a cause's members that are less like it than its threshold."""
ALIKE = 0.9
"""No failure so similar to a cause is new: where all members are equal, a detail would make one so."""
METHODS = ("kmeans", "hdbscan")


def fit(
    cases: Sequence[Case],
    diagnoses: Sequence[Diagnosis],
    embedder: str = "auto",
    seed: int = 0,
    method: str = "kmeans",
    progress: Progress | None = None,
) -> tuple[Taxonomy, list[Assignment]]:
    """Return a taxonomy of `cases` and where each of them belongs, in the order given.

    `embedder`: `auto`, `lsa`, `minilm` or the folder of a sentence model. `method`: `kmeans` or `hdbscan`.

    Raises:
        UsageError: an unknown embedder or method. MissingPackage: what it needs is not installed.
    """
    if method not in METHODS:
        raise UsageError(f"no method {method!r} of clustering", nearest(method, METHODS), "type: --method kmeans")
    if len(cases) != len(diagnoses):
        raise ValueError(f"{len(cases)} cases and {len(diagnoses)} diagnoses")
    order = sorted(range(len(cases)), key=lambda i: (cases[i].key, cases[i].run_id))
    with embedding.one_thread():
        found = _fitted([cases[i] for i in order], [diagnoses[i] for i in order], embedder, seed, method, progress)
        taxonomy, assignments = found
    places = {original: place for place, original in enumerate(order)}
    return taxonomy, [assignments[places[i]] for i in range(len(cases))]


def _fitted(
    cases: Sequence[Case],
    diagnoses: Sequence[Diagnosis],
    embedder: str,
    seed: int,
    method: str,
    progress: Progress | None,
) -> tuple[Taxonomy, list[Assignment]]:
    n = len(cases)
    space, labels, choice, grouping = _grouped(diagnoses, embedder, seed, method, progress)
    distinct, inverse, _ = collapsed(diagnoses)
    vectors = space.vectors(distinct)[inverse]
    minimum = 2 if n < FEW else max(5, -(-n // 50))
    geometry, found = _settled(vectors, labels, minimum)
    state = {"format": frozen.FORMAT, "space": space.state, **geometry}
    causes = [_cause(cases, found, str(place), seed) for place in range(len(geometry["centroids"]))]
    if len({cause.id for cause in causes}) < len(causes):
        raise AssertionError("two causes of one id")
    params = {
        "method": method, "grouping": grouping, "minimum": minimum, "n": n, "distinct": len(distinct),
        "silhouettes": {str(k): round(s, 4) for k, s in choice.silhouettes.items()},
        "stabilities": {str(k): round(s, 4) for k, s in choice.stabilities.items()},
    }  # fmt: skip
    splits = {case.split for case in cases}
    taxonomy = Taxonomy(
        id="", causes=tuple(causes), embedder=space.name, state=state, seed=seed,
        split=splits.pop() if len(splits) == 1 else "all", suites=tuple(sorted({case.suite for case in cases})),
        silhouette=choice.silhouette, stability=choice.stability, params=params,
    )  # fmt: skip
    return frozen.sealed(taxonomy), assigned(state, [cause.id for cause in causes], vectors)


def _grouped(
    diagnoses: Sequence[Diagnosis], embedder: str, seed: int, method: str, progress: Progress | None
) -> tuple[Space, Any, Choice, str]:
    """Return the space, the group of each failure (-1: of none), what speaks for it, and how it was grouped."""
    import numpy as np

    n, nothing = len(diagnoses), Choice(0, None)
    model = embedding.embedder(embedder)
    reason = f"signatures: fewer than {FEW} failures"
    if n >= FEW:
        space = Space.of(diagnoses, model, seed)
        distinct, inverse, weights = collapsed(diagnoses)
        vectors = space.vectors(distinct, progress)
        if method == "hdbscan":
            labels = _by_density(vectors[inverse], max(5, -(-n // 50)))
            inside = labels >= 0
            told = silhouette(vectors[inverse][inside], np.ones(inside.sum()), labels[inside], seed)
            return space, labels, Choice(int(labels.max()) + 1, labels, told), "clusters"
        candidates = range(2, min(CAP, n // 10, len(distinct)) + 1)
        nothing = choose(vectors, weights, candidates, seed, progress)
        if nothing.k:
            return space, nothing.labels[inverse], nothing, "clusters"
        reason = "signatures: no clustering is stable"
    classes = np.array([signature_class(diagnosis) for diagnosis in diagnoses], dtype=object)
    return Space.of(diagnoses, None, seed), np.unique(classes, return_inverse=True)[1].ravel(), nothing, reason


def collapsed(diagnoses: Sequence[Diagnosis]) -> tuple[list[Diagnosis], Any, Any]:
    """Return the distinct diagnoses in an order of their own, the place of each diagnosis, how often each occurs."""
    import numpy as np

    keys = [(d.text, tuple(sorted(d.signature.items()))) for d in diagnoses]
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    inverse = np.array([places[key] for key in keys], dtype=int)
    distinct: list[Any] = [None] * len(places)
    for diagnosis, place in zip(diagnoses, inverse, strict=True):
        distinct[place] = diagnosis
    return distinct, inverse, np.bincount(inverse, minlength=len(places)).astype(np.float64)


def _settled(vectors: Any, labels: Any, minimum: int) -> tuple[dict[str, Any], list[Assignment]]:
    """Return the geometry of the groups that `minimum` or more are assigned to, and the assignments to their places."""
    import numpy as np

    kept = [label for label in np.unique(labels) if label >= 0 and (labels == label).sum() >= minimum]
    while True:
        geometry = _geometry(vectors, labels, kept)
        found = assigned(geometry, [str(place) for place in range(len(kept))], vectors)
        sizes = Counter(assignment.cause for assignment in found)
        large = [label for place, label in enumerate(kept) if sizes[str(place)] >= minimum]
        if large == kept:
            return geometry, found
        kept = large


def _by_density(vectors: Any, minimum: int) -> Any:
    """Return the HDBSCAN cluster of each row, -1 for noise (Campello, Moulavi & Sander 2013)."""
    from sklearn.cluster import HDBSCAN

    return HDBSCAN(min_cluster_size=minimum, copy=True, n_jobs=1).fit(vectors).labels_


def _geometry(vectors: Any, labels: Any, kept: Sequence[int]) -> dict[str, Any]:
    """Return unit centroids, similarity thresholds and the two axes of the map."""
    import numpy as np

    width = vectors.shape[1]
    centroids = np.zeros((len(kept), width), np.float32)
    thresholds = np.zeros(len(kept), np.float32)
    for place, label in enumerate(kept):
        members = vectors[labels == label]
        centroids[place] = embedding.unit(members.mean(axis=0, keepdims=True))[0]
        strange = np.percentile(members @ centroids[place], STRANGEST, method="lower")
        thresholds[place] = min(strange, ALIKE) - frozen.TOLERANCE
    middle = vectors.mean(axis=0) if len(vectors) else np.zeros(width, np.float32)
    return {"centroids": centroids, "thresholds": thresholds, "middle": middle, "axes": _axes(vectors - middle)}


def _axes(vectors: Any) -> Any:
    """Return the first two principal axes, float32 (2, d), each with its largest entry positive."""
    import numpy as np

    _, found = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    axes = found[:, ::-1][:, :2].T
    signs = np.sign(axes[np.arange(len(axes)), np.argmax(np.abs(np.round(axes, 6)), axis=1)])
    return (axes * signs[:, None]).astype(np.float32)


def _cause(cases: Sequence[Case], found: Sequence[Assignment], place: str, seed: int) -> Cause:
    members = [i for i, assignment in enumerate(found) if assignment.cause == place]
    keys = sorted(digest(cases[i].run_id, list(cases[i].key)) for i in members)
    medoid = max(members, key=lambda i: (round(found[i].similarity, 5), [-i]), default=None)
    return Cause(
        id=digest(seed, keys)[:12],
        label="",
        medoid=cases[medoid].key if medoid is not None else None,
        size=len(members),
    )
