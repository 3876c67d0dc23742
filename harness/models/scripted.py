"""Serves `scripted:NAME`: a model that is a Python function, for tests.

    model = Scripted(lambda request: request.prompt.upper())
    list(model.answer([Request("generate", prompt="a")]))  ->  [(0, Completion(text="A", finish="eos", ..))]

The function returns a Completion, a text, or a Fault; what it raises is an exception of the model itself ("the model
is lost"), so that runners can be tested against that too. From the command line `scripted:MODULE:FUNCTION` imports and
runs arbitrary code, therefore only with HARNESS_ALLOW_SCRIPTED=1 in the environment.

It does not batch, tokenise or limit anything: token counts are 0 unless the function sets them.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.config import Settings, read_settings
from harness.contracts import Model
from harness.errors import UsageError, nearest
from harness.types import Completion, Fault, Request

Answer = Completion | Fault | str
ALL = frozenset({"generate", "choose", "read", "tools", "chat", "schema"})


class ScriptedSettings(Settings):
    """Options of `scripted:MODULE:FUNCTION`."""

    delay_s: float = 0.0
    """Real sleep before every answer, so that a test has time to kill."""
    can: str = ",".join(sorted(ALL - {"chat"}))
    """What the model says it can do, comma-separated."""
    digest: str = "scripted"
    """Digest of the model; empty for none, as a hosted model."""


class Scripted(Model):
    """A function as a model: one answer at a time, in the order asked."""

    def __init__(
        self,
        function: Callable[[Request], Answer],
        *,
        can: frozenset[str] = ALL - {"chat"},
        digest: str | None = "scripted",
        delay_s: float = 0.0,
        batch_size: int = 512,
        name: str = "function",
    ) -> None:
        self.function, self.can, self.digest, self.delay_s = function, can, digest, delay_s
        self.batch_size = batch_size
        self.spec = f"scripted:{name}"
        self.engine: Mapping[str, Any] = {"name": "scripted"}

    @classmethod
    def open(cls, locator: str, settings: Mapping[str, str]) -> Scripted:
        """Return the model of the function at `MODULE:FUNCTION`.

        Raises:
            UsageError: not allowed, not found, or not callable.
        """
        options = read_settings(settings, ScriptedSettings)
        can = frozenset(word.strip() for word in options.can.split(",") if word.strip())
        if unknown := can - ALL:
            raise UsageError(f"can = {options.can!r}: unknown {sorted(unknown)[0]!r}", f"of {', '.join(sorted(ALL))}")
        return cls(_find(locator), can=can, digest=options.digest or None, delay_s=options.delay_s, name=locator)

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion | Fault]]:
        """Yield each answer as the function returns it; a text becomes a Completion that ended by itself."""
        for index, request in enumerate(requests):
            started = time.perf_counter()
            if self.delay_s > 0:
                time.sleep(self.delay_s)
            said = self.function(request)
            if isinstance(said, str):
                seconds = time.perf_counter() - started
                said = Completion(text=said, finish="eos", form=request.form, seconds=seconds, layout="one by one")
            yield index, said


def _find(locator: str) -> Callable[[Request], Answer]:
    if os.environ.get("HARNESS_ALLOW_SCRIPTED") != "1":
        raise UsageError(
            f"scripted:{locator} would import and run code of this machine",
            "HARNESS_ALLOW_SCRIPTED=1 in the environment; only for code that you trust",
            f"type: HARNESS_ALLOW_SCRIPTED=1 harness eval scripted:{locator}",
        )
    module_name, _, attribute = locator.partition(":")
    expected = "scripted:MODULE:FUNCTION"
    try:
        module = importlib.import_module(module_name or "?")
    except ImportError as error:
        raise UsageError(f"no module {module_name!r}: {error}", expected, "check PYTHONPATH") from error
    function = getattr(module, attribute or "?", None)
    if not callable(function):
        what = f"the module {module_name!r} has no function {attribute!r}"
        raise UsageError(what, nearest(attribute, vars(module)), f"expected {expected}")
    found: Callable[[Request], Answer] = function
    return found
