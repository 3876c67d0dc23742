"""Makes artifacts by steps: looks whether it was done, does it otherwise, keeps the output, writes down what it cost.

A step's key is made of its name and version, its parameters, and the digests of its inputs. What is done is not done
again, whatever loop or process did it. A step that fails leaves a row with the fault and a log; the same call tries it
again. Answers of models lie in the ledger: a step that is done again after a kill asks only what is missing. Two
processes do not do the same step at once: the second waits, and finds it done.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness import registry
from harness.contracts import Step, StepContext
from harness.errors import HarnessError, InfrastructureError
from harness.hashing import digest
from harness.models.ledger import Ledger
from harness.store import Database, artifacts
from harness.store.curves import Curves
from harness.store.write import Journal
from harness.types import Artifact, Completion, Fault, Request
from harness.workbench import own_process
from harness.workbench.budget import Budget, BudgetSpent
from harness.workbench.metered import Metered, Price
from harness.workbench.shelf import folder_of, keep

LOG = "log.jsonl"
"""What a step that fails may leave in its scratch folder: kept beside its log."""


class Workbench:
    """Where the steps of one loop are done."""

    def __init__(
        self,
        database: Database,
        loop: str,
        budget: Mapping[str, float] | None = None,
        prices: Mapping[str, Price] | None = None,
        settings: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """`budget`: kind (`usd`, `tokens`, `seconds`) -> cap. `prices`, `settings`: of a model, by its spec."""
        self.database, self.loop, self.prices = database, loop, dict(prices or {})
        self.settings = dict(settings or {})
        self.budget = Budget(database, loop, budget or {})

    def make(self, name: str, inputs: Sequence[Artifact], parameters: Mapping[str, Any]) -> Artifact:
        """Return what the step `name` (`improve.dedup`) makes of the inputs; done before, it is not done again.

        Raises:
            UsageError: unknown step, wrong parameters. BudgetSpent: the cap is reached.
            InfrastructureError: the step broke; its log is named.
        """
        step = registry.step(name)
        key = step_key(name, step, inputs, parameters)
        if found := self._done(key):
            return found
        with _alone(self.database.folder / "steps" / key) as folder:
            log = folder / "log.txt"
            return self._done(key) or self._do(name, step, key, [self._placed(one) for one in inputs], parameters, log)

    def book(self, seconds: float) -> None:
        """Book seconds of the loop's own; the next check refuses where they pass the cap."""
        with suppress(BudgetSpent):
            self.budget.spend("loop", "seconds", seconds)

    def _done(self, key: str) -> Artifact | None:
        """Return what a step made when it was done before, if it is there still."""
        found = artifacts.done(self.database, key)
        if found is not None:
            with suppress(InfrastructureError):
                folder_of(self.database, found)
                return found
        return None

    def _placed(self, artifact: Artifact) -> Artifact:
        """Return an input with the path at which its content lies."""
        kept = (self.database.folder / artifact.path).is_dir()
        path = str(folder_of(self.database, artifact)) if kept else artifact.path
        return Artifact(artifact.id, artifact.kind, path, artifact.digest, artifact.parents, artifact.made_by)

    def _do(
        self, name: str, step: Step, key: str, inputs: Sequence[Artifact], parameters: Mapping[str, Any], log: Path
    ) -> Artifact:
        scratch = Path(tempfile.mkdtemp(dir=log.parent, prefix="scratch-"))
        context = Context(self, key, scratch)
        started, fault, made = time.monotonic(), None, None
        try:
            if step.alone:
                output = own_process.run(name, inputs, parameters, context, log)
            else:
                output = step.run(inputs, parameters, context)
            by = {"step": name, "version": step.version, "parameters": dict(parameters), "loop": self.loop}
            made = keep(self.database, output, step.kind, tuple(one.id for one in inputs), by)
            return made
        except HarnessError as error:
            fault = f"{type(error).__name__}: {error.what}"
            raise
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
            with log.open("a", encoding="utf-8") as file:
                file.write(traceback.format_exc())
            what = f"the step {name!r} broke: {fault[:300]}"
            if isinstance(error, OSError) and error.errno in own_process.FULL:
                raise InfrastructureError(what, *own_process.NO_ROOM) from error
            raise InfrastructureError(what, "an artifact", f"look at {str(log)!r}") from error
        finally:
            context.close()
            if fault is not None and (scratch / LOG).is_file():
                (scratch / LOG).replace(log.parent / LOG)
            shutil.rmtree(scratch, ignore_errors=True)
            if made is not None or fault is not None:
                artifacts.add_step(
                    self.database, key, step=name, version=step.version, parameters=dict(parameters),
                    inputs=[one.id for one in inputs], artifact_id=made.id if made else None, fault=fault,
                    log=str(log.relative_to(self.database.folder)), loop=self.loop,
                    seconds=time.monotonic() - started,
                )  # fmt: skip


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """Wait until no other process does the same step; what a killed one left is removed. The lock dies with us."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for left in folder.glob("scratch-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield folder


def step_key(name: str, step: Step, inputs: Sequence[Artifact], parameters: Mapping[str, Any]) -> str:
    """Return the key under which a step's output is found again."""
    return digest(name, step.version, [one.digest for one in inputs], dict(parameters))


class Context(StepContext):
    """What one execution may use."""

    def __init__(self, bench: Workbench, key: str, scratch: Path) -> None:
        self.bench, self.key, self.scratch = bench, key, scratch
        self.cache = bench.database.folder / "cache"
        self.done, self.note = 0.0, ""
        self._models: dict[str, Ledger] = {}
        self._journal = Journal(bench.database, f"loop {bench.loop}")
        self._curves = Curves(bench.database, key)

    def ask(self, model: str, requests: Sequence[Request]) -> list[Completion | Fault]:
        """Return the answers in order. What was answered is stored and booked, whatever ends the call."""
        ledger = self._models.get(model) or self._opened(model)
        found: dict[int, Completion | Fault] = {}
        try:
            for index, answer in ledger.answer(requests):
                found[index] = answer
                # An answer of a hosted model was paid for: it is written at once.
                if ledger.digest is None or self._journal.due:
                    self._journal.flush()
        finally:
            self._journal.flush()
        return [found[index] for index in range(len(requests))]

    def _opened(self, model: str) -> Ledger:
        opened = registry.open_model(model, self.bench.settings.get(model, {}))
        leaf = Metered(opened, self.bench.budget, self.bench.prices.get(model, {}), self._book)
        self._models[model] = Ledger(leaf, self.bench.database, self._journal, self.bench.loop)
        return self._models[model]

    def _book(self, what: str, amount: float) -> None:
        # The answer that passes the cap is kept; the next request is refused.
        with suppress(BudgetSpent):
            self.spend(what, amount)

    def spend(self, what: str, amount: float) -> None:
        """Book a cost; raises `BudgetSpent` where the cap is passed."""
        self.bench.budget.spend(self.key, what, amount)

    def progress(self, done: float, note: str = "") -> None:
        """Remember how far the step is."""
        self.done, self.note = done, note

    def measure(self, step: int, values: Mapping[str, float]) -> None:
        """Store points of curves under this step's key, a transaction a second."""
        self._curves.measure(step, values)

    def close(self) -> None:
        """Close the models that were asked; write what waits of the curves."""
        self._curves.flush()
        for ledger in self._models.values():
            ledger.close()
        self._models = {}
