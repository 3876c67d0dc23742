"""What the report says of a whole database: a complete board, causes of analysed runs, what is worth its size.

    board(database, ask)[0]["score"]             as the leaderboard, macro means, ratios and pass@k filled in
    analysed(database)[0]["causes"][0]           -> {"cause": "off by one", "failures": 12, "score": .3, "low": ..}
    frontiers(board(database, ask))["primer"]    -> rows with `optimal`

Sources: `harness.report` for metrics that need every sample, `harness.failures.trends` for shares and their intervals.
Cost: that of the leaderboard, and a pass over the records of each run that one of these must look into.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from dashboards.queries import Ask, Rows, frontier, leaderboard
from harness import report
from harness.store import Database, failures, gates

VERDICTS = 50
"""Gates that are shown at most, the newest."""
ANALYSED = 12
"""Runs whose causes are shown at most, of the newest taxonomies."""


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
        key=lambda row: (row["suite"], row["fingerprint"], row["rank"] or len(rows), row["model"], row["run_id"]),
    )


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


def analysed(database: Database) -> Rows:
    """Return the runs with an analysis: run, answers, failures and `causes`, the most frequent first."""
    found: Rows = []
    seen: set[str] = set()
    for taxonomy in failures.taxonomies(database):
        for run_id in failures.member_runs(database, taxonomy["taxonomy_id"]):
            if run_id not in seen and len(found) < ANALYSED:
                seen.add(run_id)
                found.append(_analysed(database, taxonomy, run_id))
    return found


def _analysed(database: Database, taxonomy: dict[str, Any], run_id: str) -> dict[str, Any]:
    from harness.failures import trends

    causes = (failures.taxonomy(database, taxonomy["taxonomy_id"]) or {"causes": []})["causes"]
    labels = {row["cause_id"]: row["label"] for row in causes} | failures.names(database)
    answers = _answers(database, taxonomy, run_id)
    shares = trends.shares(answers, [row["cause_id"] for row in causes])
    told = [
        {
            "cause": labels.get(cause, "like no known cause"), "id": cause, "failures": share.failures,
            "score": share.of_failures.value, "low": share.of_failures.low, "high": share.of_failures.high,
            "rate": share.of_answers.value,
        }
        for cause, share in shares.items()
        if share.failures
    ]  # fmt: skip
    return {
        "run_id": run_id, "taxonomy_id": taxonomy["taxonomy_id"], "split": taxonomy["split"],
        "answers": len(answers), "failures": sum(row["failures"] for row in told),
        "causes": sorted(told, key=lambda row: -row["failures"]),
    }  # fmt: skip


def _answers(database: Database, taxonomy: dict[str, Any], run_id: str) -> list[Any]:
    """Return every scored answer of a run with its stored cause: that of no failure is `right`."""
    from harness.compare.pairs import result_rows
    from harness.failures.trends import RIGHT, Answer
    from harness.store import read

    kept = failures.members(database, taxonomy["taxonomy_id"], run_id)
    states = {(row["suite"], row["sample_id"], row["attempt"]): row["cause_id"] for row in kept}
    found = []
    for suite in sorted(set(taxonomy["suites"]) & set(read.run_suites(database, run_id))):
        for row in result_rows(database, run_id, suite, taxonomy["split"]):
            if row["measures"] is not None:
                key = (suite, row["sample_id"], row["attempt"])
                origin = row["origin"] or row["sample_id"]
                found.append(Answer(key, row["sample_digest"] or "", origin, states.get(key, RIGHT)))
    return found


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
