"""Figures of the leaderboard are those of `harness show` and `harness compare`; ranks are inside fences only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import board_world as world
import pytest

from dashboards import charts, charts_leaderboard
from dashboards.queries import Rows, leaderboard, leaderboard_baseline
from dashboards.queries.leaderboard_matrix import matrix
from harness.compare import compare
from harness.report import reports
from harness.store import Database, read


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return a small board."""
    return world.make(tmp_path_factory.mktemp("board") / "h.duckdb")


def board(database: Database) -> dict[tuple[str, str], dict[str, Any]]:
    """Return (run, suite) -> row."""

    def ask(sql: str, parameters: Sequence[Any] = ()) -> Rows:
        return read.query(database, sql, list(parameters))

    return {(row["run_id"], row["suite"]): row for row in leaderboard.board(ask)}


def test_sums_say_what_the_report_says(made: Database) -> None:
    told = board(made)
    for (run, suite), row in told.items():
        _, found = next(one for one in reports(made, run) if one.suite == suite).primary
        if row["whole"]:
            assert (row["score"], row["low"], row["high"], row["n"]) == pytest.approx(
                (found.value, found.low, found.high, found.n)
            )
        else:
            assert row["score"] is None and suite == "tasks"  # a macro mean, and two attempts


def test_ranks_and_fences(made: Database) -> None:
    told = board(made)
    assert told["tuned", "quiz"]["rank"] == 1
    assert told["base", "quiz"]["rank"] == told["late", "quiz"]["rank"] == 2  # told apart from the best alone
    assert told["old", "quiz"]["rank"] == 1  # of another version: alone
    rows = [row for (_, suite), row in told.items() if suite == "quiz"]
    assert len(leaderboard.fences(rows)) == 2
    fence = [row for row in rows if row["version"] == "1"]
    assert leaderboard.alike(fence) == (1, 3) and leaderboard.alike(fence[:1]) == (0, 0)
    assert [row["run_id"] for row in leaderboard.best_first(fence)] == ["tuned", "late", "base"]


def test_what_is_to_be_known_before_a_score_is_believed(made: Database) -> None:
    told = board(made)
    assert leaderboard.note(told["late", "quiz"]) == "62 of 120 asked, 2 faults, running"
    assert leaderboard.note(told["base", "quiz"]) == ""
    assert [run for (run, _), row in told.items() if row["review"]] == [next(r for r, s in told if s == "review")]


def test_less_is_better() -> None:
    row = {"suite": "s", "fingerprint": "f", "up": False, "run_id": ""}
    rows = [{**row, "score": at, "low": at - 0.1, "high": at + 0.1} for at in (3.0, 1.0, 1.05)]
    assert [one["rank"] for one in leaderboard.ranked(rows)] == [3, 1, 1]
    assert [one["score"] for one in leaderboard.best_first(rows)] == [1.0, 1.05, 3.0]


def test_a_run_that_goes_on_puts_no_whole_one_away() -> None:
    row = {"suite": "s", "fingerprint": "f", "model_digest": "d", "status": "done", "records": 9, "wanted": 9}
    first = {**row, "run_id": "a", "started_at": "1"}
    second = {**row, "run_id": "b", "started_at": "2"}
    going = {**row, "run_id": "c", "started_at": "3", "records": 1, "status": "running"}
    assert leaderboard.newest([going, second, first]) == [second]
    assert leaderboard.newest([going]) == [going]


@pytest.mark.parametrize("suite", ["quiz", "code"])
def test_differences_are_those_of_compare(made: Database, suite: str) -> None:
    told = board(made)
    rows = [row for (_, name), row in told.items() if name == suite]
    asked = leaderboard_baseline.comparable("base", rows)
    assert "old" not in {row["run_id"] for row in asked}  # behind a fence
    ask = lambda sql, parameters=(): read.query(made, sql, list(parameters))  # noqa: E731
    found = leaderboard_baseline.differences(ask, "base", asked)
    assert {run for run, _ in found} == ({"tuned", "late"} if suite == "quiz" else {"tuned"})
    for (run, _), apart in found.items():
        whole = compare(made, "base", run, suites=[suite], by="none").suites[0].whole
        assert whole is not None
        assert (apart.delta, apart.low, apart.high, apart.n) == pytest.approx(
            (whole.delta, whole.low, whole.high, whole.n)
        )
        assert apart.p >= whole.p  # adjusted over all rows, there over one suite
    assert found["tuned", suite].verdict == ("better" if suite == "quiz" else "")
    assert leaderboard_baseline.differences(ask, "base", []) == {}


def test_clusters_and_attempts_are_paired_as_compare_pairs_them(tmp_path: Any) -> None:
    database = Database(tmp_path / "h.duckdb")
    twice = [(float(n % 3 > 0), float(n % 2)) for n in range(90)]
    world.store(database, "a", {"quiz": world.Asked(twice)}, samples=2)
    world.store(database, "b", {"quiz": world.Asked(world.right(80, 90))}, samples=2)
    ask = lambda sql, parameters=(): read.query(database, sql, list(parameters))  # noqa: E731
    rows = list(board(database).values())
    apart = leaderboard_baseline.differences(ask, "a", leaderboard_baseline.comparable("a", rows))["b", "quiz"]
    whole = compare(database, "a", "b", by="none").suites[0].whole
    assert whole is not None and (apart.delta, apart.low, apart.high) == pytest.approx(
        (whole.delta, whole.low, whole.high)
    )


def test_the_matrix_keeps_apart_what_may_not_be_compared(made: Database) -> None:
    rows = [{**row, "review": None} for row in board(made).values() if not row["review"]]
    grid = matrix(rows)
    titles = list(grid.columns.values())
    assert titles[0] == "code" and titles[-1] == "tasks" and sum(title.startswith("quiz v") for title in titles) == 2
    assert grid.suites == 3 and grid.complete == 0  # sums tell no score of `tasks`
    filled = [{**row, "score": 0.5, "low": 0.4, "high": 0.6} if row["suite"] == "tasks" else row for row in rows]
    assert matrix(filled).complete == 2  # of `quiz` the version that more models were asked counts
    base = next(line for line in grid.models if line.key == board(made)["base", "quiz"]["model_digest"])
    assert {row["run_id"] for row in base.cells.values()} == {"base", "old", "again"} and base.last["run_id"] == "again"
    narrow = matrix([row for row in rows if row["suite"] == "code"])
    assert narrow.complete == 2 and narrow.models[0].macro == pytest.approx(0.325)


def test_means_are_over_complete_rows_and_names_stay_apart() -> None:
    row = {
        "suite": "a", "fingerprint": "v1", "model": "m.gguf", "model_digest": "d1" * 9, "started_at": 1, "run_id": "r1",
        "score": 0.5, "low": 0.4, "high": 0.6, "up": True, "floor": 0.0, "ceiling": 1.0, "status": "done",
        "records": 1, "wanted": 1,
    }  # fmt: skip
    other = {**row, "model_digest": "e2" * 9, "run_id": "r2", "score": 0.9, "low": 0.8, "high": 0.95}
    grid = matrix([row, {**row, "suite": "b"}, other])
    assert [(line.label, line.mean_rank, line.macro) for line in grid.models] == [
        ("m.gguf \u00b7 1d1d1d"[:9] + line.label[9:], mean, macro)
        for line, mean, macro in zip(grid.models, (1.5, None), (0.5, None), strict=True)
    ]
    assert len({line.label for line in grid.models}) == 2
    nats = matrix([row, {**row, "suite": "b", "ceiling": 9.0}])
    assert nats.models[0].macro is None and nats.models[0].mean_rank == 1.0  # scores of unlike range have no mean


def test_charts_are_drawn() -> None:
    cell = {"model": "m", "column": "a", "run": "r", "suite": "a", "n": 9, "note": "2 faults", "rank": 1, "of": 2}
    rows = [{**cell, "score": 0.5, "low": 0.4, "high": 0.6}, {**cell, "column": "b", "score": None}]
    drawn = charts_leaderboard.matrix(rows, ["m"], ["a", "b"]).to_dict()
    assert [one["text"] for one in next(iter(drawn["datasets"].values()))] == ["0.500*", "\u00b7"]
    assert "colour is the rank" in drawn["description"]
    bars = [{"name": "s", "model": side, "score": 0.5, "low": 0.4, "high": 0.6, "n": 3} for side in ("this", "base")]
    assert charts_leaderboard.capabilities(bars, ["this", "base"]).to_dict()["description"]
    assert len(charts.intervals([{"m": "x", "score": 1, "low": 0, "high": 1}], "m", at=0.5).to_dict()["layer"]) == 3
