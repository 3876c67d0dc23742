"""The report as one HTML file: leaderboard, comparison, gates, causes, rounds, frontier, calibration.

    write(database, Path("report.html"))

Nothing in it runs, nothing is fetched: a policy in its head (Content Security Policy, W3C) forbids scripts, frames,
forms and everything from elsewhere, should markup ever slip through `markup`. Intervals are drawn within the tables
(`whiskers`), figures are SVG in the page; both follow the colours of whoever reads, and paper shows what is folded.

Size: 600 bytes a row of a table (of 100 rows a suite and 60 suites at most), 10 to 35 KB a figure: 1.5 MB for 50 models
and 20 suites. Cost: that of the leaderboard's sums, a pass over the records of each analysed run, two seconds of pairs
at most, and tens of milliseconds a figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dashboards.export import judged, scores
from dashboards.export.beside import write_text
from dashboards.export.markup import Markup, element
from dashboards.queries import report as queries
from harness import __version__
from harness.errors import MissingPackage
from harness.store import Database

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = Path(__file__).with_name("report.css")
PARTS = {
    "leaderboard": "Leaderboard", "comparison": "Against the baseline", "gates": "Gates", "causes": "Causes of failure",
    "rounds": "Rounds", "frontier": "Frontier", "calibration": "Calibration",
}  # fmt: skip
"""Part -> its name, in their order."""
COMMANDS = {
    "leaderboard": "harness show RUN", "comparison": "harness compare {reference} RUN",
    "gates": "harness gate RUN --policy gates.yaml", "causes": "harness failures RUN",
    "rounds": "harness show LOOP", "frontier": "harness frontier", "calibration": "harness dashboard",
}  # fmt: skip
"""Part -> the command that makes its numbers."""


def check() -> None:
    """Refuse before any work where figures cannot be drawn.

    Raises:
        MissingPackage: altair or vl-convert is not installed.
    """
    from importlib.util import find_spec

    for package, module in (("altair", "altair"), ("vl-convert-python", "vl_convert")):
        if find_spec(module) is None:
            raise MissingPackage(package, "an HTML report", "dashboard")


def page(database: Database) -> str:
    """Return the report of a whole database as one HTML document.

    Raises:
        UsageError: a newer version wrote the database. MissingPackage: see `check`.
    """
    check()
    from dashboards import charts_report

    def draw(kind: str, rows: Any) -> str:
        return charts_report.svg(getattr(charts_report, kind)(rows))

    told = queries.told(database)
    made = {name: _made(told, name) for name in PARTS}
    parts = [
        scores.leaderboard(told.board, made["leaderboard"]),
        scores.comparison(told.against, made["comparison"]),
        judged.gates(told.verdicts, made["gates"]),
        judged.causes(told.analysed, made["causes"]),
        judged.rounds(told.loops, made["rounds"]),
        scores.frontier(told.frontiers, told.compressions, draw, made["frontier"]),
        judged.calibration(told.calibrations, draw, made["calibration"]),
    ]
    return _document(database, told, parts)


def write(database: Database, path: Path) -> Path:
    """Write the report, whole or not at all; return the file. Raises what `page` does, and what `beside` does."""
    return write_text(path, page(database))


def _made(told: queries.Told, name: str) -> Sequence[str]:
    """Return the command and the queries behind a part."""
    command = COMMANDS[name].format(reference=told.against.reference.get("run_id", "RUN"))
    return [command, *told.asked.get(name, ())]


def _document(database: Database, told: queries.Told, parts: Sequence[Markup]) -> str:
    title = f"Report of {database.path.stem}"
    runs = {row["run_id"] for row in told.board}
    counted = (
        f"{len(runs)} runs of {len({row['model'] for row in told.board})} models on"
        f" {len({row['suite'] for row in told.board})} suites, {sum(row['records'] for row in told.board):,} answers"
    )
    made = f"{database.path.name}, harness {__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    links = element("nav", *(element("a", shown, href=f"#{name}") for name, shown in PARTS.items()))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"{element('title', title)}<style>\n{STYLE.read_text(encoding='utf-8')}</style>"
    )
    opening = element("header", element("h1", title), element("p", counted), element("p", made, class_="told"))
    body = element("body", opening, links, element("main", *parts))
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>{body}</html>\n'
