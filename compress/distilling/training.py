"""Trains a student on rows and on what its teacher says to them.

    loss = w T^2 KL(teacher^(1/T) || student^(1/T)) + (1 - w) cross-entropy        per supervised token

Forward Kullback-Leibler divergence over the whole vocabulary, at temperature T (Hinton et al. 2015, arXiv 1503.02531),
on the tokens of completions; T^2 keeps the size of its gradients. AdamW without decay, a short warm-up, then a cosine
to zero; gradients clipped at norm 1. Equal seeds give equal students on a CPU with as many threads. What a sparse
student has as exact zeros stays zero. Cost: a forward pass of the teacher beside each step of the student; the logits
of both for a batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compress.distilling.encoding import Encoded, Rows
from compress.sparsity import SPARSE
from harness.contracts import StepContext
from harness.errors import UsageError

WARMUP = 0.03
"""Share of the steps in which the learning rate rises."""
LOOKS = 5
"""Times that the rows held out are looked at, the one before training left out."""
BATCH = 16
"""Rows of a forward pass where nothing is learned."""


@dataclass(frozen=True)
class Terms:
    """How to train."""

    steps: int
    batch: int
    learning_rate: float
    temperature: float
    weight: float
    """Of the divergence; the cross-entropy has the rest."""
    seed: int


@dataclass(frozen=True)
class Held:
    """A student held against its teacher, per supervised token of the rows held out. Nats."""

    kl: float
    """Of teacher and student, at temperature 1."""
    kl_se: float
    """Standard error, rows being what was drawn."""
    nats: float
    """Cross-entropy of the rows' completions."""
    top1: float
    """Share of tokens at which both find the same one likeliest."""
    rows: int
    tokens: int


@dataclass(frozen=True)
class Trained:
    """What a training came to."""

    before: Held
    after: Held
    seconds: float
    tokens: int
    """Supervised ones trained on, every pass counted."""
    zeros: float
    """Share of the student's linear weights that were zero and were kept so; 0 where it is dense."""


def train(teacher: Any, student: Any, rows: Rows, terms: Terms, context: StepContext) -> Trained:
    """Train `student` in place.

    Raises:
        UsageError: a loss that is no finite number.
    """
    import torch

    started, tokens = time.monotonic(), 0
    masks, zeros = _masks(student)
    optimiser = torch.optim.AdamW(student.parameters(), lr=terms.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, terms.steps))
    before = last = compared(teacher, student, rows.held)
    context.measure(0, {"held_out_kl": before.kl, "held_out_loss": before.nats})
    for step, batch in enumerate(_batches(rows.train, terms), start=1):
        student.train()
        kl, nats = _losses(teacher, student, batch, terms.temperature)
        loss = terms.weight * terms.temperature**2 * kl + (1.0 - terms.weight) * nats
        if not math.isfinite(float(loss.detach())):
            what = f"the loss is {float(loss.detach())} at step {step}"
            raise UsageError(what, "a finite one", f"lower learning_rate ({terms.learning_rate:g})")
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        rate = schedule.get_last_lr()[0]
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            for weights, mask in masks:
                weights[mask] = 0
        tokens += sum(len(one.ids) - one.prompt_tokens for one in batch)
        points = {"loss": loss, "kl": kl, "nats": nats}
        context.measure(step, {name: float(value.detach()) for name, value in points.items()} | {"learning_rate": rate})
        if step % max(1, terms.steps // LOOKS) == 0 or step == terms.steps:
            last = compared(teacher, student, rows.held)
            context.measure(step, {"held_out_kl": last.kl, "held_out_loss": last.nats})
            context.progress(step / terms.steps, f"step {step} of {terms.steps}, held-out KL {last.kl:.3f}")
    return Trained(before, last, time.monotonic() - started, tokens, zeros)


def compared(teacher: Any, student: Any, rows: Sequence[Encoded]) -> Held:
    """Return how far a student is from its teacher on the supervised tokens of rows."""
    import torch

    student.eval()
    found: list[tuple[int, float, float, float]] = []  # tokens, KL, nats, same
    with torch.no_grad():
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            ids, mask, taught = _tensors(batch, student.device)
            own, target = (_logits(one, ids, mask) for one in (student, teacher))
            p, q = target.log_softmax(-1), own.log_softmax(-1)
            kl = (p.exp() * (p - q)).sum(-1)
            nats = -q.gather(-1, ids[:, 1:, None]).squeeze(-1)
            same = own.argmax(-1) == target.argmax(-1)
            sums = [(value * taught).sum(1).tolist() for value in (taught, kl, nats, same)]
            found += list(zip(*sums, strict=True))
    tokens = sum(one[0] for one in found)
    kl, nats, top1 = (sum(one[column] for one in found) / tokens for column in (1, 2, 3))
    # Of a ratio of sums over rows, by linearisation (Cochran 1977, section 2.11).
    spread = sum((one[1] - kl * one[0]) ** 2 for one in found)
    se = math.sqrt(spread * len(found) / max(1, len(found) - 1)) / tokens
    return Held(kl, se, nats, top1, len(found), int(tokens))


def _losses(teacher: Any, student: Any, batch: Sequence[Encoded], temperature: float) -> tuple[Any, Any]:
    """Return (divergence, cross-entropy), means over the supervised tokens of a batch."""
    import torch

    ids, mask, taught = _tensors(batch, student.device)
    own = _logits(student, ids, mask)[taught]  # (supervised tokens, vocabulary)
    with torch.no_grad():
        target = _logits(teacher, ids, mask)[taught]
    kl = torch.nn.functional.kl_div(
        (own / temperature).log_softmax(-1),
        (target / temperature).log_softmax(-1),
        log_target=True,
        reduction="batchmean",
    )
    return kl, torch.nn.functional.cross_entropy(own, ids[:, 1:][taught])


def _tensors(batch: Sequence[Encoded], device: Any) -> tuple[Any, Any, Any]:
    """Return ids and attention mask (rows, tokens), and which of the tokens but the first are supervised."""
    import torch

    longest = max(len(one.ids) for one in batch)
    ids = torch.tensor([[*one.ids, *[0] * (longest - len(one.ids))] for one in batch], device=device)
    places = torch.arange(longest, device=device)[None, :]
    ends, starts = (
        torch.tensor(values, device=device)[:, None]
        for values in ([len(one.ids) for one in batch], [max(1, one.prompt_tokens) for one in batch])
    )
    return ids, (places < ends).long(), ((places >= starts) & (places < ends))[:, 1:]


def _logits(model: Any, ids: Any, mask: Any) -> Any:
    """Return float32 logits for every token but the first: (rows, tokens - 1, vocabulary)."""
    return model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()


def _batches(rows: Sequence[Encoded], terms: Terms) -> Iterator[list[Encoded]]:
    """Yield batches, pass after pass over the rows, each in an order of its own."""
    import random

    draw, waiting = random.Random(terms.seed), list[Encoded]()
    for _ in range(terms.steps):
        while len(waiting) < terms.batch:
            waiting += draw.sample(list(rows), len(rows))
        yield waiting[: terms.batch]
        del waiting[: terms.batch]


def _rate(step: int, steps: int) -> float:
    """Return the share of the peak learning rate at a step."""
    warm = max(1, round(WARMUP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _masks(model: Any) -> tuple[list[tuple[Any, Any]], float]:
    """Return (weight, where it is zero) of a sparse model's linear layers and the share of zeros; none if dense."""
    import torch

    head = model.get_output_embeddings()
    linear = [one.weight for one in model.modules() if isinstance(one, torch.nn.Linear) and one is not head]
    masks = [(weights.data, weights.data == 0) for weights in linear]
    share = sum(int(mask.sum()) for _, mask in masks) / max(1, sum(mask.numel() for _, mask in masks))
    return (masks, share) if share > SPARSE else ([], 0.0)


def same_words(teacher: Any, student: Any) -> Mapping[str, Any] | None:
    """Return where two loaded models' vocabularies differ, None where they do not."""
    one, other = teacher.tokenizer.get_vocab(), student.tokenizer.get_vocab()
    widths = teacher.model.config.vocab_size, student.model.config.vocab_size
    if one == other and widths[0] == widths[1]:
        return None
    differ = sum(other.get(word) != number for word, number in one.items()) + len(other.keys() - one.keys())
    return {"differ": differ, "sizes": widths}
