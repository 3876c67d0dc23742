"""Chooses the next token from a row of logits: greedy, or temperature, then top-k, then top-p (nucleus sampling,
Holtzman et al. 2020, https://arxiv.org/abs/1904.09751), in the order of transformers and vLLM.

Own numpy code instead of llama.cpp's samplers: the same seed gives the same text whatever else is in the batch and
whatever the version of llama.cpp, and the order of the filters is that of the other engines. Each request has a random
generator of its own (PCG64), which draws one number per token.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.types import Request

VERSION = 1
"""Raised when the same seed would give another text."""
FIRST_LOOK = 256
"""Candidates sorted at first for top-p; nearly always enough."""


class Sampler:
    """Chooses the tokens of one request."""

    def __init__(self, request: Request) -> None:
        self.temperature, self.top_k, self.top_p = request.temperature, request.top_k, request.top_p
        self._random = np.random.default_rng(request.seed or 0)

    def choose(self, logits: NDArray[np.float32]) -> int:
        """Return the next token. Greedy ties go to the lowest id."""
        if self.temperature <= 0:
            return int(logits.argmax())
        scaled = logits.astype(np.float64) / self.temperature
        scaled -= scaled.max()
        # In the order of ids: the order of probabilities turns on the last bit where two are nearly equal.
        candidates = np.sort(self._candidates(scaled))
        weights = np.exp(scaled[candidates])
        edge = self._random.random() * weights.sum()
        place = int(np.searchsorted(np.cumsum(weights), edge, side="right"))
        return int(candidates[min(place, len(candidates) - 1)])

    def _candidates(self, scaled: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the tokens that top-k and top-p leave, most probable first (all, unsorted, where both are off)."""
        size = len(scaled)
        limit = min(self.top_k, size) if self.top_k > 0 else size
        if self.top_p >= 1 and limit == size:
            return np.arange(size)
        mass = np.exp(scaled).sum() if limit == size else 0.0
        look = limit if limit < size else min(FIRST_LOOK, size)
        while True:
            best = _best(scaled, look)
            if self.top_p >= 1:
                return best
            weights = np.exp(scaled[best])
            total = mass or weights.sum()
            reached = np.cumsum(weights) >= self.top_p * total
            if reached.any():
                return best[: int(reached.argmax()) + 1]
            if look >= limit:
                return best
            look = min(look * 8, size)


def _best(scaled: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Return the `count` largest, largest first; equal ones by id."""
    some = np.argpartition(-scaled, count - 1)[:count] if count < len(scaled) else np.arange(len(scaled))
    return some[np.lexsort((some, -scaled[some]))]
