"""Drives episodes: one model, named suites, one frozen configuration, every record stored as it comes.

`plan` decides what is wanted, `drive` asks and scores it, `evaluate` holds the two together with the store.
"""

from harness.runner.evaluate import Interrupted, Outcome, evaluate

__all__ = ["Interrupted", "Outcome", "evaluate"]
