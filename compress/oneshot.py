"""llm-compressor's `oneshot`, quiet, on rows of ours, with or without an accelerator.

    ids = token_ids(rows.at(Path("dataset")), loaded.tokenizer, samples=128, max_length=512)    -> [[1, 87, ..], ..]
    oneshot(loaded.model, loaded.tokenizer, [WandaPruningModifier(sparsity=0.5, ..)], ids)   the model, changed in place
    save(loaded.model, loaded.tokenizer, folder)                                             a plain Hugging Face folder

Set against llm-compressor's habits (0.14): its log goes to stdout, its bars to stderr; `save_pretrained` of a model
that went through it leaves a recipe beside the weights (`save` does not); AWQ pins memory where nothing can be pinned
(`Tensor.pin_memory` raises on a machine without accelerator). Rows go in one by one: no padding, nothing concatenated.
Cost: some forward passes over the rows, layer by layer.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.errors import MissingPackage, UsageError
from harness.models.hf.borrowed import randomness
from harness.models.hf.codec import Codec
from harness.workbench.rows import Row

LOGS = ("llmcompressor", "compressed_tensors")


def token_ids(given: Sequence[Row], tokenizer: Any, samples: int, max_length: int) -> list[list[int]]:
    """Return the tokens of at most `samples` rows, spread evenly over those given, each cut after `max_length`.

    Prompt and completion are one text; messages are written by the tokenizer's chat template, answers and all.

    Raises:
        UsageError: messages, and no template, or one that refuses them.
    """
    codec = Codec(tokenizer)
    count = min(samples, len(given))
    chosen = [given[index * len(given) // count] for index in range(count)]
    encoded = [_encode(codec, row)[:max_length] for row in chosen]
    return [ids for ids in encoded if ids]


def _encode(codec: Codec, row: Row) -> list[int]:
    if "messages" not in row:
        return codec.encode(row["prompt"] + row["completion"])
    if codec.template is None:
        what = f"row {row.get('id')!r} holds messages, and the tokenizer has no chat template"
        raise UsageError(what, "rows with prompt and completion, or a model with a template", "give other rows")
    try:
        text = codec.tokenizer.apply_chat_template(row["messages"], tools=row.get("tools") or None, tokenize=False)
    except Exception as error:  # a template is a program of its author's: it raises what it likes
        what = f"the chat template refuses the messages of row {row.get('id')!r}: {error}"
        raise UsageError(what, "messages as the model's template takes them", "give other rows") from error
    return codec.encode(text, plain=True)


def oneshot(model: Any, tokenizer: Any, recipe: Sequence[Any], ids: Sequence[Sequence[int]], **options: Any) -> None:
    """Apply llm-compressor's modifiers to a loaded model, in place. `options`: further ones of its `oneshot`.

    Raises:
        MissingPackage: llm-compressor is not installed.
    """
    import torch
    from torch.utils.data import DataLoader

    batches = [{"input_ids": torch.tensor([one]), "attention_mask": torch.ones(1, len(one)).long()} for one in ids]
    with quiet(), randomness():
        from llmcompressor import oneshot as apply

        apply(
            model=model,
            processor=tokenizer,
            dataset=DataLoader(batches, batch_size=None),
            num_calibration_samples=len(batches),
            recipe=list(recipe),
            **options,
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep llm-compressor's logs, bars and warnings out of ours, and make it run where nothing can be pinned.

    Raises:
        MissingPackage: llm-compressor is not installed.
    """
    # Else it warns, and sets it.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), _swallowed():
            warnings.simplefilter("ignore")
            try:
                import llmcompressor  # noqa: F401
                from loguru import logger
            except ImportError as error:
                raise MissingPackage(error.name or "llmcompressor", "calibrated pruning and AWQ", "compress") from error
            for name in LOGS:
                logger.disable(name)
            with _unpinned():
                yield
    finally:
        logging.disable(level)


@contextlib.contextmanager
def _swallowed() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def _unpinned() -> Iterator[None]:
    import torch
    from llmcompressor.pipelines.cache import IntermediatesCache

    if torch.accelerator.is_available():
        yield
        return
    pin = IntermediatesCache.pin_memory
    IntermediatesCache.pin_memory = lambda *_, **__: None
    try:
        yield
    finally:
        IntermediatesCache.pin_memory = pin


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write a plain Hugging Face folder: safetensors, configuration, tokenizer with its chat template."""
    with _swallowed():
        # The class's own: llm-compressor puts one of its kind on the object.
        type(model).save_pretrained(model, folder)
        tokenizer.save_pretrained(folder)
