"""The gate tested on candidates whose truth is known: how often it blocks an equal one, how often it sees a drop.

    report = run(quick=True)
    report.ok                  every line within its bounds
    report.lines[0]            Line("equal, independent", "n=164 psi=0.05", count=8, of=500, low=0.0, high=0.082, ..)

Every outcome is what `decide` says of made-up evidence, so a mistake anywhere between a pair of scores and a verdict
shows here: `tests/gate/test_mutants.py` plants ten of them. Lines about error rates draw candidates at random and allow
what a gate of exactly alpha exceeds once in a thousand such lines; lines about power allow three points around exact
enumeration (`stats.power`), with low-discrepancy draws so that chance takes up less than one of them.

What it costs: a decision on independent right or wrong answers depends on a table of four counts and is made once a
table; all others are made one by one, about a millisecond each. A minute as a whole, ten seconds when quick.
"""

from __future__ import annotations

from harness.gate.selftest.report import SECTIONS, Report, run
from harness.gate.selftest.shown import document, page, table
from harness.gate.selftest.trial import REAL, Gate, Line

__all__ = ["REAL", "SECTIONS", "Gate", "Line", "Report", "document", "page", "run", "table"]
