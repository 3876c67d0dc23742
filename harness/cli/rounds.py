"""The rounds of an improvement loop, for people and as JSON: what `harness improve` ends with and `harness show` shows.

round  gate before   rows  gate after  accepted  cost
    1  FAIL          3200  PASS        yes       128 seconds
quickstart: passed: the gate passes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cli.console import plain_table, printable
from harness.store import Database
from harness.store import rounds as stored
from harness.types import Round

RUNNING = "not at its end: it runs, or was killed"


def document(rounds: Sequence[Round], outcome: str | None, why: str | None) -> dict[str, Any]:
    """Return the JSON document of a loop; `outcome` is null while it is not at its end."""
    shown = [
        {
            "number": one.number, "verdict_before": one.verdict_before, "verdict_after": one.verdict_after,
            "accepted": one.accepted, "rows": one.rows, "cost": dict(one.cost), "candidate": one.candidate or None,
            "why": one.why,
        }
        for one in rounds
    ]  # fmt: skip
    return {"rounds": shown, "outcome": outcome, "why": why}


def of(database: Database, loop: str) -> dict[str, Any]:
    """Return the document of a stored loop."""
    last = stored.loops(database, loop)[-1]
    return document(stored.rounds(database, loop), last["outcome"], last["why"])


def show(console: Any, loop: str, shown: Mapping[str, Any]) -> None:
    """Print the rounds of a document, and how the loop ended."""
    from rich.markup import escape

    table = plain_table("round", "gate before", "rows", "gate after", "accepted", "cost", right=("round", "rows"))
    for one in shown["rounds"]:
        accepted = "-" if one["accepted"] is None else "yes" if one["accepted"] else f"no: {one['why']}"
        cost = ", ".join(f"{amount:.4g} {what}" for what, amount in one["cost"].items() if amount)
        after = one["verdict_after"] or "-"
        before, rows = one["verdict_before"], str(one["rows"])
        table.add_row(str(one["number"]), before, rows, after, escape(printable(accepted)), escape(cost))
    if shown["rounds"]:
        console.print(table)
    ended = f"{shown['outcome']}: {shown['why']}" if shown["outcome"] else RUNNING
    console.print(f"[bold]{escape(printable(loop))}[/]: {escape(printable(ended))}")
