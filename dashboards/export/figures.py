"""The figures of the report as files: each as SVG, and as PNG twice as fine, light, on white, drawn without a network.

    write(database, Path("figures"))      -> [figures/leaderboard-primer-v2-253163.svg, ..-253163.png, ..]

Names come of suites, runs and loops: letters, digits, `.`, `_` and `-`, so that they are safe anywhere. A figure shows
its first `DRAWN` rows and says so. Cost: a tenth of a second a figure; at most `MOST` figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboards.export.beside import beside, write_text
from dashboards.export.parts import model
from dashboards.export.report import check
from dashboards.export.scores import named
from dashboards.queries import report as queries
from harness.gate.outputs.escape import line, marker
from harness.store import Database

if TYPE_CHECKING:
    from dashboards.charts import Chart

DRAWN, MOST = 40, 200
SCORE = "score, 95% interval"


def write(database: Database, folder: Path) -> list[Path]:
    """Write every figure as SVG and PNG into a folder, which is made; return the files.

    Raises:
        UsageError: no database, or of a newer version. MissingPackage: see `check`. What `beside` does.
    """
    check()
    from dashboards.charts_report import png, svg

    written: list[Path] = []
    seen: set[str] = set()
    for title, chart in islice(drawn(queries.told(database)), MOST):
        name = stem = marker(title)
        while name in seen:
            name = f"{stem[:90]}-{len(seen)}"
        seen.add(name)
        chart = chart.properties(title=f"{title[:1].upper()}{title[1:]}")
        written.append(write_text(folder / f"{name}.svg", svg(chart)))
        with beside(folder / f"{name}.png") as part:
            part.write_bytes(png(chart))
        written.append(folder / f"{name}.png")
    return written


def drawn(told: queries.Told) -> Iterator[tuple[str, Chart]]:
    """Yield (what it shows, chart) for every figure, in the order of the report."""
    from dashboards import charts_report as charts

    for (suite, version), group in groupby(told.board, key=lambda row: (row["suite"], row["fingerprint"])):
        rows = [row for row in named(list(group)) if row["score"] is not None]
        if rows:
            yield _title(f"leaderboard {suite} {version}", rows), charts.intervals(_clean(rows), SCORE)
    lines = [row for row in told.against.lines if not row["refused"]]
    if lines:
        rows = [{**row, "name": f"{row['suite']}: {row['name']}", "score": row["delta"],
                 "state": row["verdict"]} for row in named(lines)]  # fmt: skip
        title = _title(f"comparison with {told.against.name or told.against.reference['run_id']}", rows)
        yield title, charts.intervals(_clean(rows), "difference, 95% interval", 0.0)
    for run in told.analysed:
        rows = [{**row, "name": row["cause"]} for row in run["causes"]]
        title = _title(f"causes {model(run)} {run['run_id']}", rows)
        yield title, charts.intervals(_clean(rows), "share of the failures, 95% interval", 0.0)
    for loop in told.loops:
        rows = [
            {**row, "name": f"round {row['number']}", "score": row["gain"],
             "state": {True: "accepted", False: "rejected"}.get(row["accepted"])}
            for row in loop["rounds"] if row["gain"] is not None
        ]  # fmt: skip
        if rows:
            yield (
                _title(f"rounds {loop['loop']}", rows),
                charts.intervals(_clean(rows), "gain on samples aimed at, 95% interval", 0.0),
            )
    for suite, rows in told.frontiers.items():
        yield f"frontier {line(suite, 60)}", charts.quality(_clean(named(rows)))
    for row in told.calibrations:
        yield f"calibration {line(row['run_id'], 60)} {line(row['suite'], 40)}", charts.reliability(row)


def _title(told: str, rows: Sequence[Any]) -> str:
    shown = f", the first {DRAWN} of {len(rows)}" if len(rows) > DRAWN else ""
    return f"{line(told, 90)}{shown}"


def _clean(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that are drawn, each with a name of its own on one line, in which nothing is invisible."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows[:DRAWN]:
        name = line(str(row["name"]), 80)
        found[name if name not in found else f"{name} #{len(found)}"] = dict(row)
    return [{**row, "name": name} for name, row in found.items()]
