"""A Model around a leaf that books what every answer costs, and hands over no more than the budget can pay for.

Requests go to the leaf in groups whose worst case fits into what is left; where not even one fits, one goes alone. So
the cap is passed by one call at most, however many a server answers at once. Put below the ledger: what is stored
already costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.contracts import Model
from harness.types import Completion, Fault, Request
from harness.workbench.budget import Budget

CHARS_PER_TOKEN = 2
"""Of a prompt, at worst: only the estimate before a call is made of it."""
Price = Mapping[str, float]
"""`usd_per_prompt_token` and `usd_per_token`."""


class Metered(Model):
    """Books `tokens`, `seconds` and, where there is a price, `usd`."""

    def __init__(self, leaf: Model, budget: Budget, price: Price, book: Callable[[str, float], None]) -> None:
        self.leaf, self.budget, self.price, self._book = leaf, budget, price, book
        self.spec, self.can, self.digest, self.engine = leaf.spec, leaf.can, leaf.digest, leaf.engine
        self.batch_size = leaf.batch_size

    @classmethod
    def open(cls, locator: str, settings: Mapping[str, str]) -> Model:
        """Not to be opened by name: it is put around a model."""
        raise NotImplementedError

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion | Fault]]:
        """Yield the leaf's answers; each is booked before it is handed on.

        Raises:
            BudgetSpent: nothing is left for the next request; what was answered before was yielded.
        """
        start = 0
        while start < len(requests):
            for what in self.budget.caps:
                self.budget.check(what)
            end = start + self._affordable(requests[start:])
            for index, answer in self.leaf.answer(requests[start:end]):
                if isinstance(answer, Completion):
                    for what, amount in self.cost(answer).items():
                        self._book(what, amount)
                yield start + index, answer
            start = end

    def cost(self, answer: Completion) -> dict[str, float]:
        """Return what an answer cost, by kind."""
        found = {"tokens": float(answer.prompt_tokens + answer.completion_tokens), "seconds": answer.seconds}
        if self.price:
            found["usd"] = self._usd(answer.prompt_tokens, answer.completion_tokens)
        return found

    def _usd(self, prompt_tokens: float, tokens: float) -> float:
        price = self.price
        return prompt_tokens * price.get("usd_per_prompt_token", 0.0) + tokens * price.get("usd_per_token", 0.0)

    def _affordable(self, requests: Sequence[Request]) -> int:
        """Return how many of the next requests fit into the budget at worst, at least one, at most a batch."""
        tokens = usd = 0.0
        for count, request in enumerate(requests[: self.batch_size]):
            chars = len(request.prompt) + sum(len(message.content) for message in request.messages)
            prompt, made = 1 + chars / CHARS_PER_TOKEN, float(request.max_tokens)
            tokens, usd = tokens + prompt + made, usd + self._usd(prompt, made)
            worst = {"tokens": tokens, "usd": usd}
            if any((left := self.budget.left(what)) is not None and value > left for what, value in worst.items()):
                return max(1, count)
        return min(len(requests), self.batch_size)

    def describe(self) -> Mapping[str, Any]:
        """Return the leaf's facts."""
        return self.leaf.describe()

    def close(self) -> None:
        """Close the leaf."""
        self.leaf.close()
