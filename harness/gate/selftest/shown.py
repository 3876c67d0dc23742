"""A self-test shown: as text for people, as a JSON document, as Markdown for the docs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.gate.selftest.report import Report
from harness.gate.selftest.trial import Line


def cells(line: Line) -> tuple[str, ...]:
    """Return the columns of a line: what, setting, rate, allowed, exact, verdict."""
    low = f"{line.low:.3f} to " if line.low > 0 else "at most "
    exact = "" if line.expected is None else f"{line.expected:.3f}"
    return line.section, line.setting, f"{line.rate:.3f}", f"{low}{line.high:.3f}", exact, "PASS" if line.ok else "FAIL"


HEAD = ("what", "setting", "rate", "allowed", "exact", "")


def table(report: Report) -> Iterator[str]:
    """Yield the lines of a report in columns, what was wrong once more at the end, and the verdict."""
    rows = [HEAD, *map(cells, report.lines)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    for line in report.failed:
        yield f"out of bounds: {line.section}, {line.setting}: {line.rate:.4f}"
    yield said(report)


def said(report: Report) -> str:
    """Return the verdict in one line."""
    verdict = "PASS" if report.ok else f"FAIL ({len(report.failed)} lines)"
    how = "quick" if report.quick else "whole"
    drawn = f"alpha {report.alpha:g}, seed {report.seed}, {report.seconds:.0f} s"
    return f"{verdict}: {how} self-test, {len(report.lines)} lines, {drawn}"


def document(report: Report) -> dict[str, Any]:
    """Return the JSON document of a report."""
    lines = [
        {
            "what": line.section, "setting": line.setting, "rate": line.rate, "of": line.of, "low": line.low,
            "high": line.high, "expected": line.expected, "ok": line.ok,
        }
        for line in report.lines
    ]  # fmt: skip
    return {
        "selftest": "PASS" if report.ok else "FAIL", "exit_code": report.exit_code, "alpha": report.alpha,
        "seed": report.seed, "quick": report.quick, "seconds": report.seconds, "lines": lines,
    }  # fmt: skip


def page(report: Report) -> str:
    """Return a report as a page of the docs."""
    rows = [HEAD, ("---",) * len(HEAD), *map(cells, report.lines)]
    return PAGE.format(said=said(report), table="\n".join("| " + " | ".join(row) + " |" for row in rows))


PAGE = """# The gate, tested on itself

`harness gate --selftest` lets the real decision judge candidates whose truth is known. This page is the output of

    python -m harness.gate.selftest > docs/gate-selftest.md

{said}.

- n: samples; psi: share of samples on which candidate and reference differ; drop, gain: true difference; m: margin;
  rho: ratio asked for; sd: standard deviation of the differences between clusters (57 subjects, questions of four).
- Lines with `at most` are error rates: the bound is what a gate of exactly alpha exceeds once in a thousand lines.
- Lines with an exact value are power: within three points of enumeration over all tables of outcomes, Holm included.
- `looked at` is sequential mode: a look after every sample from the 50th on, four fifths of alpha for the looks. Its
  promises (half of the samples, five points of power) begin at 500 samples; at 164 the figures are shown as they are.
- An equal candidate seldom passes a margin of five points on 164 samples. Then the gate says INCONCLUSIVE.

{table}
"""
