"""How an analysis of failures is shown: tables for a terminal, the same as Markdown.

Labels, keywords, names and whatever a model said are foreign text: escaped for either form. Both are made of the same
rows of plain text, so that they cannot say different things.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from harness.cli.console import plain_table
from harness.gate.outputs.escape import code, line
from harness.gate.outputs.escape import markdown as as_markdown

if TYPE_CHECKING:
    from harness.failures.analysis import Analysis, Member
    from harness.failures.taxonomy import Cause

CAUSES = ("cause", "n", "of failures", "interval", "before", "now", "change", "what")
RIGHT = ("n", "of failures", "interval", "before", "now", "accuracy", "suite", "bound", "agree", "odds")
WEAK = ("kind of question", "n", "accuracy", "bound", "suite", "samples")
GOLD = ("sample", "target", "they say", "agree", "odds")
WEAKEST, SUSPECTED, MOSTLY = 8, 8, 3
"""Rows of these tables, diagnoses of a cause; the rest is in the JSON."""


def show(console: Any, found: Analysis, examples: int, option: str, renamed: Sequence[str] = ()) -> None:
    """Print an analysis; `option`: ` --db FILE` for the lines to type."""
    from harness.failures.report import notes

    for text in (*renamed, *opening(found)):
        console.print(escape(line(text)))
    _print(console, CAUSES, cause_rows(found))
    for text in notes(found):
        console.print(f"[yellow]note[/]: {escape(line(text))}")
    for title, text in examples_of(found, examples, option):
        console.print(f"[bold]{escape(line(title))}[/]" if title else f"  {escape(line(text, 300))}")
    for title, head, rows in _others(found):
        console.print(f"[bold]{escape(line(title))}[/]")
        _print(console, head, rows)
    console.print(f"[dim]next:[/] {escape(next_line(found, option))}")


def markdown(found: Analysis, examples: int, option: str) -> str:
    """Return the analysis as GitHub's Markdown."""
    from harness.failures.report import diagnoses, notes

    lines = [
        f"# Why {as_markdown(found.run['name'] or found.run['model'])} fails",
        "",
        *(as_markdown(text, 600) for text in opening(found)),
    ]
    lines += ["", *_table(CAUSES, cause_rows(found)), ""]
    lines += [f"- {as_markdown(text)}" for text in notes(found)]
    for cause, members in _shown(found, examples):
        lines += ["", f"## {as_markdown(f'{cause.id}  {cause.label}')}", ""]
        lines += [
            f"{one['count']} x {as_markdown(one['text'])}  " for one in diagnoses(found.members(cause.id))[:MOSTLY]
        ]
        lines += [""]
        for member in members:
            lines += [f"- {as_markdown(member.case.name)}: {as_markdown(member.diagnosis.text)}"]
            lines += [f"  - {name}: {as_markdown(text, 300)}" for name, text in _parts(member) if text]
            lines += [f"  - {code(show_line(found, member, option))}"]
    for title, head, rows in _others(found):
        lines += ["", f"## {as_markdown(title)}", "", *_table(head, rows)]
    return "\n".join([*lines, "", f"next: {code(next_line(found, option))}"])


def opening(found: Analysis) -> list[str]:
    """Return the first lines: what failed, how it was grouped, what it is compared with."""
    wrong, taxonomy = len(found.failures), found.taxonomy
    told = [
        f"{called(found.run)}: {wrong} of {found.answers} answers failed"
        f" ({', '.join(found.suites)}; split {found.split})"
    ]
    if taxonomy is not None:
        how = {
            "fitted": f"fitted now on these {taxonomy.params.get('n', wrong)} failures",
            "refitted": f"fitted anew on {taxonomy.params.get('n', wrong)} failures, in place of {taxonomy.parent}",
            "assigned": "fitted before; these failures are assigned to it (--refit fits anew)",
        }.get(found.found.how, "")
        told.append(f"taxonomy {taxonomy.id}, {taxonomy.embedder.partition(':')[0]}: {how}")
    if found.before is not None and found.changes:
        samples = next(iter(found.changes.values())).samples
        told.append(
            f"before: {called(found.before)}, {samples} samples that both scored; change at 5% false discoveries"
        )
    elif wrong:
        told.append("before: no earlier run of another model on these suites (--against names one)")
    told += descended(found)
    return told if wrong else [*told, "no failures"]


def descended(found: Analysis) -> list[str]:
    """Return what became of each cause of the taxonomy before, as lines."""
    if found.found.parent is None:
        return []
    labels = {cause.id: cause.label for cause in (*found.found.parent.causes, *found.causes)}

    def named(cause: str) -> str:
        return f"{cause} ({labels.get(cause, '')})"

    return [
        f"{one.kind}: " + " -> ".join(named(cause) for cause in dict.fromkeys((one.old, one.new)) if cause)
        for one in found.found.descents
    ]


def cause_rows(found: Analysis) -> list[tuple[str, ...]]:
    """Return a row for each cause that fails now or did before, then what is like none of them."""
    named = [(cause.id, cause.id, cause.label) for cause in found.causes]
    rows: list[tuple[str, ...]] = []
    for cause, shown, label in [*named, ("", "unassigned", "like no known cause")]:
        share, change = found.shares[cause], found.changes.get(cause)
        if share.failures or (change and change.before):
            part = share.of_failures
            interval = f"{part.low:.3f} - {part.high:.3f}" if part.n else "-"
            now = (str(change.before), str(change.after), change.verdict) if change else ("-", "-", "-")
            rows.append((shown, str(share.failures), f"{part.value:.3f}" if part.n else "-", interval, *now, label))
    return rows


def called(run: Mapping[str, Any]) -> str:
    """Return a run's name, or its model where it has none, and its id."""
    return f"{run['name'] or run['model']}, run {run['run_id']}"


def examples_of(found: Analysis, count: int, option: str) -> list[tuple[str, str]]:
    """Return (title, "") for each cause, then ("", text): how it mostly went wrong, and a line for each exemplar."""
    from harness.failures.report import diagnoses

    lines = []
    for cause, members in _shown(found, count):
        lines.append((f"{cause.id}  {cause.label}", ""))
        lines += [("", f"{one['count']} x {one['text']}") for one in diagnoses(found.members(cause.id))[:MOSTLY]]
        lines += [("", f"{member.case.name}: {show_line(found, member, option)}") for member in members]
    return lines


def _shown(found: Analysis, count: int) -> list[tuple[Cause, list[Member]]]:
    from harness.failures.report import shown

    causes = [cause for cause in found.causes if found.shares[cause.id].failures]
    return [(cause, shown(found, cause.id, count)) for cause in causes] if count else []


def _parts(member: Member) -> list[tuple[str, str]]:
    case = member.case
    said = case.answer if case.answer is not None else case.text
    return [("asked", case.question), ("wanted", "" if case.target is None else str(case.target)), ("said", said)]


def show_line(found: Analysis, member: Member, option: str) -> str:
    """Return the line that opens a sample."""
    case = member.case
    return (
        f"harness show {found.run['run_id']} --suite {shlex.quote(case.suite)} --sample {case.sample_id[:12]}{option}"
    )


def next_line(found: Analysis, option: str) -> str:
    """Return what to type next."""
    from harness.failures.report import refit_due

    more = "--refit" if refit_due(found) else "--markdown failures.md"
    return f"harness failures {found.run['run_id']} --split {found.split} {more}{option}"


def _others(found: Analysis) -> list[tuple[str, Sequence[str], list[tuple[str, ...]]]]:
    """Return (title, head, rows) of the tables beside the causes."""
    weak: list[tuple[str, ...]] = [
        (one.label, str(one.n), f"{one.accuracy:.3f}", f"{one.high:.3f}", f"{one.overall:.3f}",
         ", ".join(question.name for question in one.exemplars))
        for one in found.weak[:WEAKEST]
    ]  # fmt: skip
    gold: list[tuple[str, ...]] = [
        (
            one.name,
            one.gold if one.gold != "null" else "tests",
            one.answer,
            f"{one.agree} of {one.of}",
            f"{one.odds:.1f}",
        )
        for one in found.gold[:SUSPECTED]
    ]
    tables: list[tuple[str, Sequence[str], list[tuple[str, ...]]]] = []
    if weak:
        tables.append(
            (f"weak kinds of question: {len(found.weak)}, upper bound below the suite's accuracy", WEAK, weak)
        )
    if gold:
        models = f"{1 + len(found.peers)} models"
        tables.append((f"suspected targets: {len(found.gold)}, {models} agree on another answer", GOLD, gold))
    return tables


def _print(console: Any, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if rows:
        table = plain_table(*head, right=RIGHT)
        for row in rows:
            table.add_row(*(escape(line(cell, 80)) for cell in row))
        console.print(table)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    marks = "|".join("--:" if name in RIGHT else "---" for name in head)
    return [f"| {' | '.join(head)} |", f"|{marks}|", *(f"| {' | '.join(map(as_markdown, row))} |" for row in rows)]
