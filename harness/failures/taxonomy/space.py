"""Diagnoses to vectors: what is said of a failure beside its signature, in two blocks of declared weight.

    space = Space.of(diagnoses, embedder("lsa"), seed=0)
    space.vectors(diagnoses)          -> float32 (n, d), rows of length 1; a row's last places are its signature

The signature block is one-hot over the features' values that were seen, weighted by inverse document frequency
(log of (1 + n) / (1 + df), plus 1; Spaerck Jones 1972) and by how telling the feature is (`signature.WEIGHTS`), scaled
to length 1. A value that was never seen has a place of its own, on which no cause lies: a new kind of failure comes out
far from all causes, not near a random one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.failures.case import Diagnosis
from harness.failures.diagnosis.signature import weight
from harness.failures.embedding import Embedder, Progress, restored, unit

TEXT, SIGNATURE = 0.2, 0.65
"""Weights of the blocks. A sentence repeats what the signature says, and the question's kind besides."""


@dataclass(frozen=True)
class Space:
    """A fitted embedder and the signature's values with their weights."""

    embedder: Embedder | None
    """None: the signature alone."""
    values: tuple[str, ...]
    """`feature=value`, sorted."""
    idf: tuple[float, ...]
    unseen: float
    """Weight of a value that was never seen."""

    @classmethod
    def of(cls, diagnoses: Sequence[Diagnosis], embedder: Embedder | None, seed: int) -> Space:
        """Return the space of `diagnoses`; their order does not matter."""
        from math import log

        counts = Counter(value for diagnosis in diagnoses for value in _values(diagnosis))
        n = len(diagnoses)
        values = tuple(sorted(counts))
        idf = tuple(log((1 + n) / (1 + counts[value])) + 1 for value in values)
        fitted = embedder and embedder.fit([d.text for d in diagnoses], seed)
        return cls(fitted, values, idf, log(1 + n) + 1)

    @classmethod
    def again(cls, state: Mapping[str, Any]) -> Space:
        """Return the space that left `state`.

        Raises:
            UsageError: its sentence model is gone, or another one lies in its place.
        """
        embedder = restored(state["embedder"]) if state["embedder"] else None
        return cls(embedder, tuple(state["values"]), tuple(state["idf"]), float(state["unseen"]))

    @property
    def name(self) -> str:
        """Name and digest of the embedder, `signature` without one."""
        return f"{self.embedder.name}:{self.embedder.digest[:12]}" if self.embedder else "signature"

    @property
    def state(self) -> dict[str, Any]:
        """Return arrays and JSON data that `again` makes the space from."""
        return {
            "embedder": self.embedder.state if self.embedder else {},
            "values": list(self.values),
            "idf": list(self.idf),
            "unseen": self.unseen,
        }

    def vectors(self, diagnoses: Sequence[Diagnosis], progress: Progress | None = None) -> Any:
        """Return float32 (n, d): text block and signature block, each of its weight, together of length 1."""
        import numpy as np

        signatures = self._signatures(diagnoses)
        if self.embedder is None:
            return signatures
        text = self.embedder.transform([d.text for d in diagnoses], progress)
        return unit(np.hstack([TEXT * text, SIGNATURE * signatures]).astype(np.float32))

    def _signatures(self, diagnoses: Sequence[Diagnosis]) -> Any:
        import numpy as np

        places = {value: place for place, value in enumerate(self.values)}
        block = np.zeros((len(diagnoses), len(self.values) + 1), np.float32)
        for row, diagnosis in zip(block, diagnoses, strict=True):
            strange = 0.0
            for feature, value in diagnosis.signature.items():
                place = places.get(f"{feature}={value}")
                counts = weight(feature, diagnosis.signature)
                if place is None:
                    strange += counts**2
                else:
                    row[place] = self.idf[place] * counts
            row[-1] = self.unseen * strange**0.5
        return unit(block)


def _values(diagnosis: Diagnosis) -> list[str]:
    return [f"{feature}={value}" for feature, value in diagnosis.signature.items()]
