"""How a comparison is shown: tables for a terminal, the same as Markdown for a pull request.

A is the reference, B the candidate. Names of samples and what models said are escaped for either form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from harness.cli.console import plain_table, printable
from harness.compare import Comparison, Line, SuiteComparison
from harness.compare.document import opening
from harness.compare.flips import Flip
from harness.gate.outputs.escape import code
from harness.gate.outputs.escape import markdown as as_markdown

FIGURES = ("n", "A", "B", "B - A", "interval", "wins", "losses", "ties", "p", "adjusted")


def show(console: Any, found: Comparison, flipped: Mapping[str, Sequence[Flip]], option: str) -> None:
    """Print a comparison; `flipped`: suite -> samples to list; `option`: ` --db FILE` for the lines to type."""
    for letter, side in (("A", found.reference), ("B", found.candidate)):
        console.print(f"{letter}  [bold]{escape(printable(side['model']))}[/]  run {escape(side['run_id'])}")
    for warning in found.warnings:
        console.print(f"[yellow]warning[/]: {escape(printable(warning))}")
    table = plain_table("suite", "metric", *FIGURES, "verdict", "method", right=FIGURES)
    for suite in found.suites:
        if suite.whole:
            names = [escape(printable(name)) for name in (suite.pairs.suite, suite.pairs.metric.name)]
            table.add_row(*names, *_cells(suite.whole), _verdict(suite.whole), suite.whole.method)
    if table.row_count:
        console.print(table)
    for suite in found.suites:
        for line in _left_out(suite):
            console.print(f"[bold]{escape(printable(suite.pairs.suite))}[/]: {escape(printable(line))}")
    for line in _legend(found):
        console.print(f"[dim]{escape(printable(line))}[/]")
    for suite in found.suites:
        _print_groups(console, suite)
        _print_flips(console, suite, found, flipped[suite.pairs.suite], option)


def _print_groups(console: Any, suite: SuiteComparison) -> None:
    if not suite.lines:
        return
    console.print(f"[bold]{escape(printable(_by(suite)))}[/]")
    table = plain_table(escape(printable(suite.tag)), *FIGURES, "verdict", right=FIGURES)
    for line in _sorted(suite):
        table.add_row(escape(printable(line.name, 60)), *_cells(line), _verdict(line))
    console.print(table)


def _print_flips(console: Any, suite: SuiteComparison, found: Comparison, listed: Sequence[Flip], option: str) -> None:
    if not listed:
        return
    console.print(f"[bold]{escape(printable(_flips_title(suite, listed)))}[/]")
    for flip in listed:
        word = "[green]win [/]" if flip.better else "[red]loss[/]"
        group = f"  {flip.group}" if flip.group else ""
        console.print(f"{word}  {escape(printable(flip.name + group, 100))}")
        for letter, said in (("A", flip.reference), ("B", flip.candidate)):
            text = " ".join(said.answer.split())
            console.print(f"      {letter} {said.score:.3g} {escape(said.mode)}: {escape(printable(text, 100))}")
        console.print(f"      [dim]{escape(opening(found.candidate, suite.pairs.suite, flip, option))}[/]")


def markdown(found: Comparison, flipped: Mapping[str, Sequence[Flip]], option: str) -> str:
    """Return the comparison as GitHub's Markdown, names and answers escaped."""
    sides = (("A", found.reference), ("B", found.candidate))
    lines = [f"**{letter}** {as_markdown(side['model'])} {code(side['run_id'])}  " for letter, side in sides]
    lines += ["", *(f"- warning: {as_markdown(warning)}" for warning in found.warnings)]
    lines += ["", _head("suite", "metric", *FIGURES, "verdict", "method")]
    for suite in found.suites:
        if whole := suite.whole:
            lines.append(
                _row(suite.pairs.suite, suite.pairs.metric.name, *_cells(whole), _verdict(whole), whole.method)
            )
    lines.append("")
    for suite in found.suites:
        lines += [f"- {as_markdown(suite.pairs.suite)}: {as_markdown(text)}" for text in _left_out(suite)]
    lines += ["", *(as_markdown(text) for text in _legend(found))]
    for suite in found.suites:
        if suite.lines:
            rows = [_row(line.name, *_cells(line), _verdict(line)) for line in _sorted(suite)]
            lines += _folded(_by(suite), _head(as_markdown(suite.tag), *FIGURES, "verdict"), rows)
        if listed := flipped[suite.pairs.suite]:
            rows = [_flip_row(found, suite, flip, option) for flip in listed]
            lines += _folded(_flips_title(suite, listed), _head("", "sample", "A", "B", "open"), rows)
    return "\n".join(lines)


def _flip_row(found: Comparison, suite: SuiteComparison, flip: Flip, option: str) -> str:
    said = [f"{side.score:.3g} {side.mode}: {side.answer[:100]}" for side in (flip.reference, flip.candidate)]
    cells = [as_markdown(cell, 160) for cell in ("win" if flip.better else "loss", flip.name, *said)]
    return f"| {' | '.join(cells)} | {code(opening(found.candidate, suite.pairs.suite, flip, option))} |"


def _folded(title: str, head: str, rows: Sequence[str]) -> list[str]:
    return ["", f"<details><summary>{as_markdown(title)}</summary>", "", head, *rows, "", "</details>"]


def _head(*columns: str) -> str:
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(as_markdown(cell) for cell in cells)} |"


def _cells(line: Line) -> list[str]:
    return [
        str(line.n), f"{line.reference:.4f}", f"{line.candidate:.4f}", f"{line.delta:+.4f}",
        f"{line.low:+.4f} to {line.high:+.4f}", str(line.wins), str(line.losses), str(line.ties), _p(line.p),
        _p(line.p_adjusted),
    ]  # fmt: skip


def _p(p: float) -> str:
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def _verdict(line: Line) -> str:
    return line.verdict or "-"


def _sorted(suite: SuiteComparison) -> list[Line]:
    return sorted(suite.lines, key=lambda line: (line.p, line.name))


def _left_out(suite: SuiteComparison) -> list[str]:
    """Return what is not in the pairs, as lines for people."""
    pairs = suite.pairs
    found = [] if suite.whole else [f"no sample has a {pairs.metric.name} in both runs"]
    if pairs.unpaired_reference or pairs.unpaired_candidate:
        changed = f" ({pairs.changed} are in both, with other content)" if pairs.changed else ""
        found.append(f"scored without a pair: A {pairs.unpaired_reference}, B {pairs.unpaired_candidate}{changed}")
    for letter, faults in (("A", pairs.faults_reference), ("B", pairs.faults_candidate)):
        if faults:
            counts = ", ".join(f"{kind} {count}" for kind, count in faults.items())
            found.append(f"faults in {letter}: {counts}")
    return found


def _legend(found: Comparison) -> list[str]:
    how = f"split {found.split}, intervals at {1 - found.alpha:.0%}, p two-sided, adjusted by Holm over the suites"
    lines = [f"{how}; no verdict: no difference is shown, which is not to say that there is none"]
    for letter, names in (("A", found.only_reference), ("B", found.only_candidate)):
        if names:
            lines.append(f"only in {letter}: {', '.join(names)}")
    return lines


def _by(suite: SuiteComparison) -> str:
    return f"{suite.pairs.suite} by {suite.tag}: exploratory, adjusted by Benjamini-Hochberg"


def _flips_title(suite: SuiteComparison, listed: Sequence[Flip]) -> str:
    lost, won = suite.pairs.signs.count(-1), suite.pairs.signs.count(1)
    return f"{suite.pairs.suite}: {lost} lost, {won} won, {len(listed)} shown"
