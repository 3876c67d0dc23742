"""Intervals, estimators and tests: pure functions of numbers; every formula carries its source."""

from harness.stats.estimates import Z95, Estimate, letter, macro, mean, pass_at_k, ratio, wilson
from harness.stats.multiple import benjamini_hochberg, holm
from harness.stats.paired import Contrast, contrast

__all__ = [
    "Z95",
    "Contrast",
    "Estimate",
    "benjamini_hochberg",
    "contrast",
    "holm",
    "letter",
    "macro",
    "mean",
    "pass_at_k",
    "ratio",
    "wilson",
]
