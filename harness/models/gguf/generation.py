"""Generates many texts side by side: continuous batching over the sequences of one context.

Up to `width` texts are under way; one that ends makes room for the next at once. New prompts are computed as a tree
(`tree.py`), so that what they have in common with one another and with the last one is computed once; then every step
computes one row per text. Requests come sorted by prompt, which lets few-shot headers meet.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.models.gguf.context import FIRST, Batch, Context, DecodeError
from harness.models.gguf.sampling import Sampler
from harness.models.gguf.tokens import Tokens
from harness.models.gguf.transcript import Transcript
from harness.models.gguf.tree import Leaf, Tree, free_cells
from harness.types import Completion, Fault, Finish, Request

Answer = tuple[int, Completion | Fault]


@dataclass
class Prompt:
    """A request ready to be computed."""

    index: int
    request: Request
    tokens: Tokens
    cut: int
    most: int
    """Tokens that may be generated."""
    transcript: Transcript


@dataclass
class Slot:
    """A text under way in one sequence."""

    prompt: Prompt
    sequence: NDArray[np.int32]
    sampler: Sampler
    last: int = -1
    """The token chosen last; not in the cache yet."""
    ended: Finish | None = None

    @property
    def past(self) -> int:
        """Tokens in the cache: the prompt and all but the last one chosen."""
        return len(self.prompt.tokens) + self.prompt.transcript.count - 1


def fit_prompt(tokens: Tokens, max_tokens: int, n_ctx: int) -> tuple[Tokens, int, int]:
    """Return (tokens kept, tokens cut from the left, tokens that may be generated).

    A prompt is cut to leave room for `max_tokens`, as lm-eval does, but never to less than half of the context.
    """
    room = max(n_ctx - max_tokens, n_ctx // 2)
    kept = tokens[-room:]
    return kept, len(tokens) - len(kept), min(max_tokens, n_ctx - len(kept))


class Generator:
    """Runs the prompts of one call."""

    def __init__(self, context: Context, tree: Tree, width: int, started: float, layout: str) -> None:
        self.context, self.tree, self.started, self.layout = context, tree, started, layout
        self.slots: list[Slot] = []
        self.free = deque(range(FIRST, FIRST + min(width, context.max_sequences)))
        self._batch = Batch(context.n_batch)

    def run(self, indices: Sequence[int], prepare: Callable[[int], Prompt | Fault]) -> Iterator[Answer]:
        """Yield (index, completion or fault) as texts end; `prepare` is called when a text's turn is near."""
        queue = deque(indices)
        waiting: deque[Prompt] = deque()
        while queue or waiting or self.slots:
            while queue and len(waiting) < len(self.free):
                index = queue.popleft()
                prepared = prepare(index)
                if isinstance(prepared, Fault):
                    yield index, prepared
                elif prepared.most < 1:
                    yield index, self._completion(prepared, "length")
                else:
                    waiting.append(prepared)
            try:
                self._admit(waiting)
                self._step()
            except DecodeError as error:
                yield from self._lose(error)
            yield from self._harvest()

    def _admit(self, waiting: deque[Prompt]) -> None:
        """Compute the prompts of the texts that can begin now, and choose their first tokens."""
        chosen = self._fitting(waiting)
        if not chosen:
            return
        started = [self._open(prompt) for prompt in chosen]
        groups: dict[bytes, list[Slot]] = {}
        for slot in sorted(started, key=lambda slot: slot.prompt.tokens.astype(">i4").tobytes()):
            groups.setdefault(slot.prompt.tokens.tobytes(), []).append(slot)
        leaves = [Leaf(group[0].prompt.tokens, [len(group[0].prompt.tokens) - 1]) for group in groups.values()]
        slots = list(groups.values())
        at = 0
        while at < len(leaves):
            shared = self.tree.take(leaves[at:], len(leaves), free_cells(self.context))
            wave = slice(at, at + len(shared))
            sequences = [int(group[0].sequence[0]) for group in slots[wave]]
            for row in self.tree.grow(leaves[wave], shared, sequences):
                for group in slots[wave][row.low : row.high]:
                    for slot in group:
                        self._choose(slot, row.logits)
            at += len(shared)
        for group in slots:
            for slot in group[1:]:
                self.context.copy(int(group[0].sequence[0]), int(slot.sequence[0]))

    def _open(self, prompt: Prompt) -> Slot:
        slot = Slot(prompt, np.array([self.free.popleft()], dtype=np.int32), Sampler(prompt.request))
        self.slots.append(slot)
        return slot

    def _fitting(self, waiting: deque[Prompt]) -> list[Prompt]:
        """Take from `waiting` what fits into the cache beside the texts under way, each at its longest."""
        if not waiting or not self.free:
            return []
        # The trunk needs no room of its own: it is part of a counted text, or the next prompt takes its place.
        used = sum(len(slot.prompt.tokens) + slot.prompt.most for slot in self.slots)
        chosen: list[Prompt] = []
        while waiting and len(chosen) < len(self.free):
            used += len(waiting[0].tokens) + waiting[0].most
            if used > free_cells(self.context) and (chosen or self.slots):
                break
            chosen.append(waiting.popleft())
        return chosen

    def _step(self) -> None:
        """Compute one token of every text under way and choose the next ones."""
        going = [slot for slot in self.slots if not slot.ended]
        if not going:
            return
        self._batch.clear()
        for slot in going:
            self._batch.add(np.array([slot.last], dtype=np.int32), slot.past, slot.sequence, (0,))
        self.context.step(self._batch)
        for row, slot in enumerate(going):
            self._choose(slot, self.context.row(row))

    def _choose(self, slot: Slot, logits: NDArray[np.float32]) -> None:
        slot.last = slot.sampler.choose(logits)
        if self.context.vocabulary.is_end(slot.last):
            slot.prompt.transcript.count += 1
            slot.ended = "eos"
        elif slot.prompt.transcript.add(slot.last):
            slot.ended = "stop"
        elif slot.prompt.transcript.count >= slot.prompt.most:
            slot.ended = "length"

    def _harvest(self) -> Iterator[Answer]:
        """Yield the texts that ended and free their sequences."""
        for slot in [slot for slot in self.slots if slot.ended]:
            self.slots.remove(slot)
            self.context.remove(int(slot.sequence[0]))
            self.free.append(int(slot.sequence[0]))
            yield slot.prompt.index, self._completion(slot.prompt, slot.ended or "stop")

    def _lose(self, error: DecodeError) -> Iterator[Answer]:
        """Yield a fault for every text under way: the cache is empty now."""
        lost, self.slots = self.slots, []
        self.tree.reset()
        for slot in lost:
            self.free.append(int(slot.sequence[0]))
            yield slot.prompt.index, Fault("model", "decode_failed", str(error))

    def _completion(self, prompt: Prompt, ended: Finish) -> Completion:
        text, reasoning, finish = prompt.transcript.finish(ended)
        return Completion(
            text=text,
            reasoning=reasoning,
            finish=finish,
            form=prompt.request.form,
            prompt_tokens=len(prompt.tokens),
            completion_tokens=prompt.transcript.count,
            cut_tokens=prompt.cut,
            seconds=time.perf_counter() - self.started,
            layout=self.layout,
        )
