"""The pages of loops and compressions, seen through AppTest: empty, small, older, larger; deep links and choices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import laps_world
import pytest
from streamlit.testing.v1 import AppTest

from harness.store import Database, rounds, stages


def _page(name: str, path: str) -> None:
    import importlib
    from pathlib import Path

    from dashboards.view import View
    from harness.store import Database

    view = View(Database(Path(path)), {})
    importlib.import_module(f"dashboards.pages.{name}").show(view)
    view.queries()


def opened(name: str, database: Database, /, **parameters: str) -> AppTest:
    """Return a page as it is drawn, no exception on it."""
    at = AppTest.from_function(_page, args=(name, str(database.path)), default_timeout=60)
    for key, value in parameters.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception
    assert not at.error
    return at


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return laps_world.once(tmp_path_factory.getbasetemp())[0]


def table(at: AppTest, column: str) -> Any:
    """Return the first table that has a column."""
    return next(one.value for one in at.dataframe if column in one.value.columns)


@pytest.mark.parametrize(("page", "word"), [("rounds", "harness improve"), ("frontier", "harness compress")])
@pytest.mark.parametrize("older", [False, True])
def test_nothing_yet_is_a_sentence(page: str, word: str, older: bool, tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    with database.write() as connection:
        for name in ("loops", "rounds", "compressions", "stages", "curves") if older else ():
            connection.execute(f"DROP TABLE {name}")
    assert word in opened(page, database).info[0].value


def test_a_round_is_a_deep_link(world: Database) -> None:
    at = opened("rounds", world, loop=laps_world.LOOP, round="1")
    assert at.subheader[0].value == "Round 1: accepted, gate FAIL → PASS"
    assert "harness why nightly/1" in [one.value for one in at.code]
    at = opened("rounds", world, loop=laps_world.LOOP, round="1", part="Training")
    assert at.subheader[0].value.startswith("Round 1")
    assert any(laps_world.WORSE in one.value for one in at.text)
    assert any("lowest 0.1 at step 5, last 0.8 at step 40" in one.value for one in at.caption)


def test_rounds_are_chosen_one_after_the_other(world: Database) -> None:
    at = opened("rounds", world)
    assert at.subheader[0].value.startswith("Round 3: not decided")
    for number, said in (("2", "rejected"), ("1", "accepted"), ("3", "not decided")):
        at.selectbox(key="choice-round").select(number).run()
        assert at.subheader[0].value.startswith(f"Round {number}: {said}")
        # With its loop, which may not be the newest tomorrow; but the newest round shows the next one when it begins.
        assert dict(at.query_params) == {"loop": laps_world.LOOP, **({} if number == "3" else {"round": number})}
    assert list(table(at, "gain")["why"])[1] == laps_world.HOSTILE


def test_a_running_round_shows_its_training_and_what_broke(world: Database) -> None:
    at = opened("rounds", world, round="3", part="Training")
    assert any("cccccccccccc: it runs, or was killed" in one.value for one in at.text)
    assert any(f"The last step broke: {laps_world.HOSTILE}" in one.value for one in at.text)
    at = opened("rounds", world, round="3", part="Steps")
    assert list(table(at, "fault")["fault"]) == [laps_world.HOSTILE]


def test_the_first_screen_says_outcome_score_gate_and_cost(world: Database) -> None:
    told = {one.label: (one.value, one.delta) for one in opened("rounds", world).metric}
    assert told["Outcome"][0] == "open"
    assert told["Outcome"][1].startswith("last sign of life")
    assert told["Sealed samples of mmlu"][0].count(" → ") == 1
    assert told["Gate"] == ("FAIL", "was FAIL, 0 looks")
    assert told["Rounds"] == ("3 of 3", "1 accepted, 1 rejected")
    assert told["Time spent"] == ("25 s", "25% of 1.67 min")


def test_causes_tell_what_became_of_them(world: Database) -> None:
    at = opened("rounds", world, round="1", part="Causes")
    assert list(table(at, "failures")["failures"]) == list(range(10, 1, -1))
    at.selectbox(key="choice-cause").select_index(0).run()
    assert "harness why cause0" in [one.value for one in at.code]


def test_the_gain_is_the_paired_one(world: Database) -> None:
    at = opened("rounds", world, round="1", part="Gain")
    assert any(one.value.startswith("mmlu: 0.") and " won, 0 lost of " in one.value for one in at.text)
    assert not any(one.value.startswith("mmlu") for one in opened("rounds", world, round="3", part="Gain").text)


@pytest.mark.parametrize("page", ["rounds", "frontier"])
def test_labels_are_never_markup(page: str, world: Database) -> None:
    at = opened(page, world, round="2", suite="mmlu")
    for one in (*at.markdown, *at.caption, *at.subheader, *at.title):
        assert "alert" not in one.value


def test_walks_are_typed_out(world: Database) -> None:
    at = opened("rounds", world, round="1", part="Lineage")
    at.selectbox(key="choice-walk").select("base").run()
    assert "harness why base" in [one.value for one in at.code]
    assert not at.exception


def test_a_frontier_marks_what_is_worth_its_size(world: Database) -> None:
    at = opened("frontier", world, name="small")
    found = table(at, "KL")
    assert list(found["is"]) == ["dominated", "★ optimal", "✗ rolled back", "… open"]
    assert at.selectbox(key="choice-stage").value.startswith("small/1 ")  # the last one that was kept
    told = {one.label: one.value for one in at.metric}
    assert (told["Size, MiB"], told["Stages kept"]) == ("3.81 → 0.95", "1 of 3")
    at.selectbox(key="choice-stage").select_index(2).run()
    assert at.query_params["name"] == "small" and at.query_params["stage"].startswith("small/2 ")
    assert laps_world.HOSTILE in [one.value for one in at.text]
    assert not at.exception
    assert "harness why ba5eba5eba5eba5e" in [one.value for one in at.code]


def test_an_unknown_name_in_the_address_shows_the_newest(world: Database) -> None:
    assert opened("frontier", world, name="gone").selectbox[0].value == "small"
    assert opened("rounds", world, loop="gone", round="99").selectbox[0].value == laps_world.LOOP


def test_a_round_that_goes_on_is_seen(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    rounds.start(database, "live", {"rounds": 2, "steps": ["a"]}, "digest", "tiny")
    at = opened("rounds", database)
    assert any("the base is evaluated" in one.value for one in at.info)
    rounds.begin(database, "live", 1, model="tiny", verdict_before="FAIL")
    at.run()
    assert at.subheader[0].value == "Round 1: not decided, gate FAIL → not asked"
    rounds.note(database, "live", 1, accepted=False, why="no row survived")
    rounds.finish(database, "live", "no rows", "no row survived")
    rounds.begin(database, "live", 2, model="tiny", verdict_before="FAIL")
    at.run()
    assert at.subheader[0].value.startswith("Round 2: not decided")  # it was the newest that was looked at
    at.selectbox(key="choice-round").select("1").run()
    rounds.begin(database, "live", 3, model="tiny", verdict_before="FAIL")
    at.run()
    assert at.subheader[0].value.startswith("Round 1: rejected")
    assert at.text[0].value.startswith("no rows: no row survived")
    assert any("FROM spendings" in one.value for one in at.code)  # the live state's queries are told once
    assert not at.exception


def test_another_loop_and_all_compressions(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    laps_world.make(database)
    rounds.start(database, "other", {}, "digest", "tiny")
    rounds.begin(database, "other", 1, model="tiny", verdict_before="FAIL")
    stages.start(database, "empty", {}, "digest", "tiny")
    at = opened("rounds", database, loop=laps_world.LOOP, round="3")
    at.selectbox(key="choice-loop").select("other").run()
    assert at.subheader[0].value.startswith("Round 1: not decided")
    at.selectbox(key="choice-loop").select(laps_world.LOOP).run()
    at.query_params["round"] = "2"  # what a chosen row of the table does
    at.run()
    assert at.subheader[0].value.startswith("Round 2: rejected")
    assert not at.exception
    at = opened("frontier", database)
    assert at.selectbox[0].value == "empty"  # not a stage of it is there
    at.selectbox(key="choice-name").select("all compressions").run()
    assert not at.exception
    assert not at.metric  # of one compression alone
    assert set(table(at, "KL")["compression"]) == {"small", "empty"}


@pytest.mark.parametrize("loop", ["killed", "unlucky"])
def test_loops_without_an_accepted_round(loop: str, tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    rounds.start(database, loop, {}, "digest", "tiny")
    rounds.begin(database, loop, 1, model="tiny", verdict_before="ERROR")
    if loop == "unlucky":
        rounds.note(database, loop, 1, accepted=False, why="no row survived", cost={})
        rounds.finish(database, loop, "patience", "two rounds without a gain")
    for part in ("Decision", "Gain", "Causes", "Steps", "Training", "Lineage"):
        at = opened("rounds", database, part=part)
        assert at.metric[0].value == ("open" if loop == "killed" else "patience")


def test_a_compression_that_broke_says_at_which_stage(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    stages.start(database, "lost", {}, "digest", "tiny")
    stages.begin(database, "lost", 1, step="cut")
    stages.finish(database, "lost", "broken", "no memory")
    at = opened("frontier", database)
    assert list(table(at, "KL")["is"]) == ["not scored", "✗ broke"]
    assert at.metric[0].value == "broken"


@pytest.mark.slow
def test_hundreds_of_rounds_and_stages(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    laps_world.make(database)
    laps_world.many(database, 300)
    at = opened("rounds", database)
    assert len(table(at, "gain")) == 200
    assert at.selectbox(key="choice-round").value == "309"
    assert len(table(opened("frontier", database), "KL")) == 304
