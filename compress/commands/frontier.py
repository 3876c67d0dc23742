"""`harness frontier`: quality against size and speed of whatever was compressed or evaluated, optimal ones marked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people, plain_table, printable
from harness.errors import UsageError, nearest

if TYPE_CHECKING:
    from compress.frontier import Axis

MIB = 2**20
WIDTH = 100
NOTE = "not proven better than: than a model that costs less, whose 95% interval reaches into this one's"


@command
def run(
    named: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Compressions or runs; none: all there are.")
    ] = None,
    suite: Annotated[str, typer.Option("--suite", "-s", help="Only this suite.")] = "",
    against: Annotated[str, typer.Option("--against", help="To the right: size, speed or memory.")] = "size",
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Write the picture as .svg or .png.")
    ] = None,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show which models are worth their size: quality on sealed samples against size and speed, optimal ones marked.

    Models that were not asked the same samples in the same way are not put on one axis. Stages that were rolled back
    are shown, and take no part.
    """
    from compress import frontier_plot
    from compress.points import axes
    from harness.cli import chart
    from harness.store import Database

    if against not in frontier_plot.AGAINST:
        what = f"--against {against!r} is nothing that is measured"
        raise UsageError(what, nearest(against, frontier_plot.AGAINST), "type: --against size")
    if plot is not None:
        chart.check(plot)
    found = axes(Database.at(db), named or (), suite)
    if not found:
        what = "no model with a size was evaluated on sealed samples"
        raise UsageError(
            what, "a compression, or a run of gguf: or hf:", "type: harness compress tiny --recipe quickstart"
        )
    shown = [axis for axis in found if len(axis.marked) > 1] or list(found)
    if plot is not None:
        frontier_plot.write(shown, against, plot)
    if as_json:
        emit({"axes": [asdict(axis) for axis in found], "against": against, "plot": str(plot) if plot else None})
        return
    console = people(False)
    for axis in shown:
        _show(console, axis, against)
    if alone := len(found) - len(shown):
        console.print(f"[dim]and {alone} models that share an axis with no other[/]")
    if plot is not None:
        console.print(f"written: {plot}", markup=False)


def _show(console: Any, axis: Axis, against: str) -> None:
    from rich.markup import escape

    from compress import frontier_plot

    most = max(one.point.n for one in axis.marked)
    told = f"{axis.suite} {axis.metric}, version {axis.version}, prompt {axis.prompt}, {most:,} sealed samples"
    console.print(f"[bold]{escape(printable(told))}[/]")
    other = "memory MiB" if against == "memory" else "tokens/s"
    table = plain_table("", "model", "quality", "MiB", other, "", right=("MiB", other))
    signs = {one.point.name: frontier_plot.sign(place) for place, one in enumerate(axis.marked)}
    for place, one in enumerate(axis.marked):
        point, state = one.point, frontier_plot.state(one)
        second = frontier_plot.cost(one, "memory" if against == "memory" else "speed")
        table.add_row(
            frontier_plot.sign(place),
            escape(printable(point.name)),
            f"{point.quality:.3f} \\[{point.low:.2f}, {point.high:.2f}]",
            f"{point.size_bytes / MIB:,.2f}",
            "" if second is None else f"{second:,.0f}",
            _note(state, signs.get(one.unproven, ""), "" if point.n == most else f"{point.n:,} samples"),
            style=frontier_plot.COLOURS[state] if state != "dominated" else None,
        )
    console.print(table)
    if len(axis.marked) > 1:
        for line in frontier_plot.terminal(axis, against, min(WIDTH, console.width)):
            console.print(line)
    if any(one.unproven for one in axis.marked):
        console.print(f"[dim]{NOTE}[/]")
    console.print()


def _note(state: str, unproven: str, samples: str) -> str:
    said = {"optimal": "optimal", "rolled back": "rolled back", "dominated": ""}[state]
    return ", ".join(filter(None, (said, f"not proven better than {unproven}" if unproven else "", samples)))
