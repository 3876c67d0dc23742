"""Generates many texts side by side: continuous batching over lanes (`lanes.py`).

Up to `width` texts are under way; one that ends makes room for the next at once. Requests come sorted by prompt, so
that a few-shot header is mostly in a lane already.

A completion's seconds count from the moment its turn has come (its prompt is computed next) to its last token, work on
its neighbours included; the time that it waits in the queue, and that the caller takes between two answers, is not in
them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.models.gguf.context import DecodeError
from harness.models.gguf.grammar import Blocked, Chooser, Constrained, Grammar, is_whole
from harness.models.gguf.lanes import Lanes
from harness.models.gguf.sampling import Sampler
from harness.models.gguf.tokens import Tokens, Vocabulary
from harness.models.gguf.transcript import Transcript
from harness.models.toolcalls import split_calls
from harness.types import Completion, Fault, Finish, Request

Answer = tuple[int, Completion | Fault]


@dataclass(frozen=True)
class Prompt:
    """A request ready to be computed."""

    index: int
    request: Request
    tokens: Tokens
    cut: int
    most: int
    """Tokens that may be generated."""
    transcript: Transcript
    grammar: Grammar | None = None
    """What the answer must satisfy."""
    forms: frozenset[str] = frozenset()
    """Syntaxes of tool calls that are read out of the answer."""

    def chooser(self) -> Chooser:
        """Return what chooses the tokens."""
        sampler = Sampler(self.request)
        return Constrained(sampler, self.grammar, self.transcript) if self.grammar else sampler


@dataclass
class Slot:
    """A text under way in a lane."""

    prompt: Prompt
    chooser: Chooser
    began: float
    """Seconds on the generator's clock."""
    last: int = -1
    """The token chosen last; not in the cache yet."""
    ended: Finish | None = None
    fault: Fault | None = None


class Clock:
    """Counts seconds while the engine works; it stands while the caller has an answer in hand."""

    def __init__(self) -> None:
        self._origin = time.perf_counter()

    def read(self) -> float:
        """Return the seconds so far."""
        return time.perf_counter() - self._origin

    def hand_over(self, answers: Iterator[Answer]) -> Iterator[Answer]:
        """Yield the answers, the clock stopped while the caller has each of them."""
        for answer in answers:
            stopped = time.perf_counter()
            yield answer
            self._origin += time.perf_counter() - stopped


def fit_prompt(tokens: Tokens, max_tokens: int, n_ctx: int) -> tuple[Tokens, int, int]:
    """Return (tokens kept, tokens cut from the left, tokens that may be generated).

    A prompt is cut to leave room for `max_tokens`, as lm-eval does, but never to less than half of the context.
    """
    room = max(n_ctx - max_tokens, n_ctx // 2)
    kept = tokens[-room:]
    return kept, len(tokens) - len(kept), min(max_tokens, n_ctx - len(kept))


class Generator:
    """Runs the prompts of one call."""

    def __init__(self, lanes: Lanes, vocabulary: Vocabulary, width: int, layout: str) -> None:
        self.lanes, self.vocabulary, self.layout = lanes, vocabulary, layout
        self.clock = Clock()
        self.width = min(width, lanes.count)
        self.slots: dict[int, Slot] = {}
        """Lane -> the text under way in it."""

    def run(self, indices: Sequence[int], prepare: Callable[[int], Prompt | Fault]) -> Iterator[Answer]:
        """Yield (index, completion or fault) as texts end; `prepare` is called when a text's turn has come."""
        yield from self.clock.hand_over(self._run(deque(indices), prepare))

    def _run(self, queue: deque[int], prepare: Callable[[int], Prompt | Fault]) -> Iterator[Answer]:
        while queue or self.slots:
            while queue and len(self.slots) < self.width:
                yield from self._begin(queue.popleft(), prepare)
            if not queue:
                self._close_ranks()
            try:
                self._step()
            except DecodeError as error:
                yield from self._lose(error)
            yield from self._harvest()

    def _begin(self, index: int, prepare: Callable[[int], Prompt | Fault]) -> Iterator[Answer]:
        """Compute the prompt of the next text and choose its first token."""
        began = self.clock.read()
        prompt = prepare(index)
        if isinstance(prompt, Fault):
            yield index, prompt
            return
        if prompt.most < 1:
            yield index, self._completion(prompt, "length", began)
            return
        # The lowest lanes are filled first: a step computes all lanes up to the highest one in use.
        free = [lane for lane in range(self.width) if lane not in self.slots]
        lane = self.lanes.best_of(free, prompt.tokens)
        self.slots[lane] = slot = Slot(prompt, prompt.chooser(), began)
        try:
            self._choose(slot, self.lanes.start(lane, prompt.tokens))
        except DecodeError as error:
            yield from self._lose(error)
            return
        yield from self._harvest()

    def _close_ranks(self) -> None:
        """Move the texts of the highest lanes into free ones below: a step computes all lanes up to the highest.

        Done when that saves a quarter of a step's rows, because a move copies a whole lane.
        """
        now, then = self.lanes.rows(self.slots), self.lanes.rows(range(len(self.slots)))
        if not self.lanes.context.fills or 4 * then > 3 * now:
            return
        for target in range(len(self.slots)):
            if target not in self.slots:
                source = max(self.slots)
                self.lanes.move(source, target)
                self.slots[target] = self.slots.pop(source)

    def _step(self) -> None:
        """Compute one token of every text under way and choose the next ones."""
        if self.slots:
            for lane, logits in self.lanes.step({lane: slot.last for lane, slot in self.slots.items()}).items():
                self._choose(self.slots[lane], logits)

    def _choose(self, slot: Slot, logits: NDArray[np.float32]) -> None:
        transcript = slot.prompt.transcript
        try:
            slot.last = slot.chooser.choose(logits)
        except Blocked as error:
            # A whole answer, in a vocabulary without an end of text.
            if is_whole(transcript.answer):
                slot.ended = "stop"
            else:
                slot.fault = Fault("model", "schema", str(error))
            return
        if self.vocabulary.is_end(slot.last):
            transcript.count += 1
            slot.ended = "eos"
        elif transcript.add(slot.last):
            slot.ended = "stop"
        elif transcript.count >= slot.prompt.most:
            slot.ended = "length"

    def _harvest(self) -> Iterator[Answer]:
        """Yield the texts that ended and free their lanes."""
        for lane, slot in list(self.slots.items()):
            if slot.ended or slot.fault:
                del self.slots[lane]
                self.lanes.end(lane)
                yield slot.prompt.index, slot.fault or self._completion(slot.prompt, slot.ended or "eos", slot.began)

    def _lose(self, error: DecodeError) -> Iterator[Answer]:
        """Yield a fault for every text under way: the cache is empty now."""
        lost, self.slots = list(self.slots.values()), {}
        self.lanes.reset()
        for slot in lost:
            yield slot.prompt.index, Fault("model", "decode_failed", str(error))

    def _completion(self, prompt: Prompt, ended: Finish, began: float) -> Completion:
        text, reasoning, finish = prompt.transcript.finish(ended)
        text, calls = split_calls(text, prompt.forms, prompt.request.tools)
        return Completion(
            text=text,
            reasoning=reasoning,
            tool_calls=calls,
            # Cut off, there may have been more calls to come.
            finish="tool_calls" if calls and finish in ("eos", "stop") else finish,
            form=prompt.request.form,
            prompt_tokens=len(prompt.tokens),
            completion_tokens=prompt.transcript.count,
            cut_tokens=prompt.cut,
            seconds=self.clock.read() - began,
            layout=self.layout,
        )
