"""Full next-token distributions of a model on texts: transformers for a folder, llama.cpp in this process for a GGUF.

    with opened(Place("gguf", "model.gguf", {})) as reader:
        ids = reader.encode({"prompt": "Q: 2 + 2\\nA:", "completion": " 4"})     # [18, 25, ..]
        for logits in reader.logits(ids[:-1]): ..                                # (up to 64, vocabulary)

A row is read as a model answers it: special tokens as its tokenizer adds them, messages through its chat template. One
row at a time without padding, 64 positions at once, so that 150,000 tokens of vocabulary cost 40 MB. llama.cpp changes
kernels below 64 rows (`harness.models.gguf.context`): a shorter piece is filled up with rows of another sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.types import Message, Request

PIECE = 64
"""Positions computed at once."""
ROW_TOKENS = 512
"""Tokens of a row that are read, at most."""


@dataclass(frozen=True)
class Place:
    """Where a model lies and what opens it."""

    engine: Literal["hf", "gguf"]
    path: str
    """A GGUF file, a folder, or a name on the hub."""
    settings: Mapping[str, str]


class Reader(Protocol):
    """An open model."""

    vocabulary: int
    n_ctx: int

    def encode(self, row: Mapping[str, Any]) -> list[int]:
        """Return the token ids of a row, at most `ROW_TOKENS` and what the model takes.

        Raises:
            UsageError: messages, and a model without a chat template.
        """

    def logits(self, ids: list[int]) -> Iterator[NDArray[np.float32]]:
        """Yield the logits after each token, up to `PIECE` positions at a time: (positions, vocabulary)."""


@contextmanager
def opened(place: Place) -> Iterator[Reader]:
    """Open a model, close it at the end of the block.

    Raises:
        UsageError: it cannot be opened.
    """
    if place.engine == "hf":
        yield _Transformers(place)
        return
    reader = _Llama(place)
    try:
        yield reader
    finally:
        reader.close()


class _Transformers:
    def __init__(self, place: Place) -> None:
        from harness.config import read_settings
        from harness.models.hf.codec import Codec
        from harness.models.hf.loading import HFSettings, load

        self.loaded = load(place.path, read_settings(place.settings, HFSettings))
        self.codec = Codec(self.loaded.tokenizer)
        self.n_ctx = self.loaded.n_ctx
        self.vocabulary = int(self.loaded.model.get_output_embeddings().weight.shape[0])

    def encode(self, row: Mapping[str, Any]) -> list[int]:
        messages = _messages(row)
        if messages and self.codec.template is None:
            raise _no_template(self.loaded.model.name_or_path)
        text, plain = self.codec.context(Request("read", _text(row), messages))
        return self.codec.encode(text, plain)[: min(ROW_TOKENS, self.n_ctx)]

    def logits(self, ids: list[int]) -> Iterator[NDArray[np.float32]]:
        import torch

        with torch.inference_mode():
            inputs = torch.tensor([ids], device=self.loaded.device)
            found = self.loaded.model(inputs, use_cache=False).logits[0]
            for start in range(0, len(ids), PIECE):
                yield found[start : start + PIECE].float().cpu().numpy()


class _Llama:
    def __init__(self, place: Place) -> None:
        from harness.config import read_settings
        from harness.models.gguf.context import Context, Plan
        from harness.models.gguf.header import read_parts
        from harness.models.gguf.library import load_llama
        from harness.models.gguf.settings import PAD_ROWS, GGUFSettings
        from harness.models.gguf.weights import Weights

        settings = {**place.settings, "n_ctx": str(ROW_TOKENS), "n_batch": str(PIECE), "n_ubatch": str(PIECE)}
        parts = read_parts(Path(place.path))
        self.weights = Weights(load_llama(), parts[0], read_settings(settings, GGUFSettings))
        try:
            cells = self.weights.n_ctx + PAD_ROWS
            self.context = Context(self.weights, Plan(cells, sequences=2, unified=True, max_outputs=PIECE))
        except BaseException:
            self.weights.close()
            raise
        trained = parts[0].values.get(f"{parts[0].values['general.architecture']}.context_length", ROW_TOKENS)
        self.n_ctx = min(self.weights.n_ctx, int(trained))
        self.vocabulary = self.weights.vocabulary.size

    def encode(self, row: Mapping[str, Any]) -> list[int]:
        text, messages, vocabulary = _text(row), _messages(row), self.weights.vocabulary
        if messages:
            from harness.models.chat import render

            template = self.weights.header.values.get("tokenizer.chat_template")
            if not isinstance(template, str):
                raise _no_template(str(self.weights.path))
            text = render(template, messages, (), {"bos_token": vocabulary.bos_text, "eos_token": vocabulary.eos_text})
        return [int(one) for one in vocabulary.encode(text)[: min(ROW_TOKENS, self.n_ctx)]]

    def logits(self, ids: list[int]) -> Iterator[NDArray[np.float32]]:
        from harness.models.gguf.batch import Batch

        own, other = np.array([0], dtype=np.int32), np.array([1], dtype=np.int32)
        batch = Batch(PIECE)
        self.context.clear()
        for start in range(0, len(ids), PIECE):
            tokens = np.array(ids[start : start + PIECE], dtype=np.int32)
            batch.clear()
            batch.add(tokens, start, own, outputs=range(len(tokens)))
            if missing := self.context.missing_rows(batch):
                batch.add(np.full(missing, ids[0], dtype=np.int32), 0, other)
            self.context.decode(batch)
            found = np.stack([self.context.row(place) for place in range(len(tokens))])
            if missing:
                self.context.remove(1)
            yield found

    def close(self) -> None:
        self.context.close()
        self.weights.close()


def _text(row: Mapping[str, Any]) -> str:
    return f"{row.get('prompt', '')}{row.get('completion', '')}"


def _messages(row: Mapping[str, Any]) -> tuple[Message, ...]:
    return tuple(Message(one["role"], str(one["content"])) for one in row.get("messages", ()))


def _no_template(model: str) -> UsageError:
    what = f"the rows are messages, and {model!r} carries no chat template"
    return UsageError(what, "rows of prompt and completion, or a model with a template", "give other rows")
