"""The Markdown table of checks that summary and comment share. Samples are never listed, and the text has an end."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.gate.outputs.escape import code, markdown
from harness.gate.outputs.status import place
from harness.types import Check

LONGEST = 25_000
"""Characters of a table; GitHub refuses comments above 65,536, and a comment holds two."""
COUNTS = (
    ("n", "n"), ("wins", "won"), ("losses", "lost"), ("p_holm", "p (Holm)"), ("needed", "needed n"),
)  # fmt: skip


def figures(check: Check) -> str:
    """Return `-0.0410 [-0.0630, -0.0190], required -0.0100`: what was observed, with what is known of it."""
    interval = "" if check.low is None or check.high is None else f" [{number(check.low)}, {number(check.high)}]"
    observed = "" if check.observed is None else number(check.observed)
    required = "" if check.bound is None else f"required {number(check.bound)}"
    return ", ".join(part for part in ((observed + interval).strip(), required) if part)


def counts(check: Check) -> str:
    """Return `n 1000, won 12, lost 53, p (Holm) 0.0001`: the counts that people ask for first."""
    return ", ".join(f"{label} {number(check.numbers[key])}" for key, label in COUNTS if key in check.numbers)


def number(value: float | None) -> str:
    """Return a figure for people: whole numbers whole, four digits otherwise, `-` for none."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    if value == int(value):
        return f"{value:.0f}"
    return f"{value:.4f}" if abs(value) >= 0.0001 else f"{value:.1e}"


def rows(checks: Sequence[Check]) -> str:
    """Return the table of `checks` in their order; what does not fit is counted."""
    lines = ["| verdict | suite | rule | observed | counts | what it means |", "|---|---|---|---|---|---|"]
    length = 0
    for done, check in enumerate(checks):
        label = f"**{check.outcome}**" if check.outcome != "PASS" else "PASS"
        label += "" if check.required else " (not required)"
        told = (code(place(check)), code(check.rule), figures(check), counts(check), markdown(check.note))
        row = f"| {label} | " + " | ".join(told) + " |"
        length += len(row)
        if length > LONGEST:
            lines.append(f"| ... | | | | | {len(checks) - done} more checks |")
            break
        lines.append(row)
    return "\n".join(lines)
