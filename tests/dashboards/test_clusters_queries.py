"""Causes as read for the dashboard are those of the analysis: counts, intervals, changes, pages, lineage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from clusters_made import analysed, refitted, storing, wrong

from dashboards import charts_clusters as charts
from dashboards.queries import Rows, cause_marks, clusters
from harness.failures.analysis import Analysis
from harness.store import Database, failures, read

Asking = Callable[[str, Any], Rows]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, Analysis, Analysis]:
    return analysed(tmp_path_factory)


@pytest.fixture
def copy(made: tuple[Database, Analysis, Analysis], tmp_path: Path) -> Database:
    return Database(Path(shutil.copy(made[0].path, tmp_path / "h.duckdb")))


def asking(database: Database) -> Asking:
    return lambda sql, parameters: read.query(database, sql, json.loads(json.dumps(list(parameters), default=str)))


def of(ask: Asking, run: str) -> dict[str, Any]:
    return next(row for row in clusters.analyses(ask) if row["run_id"] == run)


def standing(ask: Asking, run: str, before: str = "") -> clusters.Standing:
    analysis = of(ask, run)
    ids = [row["cause_id"] for row in clusters.causes(ask, analysis["taxonomy_id"])]
    return clusters.standing(ask, analysis, ids, of(ask, before) if before else None)


def test_shares_and_changes_are_those_of_the_command(made: tuple[Database, Analysis, Analysis]) -> None:
    database, first, second = made
    ask = asking(database)
    assert [row["run_id"] for row in clusters.analyses(ask)] == ["run-2", "run-1"]
    found = standing(ask, "run-2", "run-1")
    assert (found.answers, found.failures, found.pending) == (240, 100, 0)
    assert {k: asdict(v) for k, v in found.shares.items()} == {k: asdict(v) for k, v in second.shares.items()}
    assert found.changes == second.changes and found.flows == second.flows
    alone = standing(ask, "run-1")
    assert alone.shares == first.shares and not alone.changes and not alone.flows


def test_members_come_in_pages_and_none_twice(made: tuple[Database, Analysis, Analysis]) -> None:
    database, first, _ = made
    ask, cause = asking(database), first.causes[0].id
    pages = [clusters.members(ask, of(ask, "run-1"), cause, page) for page in range(3)]
    keys = [(row["suite"], row["sample_id"], row["attempt"]) for page in pages for row in page]
    assert len(pages[0]) == clusters.PAGE and not pages[2] and len(keys) == len(set(keys))
    assert keys == [member.case.key for member in first.members(cause)]


def test_the_map_holds_every_failure(made: tuple[Database, Analysis, Analysis]) -> None:
    found = clusters.points(asking(made[0]), of(asking(made[0]), "run-1"))
    assert sum(row["failures"] for row in found) == 160 and found[0]["places"] == len(found)
    rows = [{"cause": cause.id, "label": "the same"} for cause in made[1].causes]
    ask, cause = asking(made[0]), made[1].causes[0].id
    keys = {row["key"] for row in found if row["cause"] == cause}
    assert keys and all(clusters.place(ask, of(ask, "run-1"), cause, key) is not None for key in keys)
    assert charts.map_of(found, rows, cause, found[0]["key"]).to_dict()["mark"]["type"] == "circle"


def test_a_map_is_thinned_and_says_so(
    made: tuple[Database, Analysis, Analysis], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "POINTS", 2)
    found = clusters.points(asking(made[0]), of(asking(made[0]), "run-1"))
    assert len(found) == 2 and found[0]["places"] > 2


def test_where_a_failure_stands_is_its_place_on_the_pages(made: tuple[Database, Analysis, Analysis]) -> None:
    database, first, _ = made
    ask, cause = asking(database), first.causes[0]
    keys = ["/".join(map(str, member.case.key)) for member in first.members(cause.id)]
    assert [clusters.place(ask, of(ask, "run-1"), cause.id, key) for key in keys[::9]] == list(range(len(keys)))[::9]
    assert clusters.place(ask, of(ask, "run-1"), cause.id, "made/no/0") is None


def test_marks_are_counted_among_failures_and_right_answers(made: tuple[Database, Analysis, Analysis]) -> None:
    database, first, _ = made
    ask = asking(database)
    cut = next(one for one in first.causes if {m.case.mode for m in first.members(one.id)} == {"truncated"})
    found = {row["mark"]: row for row in cause_marks.marks(ask, of(ask, "run-1"), cut.id)}
    length = found["finish: length"]
    assert (length["here"], length["right"], length["failures"], length["all_passed"]) == (1.0, 0.0, 40, 80)
    assert next(iter(found.values()))["right"] == 0.0


def test_a_trend_has_the_intervals_of_the_shares(made: tuple[Database, Analysis, Analysis]) -> None:
    database, first, second = made
    ask, cause = asking(database), first.causes[-1].id
    found = clusters.trend(ask, [of(ask, "run-1"), of(ask, "run-2")], cause)
    chosen = [row for row in found if row["cause"] == cause]
    for row, analysis in zip(chosen, (first, second), strict=True):
        whole = analysis.shares[cause].of_answers
        assert (row["share"], row["low"], row["high"]) == pytest.approx((whole.value, whole.low, whole.high))
    assert all(row["low"] is None for row in found if row["cause"] != cause)
    svg = charts.trend([{**row, "label": row["cause"], "run": row["run_id"]} for row in found], cause).to_dict()
    assert len(svg["layer"]) == 2


def test_bars_keep_causes_of_one_label_apart_and_long_labels_whole() -> None:
    label = "all parts there in exactly reversed order · another answer"
    rows = [
        {"cause": f"{n:x}" * 12, "label": label, "failures": 9, "share": 0.3, "low": 0.1, "high": 0.5} for n in (1, 2)
    ]
    (data,) = charts.shares(rows, rows[0]["cause"]).to_dict()["datasets"].values()
    assert [row["axis"] for row in data] == [f"{label} 1111", f"{label} 2222"]
    assert len({row["colour"] for row in data}) == 2


def test_a_failure_after_the_analysis_is_told_not_hidden(copy: Database) -> None:
    with copy.write() as connection:
        connection.execute("DELETE FROM members WHERE run_id = 'run-1' AND sample_id < '00010'")
    found = standing(asking(copy), "run-1")
    assert (found.failures, found.pending) == (160, 10)
    assert sum(share.failures for share in found.shares.values()) == 150


def test_a_failure_scored_right_since_is_none(copy: Database) -> None:
    with copy.write() as connection:
        connection.execute("UPDATE scores SET mode = 'right', measures = MAP {'acc': 1.0} WHERE mode = 'truncated'")
    ask = asking(copy)
    found = standing(ask, "run-1")
    assert found.failures == sum(row["failures"] for row in clusters.points(ask, of(ask, "run-1"))) == 120


def test_lineage_of_a_refit_with_a_persons_name(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    database, after = refitted(tmp_path_factory)
    assert after.taxonomy is not None
    copy = Database(Path(shutil.copy(database.path, tmp_path / "h.duckdb")))
    failures.set_name(copy, after.found.descents[0].old, "mine")
    chain, found = clusters.lineage(asking(copy), after.taxonomy.id)
    assert [row["taxonomy_id"] for row in chain] == [after.taxonomy.parent, after.taxonomy.id]
    assert clusters.lineage(asking(analysed(tmp_path_factory)[0]), after.taxonomy.parent)[1] == []
    assert [(row["old_cause"], row["new_cause"], row["kind"]) for row in found] == [
        (one.old, one.new, one.kind) for one in after.found.descents
    ]
    assert found[0]["old"] == "mine"
    charts.descents(found, [row["taxonomy_id"] for row in chain]).to_dict()


def test_without_an_analysis_or_its_tables_there_is_nothing(tmp_path: Path) -> None:
    database = storing.run(tmp_path / "h.duckdb", [wrong(n) for n in range(8)])
    assert clusters.analyses(asking(database)) == []
    with database.write() as connection:
        connection.execute("DROP TABLE members")
    assert clusters.analyses(asking(database)) == []
