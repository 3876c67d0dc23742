"""The HTML report: hostile texts are shown as text, nothing in it can act, and every state of a database has a page."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
import report_world
from hypothesis import given
from hypothesis import strategies as st

from dashboards.export import markup, report, scores, whiskers
from dashboards.queries import report as queries
from dashboards.queries import report_causes, report_runs
from harness.gate.outputs.escape import line
from harness.store import Database, read

OLD = Path(__file__).resolve().parents[1] / "store" / "schema_002.duckdb.gz"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, dict[str, str]]:
    """Return a small database of hostile texts, and its runs by role."""
    database = Database(tmp_path_factory.mktemp("report") / "h.duckdb")
    return database, report_world.make(database)


@pytest.fixture(scope="module")
def source(made: tuple[Database, dict[str, str]]) -> str:
    """Return the report of it."""
    return report.page(made[0])


def test_hostile_texts_are_text(source: str) -> None:
    page = report_world.Page(source)
    for hostile in report_world.HOSTILE:
        assert line(hostile) in page.text, hostile
    assert "\x1b" not in source and "\u202e" not in source


def test_nothing_runs_and_nothing_is_fetched(source: str) -> None:
    page = report_world.Page(source)
    (policy,) = page.policies
    assert "default-src 'none'" in policy and "script" not in policy
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    markup_only = re.sub(r">[^<]*<", "><", source)
    quoted = set(re.findall(r'"(https?://[^"]*)"', markup_only))
    assert quoted <= namespaces
    assert "@import" not in source and "url(" not in source


def test_it_holds_every_part_with_figures(source: str) -> None:
    page = report_world.Page(source)
    assert page.elements.count("section") == len(report.PARTS) and page.elements.count("figure") == 2
    assert page.elements.count("svg") == 13
    assert "FAIL" in page.text and "like no known cause" in page.text and "/home/ada" not in source
    assert "No run is analysed" not in page.text and "0.300 to 0.600" in page.text


def test_what_made_the_numbers_is_there(source: str) -> None:
    page = report_world.Page(source)
    assert page.text.count("How these numbers were made") == len(report.PARTS)
    for command in ("harness show RUN", "harness compare small-1 RUN", "harness failures RUN", "FROM run_suites"):
        assert command in page.text


def test_runs_are_held_against_the_baseline(made: tuple[Database, dict[str, str]], source: str) -> None:
    found = report_runs.against(made[0], queries.asking(made[0]))
    assert (found.name, found.reference["run_id"], found.left) == ("main", "small-1", 0)
    (row,) = found.lines
    assert (row["run_id"], row["verdict"], row["losses"], row["n"]) == ("large-1", "worse", 10, 40)
    assert row["delta"] == pytest.approx(-0.25) and row["low"] < -0.25 < row["high"] < 0
    assert "-0.2500" in report_world.Page(source).text


def test_without_a_baseline_the_oldest_run_with_partners_is_one(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    gate_runs = report_world.gate_runs
    gate_runs.store(database, "alone", gate_runs.samples(10, "other"), [1.0] * 10)
    assert report_runs.against(database, queries.asking(database)).lines == []
    for name, metric in (("first", 1.0), ("second", 0.0)):
        gate_runs.store(database, name, gate_runs.samples(10), [metric] * 10)
    gate_runs.store(database, "rules", gate_runs.samples(10), [1.0] * 10, version="2")
    found = report_runs.against(database, queries.asking(database))
    gate_runs.store(database, "half", gate_runs.samples(10), [1.0] * 4 + [None] * 6)
    assert (
        "4 of 10" in report_world.Page(scores.leaderboard(queries.board(database, queries.asking(database)), [])).text
    )
    assert found.name == "" and found.reference["run_id"] == "first"
    lines = {row["run_id"]: row for row in found.lines}
    assert lines["second"]["verdict"] == "worse" and "not comparable" in lines["rules"]["refused"]
    page = report_world.Page(scores.comparison(found, []))
    assert "no baseline is named" in page.text and "rules is not compared on mmlu" in page.text


def test_rounds_tell_gain_and_cost(source: str) -> None:
    text = report_world.Page(source).text
    assert "accepted" in text and "+0.2000 to +0.3000" in text and "80.5 seconds" in text


def test_examples_are_never_sealed(made: tuple[Database, dict[str, str]]) -> None:
    database, runs = made
    (run,) = report_causes.analysed(database, queries.asking(database))
    asked = [row["example"] for row in run["causes"]]
    assert {one["said"] for one in asked} == {report_world.SAID} and {one["expected"] for one in asked} == {"A"}
    splits = read.query(database, "SELECT sample_id, split FROM results WHERE run_id = ?", [runs["hostile"]])
    of = {row["sample_id"]: row["split"] for row in splits}
    assert {of[one["sample_id"]] for one in asked} == {"dev"}


def test_examples_tell_what_sets_questions_apart() -> None:
    shots = "Q: 1 + 1\nA: 2\n\n"
    asked = [f"{shots}Q: {n} + {n}\nA:" for n in (2, 3)]
    assert report_causes.apart(asked) == ["Q: 2 + 2", "Q: 3 + 3"]
    for kept in ([], ["one"], ["same", "same"], ["a b", "a c"], ["", "x"]):
        assert report_causes.apart(kept) == kept


def test_the_board_is_filled_in_and_ranked(made: tuple[Database, dict[str, str]]) -> None:
    rows = {row["run_id"]: row for row in queries.board(made[0], queries.asking(made[0]))}
    small, large = (rows[made[1][role]] for role in ("small", "large"))
    assert small["metric"] == "by subject" and small["score"] == pytest.approx(0.75) and small["rank"] == 1
    assert large["score"] == pytest.approx(0.5) and large["rank"] in (1, 2)
    assert rows[made[1]["hostile"]]["faults"] == 1


def test_the_smaller_and_better_model_alone_is_optimal(made: tuple[Database, dict[str, str]]) -> None:
    (rows,) = queries.frontiers(queries.board(made[0], queries.asking(made[0]))).values()
    assert [(row["run_id"], row["optimal"]) for row in rows] == [("small-1", True), ("large-1", False)]


def test_shares_of_causes_are_of_the_failures(made: tuple[Database, dict[str, str]]) -> None:
    (run,) = report_causes.analysed(made[0], queries.asking(made[0]))
    assert (run["answers"], run["failures"]) == (19, 9)
    assert [row["failures"] for row in run["causes"]] == [6, 3]
    assert run["causes"][0]["score"] == pytest.approx(6 / 9) and run["causes"][0]["low"] < 6 / 9


def test_an_empty_database_and_an_older_one_have_a_page(tmp_path: Path) -> None:
    empty = Database(tmp_path / "empty.duckdb")
    with empty.write():
        pass
    old = tmp_path / "old.duckdb"
    old.write_bytes(gzip.decompress(OLD.read_bytes()))
    for database in (empty, Database(old)):
        page = report_world.Page(report.page(database))
        assert "No gate was asked." in page.text and "No run is analysed" in page.text


@given(st.text(st.characters(exclude_categories=()), max_size=60) | st.sampled_from(report_world.HOSTILE))
def test_an_element_shows_what_it_was_given(hostile: str) -> None:
    page = report_world.Page(markup.element("p", hostile, title=hostile))
    assert page.elements == ["p"]
    assert page.text == line(hostile, markup.WIDTH)
    page.text.encode()


def test_values_are_shown_as_people_read_them() -> None:
    shown = [markup.text(value) for value in (0.123456, 1234567, 1234567.8, None, True, "a\nb")]
    assert shown == ["0.1235", "1,234,567", "1,234,568", "", "yes", "a b"]


def test_whiskers_stay_within_their_drawing() -> None:
    scale = whiskers.Scale.of([(0.2, 0.4), (None, None), (float("-inf"), 0.6)], [0.0])
    assert (scale.low, scale.high) == (0.0, 0.6)
    assert scale.drawn(None, 0.1, 0.2) == "" and scale.drawn(float("nan"), 0.1, 0.2) == ""
    drawn = scale.drawn(0.3, float("-inf"), 9.0, mark=0.0, state="worse")
    places = [float(x) for x in re.findall(r'(?:x1|x2|cx)="([^"]*)"', drawn)]
    assert places and all(0 <= x <= whiskers.WIDTH for x in places)
    assert whiskers.Scale.of([]).title == "0 to 1" and whiskers.Scale.of([(0.5, 0.5)]).title == "0 to 1"


def test_tables_leave_out_what_nobody_has_and_tell_numbers() -> None:
    found = markup.table(("a", "b", "c"), [("x" * 40, None, 1), ("y", "", markup.score(0.5))])
    assert found.count("<th ") == 2 and found.count('class="number"') == 3 and found.count('class="long"') == 1
    assert markup.table(("a",), []).count("<td") == 0
