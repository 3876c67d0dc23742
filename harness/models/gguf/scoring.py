"""Log-probabilities of given tokens: continuations of contexts (`choose`) and whole texts (`read`).

A request becomes one or more Questions: a token path, and the tokens whose probability is asked after each depth from
`start` on. Single-token choices of one context are one path and one row of logits. Log-softmax runs in float64, over
the rows that are asked for only.

Overflow as in lm-eval 0.4.13: of context + continuation the last n_ctx + 1 tokens are kept, of which the last is only
asked about. A longer text is read in windows of n_ctx tokens that follow one another (its `loglikelihood_rolling`); the
last is filled up from the left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from harness.models.gguf.tokens import Tokens, Vocabulary
from harness.models.gguf.tree import Leaf, Row, Tree


@dataclass
class Question:
    """Asks the log-probability of `targets[i]` after the token at depth `start + i` of `path`."""

    owner: int
    """Index of the request."""
    part: int
    """Number of the choice, or of the window of a text."""
    path: Tokens
    start: int
    targets: Tokens
    cut: int = 0
    """Tokens cut from the left of the context."""
    logprobs: NDArray[np.float64] = field(init=False)
    """Filled by `score`: natural logarithms, one per target."""
    greedy: bool = field(init=False, default=True)
    """Filled by `score`: whether every target was the most probable token."""

    def __post_init__(self) -> None:
        self.logprobs = np.zeros(len(self.targets), dtype=np.float64)

    @property
    def end(self) -> int:
        """One more than the last depth asked about."""
        return self.start + len(self.targets)


class Unanswerable(ValueError):
    """A request without a score; `kind` is the word for the fault."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def choice_question(vocabulary: Vocabulary, n_ctx: int, context: str, choice: str, owner: int, part: int) -> Question:
    """Return the question that a choice asks.

    Raises:
        Unanswerable: the choice has no token of its own, fills the context alone, or there is nothing to condition on.
    """
    head, tail = vocabulary.encode_pair(context, choice)
    if not len(tail) or not len(head):
        raise Unanswerable("empty_choice", f"choice {part} ({choice!r}) leaves no token to score after its context")
    if len(tail) > n_ctx:
        raise Unanswerable("context_overflow", f"choice {part} has {len(tail)} tokens, the context holds {n_ctx}")
    whole = np.concatenate((head, tail))
    kept = whole[-(n_ctx + 1) :]
    start = len(kept) - len(tail) - 1
    return Question(owner, part, kept[:-1], start, tail, cut=len(whole) - len(kept))


def text_questions(vocabulary: Vocabulary, n_ctx: int, text: str, owner: int) -> list[Question]:
    """Return the windows that read every token of `text` but the first (of a text without BOS)."""
    tokens = vocabulary.encode(text)
    if len(tokens) < 2:
        raise Unanswerable("empty_text", f"a text of {len(tokens)} tokens has none to score")
    windows = [(at, min(at + n_ctx, len(tokens) - 1)) for at in range(0, len(tokens) - 1, n_ctx)]
    found = []
    for part, (low, high) in enumerate(windows):
        first = max(0, high - n_ctx)
        found.append(Question(owner, part, tokens[first:high], low - first, tokens[low + 1 : high + 1]))
    return found


def score(tree: Tree, questions: Sequence[Question]) -> Iterator[Question]:
    """Fill in the answers and yield each question when it is done, in the order of their paths."""
    paths = _paths(questions)
    at = 0
    while at < len(paths):
        leaves = [leaf for leaf, _ in paths[at : at + tree.max_leaves]]
        shared = tree.take(leaves)
        wave = paths[at : at + len(shared)]
        for row in tree.grow(leaves[: len(wave)], shared):
            _answer(row, [asked for _, asked in wave[row.low : row.high]])
        at += len(wave)
        for _, asked in wave:
            yield from asked


def _paths(questions: Sequence[Question]) -> list[tuple[Leaf, list[Question]]]:
    """Return the distinct paths in token order, each with the questions asked along it."""
    # Big-endian bytes of non-negative numbers sort like the numbers, and far faster than lists.
    keyed = sorted(((q.path.astype(">i4").tobytes(), i) for i, q in enumerate(questions)))
    found = []
    for _, group in groupby(keyed, key=lambda pair: pair[0]):
        asked = [questions[i] for _, i in group]
        wanted = sorted({depth for q in asked for depth in range(q.start, q.end)})
        found.append((Leaf(asked[0].path, wanted), asked))
    return found


def _answer(row: Row, leaves: Sequence[list[Question]]) -> None:
    """Answer all questions that ask about this row."""
    logits = row.logits.astype(np.float64)
    top = int(row.logits.argmax())
    peak = logits[top]
    total = peak + np.log(np.exp(logits - peak).sum())
    for asked in leaves:
        for question in asked:
            if question.start <= row.depth < question.end:
                target = int(question.targets[row.depth - question.start])
                question.logprobs[row.depth - question.start] = logits[target] - total
                question.greedy &= target == top
