"""What the report says of a whole database, gathered once for the page and for its figures.

    found = told(database)
    found.board[0]["score"]               as the leaderboard, macro means, ratios and pass@k filled in
    found.frontiers["primer v2 3f9a"]     -> rows with `optimal`
    found.asked["leaderboard"]            -> the queries behind that part

Rooms: `report_causes` (why runs fail), `report_runs` (against the baseline, rounds, calibration). Sources:
`harness.report` for metrics that need every sample. Cost: that of the leaderboard, and a pass over the records of each
run that one of these must look into; each bounds how many it looks into.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from dashboards.queries import Ask, Rows, frontier, leaderboard, report_causes, report_runs
from harness import report
from harness.store import Database, gates

VERDICTS = 50
"""Gates that are shown at most, the newest."""


@dataclass(frozen=True)
class Told:
    """All that a report shows."""

    board: Rows
    against: report_runs.Against
    verdicts: Rows
    analysed: Rows
    loops: Rows
    frontiers: Mapping[str, Rows]
    compressions: Mapping[str, Rows]
    calibrations: Rows
    asked: Mapping[str, Sequence[str]]
    """Part -> its queries."""


def told(database: Database) -> Told:
    """Return what a report shows.

    Raises:
        UsageError: there is no database, or a newer version wrote it.
    """
    asked: dict[str, list[str]] = {}

    def part(name: str) -> Ask:
        return _noting(asking(database), asked.setdefault(name, []))

    rows = board(database, part("leaderboard"))
    return Told(
        board=rows,
        against=report_runs.against(database, part("comparison")),
        verdicts=verdicts(database, part("gates")),
        analysed=report_causes.analysed(database, part("causes")),
        loops=report_runs.loops(part("rounds")),
        frontiers=frontiers(rows),
        compressions=compressions(part("frontier")),
        calibrations=report_runs.calibrations(part("calibration")),
        asked={name: list(dict.fromkeys(queries)) for name, queries in asked.items()},
    )


def _noting(ask: Ask, queries: list[str]) -> Ask:
    def noted(sql: str, parameters: Sequence[Any] = ()) -> Rows:
        queries.append(sql.strip())
        return ask(sql, parameters)

    return noted


def asking(database: Database) -> Ask:
    """Return what asks a database; a table or view that an older schema lacks has no rows."""
    import duckdb

    from harness.store import read

    def ask(sql: str, parameters: Sequence[Any] = ()) -> Rows:
        try:
            return read.query(database, sql, list(parameters))
        except duckdb.CatalogException:
            return []

    return ask


def board(database: Database, ask: Ask) -> Rows:
    """Return the leaderboard's rows, those filled in that sums do not tell, best ranks first in each suite."""
    rows = leaderboard.board(ask)
    whole: dict[str, dict[str, report.SuiteReport]] = {}
    for row in rows:
        if row["score"] is None and row["records"] > row["faults"]:
            told = whole.setdefault(row["run_id"], {})
            if not told:
                told.update({one.suite: one for one in report.reports(database, row["run_id"])})
            row.update(_filled(told[row["suite"]]))
    return sorted(
        leaderboard.ranked(rows),
        key=lambda row: (row["suite"], row["fingerprint"], row["rank"] or len(rows), _worse(row), row["run_id"]),
    )


def _worse(row: Mapping[str, Any]) -> float:
    return 0.0 if row["score"] is None else -row["score"] if row["up"] else float(row["score"])


def _filled(told: report.SuiteReport) -> dict[str, Any]:
    if not told.metrics:
        return {}
    name, found = told.primary
    value = report.finite(found.value)
    return {} if value is None else {
        "metric": name, "score": value, "low": found.low, "high": found.high, "n": found.n,
    }  # fmt: skip


def verdicts(database: Database, ask: Ask) -> Rows:
    """Return the newest verdicts, each with its `checks` in their order."""
    found = gates.latest(database, VERDICTS)
    sql = "SELECT * FROM checks WHERE gate_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY gate_id, place"
    checks = ask(sql, [[row["gate_id"] for row in found]]) if found else []
    return [{**row, "checks": [one for one in checks if one["gate_id"] == row["gate_id"]]} for row in found]


def frontiers(rows: Rows) -> dict[str, Rows]:
    """Return suite and version -> its models with a size, each with its latest run and whether it is `optimal`.

    Suites with fewer than two such models are left out. Optimal is what `frontier.optimal` says, speed left out.
    """
    found: dict[str, Rows] = {}
    sized = [row for row in rows if row["score"] is not None and row["size_bytes"]]
    for (suite, fingerprint), group in groupby(sized, key=lambda row: (row["suite"], row["fingerprint"])):
        newest: dict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
        for row in sorted(group, key=lambda row: row["started_at"]):
            newest[row["model"], row["size_bytes"]] = row
        if len(newest) > 1:
            members = sorted(newest.values(), key=lambda row: row["size_bytes"])
            points = [(row["score"] if row["up"] else -row["score"], row["size_bytes"], None) for row in members]
            marks = frontier.optimal(points)
            found[f"{suite} {fingerprint}"] = [
                {**row, "optimal": mark} for row, mark in zip(members, marks, strict=True)
            ]
    return found


def compressions(ask: Ask) -> dict[str, Rows]:
    """Return compression -> the model before and its stages, the newest compression first."""
    names = [row["compression"] for row in frontier.compressions(ask)]
    found: dict[str, Rows] = {name: [] for name in names}
    for row in frontier.stages(ask, names):
        found[row["compression"]].append(row)
    return found
