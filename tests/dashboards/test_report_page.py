"""The HTML report: hostile texts are shown as text, nothing in it can act, and every state of a database has a page."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
import report_world
from hypothesis import given
from hypothesis import strategies as st

from dashboards.export import markup, report
from dashboards.queries import report as queries
from dashboards.queries import report_causes
from harness.gate.outputs.escape import line
from harness.store import Database

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
    assert page.elements.count("section") == len(report.PARTS) and page.elements.count("figure") == 1
    assert page.elements.count("svg") == 10
    assert "FAIL" in page.text and "like no known cause" in page.text and "/home/ada" not in source
    assert "No run is analysed" not in page.text and "0.300 to 0.600" in page.text


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
