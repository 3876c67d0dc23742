"""The untrusted-code executor: runs a program that a model wrote and says how it ended.

Levels of isolation (probed, stored with every score): `strong`, `medium`, `weak`, `none`. This version offers `weak`:
rlimits in a fresh process of its own session, an empty environment, a scratch folder as current folder, no network
where the system allows an unprivileged network namespace.
"""

from harness.sandbox.process import Limits, Trial, Verdict, level, run

__all__ = ["Limits", "Trial", "Verdict", "level", "run"]
