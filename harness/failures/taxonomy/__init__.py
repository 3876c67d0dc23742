"""A frozen set of failure causes: what a fit leaves behind, and what later checkpoints are assigned to.

Everything is plain numbers and text (JSON and arrays, never pickle), so that a taxonomy of last year still reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNASSIGNED = ""
"""Id of no cluster: too far from all, or too few were alike."""


@dataclass(frozen=True)
class Cause:
    """One cluster of a taxonomy. `id` never changes and is never reused; `label` may."""

    id: str
    """12 hex digits."""
    label: str
    """Keywords, or what a model or a person called it; never the identity."""
    label_source: str = "keywords"
    """`keywords`, `model` or `person`."""
    keywords: tuple[str, ...] = ()
    medoid: tuple[str, str, int] | None = None
    """Key of the case in the middle."""
    size: int = 0
    """Cases that it was fitted on."""


@dataclass(frozen=True)
class Taxonomy:
    """Causes with all that is needed to assign a new case. `state` is the fitted embedder and geometry."""

    id: str
    """`tax-` and 10 hex digits: digest of embedder, state and causes."""
    causes: tuple[Cause, ...]
    embedder: str
    """Name and digest: `lsa:9f3a..`, `minilm:51cc..`."""
    state: Mapping[str, Any]
    """Arrays (as numpy) and parameters: vocabulary, idf, components, centroids, similarity thresholds."""
    seed: int = 0
    split: str = "all"
    """Split of the samples that it was fitted on: `dev` where the improvement wing fits it."""
    suites: tuple[str, ...] = ()
    parent: str = ""
    """The taxonomy that it was refitted from."""
    silhouette: float = 0.0
    stability: float = 0.0
    """Mean adjusted Rand index over subsamples, 0 where signature classes only."""
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Assignment:
    """Where a case belongs."""

    cause: str
    """Id of a cause, or `UNASSIGNED`."""
    similarity: float
    """Cosine to the cause's centroid, in [-1, 1]."""
    novel: bool = False
    """Less like any cause than nearly all cases that it was fitted on."""
    x: float = 0.0
    y: float = 0.0
    """Place on the taxonomy's fixed map."""


@dataclass(frozen=True)
class Descent:
    """What became of a cause in a refit."""

    old: str
    """Empty for `new`."""
    new: str
    """Empty for `gone`."""
    kind: str
    """`same`, `split`, `merged`, `new` or `gone`."""
    cosine: float
    jaccard: float
    """Overlap of the cases that both were fitted on."""
