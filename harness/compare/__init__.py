"""Two runs side by side: paired by sample, refused where they did not answer the same questions the same way.

    pairs.py        the pairs                     paired(database, "base-1f..", "tuned-9c..")[0].reference
    values.py       one number a sample, whose mean is the metric
    differences.py  what makes runs incomparable, and what is worth a warning
    comparison.py   differences with intervals and tests, per suite and per tag: what `harness compare` shows
    flips.py        the samples on which they differ, with what each said
    document.py     all of it as JSON

Gates build on the same pairs.
"""

from harness.compare.comparison import Comparison, Line, SuiteComparison, compare
from harness.compare.differences import Difference, allowed
from harness.compare.pairs import SuitePairs, paired

__all__ = ["Comparison", "Difference", "Line", "SuiteComparison", "SuitePairs", "allowed", "compare", "paired"]
