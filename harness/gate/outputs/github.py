"""What GitHub Actions shows: the summary of a step, annotations, outputs; and quiet around foreign text.

    publish(verdict) -> ["::error title=gate FAIL%3A mmlu non_inferiority::4.1 points worse, ..", ..]

Formats: docs.github.com, "Workflow commands for GitHub Actions". A runner obeys every line that begins with `::`,
whoever printed it: `muted` tells it not to while names, notes and messages of servers are on their way.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.gate.outputs.escape import code, command_property, command_value, line, markdown
from harness.gate.outputs.status import OnInconclusive, place, shown, status, tolerated
from harness.gate.outputs.table import counts, figures, rows
from harness.types import Check, Verdict

MOST = 10
"""Annotations that GitHub shows of a step."""


def summary(verdict: Verdict) -> str:
    """Return the Markdown of the whole verdict: outcome first, then every check, worst first."""
    against = f" against {code(verdict.baseline)}" if verdict.baseline else ""
    parts = [
        f"## Gate: {verdict.outcome}",
        f"{code(verdict.candidate)}{against}",
        f"{_tally(verdict)}. {markdown(verdict.note)}",
    ]
    parts.append(rows(shown(verdict)))
    if verdict.baseline:
        parts.append(f"Samples that changed: {code(f'harness compare {verdict.baseline} {verdict.candidate}', None)}")
    if verdict.id:
        parts.append(f"Gate {code(verdict.id)}")
    return "\n\n".join(parts) + "\n"


def annotations(verdict: Verdict, on_inconclusive: OnInconclusive = "report") -> list[str]:
    """Return `::error` and `::warning` lines, worst first, at most ten; none for a clean PASS."""
    told = [check for check in shown(verdict) if check.outcome != "PASS" or tolerated(check)]
    cut = told if len(told) <= MOST else told[: MOST - 1]
    lines = [_annotation(check, on_inconclusive) for check in cut]
    if len(told) > len(cut):
        rest = f"{len(told) - len(cut)} more checks did not pass: see the summary"
        lines.append(f"::warning title={command_property('gate ' + verdict.outcome)}::{command_value(rest)}")
    return lines


def publish(verdict: Verdict, on_inconclusive: OnInconclusive = "report") -> list[str]:
    """Append the summary to $GITHUB_STEP_SUMMARY and `verdict`, `gate-id` to $GITHUB_OUTPUT, where they are set.

    Returns:
        The annotations, to be printed at the beginning of lines of their own.
    """
    for variable, text in (
        ("GITHUB_STEP_SUMMARY", summary(verdict)),
        ("GITHUB_OUTPUT", f"verdict={verdict.outcome}\ngate-id={line(verdict.id)}\n"),
    ):
        if named := os.environ.get(variable):
            with Path(named).open("a", encoding="utf-8") as file:
                file.write(text)
    return annotations(verdict, on_inconclusive)


@contextmanager
def muted(write: Callable[[str], object]) -> Iterator[None]:
    """Keep the runner from obeying what is printed inside. `write` prints a line to the stream of the log."""
    token = secrets.token_hex(16)
    write(f"::stop-commands::{token}")
    try:
        yield
    finally:
        write(f"::{token}::")


def _annotation(check: Check, on_inconclusive: OnInconclusive) -> str:
    kind = "error" if status(check, on_inconclusive) in ("failed", "error") else "warning"
    title = line(f"gate {check.outcome}: {place(check)} {check.rule}", 200)
    told = "; ".join(part for part in (check.note, figures(check), counts(check)) if part)
    return f"::{kind} title={command_property(title)}::{command_value(line(told or check.outcome, 1000))}"


def _tally(verdict: Verdict) -> str:
    checks = shown(verdict)
    found = {name: sum(check.outcome == name for check in checks) for name in ("FAIL", "ERROR", "INCONCLUSIVE", "PASS")}
    return ", ".join(f"{count} {name}" for name, count in found.items() if count) + f" of {len(checks)} checks"
