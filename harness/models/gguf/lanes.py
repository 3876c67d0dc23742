"""Sequences with a cache each, side by side: what generation runs on.

Every lane has its own part of the cache, so that what a lane computes does not depend on its neighbours. A step
computes one row for each of the lanes 0 to n - 1, n at least 8, idle ones included, all with logits; a prompt is
computed alone, 64 rows or more at a time. Measured on F16, Q8_0 and Q5_K_M weights: with that the logits are equal bit
by bit whatever the number of texts under way, their lengths, their lanes and their order
(`tests/models/test_gguf_generation.py`). Rows must be in the order of the lanes without a gap, or llama.cpp splits
them into smaller groups.

A lane keeps its prompt after its text has ended: the next prompt starts from what it has in common with any lane.
Recurrent and hybrid models cannot cut a state: nothing is shared or filled up for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from harness.models.gguf.batch import Batch
from harness.models.gguf.context import LEAST_ROWS, PROMPT_ROWS, Context, Plan
from harness.models.gguf.settings import pool_cells
from harness.models.gguf.tokens import Tokens
from harness.models.gguf.tree import common
from harness.models.gguf.weights import Weights

CELL_STEP = 256
"""llama.cpp rounds the cells of a sequence up to a multiple of this."""
WORTH_COPYING = 64
"""A whole lane is copied for at least so many tokens more than the lane itself has."""
FILLER = 0
"""Token of rows that nobody reads."""


def plan_lanes(weights: Weights) -> Plan:
    """Return lanes of n_ctx tokens each: as many as texts run side by side, at least 8, if memory allows."""
    size = -(-(weights.n_ctx + PROMPT_ROWS) // CELL_STEP) * CELL_STEP
    wanted = max(weights.settings.width, LEAST_ROWS if weights.cuts else 1)
    count = max(1, min(wanted, pool_cells(weights.header.values, weights.settings, wanted * size) // size))
    return Plan(cells=count * size, sequences=count, unified=False, max_outputs=max(count, PROMPT_ROWS))


class Lanes:
    """What each lane has in the cache, and the batches that add to it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.count = context.plan.sequences
        self.content: list[Tokens] = [_nothing() for _ in range(self.count)]
        """The prompt that lies in each lane, text under way not counted."""
        self.length = [0] * self.count
        """Tokens in each lane."""
        self._batch = Batch(context.n_batch)
        self._ids = [np.array([lane], dtype=np.int32) for lane in range(self.count)]

    def reset(self) -> None:
        """Forget everything, the cache included."""
        self.context.clear()
        self.content = [_nothing() for _ in range(self.count)]
        self.length = [0] * self.count

    def best_of(self, free: list[int], prompt: Tokens) -> int:
        """Return the free lane that has most of the prompt already; the lowest among equals."""
        return max(sorted(free), key=lambda lane: (common(self.content[lane], prompt), -lane))

    def start(self, lane: int, prompt: Tokens) -> NDArray[np.float32]:
        """Compute a prompt in a lane and return the logits after its last token: (vocabulary,), a view."""
        at = self._reuse(lane, prompt)
        self.content[lane] = prompt
        row = 0
        while at < len(prompt):
            self._batch.clear()
            end = min(len(prompt), at + self.context.n_batch)
            last = end == len(prompt)
            row = self._batch.add(prompt[at:end], at, self._ids[lane], (end - at - 1,) if last else ()) + end - at - 1
            fill = self.context.missing_rows(self._batch)
            if fill:
                self._batch.add(np.full(fill, FILLER, dtype=np.int32), end, self._ids[lane])
            self.context.decode(self._batch)
            if fill:
                self.context.remove(lane, end)
            at = end
        self.length[lane] = len(prompt)
        return self.context.row(row)

    def _reuse(self, lane: int, prompt: Tokens) -> int:
        """Leave in the lane what the prompt begins with, from wherever it lies; return how many tokens that is."""
        if not self.context.weights.cuts:
            self.context.remove(lane)
            return 0
        shares = [common(content, prompt) for content in self.content]
        best = int(np.argmax(shares))
        if shares[best] >= shares[lane] + WORTH_COPYING:
            self.context.copy(best, lane)
            shares[lane] = shares[best]
        # The last token is computed in any case: its logits are wanted.
        kept = min(shares[lane], len(prompt) - 1)
        self.context.remove(lane, kept)
        return kept

    def rows(self, lanes: Collection[int]) -> int:
        """Return how many rows a step of these lanes has, idle ones included."""
        return min(self.count, max(LEAST_ROWS, max(lanes, default=-1) + 1))

    def step(self, tokens: Mapping[int, int]) -> dict[int, NDArray[np.float32]]:
        """Add one token to each of the given lanes; return lane -> logits after it, views until the next call."""
        self._batch.clear()
        lanes = range(self.rows(tokens)) if self.context.fills else sorted(tokens)
        for lane in lanes:
            token = np.array([tokens.get(lane, FILLER)], dtype=np.int32)
            self._batch.add(token, self.length[lane], self._ids[lane], (0,))
        self.context.decode(self._batch)
        for lane in lanes:
            if lane in tokens:
                self.length[lane] += 1
            else:
                self.context.remove(lane, self.length[lane])
        return {lane: self.context.row(row) for row, lane in enumerate(lanes) if lane in tokens}

    def move(self, source: int, target: int) -> None:
        """Put what a lane has into a lower one that is free, so that steps need not compute up to it."""
        self.context.remove(target)
        self.context.copy(source, target)
        self.context.remove(source)
        self.content[target], self.length[target] = self.content[source], self.length[source]
        self.content[source], self.length[source] = _nothing(), 0

    def end(self, lane: int) -> None:
        """Drop the text of a lane and keep its prompt."""
        if self.context.weights.cuts:
            self.length[lane] = len(self.content[lane])
            self.context.remove(lane, self.length[lane])
        else:
            self.length[lane], self.content[lane] = 0, _nothing()
            self.context.remove(lane)


def _nothing() -> Tokens:
    return np.empty(0, dtype=np.int32)
