"""The untrusted-code executor: runs a program that a model wrote and says how it ended.

Levels of isolation (probed, stored with every score): `strong`, `medium`, `weak`, `none`. This version offers `weak`:
rlimits in a fresh process of its own session, none of our environment, a scratch folder as current folder, no network
and an own PID namespace where the system allows unprivileged namespaces. What it promises and what not stands in
`process.py`; `isolation().note` is the line for people.
"""

from harness.sandbox.process import Isolation, Limits, Trial, Verdict, isolation, level, run

__all__ = ["Isolation", "Limits", "Trial", "Verdict", "isolation", "level", "run"]
