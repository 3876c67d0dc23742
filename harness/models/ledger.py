"""The ledger: a Model around every leaf model, below all composition, that never asks twice.

A completion is looked up and stored under the digest of all that determines it: the leaf's digest, its engine and
settings, the request (decoding parameters, seed and attempt included). How requests were batched is not part of it.
A hosted model has no digest: its key holds the run instead, so its answers are reused within that run only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.contracts import Model
from harness.hashing import digest
from harness.store import Database, read
from harness.store.rows import clean
from harness.store.write import Journal
from harness.types import EMPTY, Completion, Fault, Request


class Ledger(Model):
    """Answers from the store what is stored, asks the leaf for the rest, journals what it says."""

    def __init__(self, leaf: Model, database: Database, journal: Journal, scope: str) -> None:
        """`scope`: the run whose completions a hosted leaf may reuse."""
        self.leaf, self.database, self.journal = leaf, database, journal
        self.spec, self.can, self.digest, self.engine = leaf.spec, leaf.can, leaf.digest, leaf.engine
        self.batch_size = leaf.batch_size
        self.identity = leaf.digest or f"{leaf.spec} in {scope}"
        self.asked = 0
        """Requests that reached the leaf."""
        self.reused = 0

    @classmethod
    def open(cls, locator: str, settings: Mapping[str, str]) -> Model:
        """Not to be opened by name: it is put around a model."""
        raise NotImplementedError

    def key(self, request: Request) -> str:
        """Return the key of a request's completion."""
        return digest(self.identity, self.engine, request)

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion | Fault]]:
        """Yield stored completions first, then the leaf's as they come; equal requests are asked once."""
        places: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            places.setdefault(self.key(request), []).append(index)
        stored = {key: self.journal.pending[key] for key in places if key in self.journal.pending}
        stored |= read.completions(self.database, [key for key in places if key not in stored], self.identity)
        for key, completion in stored.items():
            self.reused += len(places[key])
            for index in places[key]:
                yield index, completion
        keys = [key for key in places if key not in stored]
        wanted = [requests[places[key][0]] for key in keys]
        if not wanted:
            return
        for number, answer in self.leaf.answer(wanted):
            self.asked += 1
            if isinstance(answer, Completion):
                answer = self._keep(keys[number], wanted[number], answer)
            for index in places[keys[number]]:
                yield index, answer

    def _keep(self, key: str, request: Request, completion: Completion) -> Completion:
        # Cleaned before it is scored, so that a score never depends on whether its text came from the store.
        kept = replace(
            completion,
            key=key,
            form=request.form,
            text=clean(completion.text),
            reasoning=clean(completion.reasoning),
        )
        self.journal.add_completion(key, request, kept, self.identity)
        return kept

    def describe(self) -> Mapping[str, Any]:
        """Return the leaf's facts."""
        return self.leaf.describe()

    def close(self) -> None:
        """Close the leaf."""
        self.leaf.close()


class Absent(Model):
    """Stands for a model that is not loaded: whatever the ledger does not hold is a fault. For `rescore`."""

    def __init__(
        self,
        spec: str,
        can: frozenset[str],
        model_digest: str | None,
        engine: Mapping[str, Any],
        facts: Mapping[str, Any] = EMPTY,
    ) -> None:
        self.spec, self.can, self.digest, self.engine, self.facts = spec, can, model_digest, engine, facts

    def describe(self) -> Mapping[str, Any]:
        """Return the facts that the model's run knows."""
        return self.facts

    @classmethod
    def open(cls, locator: str, settings: Mapping[str, str]) -> Model:
        """Not to be opened by name."""
        raise NotImplementedError

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion | Fault]]:
        """Yield a fault for every request."""
        for index in range(len(requests)):
            yield (
                index,
                Fault("data", "not_stored", "no stored completion for this request, and the model is not loaded"),
            )
