"""Signature classes: failures of one mode and one kind, without any distance between them.

    signature_classes([{"mode": "truncated", "finish": "length"}, {"mode": "wrong_answer", ..}, ..], minimum=5)
      -> [0, 1, ..]

What is left where failures are too few to cluster, or where no clustering holds still under subsampling. The features
count in the order in which the signatures name them, the telling ones first: as many of them as give no more than
`most` classes and leave hardly more failures outside a class of `minimum` than the first feature alone does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

LOSS = 0.1
"""Share of the failures that finer classes may leave outside, beyond what the first feature leaves."""


def signature_classes(signatures: Sequence[Mapping[str, str]], minimum: int, most: int) -> list[int]:
    """Return the class of each signature, numbered by the classes' own order."""
    features = list(dict.fromkeys(feature for signature in signatures for feature in signature))
    best: list[tuple[str, ...]] = [()] * len(signatures)
    covered: int | None = None
    for depth in range(1, len(features) + 1):
        kinds = [tuple(signature.get(feature, "") for feature in features[:depth]) for signature in signatures]
        large = [count for count in Counter(kinds).values() if count >= minimum]
        if covered is None:
            covered = sum(large)
        elif len(large) > most or sum(large) < covered - LOSS * len(signatures):
            break
        best = kinds
    names = {kind: place for place, kind in enumerate(sorted(set(best)))}
    return [names[kind] for kind in best]
