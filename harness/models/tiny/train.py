"""Pretrains `tiny` from nothing on practice rows, on the CPU, in a fixed number of steps.

    train(Recipe(), practice, Path("scratch"), progress=print)   -> config.json, model.safetensors, tokenizer.json, ..

AdamW with warm-up and cosine decay; batches of rows of like length, no packing, so that a row stands where a prompt of
an evaluation stands. bf16 autocast and fp32 are both timed for a few steps and the faster is taken: on CPUs with bf16
instructions it is about twice as fast, elsewhere slower. Equal seeds give equal models on one machine only.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from harness.contracts import Practice
from harness.errors import MissingPackage

from . import tokenizer as tokens
from .recipe import Recipe

Progress = Callable[[int, float], None]
"""Called after every step with (steps done, loss)."""
TOKENIZER_ROWS = 8000
POOL_BATCHES = 16
"""Rows are sorted by length within a pool of this many batches."""
IGNORED = -100


def train(recipe: Recipe, practice: Callable[[int, int], Iterator[Practice]], target: Path, progress: Progress) -> None:
    """Write a trained model and its tokenizer to the folder `target` as Hugging Face files.

    Raises:
        MissingPackage: torch, transformers or tokenizers is not installed.
    """
    try:
        import torch
        from transformers.utils import logging
    except ImportError as error:
        raise MissingPackage(error.name or "torch", "training tiny", "hf") from error
    rows = practice(recipe.seed, TOKENIZER_ROWS)
    tokenizer = tokens.train((row.prompt + row.target for row in rows), recipe.vocabulary, recipe.context)
    threads = torch.get_num_threads()
    torch.set_num_threads(min(4, os.cpu_count() or 1))
    logging.disable_progress_bar()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            model = _model(recipe, len(tokenizer))
            total = recipe.steps * recipe.rows_per_step
            batches = _batches(practice(recipe.seed + 1, total), tokenizer, recipe)
            _optimise(model, batches, recipe, progress)
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)
    finally:
        torch.set_num_threads(threads)
        logging.enable_progress_bar()


def _model(recipe: Recipe, vocabulary: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.intermediate,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.key_value_heads,
        max_position_embeddings=recipe.context,
        tie_word_embeddings=True,
        bos_token_id=tokens.BOS,
        eos_token_id=tokens.EOS,
        pad_token_id=tokens.PAD,
    )
    return LlamaForCausalLM(config)


def _batches(rows: Iterator[Practice], tokenizer: Any, recipe: Recipe) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (ids, labels, weights), each (rows, longest), of rows of like length."""
    import torch

    size = recipe.rows_per_step
    while pool := list(islice(rows, size * POOL_BATCHES)):
        prompts = tokenizer([row.prompt for row in pool])["input_ids"]
        answers = tokenizer([row.target for row in pool], add_special_tokens=False)["input_ids"]
        encoded = sorted(zip(prompts, answers, strict=True), key=lambda pair: len(pair[0]) + len(pair[1]))
        starts = range(0, len(encoded), size)
        for place in torch.randperm(len(starts)).tolist():
            yield _pad(encoded[starts[place] : starts[place] + size], recipe.prompt_weight)


def _pad(encoded: Sequence[tuple[list[int], list[int]]], prompt_weight: float) -> tuple[Any, Any, Any]:
    import torch

    longest = max(len(prompt) + len(answer) for prompt, answer in encoded) + 1
    ids = torch.full((len(encoded), longest), tokens.PAD)
    labels, weights = torch.full_like(ids, IGNORED), torch.zeros(ids.shape)
    for i, (prompt, answer) in enumerate(encoded):
        row = torch.tensor([*prompt, *answer, tokens.EOS])
        ids[i, : len(row)] = row
        labels[i, : len(row)] = row
        weights[i, : len(row)] = prompt_weight
        weights[i, len(prompt) : len(row)] = 1.0
    return ids, labels, weights


def _loss(model: Any, batch: tuple[Any, Any, Any], bf16: bool) -> Any:
    """Return the weighted mean cross-entropy of the next token."""
    import torch

    ids, labels, weights = batch
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        logits = model(ids[:, :-1]).logits
    flat = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="none"
    )
    weights = weights[:, 1:].flatten()
    return (flat * weights).sum() / weights.sum()


def _bf16_is_faster(model: Any, batch: tuple[Any, Any, Any]) -> bool:
    """Time both precisions on one batch, the best of three each; the weights stay as they are."""
    best: dict[bool, float] = {}
    for bf16 in (True, False, True, False, True, False):
        started = time.perf_counter()
        _loss(model, batch, bf16).backward()
        best[bf16] = min(best.get(bf16, math.inf), time.perf_counter() - started)
    model.zero_grad(set_to_none=True)
    return best[True] < best[False]


def _optimise(model: Any, batches: Iterator[tuple[Any, Any, Any]], recipe: Recipe, progress: Progress) -> None:
    import torch

    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)
    warm_up = max(1, min(50, recipe.steps // 10))

    def rate(step: int) -> float:
        decay = 0.5 * (1 + math.cos(math.pi * min(1.0, step / recipe.steps)))
        return min(1.0, (step + 1) / warm_up) * max(0.02, decay)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    model.train()
    bf16 = None
    for step, batch in enumerate(batches, start=1):
        if bf16 is None:
            bf16 = _bf16_is_faster(model, batch)
        loss = _loss(model, batch, bf16)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad(set_to_none=True)
        progress(step, float(loss.detach()))
    model.eval()
