"""How a gate speaks to people: the plan before the first token, the table of checks, the verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from harness.cli.console import plain_table, printable

if TYPE_CHECKING:
    from harness.gate.foresight import Row
    from harness.gate.judge import Judged
    from harness.types import Check

COLOURS = {"PASS": "green", "FAIL": "bold red", "INCONCLUSIVE": "yellow", "ERROR": "bold magenta"}


def print_verdict(console: Any, judged: Judged) -> None:
    """Print a row a check, in the order of the policy, and the verdict."""
    from harness.gate.outputs.table import number

    verdict = judged.verdict
    numbers = ("observed", "required", "low", "high")
    table = plain_table("", "suite", "rule", *numbers, "what it means", right=numbers)
    for check in verdict.checks:
        colour = COLOURS[check.outcome] if check.required else "dim"
        table.add_row(
            f"[{colour}]{check.outcome}[/]", escape(printable(check.suite)), escape(printable(check.rule)),
            *(number(value) if value is not None else "" for value in _figures(check)), escape(printable(check.note)),
        )  # fmt: skip
    console.print(table)
    against = f" against {verdict.baseline}" if verdict.baseline else ""
    console.print(
        f"[{COLOURS[verdict.outcome]}]{verdict.outcome}[/] {escape(printable(f'{verdict.candidate}{against}'))}:"
        f" {escape(printable(verdict.note))}"
    )
    console.print(f"[dim]{verdict.id}, exit code {judged.row['exit_code']}[/]")


def _figures(check: Check) -> tuple[float | None, ...]:
    return check.observed, check.bound, check.low, check.high


def print_plan(console: Any, rows: Sequence[Row], power: float) -> None:
    """Print what the gate will be able to tell of each suite, and what it will not."""
    from harness.gate.outputs.table import number

    if not any(row.detectable is not None for row in rows):
        return
    numbers = ("n", "noise floor", "psi", "finds a drop of", "keeps a margin of", "policy's", "needed")
    table = plain_table("suite", *numbers, "psi from", right=numbers)
    for row in rows:
        shown = (row.n, row.floor, row.psi, row.detectable, row.certifiable, row.margin, row.needed)
        cells = ("" if value is None else number(value) for value in shown)
        table.add_row(escape(printable(row.suite)), *cells, escape(printable(row.source)))
    console.print(f"before the first token, at power {power:.0%}:")
    console.print(table)
    for row in rows:
        if row.warning:
            console.print(f"[yellow]{escape(printable(row.suite))}[/]: {escape(printable(row.warning))}")


def plan_document(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the plan as JSON data; what is never reached is null."""
    finite = (
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(row).items()}
        for row in rows
    )
    return {"plan": list(finite)}
