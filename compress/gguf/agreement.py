"""Whether a GGUF says what its source says: the same tokens, nearly the same logits.

    found = agreement(Path("model.gguf"), reference)
    found.top1, found.kl_mean, found.typical     -> 0.993, 0.0011, 0.07
    refuse(found, "f16", "")                     InfrastructureError where the file is another model

The file is asked through the `gguf:` engine, as evaluations are, but with its cache in 32 bits: what is measured is the
weights. `kl_mean` is KL(source || file) in nats per token. Of each position the greatest difference of one logit is
taken, in standard deviations of its logits: `typical` is their median, `largest` their maximum. Standard errors are
clustered by text: the positions of one text go together.

What breaks a file, and what is a warning only:
- other token ids, or logits that are no numbers: broken, whatever the kind. But of a text that is not in Unicode's
  normal form C other ids are a warning: many tokenizers (Qwen's) compose it first, and llama.cpp never does;
- float kinds (f32, f16, bf16): `typical` above FLOAT. A wrong order of rows is off by whole standard deviations
  everywhere; the maximum says nothing, because rounding sends a token to another expert where two are nearly equal;
- four bits and more: top-1 below HALF *and* KL above BROKEN_KL nats. Both, because a model that says nearly nothing
  (all tokens alike, after deep pruning) has ties everywhere: its top token is luck and its divergence small. Weights
  drawn at random were seen at 0.27 and 0.7 nats in Q4_K_M: what is beyond that is no model any more;
- fewer bits: nothing. Such a model may be bad, and a gate says so;
- beyond `kinds.bounds`: a warning.
Cost: one short context, SEQUENCES x LENGTH tokens.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.gguf import kinds
from compress.gguf.reference import Reference
from harness.errors import InfrastructureError
from harness.models.gguf import GGUF
from harness.models.gguf.context import Context
from harness.models.gguf.tokens import Vocabulary
from harness.models.gguf.tree import Leaf, Tree, plan_tree
from harness.models.gguf.weights import Weights

FLOAT = {"f32": 0.05, "f16": 0.1, "bf16": 0.5}
"""Standard deviations of a position's logits."""
HALF, BROKEN_KL = 0.5, 1.0


@dataclass(frozen=True)
class Agreement:
    """How far file and source agree."""

    texts: int
    """Compared by their token ids."""
    positions: int
    kl_mean: float
    kl_mean_se: float
    kl_p99: float
    top1: float
    top1_se: float
    typical: float
    largest: float
    uncomposed: int = 0
    """Texts that llama.cpp reads as other tokens, because it does not compose them."""


def agreement(path: Path, reference: Reference, adapter: str = "") -> Agreement:
    """Return how far a GGUF (with an adapter on it) agrees with its source.

    Raises: as `positions`; InfrastructureError too: other token ids.
    """
    with _opened(path, reference, adapter) as weights:
        uncomposed = _same_tokens(weights.vocabulary, reference, path)
        rows = _compared(weights, reference, path)
    owner, _, divergence, same, off = rows.T
    kl, kl_se = clustered(divergence, owner)
    top1, top1_se = clustered(same, owner)
    p99, typical, largest = float(np.quantile(divergence, 0.99)), float(np.median(off)), float(off.max())
    return Agreement(len(reference.tokens), len(rows), kl, kl_se, p99, top1, top1_se, typical, largest, uncomposed)


def positions(path: Path, reference: Reference, adapter: str = "") -> NDArray[np.float64]:
    """Return what each position is like, a row each: (number of its text, its place there, KL in nats, 1 where the best
    token is the same, greatest difference of a logit in standard deviations).

    Raises:
        InfrastructureError: logits that are no numbers. UsageError: llama.cpp does not open it.
    """
    with _opened(path, reference, adapter) as weights:
        return _compared(weights, reference, path)


@contextmanager
def _opened(path: Path, reference: Reference, adapter: str) -> Iterator[Weights]:
    settings = {"kv_type": "f32", "n_ctx": str(max(64, *map(len, reference.sequences)))}
    model = GGUF.open(str(path), settings | ({"adapter": adapter} if adapter else {}))
    with model:
        yield model.weights


def refuse(path: Path, found: Agreement, kind: str, quant: str) -> None:
    """Refuse a file that is another model than its source.

    Raises:
        InfrastructureError: it is.
    """
    if not quant and kind in FLOAT and found.typical > FLOAT[kind]:
        raise _other(path, f"its logits are off by {found.typical:.2g} standard deviations, {FLOAT[kind]:g} is most")
    least = kinds.bits(quant or kind) if quant or kind not in FLOAT else 16
    if least >= 4 and found.top1 < HALF and found.kl_mean > BROKEN_KL:
        raise _other(path, f"{found.top1:.0%} of its best tokens are the source's, {found.kl_mean:.2g} nats apart")


def warnings(found: Agreement, quant: str) -> list[str]:
    """Return what is to be said of a file: what it reads otherwise, and lost more of than is usual for its kind."""
    said = []
    if found.uncomposed:
        said.append(f"{found.uncomposed} texts with marks to compose are read as other tokens: llama.cpp composes none")
    bounds = kinds.bounds(quant) if quant else None
    if bounds is None:
        return said
    if found.kl_mean > bounds.kl_mean:
        said.append(f"mean KL {found.kl_mean:.4f} nats, {bounds.kl_mean:g} is usual for {quant}")
    if found.top1 < bounds.top1:
        said.append(f"top-1 agreement {found.top1:.1%}, {bounds.top1:.0%} is usual for {quant}")
    return said


def clustered(values: NDArray[np.float64], owner: NDArray[np.float64]) -> tuple[float, float]:
    """Return (mean, standard error) of values that come in groups: the ratio estimator's, over the groups."""
    mean = float(values.mean())
    sums = np.array([(values[owner == one] - mean).sum() for one in np.unique(owner)])
    groups = len(sums)
    if groups < 2:
        return mean, float("nan")
    return mean, float(np.sqrt((sums**2).sum() * groups / (groups - 1)) / len(values))


def divergence(source: NDArray[Any], other: NDArray[Any]) -> float:
    """Return KL(source || other) of two rows of logits, in nats."""
    p, q = _log_softmax(source), _log_softmax(other)
    return float((np.exp(p) * (p - q)).sum())


def _log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - np.log(np.exp(shifted).sum())  # type: ignore[no-any-return]


def _same_tokens(vocabulary: Vocabulary, reference: Reference, path: Path) -> int:
    """Return how many texts differ because nobody composed them; any other that differs is an error."""
    uncomposed = 0
    for text, ids in reference.tokens.items():
        found = tuple(vocabulary.encode(text).tolist())
        if found == ids:
            continue
        if not unicodedata.is_normalized("NFC", text):
            uncomposed += 1
            continue
        place = next((i for i, (a, b) in enumerate(zip(found, ids, strict=False)) if a != b), min(len(found), len(ids)))
        shown = f"{list(found[place : place + 6])} and not {list(ids[place : place + 6])} from token {place} on"
        raise _other(path, f"it reads {text[:80]!r} as {shown}")
    return uncomposed


def _compared(weights: Weights, reference: Reference, path: Path) -> NDArray[np.float64]:
    context = Context(weights, plan_tree(weights))
    try:
        rows = _grown(Tree(context), reference)
    finally:
        context.close()
    if not np.isfinite(rows).all():
        raise _other(path, "some of its logits are no numbers")
    return rows


def _grown(tree: Tree, reference: Reference) -> NDArray[np.float64]:
    order = sorted(range(len(reference.sequences)), key=lambda i: reference.sequences[i])
    leaves = [_leaf(reference.sequences[i]) for i in order]
    rows, at = [], 0
    while at < len(leaves):
        shared = tree.take(leaves[at:])
        for row in tree.grow(leaves[at : at + len(shared)], shared):
            for number in order[at + row.low : at + row.high]:
                rows.append((number, row.depth, *_position(reference.logits[number][row.depth], row.logits)))
        at += len(shared)
    return np.array(rows, dtype=np.float64)


def _leaf(tokens: Sequence[int]) -> Leaf:
    return Leaf(np.array(tokens, dtype=np.int32), range(len(tokens)))


def _position(source: NDArray[np.float32], found: NDArray[np.float32]) -> tuple[float, float, float]:
    # Rows of the embedding beyond the tokenizer's last token may be left out by either side.
    size = min(len(source), len(found))
    source, found = source[:size], found[:size]
    largest = np.abs(source - found).max() / max(float(source.std()), 1e-6)
    return divergence(source, found), float(source.argmax() == found.argmax()), float(largest)


def _other(path: Path, why: str) -> InfrastructureError:
    return InfrastructureError(
        f"{path.name!r} is another model than its source: {why}",
        "the same tokens and, within the bounds of compress.gguf.agreement, the same logits",
        "keep the source; convert it with another kind (f32), and report this architecture if that differs too",
    )
