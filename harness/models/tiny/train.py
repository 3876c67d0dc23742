"""Pretrains `tiny` from nothing on practice rows, on the CPU, in a fixed number of steps.

    train(Recipe(), practice, Path("scratch"), progress=print)   -> config.json, model.safetensors, tokenizer.json, ..

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/, as torch has it) for the layers' matrices, AdamW
for the rest: with AdamW alone, JSON came out at 0.4 instead of 0.9 after as many steps. Rows of all skills are packed
into one sequence, each seeing only itself and counting its own positions, so that it stands as a prompt of an
evaluation stands; batches of one length, hence of one skill, did not learn to copy at all. bf16 autocast and fp32 are
both timed for a few steps and the faster is taken: on CPUs with bf16 instructions it is up to twice as fast, elsewhere
slower. Equal seeds give equal models on one machine only.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

from harness.contracts import Practice
from harness.errors import MissingPackage

from . import tokenizer as tokens
from .recipe import Recipe

Progress = Callable[[int, float], None]
"""Called after every step with (steps done, loss)."""
TOKENIZER_ROWS = 8000
POOL_ROWS = 1024
"""Rows drawn and tokenised at a time."""
WARM_UP, LAST = 30, 0.02
"""Steps of warm-up; the smallest share of the peak learning rate. Two thirds of all steps decay linearly."""
PRACTICE_SEEDS = 1_000_000
"""Practice seeds per training seed: two trainings share no draw."""


@dataclass(frozen=True)
class Encoded:
    """The token ids of one row, and how many of them are its prompt."""

    ids: list[int]
    prompt: int


@dataclass(frozen=True)
class Batch:
    """Packed sequences: tensors of shape (sequences, packed), the mask (sequences, 1, packed, packed)."""

    ids: Any
    positions: Any
    weights: Any
    mask: Any


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
            seeds = count(PRACTICE_SEEDS * (recipe.seed + 1))
            rows = chain.from_iterable(practice(seed, POOL_ROWS) for seed in seeds)
            batches = islice(_batches(rows, tokenizer, recipe), recipe.steps)
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


def _batches(rows: Iterator[Practice], tokenizer: Any, recipe: Recipe) -> Iterator[Batch]:
    """Yield batches of `recipe.sequences` packed sequences; rows are packed first come, first served, and left out
    where they are longer than a sequence."""
    sequences: list[list[Encoded]] = [[]]
    while pool := list(islice(rows, POOL_ROWS)):
        prompts = tokenizer([row.prompt for row in pool])["input_ids"]
        answers = tokenizer([row.target for row in pool], add_special_tokens=False)["input_ids"]
        for prompt, answer in zip(prompts, answers, strict=True):
            row = Encoded([*prompt, *answer, tokens.EOS], len(prompt))
            if len(row.ids) > recipe.packed:
                continue
            if sum(len(other.ids) for other in sequences[-1]) + len(row.ids) > recipe.packed:
                if len(sequences) == recipe.sequences:
                    yield _pack(sequences, recipe)
                    sequences = []
                sequences.append([])
            sequences[-1].append(row)


def _pack(sequences: Sequence[Sequence[Encoded]], recipe: Recipe) -> Batch:
    import torch

    shape = (len(sequences), recipe.packed)
    ids, owners = torch.full(shape, tokens.PAD), torch.full(shape, -1)
    positions, weights = torch.zeros(shape, dtype=torch.long), torch.zeros(shape)
    for i, rows in enumerate(sequences):
        start = 0
        for number, row in enumerate(rows):
            end = start + len(row.ids)
            ids[i, start:end] = torch.tensor(row.ids)
            owners[i, start:end] = number
            positions[i, start:end] = torch.arange(end - start)
            weights[i, start + 1 : start + row.prompt] = recipe.prompt_weight  # not the BOS: nothing tells it
            # By the token alone, long easy answers (tool calls) would leave short hard ones (True) no say.
            weights[i, start + row.prompt : end] = (len(row.ids) - row.prompt) ** -0.5
            start = end
    own = owners[:, :, None] == owners[:, None, :]
    return Batch(ids, positions, weights, (own & torch.ones(own.shape[1:], dtype=torch.bool).tril())[:, None])


def _loss(model: Any, batch: Batch, bf16: bool) -> Any:
    """Return the weighted mean cross-entropy of the next token."""
    import torch

    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        logits = model(batch.ids, attention_mask=batch.mask, position_ids=batch.positions).logits
    each = torch.nn.functional.cross_entropy(
        logits[:, :-1].float().flatten(0, 1), batch.ids[:, 1:].flatten(), reduction="none"
    )
    weights = batch.weights[:, 1:].flatten()
    return (each * weights).sum() / weights.sum()


def _bf16_is_faster(model: Any, batch: Batch) -> bool:
    """Time both precisions on one batch, the best of three each; the weights stay as they are."""
    best: dict[bool, float] = {}
    for bf16 in (True, False, True, False, True, False):
        started = time.perf_counter()
        _loss(model, batch, bf16).backward()
        best[bf16] = min(best.get(bf16, math.inf), time.perf_counter() - started)
    model.zero_grad(set_to_none=True)
    return best[True] < best[False]


def _optimise(model: Any, batches: Iterator[Batch], recipe: Recipe, progress: Progress) -> None:
    import torch

    named = list(model.named_parameters())
    matrices = [p for name, p in named if p.dim() == 2 and "embed" not in name]
    others = [p for name, p in named if p.dim() != 2 or "embed" in name]
    optimisers = (
        torch.optim.Muon(matrices, lr=recipe.muon_rate, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(others, lr=recipe.adam_rate, betas=(0.9, 0.98), weight_decay=0.0),
    )

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / WARM_UP) * max(LAST, min(1.0, 1.5 * (1 - step / recipe.steps)))

    schedules = [torch.optim.lr_scheduler.LambdaLR(each, rate) for each in optimisers]
    model.train()
    bf16 = None
    for step, batch in enumerate(batches, start=1):
        if bf16 is None:
            bf16 = _bf16_is_faster(model, batch)
        loss = _loss(model, batch, bf16)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for each in (*optimisers, *schedules):
            each.step()
        model.zero_grad(set_to_none=True)
        progress(step, float(loss.detach()))
    model.eval()
