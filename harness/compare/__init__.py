"""Two runs side by side: paired by sample, refused where they did not answer the same questions the same way.

suite = paired(database, reference="base-1f..", candidate="tuned-9c..")[0]
stats.contrast(suite.reference, suite.candidate)
"""

from harness.compare.differences import Difference, allowed
from harness.compare.pairs import SuitePairs, paired

__all__ = ["Difference", "SuitePairs", "allowed", "paired"]
