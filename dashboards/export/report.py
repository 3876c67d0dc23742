"""The report as one HTML file: leaderboard, gates, causes, frontier; nothing in it runs, nothing is fetched.

    write(database, Path("report.html"))

Figures are SVG in the page. A policy in its head (Content Security Policy, W3C) forbids scripts, frames, forms and
everything from elsewhere, should markup ever slip through `markup`. Written beside its place and renamed, so that a
reader never finds half a page.

Cost: that of the leaderboard's sums, a pass over the records of each analysed run, and tens of milliseconds a figure: a
database of 50 models and 20 suites is a matter of seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dashboards.export import sections
from dashboards.export.markup import Markup, element
from dashboards.queries import report as queries
from harness import __version__
from harness.errors import MissingPackage
from harness.store import Database

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; }
th, td { text-align: left; padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td { overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 1rem 0; }
svg { background: white; max-width: 100%; height: auto; }
summary { cursor: pointer; padding: 0.2rem 0; }
nav a { margin-right: 1rem; }
"""


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
    from dashboards import charts, charts_report

    def scores(rows: Sequence[Mapping[str, Any]]) -> str:
        return charts_report.svg(charts.intervals(rows, "model"))

    def shares(rows: Sequence[Mapping[str, Any]]) -> str:
        return charts_report.svg(charts_report.shares(rows))

    def quality(rows: Sequence[Mapping[str, Any]]) -> str:
        return charts_report.svg(charts_report.quality(rows))

    ask = queries.asking(database)
    board = queries.board(database, ask)
    parts = [
        sections.leaderboard(board, scores),
        sections.gates(queries.verdicts(database, ask)),
        sections.causes(queries.analysed(database), shares),
        sections.frontier(queries.frontiers(board), queries.compressions(ask), quality),
    ]
    made = f"Made of {database.path.name} by harness {__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."
    return _document(f"Report of {database.path.stem}", made, parts)


def write(database: Database, path: Path) -> None:
    """Write the report to a file, whole or not at all. Raises what `page` does, and OSError of the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = page(database)
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _document(title: str, made: str, parts: list[Markup]) -> str:
    names = (
        ("leaderboard", "Leaderboard"),
        ("gates", "Gates"),
        ("causes-of-failure", "Causes"),
        ("frontier", "Frontier"),
    )
    links = element("nav", *(element("a", name, href=f"#{where}") for where, name in names))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"{element('title', title)}<style>{STYLE}</style>"
    )
    body = element("body", element("h1", title), element("p", made), links, *parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>{body}</html>\n'
