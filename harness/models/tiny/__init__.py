"""Serves `tiny`: a Llama of about a million parameters that this project trains itself, from a seed, on first use.

    harness eval tiny --suite primer              trains once (about four minutes on two cores), then answers
    harness eval tiny --set seed=1 --set format=hf
    harness eval tiny --set suite=bbh:small --suite bbh:small
    tiny.folder(seed=0)                            the Hugging Face folder, for tests and the improvement loop

It is pretrained on practice rows of one suite, by default the base variants of `primer` (`recipe.py`), knows nothing
else, and carries no chat template. The weights come out the same for one seed on one machine; another CPU may round
otherwise, which the model's digest shows. Settings besides `seed`, `steps`, `suite` and `format` go to the engine that
serves it, `gguf` or `hf`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from harness import registry
from harness.config import Settings, read_settings
from harness.contracts import Model
from harness.errors import UsageError
from harness.models.gguf.settings import GGUFSettings
from harness.models.hf.loading import HFSettings
from harness.types import Completion, Fault, Request

from .home import GGUF, folder, gguf_path
from .recipe import Recipe

__all__ = ["Tiny", "folder", "gguf_path"]


class TinySettings(Settings):
    """Options of `tiny`; every other option is the engine's."""

    seed: int = 0
    steps: int | None = None
    """None: the recipe's."""
    suite: str = Recipe.suite
    """Whose practice rows it is pretrained on."""
    format: Literal["gguf", "hf"] = "gguf"


class Tiny(Model):
    """The embedded model, answered by the engine of its file format."""

    def __init__(self, inner: Model, settings: TinySettings) -> None:
        self.inner, self.settings = inner, settings
        self.spec = "tiny"
        self.can, self.digest, self.engine = inner.can, inner.digest, inner.engine
        self.batch_size = inner.batch_size

    @classmethod
    def open(cls, locator: str, settings: Mapping[str, str]) -> Tiny:
        """Train where needed, then open. See `Model.open`; `locator` is empty."""
        if locator:
            raise UsageError(f"tiny takes no locator, got {locator!r}", "plain tiny", "choose with --set seed=1")
        own = {key: value for key, value in settings.items() if key in TinySettings.model_fields}
        rest = {key: value for key, value in settings.items() if key not in own}
        parsed = read_settings(own, TinySettings)
        # A typo in the engine's settings must not cost a training first.
        read_settings(rest, GGUFSettings if parsed.format == "gguf" else HFSettings)
        place = folder(parsed.seed, parsed.steps, parsed.suite)
        spec = f"gguf:{place / GGUF}" if parsed.format == "gguf" else f"hf:{place}"
        return cls(registry.open_model(spec, rest), parsed)

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion | Fault]]:
        """Yield what the engine yields."""
        yield from self.inner.answer(requests)

    def describe(self) -> Mapping[str, Any]:
        """Return the engine's facts, with seed, suite and format."""
        own = {"seed": self.settings.seed, "suite": self.settings.suite, "format": self.settings.format}
        return {**self.inner.describe(), **own}

    def close(self) -> None:
        """Close the engine."""
        self.inner.close()
