"""Computes many token paths as one tree: what paths have in common is computed once.

Paths come sorted, so they are the leaves of a tree from left to right. A wave of them goes into one batch: a token that
several leaves share is one row that carries all their sequence ids. Between waves the last leaf's path stays in the
cache as the *trunk*, and the next wave starts where it leaves that path; because of the order no shared token is ever
computed twice, whatever the size of the waves.

    leaves  H Q1 A a | H Q1 A b | H Q2 A c      (H: a few-shot header)
    rows    H Q1 A{a,b,c}.. a{1} b{2} Q2{3} A{3} c{3}

Recurrent and hybrid models cannot cut a state: their leaves are computed each on its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.models.gguf.batch import Batch
from harness.models.gguf.context import LEAST_OUTPUTS, PROMPT_ROWS, Context, Plan
from harness.models.gguf.settings import pool_cells
from harness.models.gguf.tokens import Tokens
from harness.models.gguf.weights import Weights

TRUNK, PAD, FIRST = 0, 1, 2
"""Sequence ids: the kept prefix, the filler rows, the first of those that carry leaves."""
SEQUENCES = 128
"""Sequences of a context, these two included."""
RECURRENT_SEQUENCES = 8
"""As many where each sequence has a state of its own, which may be large."""
LOGITS_BYTES = 128 << 20
"""Bounds the rows of logits of one decode."""


@dataclass(frozen=True)
class Leaf:
    """One path and the depths (0-based positions) after which its logits are wanted, ascending, at least one."""

    tokens: Tokens
    wanted: Sequence[int]


@dataclass(frozen=True)
class Row:
    """Logits after the token at `depth`, which the leaves `low` to `high - 1` of the wave share."""

    low: int
    high: int
    depth: int
    logits: NDArray[np.float32]
    """(vocabulary,), valid until the next row is taken."""


@dataclass(frozen=True)
class _Run:
    """Tokens `start` to `end - 1` of leaf `low`, shared with the leaves up to `high - 1`."""

    low: int
    high: int
    start: int
    end: int


def common(a: Tokens, b: Tokens) -> int:
    """Return how many tokens `a` and `b` begin with in common."""
    size = min(len(a), len(b))
    differ = a[:size] != b[:size]
    return int(differ.argmax()) if differ.any() else size


def runs(lengths: Sequence[int], shared: Sequence[int]) -> Iterator[_Run]:
    """Yield the tokens to compute, leaf by leaf: `shared[i]` tokens of leaf i are there already.

    `shared[0]` counts against the trunk, the others against the leaf before.
    """
    count = len(lengths)
    for low in range(count):
        top, pieces, high = lengths[low], [], low + 1
        while high < count and top > shared[low]:
            if shared[high] < top:
                pieces.append(_Run(low, high, max(shared[high], shared[low]), top))
                top = max(shared[high], shared[low])
            high += 1
        if top > shared[low]:
            pieces.append(_Run(low, count, shared[low], top))
        yield from reversed(pieces)


def plan_tree(weights: Weights) -> Plan:
    """Return one cache for all leaves: a whole context as trunk and a batch of new tokens, if memory allows."""
    settings = weights.settings
    needed = weights.n_ctx + PROMPT_ROWS
    wanted = needed if weights.fixed_size else needed + settings.n_batch
    most = weights.llama.llama_max_parallel_sequences()
    rows = max(PROMPT_ROWS, min(settings.n_batch, LOGITS_BYTES // (4 * weights.vocabulary.size)))
    return Plan(
        cells=max(needed, pool_cells(weights.header.values, settings, wanted)),
        sequences=min(SEQUENCES if weights.cuts else RECURRENT_SEQUENCES, settings.n_batch, most),
        unified=True,
        max_outputs=rows + LEAST_OUTPUTS * (settings.n_batch // settings.n_ubatch),
    )


class Tree:
    """The trunk in the cache and the waves that grow from it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.max_leaves = context.plan.sequences - FIRST
        self._shares = context.weights.cuts
        # Room is left for the rows of logits that nobody reads (`Batch.fill_outputs`).
        self._max_outputs = context.plan.max_outputs - LEAST_OUTPUTS * (context.n_batch // context.n_ubatch)
        self._filler = np.zeros(PROMPT_ROWS, dtype=np.int32)
        self._pad = np.array([PAD], dtype=np.int32)
        self.trunk: Tokens = np.empty(0, dtype=np.int32)
        self._batch = Batch(context.n_batch)
        self._pending: list[tuple[int, _Run, int]] = []

    def reset(self) -> None:
        """Forget everything, the cache included."""
        self.context.clear()
        self.trunk = np.empty(0, dtype=np.int32)
        self._batch.clear()
        self._pending.clear()

    def take(self, leaves: Sequence[Leaf]) -> list[int]:
        """Return how many tokens of each of the next wave's leaves are shared with the one before it.

        The wave is as long as this list: at least one leaf, at most `max_leaves`, about one batch of new tokens, and
        no more tokens with the kept trunk than the cache holds.
        """
        cells = self.context.cells - PROMPT_ROWS
        first = leaves[0]
        # A row whose logits are wanted has to be computed, even where the cache has its token.
        start = min(common(self.trunk, first.tokens), first.wanted[0]) if self._shares else 0
        shared, lowest, rows = [start], start, len(first.tokens) - start
        for before, leaf in pairwise(leaves):
            meet = common(before.tokens, leaf.tokens) if self._shares else 0
            lowest = min(lowest, meet)
            new = len(leaf.tokens) - meet
            full = rows + new > self.context.n_batch or start + rows + new > cells
            if full or len(shared) == self.max_leaves or leaf.wanted[0] < lowest:
                break
            shared.append(meet)
            rows += new
        return shared

    def grow(self, leaves: Sequence[Leaf], shared: Sequence[int]) -> Iterator[Row]:
        """Compute a wave and yield each wanted row once; afterwards the last leaf's path is the trunk.

        Take all rows; a wave broken off leaves the cache in need of `reset`.
        """
        sequences = range(FIRST, FIRST + len(leaves))
        self._graft(shared, sequences)
        ids = np.array(sequences, dtype=np.int32)
        for run in runs([len(leaf.tokens) for leaf in leaves], shared):
            wanted = sorted({d for leaf in leaves[run.low : run.high] for d in leaf.wanted if run.start <= d < run.end})
            yield from self._add(leaves[run.low].tokens, run, wanted, ids[run.low : run.high])
        yield from self._flush()
        if not self._shares:
            self.reset()
            return
        self.context.remove(TRUNK)
        self.context.copy(sequences[-1], TRUNK)
        self.context.keep(TRUNK)
        self.trunk = leaves[-1].tokens

    def _graft(self, shared: Sequence[int], sequences: Sequence[int]) -> None:
        """Cut the trunk to what the wave shares with it and let the leaves begin with their part of it."""
        if not self._shares:
            return
        if shared[0] < len(self.trunk):
            self.context.remove(TRUNK, shared[0])
            self.trunk = self.trunk[: shared[0]]
        lowest = shared[0]
        for meet, sequence in zip(shared, sequences, strict=True):
            lowest = min(lowest, meet)
            if lowest:
                self.context.copy(TRUNK, sequence, lowest)

    def _add(self, tokens: Tokens, run: _Run, wanted: list[int], ids: NDArray[np.int32]) -> Iterator[Row]:
        at = run.start
        while at < run.end:
            if not self._batch.room or self._batch.outputs >= self._max_outputs:
                yield from self._flush()
            end = min(run.end, at + self._batch.room)
            left = self._max_outputs - self._batch.outputs
            here = [depth for depth in wanted if at <= depth < end]
            if len(here) > left:
                end, here = here[left], here[:left]
            row = self._batch.add(tokens[at:end], at, ids, [depth - at for depth in here])
            self._pending += [(row + depth - at, run, depth) for depth in here]
            at = end

    def _flush(self) -> Iterator[Row]:
        if self._batch.count:
            self._compute()
            for index, run, depth in self._pending:
                yield Row(run.low, run.high, depth, self.context.row(index))
        self._pending.clear()
        self._batch.clear()

    def _compute(self) -> None:
        fill = self.context.missing_rows(self._batch)
        if fill:
            self._batch.add(self._filler[:fill], 0, self._pad)
        if self.context.fills:
            self._batch.fill_outputs(self.context.n_ubatch, LEAST_OUTPUTS)
        self.context.decode(self._batch)
        if fill:
            self.context.remove(PAD)
