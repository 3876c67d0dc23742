"""A plan as tables for people and as a document for programs. Names come from recipes and are escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from harness.cli.console import plain_table, printable
from improve.plan import Plan

UNKNOWN = "not measured yet"
COUNTED = ("calls", "tokens", "usd", "steps", "gpu_minutes")


def document(plan: Plan) -> dict[str, Any]:
    """Return what `--json` prints: null where nothing is known."""
    found = asdict(plan)
    found["gate"].pop("warnings")
    names = ("loop", "model", "policy", "rounds", "done", "accepted", "outcome", "gate", "spent", "warnings")
    return {
        **{name: found[name] for name in names},
        "rounds_left": plan.left,
        "evaluation": {"suites": found["suites"], "seconds": plan.evaluation_seconds, "base_is_judged": plan.judged},
        "steps": found["stages"],
        "budget": {
            one.what: {
                "cap": one.cap, "spent": one.spent, "left": one.left, "a_round": one.a_round,
                "all_rounds": one.all_rounds,
            }
            for one in plan.caps
        },
        "not_measured": list(plan.unknown),
    }  # fmt: skip


def show(console: Any, plan: Plan) -> None:
    """Print a plan."""
    done = f", {plan.done} done ({plan.accepted} accepted)" if plan.done else ""
    ended = f"; it ended: {plan.outcome}" if plan.outcome else ""
    line = f"{plan.model}, at most {plan.rounds} rounds{done}{ended}; gate {plan.policy}"
    console.print(f"[bold]{escape(plan.loop)}[/]: {escape(printable(line))}")
    _evaluations(console, plan)
    _steps(console, plan)
    _budget(console, plan)
    _gate(console, plan)
    for warning in plan.warnings:
        console.print(f"[yellow]warning[/]: {escape(printable(warning))}")
    console.print("[dim]nothing was touched; without --plan it begins[/]")


def _evaluations(console: Any, plan: Plan) -> None:
    table = plain_table("asked of each model", "dev", "sealed", "seconds", "rows", right=("dev", "sealed", "seconds"))
    for one in plan.suites:
        counts = ["-" if count is None else f"{count:,}" for count in (one.dev, one.sealed)]
        table.add_row(escape(printable(one.suite)), *counts, _about(one.seconds), escape(printable(one.where)))
    console.print(table)


def _steps(console: Any, plan: Plan) -> None:
    told = [name for name in COUNTED if any(name in one.estimate for one in plan.stages)]
    table = plain_table("a round, at most", *told, "seconds", "by", right=(*told, "seconds"))
    for one in plan.stages:
        cells = [_number(one.estimate[name]) if name in one.estimate else "" for name in told]
        by = f"{one.measured} earlier" if one.measured else ""
        seconds = _about(one.estimate.get("seconds"))
        table.add_row(escape(one.step), *cells, seconds, escape(printable(" ".join(filter(None, (one.teacher, by))))))
    console.print(table)


def _budget(console: Any, plan: Plan) -> None:
    if plan.caps:
        names = ("cap", "spent", "left", "a round", "all that is left to do")
        table = plain_table("budget", *names, right=names)
        for one in plan.caps:
            more = " + ?" if one.what in ("seconds", "gpu_minutes") and plan.unknown else ""
            foreseen = [_about(amount) + (more if amount else "") for amount in (one.a_round, one.all_rounds)]
            table.add_row(one.what, _number(one.cap), _number(one.spent), _number(one.left), *foreseen)
        console.print(table)
    elif plan.spent:
        console.print(f"spent, without a cap: {_amounts(plan.spent)}")
    if plan.unknown:
        console.print(f"{UNKNOWN}, and so not counted: {escape(printable(', '.join(plan.unknown)))}")


def _gate(console: Any, plan: Plan) -> None:
    gate, left = plan.gate, plan.gate.looks - plan.gate.used
    console.print(f"looks at the gate: {gate.used} of {gate.looks} used, {max(0, left)} left")
    if gate.psi is not None and gate.sealed:
        gain = "no gain" if gate.gain is None else f"a gain of {gate.gain:.3f}"
        console.print(
            f"{gate.sealed:,} sealed samples, {gate.psi:.0%} of them taken to differ: {gain} on a quarter of them is "
            f"found four times in five; the margin takes {gate.others:,}"
        )


def _about(amount: float | None) -> str:
    return "?" if amount is None else _number(amount)


def _number(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 or amount == int(amount) else f"{amount:.3g}"


def _amounts(amounts: Mapping[str, float]) -> str:
    return ", ".join(f"{_number(amount)} {what}" for what, amount in amounts.items())
