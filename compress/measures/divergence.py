"""How far one model's next-token distributions are from another's on the same tokens, with errors clustered by row.

    piece = kl(reference, candidate)                 nats per position
    summary(kl, agree, before, after, rows)["kl_mean"]         -> 0.0108

KL(reference || candidate) = sum p (ln p - ln q) over the vocabulary, at each position; its mean, its 99th percentile,
the share of positions where both put the same token first, and the ratio of perplexities are what llama.cpp's
perplexity tool reports too (tools/perplexity, `--kl-divergence`). Positions of one row depend on one another, so the
unit of every standard error is the row: Miller 2024, arXiv 2411.00640, section 2.2, on sums of rows. The interval of
the percentile inverts that of the share of positions below it (Woodruff 1952, JASA 47:635), which is exact binomial on
the effective number of positions (Korn and Graubard 1998, Survey Methodology 24:193). Where rows are very unlike (half
of all log-variance between them) it holds the truth in 88% of draws of 40 rows and in 92% of 250, not in 95%. The error
of the mean is too small where a few positions carry much of it, as they do where little was lost: docs/compression.md.

A reference of a large vocabulary is kept as its 256 most probable tokens and the mass of the rest. KL over these 257
outcomes is never above the true one (data processing inequality): it leaves out how the rest is spread.

Cost: vectorised; 8,192 positions of 1,024 tokens take about a tenth of a second.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_REST = 1e-9
"""Mass of the rest below which it is rounding of the tokens that are kept."""


PERPLEXITY = ("perplexity", "perplexity_se", "positions")
AGAINST = (
    "kl_mean", "kl_se", "kl_p99", "kl_p99_low", "kl_p99_high", "kl_max", "top1_agreement", "top1_se",
    "perplexity_ratio", "perplexity_ratio_se", "positions", "rows",
)  # fmt: skip
"""Figures of `perplexity` and `summary`, in their order."""


class NotFinite(ValueError):
    """A distribution holds values that are no numbers, or gives no chance to what the reference says."""


def log_softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Return natural log-probabilities (positions, vocabulary), computed in float64.

    Raises:
        NotFinite: a position without any finite logit, or with one that is no number.
    """
    wide = logits.astype(np.float64)
    top = wide.max(axis=1, keepdims=True)
    if not np.isfinite(top).all():
        raise NotFinite(f"{int((~np.isfinite(top)).sum())} of {len(top)} positions have logits that are no numbers")
    wide -= top
    wide -= np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return wide.astype(np.float32)


def kl(reference: NDArray[np.float32], candidate: NDArray[np.float32], whole: bool = True) -> Floats:
    """Return KL(reference || candidate) in nats per position, from log-probabilities of the same tokens.

    `whole`: the columns are the vocabulary; else some tokens of it, and all others count as one more outcome.

    Raises:
        NotFinite: the candidate gives probability 0 where the reference does not.
    """
    p_log, q_log = reference.astype(np.float64), candidate.astype(np.float64)
    p = np.exp(p_log)
    with np.errstate(invalid="ignore"):
        found = np.where(p > 0, p * (p_log - q_log), 0.0).sum(axis=1)
    if not whole:
        rests = [np.maximum(1.0 - mass.sum(axis=1), LEAST_REST) for mass in (p, np.exp(q_log))]
        found += rests[0] * (np.log(rests[0]) - np.log(rests[1]))
    if not np.isfinite(found).all():
        raise NotFinite("the candidate gives probability 0 to tokens that the reference expects")
    return np.asarray(found, dtype=np.float64)


def clustered(values: NDArray[Any], rows: NDArray[np.int64]) -> tuple[float, float | None]:
    """Return the mean over positions and its standard error, `rows` naming the row of each; None with a single row."""
    mean = float(values.mean())
    sums = np.bincount(rows, weights=values - mean)
    sums = sums[np.bincount(rows) > 0]
    if len(sums) < 2:
        return mean, None
    return mean, float(math.sqrt(len(sums) / (len(sums) - 1) * float((sums**2).sum())) / len(values))


def percentile(
    values: Floats, rows: NDArray[np.int64], share: float = 0.99
) -> tuple[float, float | None, float | None]:
    """Return the percentile and its 95% interval; no bounds with a single row or where nothing lies above it."""
    from scipy.stats import beta, t

    found, n = float(np.quantile(values, share)), len(values)
    below, error = clustered((values <= found).astype(np.float64), rows)
    if not error or not 0.0 < below < 1.0:
        return found, None, None
    caution = t.ppf(0.975, n - 1) / t.ppf(0.975, len(np.unique(rows)) - 1)
    effective = min(n, share * (1.0 - share) / error**2) * caution**2
    x = share * effective
    bounds = (beta.ppf(0.025, x, effective - x + 1.0), beta.ppf(0.975, x + 1.0, effective - x))
    low, high = (float(np.quantile(values, float(bound))) for bound in bounds)
    return found, low, high


def perplexity(nll: Floats, rows: NDArray[np.int64]) -> dict[str, float | int | None]:
    """Return perplexity with its standard error (delta method) of negative log-likelihoods per position, in nats."""
    mean, error = clustered(nll, rows)
    value = math.exp(min(mean, 700.0))
    return dict(zip(PERPLEXITY, (value, None if error is None else value * error, len(nll)), strict=True))


def summary(
    kls: Floats, agree: NDArray[np.bool_], before: Floats, after: Floats, rows: NDArray[np.int64]
) -> dict[str, float | int | None]:
    """Return the figures of `against`. All arrays have one entry per position.

    `agree`: the same token first. `before`, `after`: negative log-likelihoods of reference and candidate.
    """
    mean, error = clustered(kls, rows)
    p99, low, high = percentile(kls, rows)
    top1, top1_error = clustered(agree.astype(np.float64), rows)
    gap, gap_error = clustered(after - before, rows)
    ratio = math.exp(min(gap, 700.0))
    values = (
        max(0.0, mean), error, p99, low, high, float(kls.max()), top1, top1_error,
        ratio, None if gap_error is None else ratio * gap_error, len(kls), len(np.unique(rows)),
    )  # fmt: skip
    return dict(zip(AGAINST, values, strict=True))
