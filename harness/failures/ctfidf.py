"""Which terms tell one class of texts from the others: class-based TF-IDF.

    ctfidf(np.array([[4, 0, 2], [0, 4, 2]]))  ->  the third term weighs less than the first and the second

A term's share of the terms of its class, times log(1 + A / f): A terms a class on average, f times the term in all
classes (Grootendorst 2022, arXiv 2203.05794). Keywords of causes (`taxonomy.naming`) and of weak kinds of question
(`weakness`) are ranked by it.
"""

from __future__ import annotations

from typing import Any


def ctfidf(counts: Any) -> Any:
    """Return the weights, float64 (classes, terms), 0 where a class lacks a term; `counts`: how often it has each."""
    import numpy as np

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares * np.log1p(counts.sum() / len(counts) / np.maximum(counts.sum(axis=0), 1))
