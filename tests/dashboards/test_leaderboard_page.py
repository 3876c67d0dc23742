"""The leaderboard: every state of the address shows, filters never empty the board silently, nothing is markup."""

from __future__ import annotations

from pathlib import Path

import board_world as world
import pytest
from gates_world import opened, told
from streamlit.testing.v1 import AppTest

from dashboards.pages import leaderboard as page
from harness.store import Database


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return a small board."""
    return world.make(tmp_path_factory.mktemp("board") / "h.duckdb")


def board(database: Database, **address: str) -> AppTest:
    """Return the page in a state."""
    at = opened("leaderboard", database, **address)
    assert not at.exception
    return at


def address(at: AppTest) -> dict[str, str]:
    """Return the parameters of the address."""
    return {name: value[0] if isinstance(value, list) else value for name, value in at.query_params.items()}


def test_no_run_and_only_ratings(tmp_path: Path) -> None:
    assert "No run yet" in board(Database(tmp_path / "none.duckdb")).info[0].value


def test_one_run_is_a_board(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    world.store(database, "alone", {"quiz": world.Asked(world.right(70, 20))})
    at = board(database)
    assert at.selectbox(key="choice-suite").options == ["quiz"] and len(at.dataframe[0].value) == 1
    assert not any("pairs of intervals" in one.value for one in at.caption)


def test_a_run_without_a_date(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    for name in ("a", "b"):
        world.store(database, name, {"quiz": world.Asked(world.right(70, 20)), "code": world.Asked(world.right(9, 9))})
    with database.write() as connection:
        connection.execute("UPDATE runs SET started_at = NULL WHERE run_id = 'a'")
    for state in ({}, {"suite": "quiz", "newest": "yes"}, {"baseline": "a", "run": "a"}):
        board(database, **state)


def test_at_a_glance(made: Database) -> None:
    at = board(made)
    table = at.dataframe[0].value
    assert len(table) == 3 and set(table["suites"]) == {"3 of 3", "1 of 3"}
    assert "of the 2 of 3 models that have a score in all 3 suites. Of a suite in several columns" in told(at)
    assert table["model"].iloc[0] == world.HOSTILE  # the best is on top
    at.toggle(key="choice-complete").set_value(True).run()
    assert address(at) == {"complete": "yes"} and not at.exception
    assert len(at.dataframe[0].value) == 2  # the unfinished run is out


def test_one_suite_is_fenced(made: Database) -> None:
    at = board(made, suite="quiz")
    assert "2 groups, each ranked by itself" in at.warning[0].value
    first, second = at.dataframe[0].value, at.dataframe[1].value
    assert list(first["rank"]) == [1, 2, 2] and list(second["run"]) == ["old"]
    assert list(first["note"]) == ["", "62 of 120 asked, 2 faults, running", ""]
    assert "1 of 3 pairs of intervals overlap" in told(at)


def test_scores_that_sums_do_not_tell_are_made(made: Database) -> None:
    at = board(made, suite="tasks")
    scores = dict(zip(at.dataframe[0].value["run"], at.dataframe[0].value["score"], strict=True))
    assert scores["again"] == pytest.approx(0.5) and 0.3 < scores["tuned"] < 0.5
    assert "are not made yet" not in told(at)


def test_too_many_records_are_left_for_the_next_drawing(made: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboards.pages import _leaderboard_scores as scores

    monkeypatch.setattr(scores, "AT_ONCE", 1)
    scores._kept.clear()
    at = board(made, suite="tasks")
    assert "1 scores need every sample" in told(at)
    at.button[0].click().run()
    assert "scores need every sample" not in told(at) and not at.exception


@pytest.mark.parametrize("named", ["main", "base"])
def test_pinned_baseline(made: Database, named: str) -> None:
    at = board(made, suite="quiz", baseline=named)
    table = at.dataframe[0].value.set_index("run")
    assert table.loc["tuned", "difference"] == pytest.approx(0.9 - 61 / 120)
    assert table.loc["tuned", "verdict"] == "better" and table.loc["late", "verdict"] == "none shown"
    assert table.loc["base", "model"].endswith("(baseline)") and "of 2 of 2 rows" in told(at)
    assert "difference" not in at.dataframe[1].value  # behind the fence
    at.selectbox(key="choice-baseline").set_value("tuned").run()
    assert address(at) == {"suite": "quiz", "baseline": "tuned"} and not at.exception
    at.selectbox(key="choice-baseline").set_value("base").run()  # a second choice is kept as well
    assert address(at) == {"suite": "quiz", "baseline": "base"}


def test_a_run_is_looked_at(made: Database) -> None:
    at = board(made, suite="quiz", baseline="main")
    at.selectbox(key="choice-run").set_value("tuned").run()
    assert address(at)["run"] == "tuned" and "quiz by skill" in told(at)
    at = board(made, baseline="main", run="tuned")
    table = at.dataframe[1].value.set_index("suite")
    assert list(table.index) == ["code", "quiz", "tasks"] and table.loc["quiz", "verdict"] == "better"
    assert table.loc["tasks", "score"] > 0 and str(table.loc["tasks", "verdict"]) in ("None", "nan")
    at = board(made, baseline="old", run="late")
    assert "No suite of this model can be paired" in told(at)


def test_filters_never_empty_the_board_silently(made: Database) -> None:
    at = board(made, model="tune")
    assert "3 of 8 rows fit the words; ranks are among all 8" in told(at)
    at.text_input(key="choice-model").set_value("no such model").run()
    assert "leave all 8 rows out" in at.warning[0].value and address(at) == {"model": "no such model"}
    at.button[0].click().run()
    assert address(at) == {} and not at.warning and len(at.dataframe[0].value) == 3


def test_ratings_of_people_are_no_model_scores(made: Database) -> None:
    at = board(made)
    assert "review" not in at.selectbox(key="choice-suite").options


@pytest.mark.parametrize(
    "state",
    [
        {"suite": "none"}, {"baseline": "nobody"}, {"run": "nobody"}, {"suite": "quiz", "run": "again"},
        {"suite": "code", "newest": "yes", "complete": "yes", "baseline": "late"}, {"complete": "perhaps"},
    ],
)  # fmt: skip
def test_odd_addresses(made: Database, state: dict[str, str]) -> None:
    board(made, **state)


def test_no_spec_is_markup(made: Database) -> None:
    at = board(made, suite="quiz", baseline="tuned", run="tuned")
    assert "<img" not in told(at).replace("\\<", "") and "**bold" not in told(at)


def test_it_is_a_page() -> None:
    assert (page.TITLE, page.ORDER) == ("Leaderboard", 0) and page.ICON.startswith(":material/")
