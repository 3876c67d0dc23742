"""The page `review`: blind, one item at a time, resumed by a link, nothing rated twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from review_rows import HOSTILE, copied
from streamlit.testing.v1 import AppTest

from harness.store import Database, read, reviews


def script() -> None:
    """Draw the page by itself; the pages are no links there."""
    import streamlit as st

    from dashboards.pages import review
    from dashboards.view import View
    from harness.errors import HarnessError
    from harness.store import Database

    view = View(Database.at(), {})
    try:
        review.show(view)
    except HarnessError as error:
        st.error(error.what)
    view.queries()


def opened(**address: str) -> AppTest:
    at = AppTest.from_function(script, default_timeout=30)
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("HARNESS_DB", str(tmp_path / "h.duckdb"))
    return copied(tmp_path / "h.duckdb", 3)


def shown(at: AppTest) -> str:
    return "\n".join(str(one.value) for kind in (at.code, at.text, at.caption, at.markdown) for one in kind)


def press(at: AppTest, label: str) -> None:
    next(one for one in at.button if one.label == label).click().run()
    assert not at.exception


def ratings(database: Database) -> list[dict[str, Any]]:
    return read.query(database, "SELECT * FROM review_ratings ORDER BY rated_at")


def test_without_a_session_a_line_says_what_to_type(database: Database) -> None:
    assert "harness review new" in opened().info[0].value


def test_a_file_from_before_reviews_says_the_same(database: Database) -> None:
    with database.write() as connection:
        connection.execute("DROP TABLE review_ratings")
    assert "harness review new" in opened().info[0].value


def test_a_person_rates_to_the_end_and_sees_no_model(database: Database) -> None:
    review = reviews.create(database, ["base", "tuned"], samples=1, seats=2)
    at = opened(session=review)
    at.text_input[0].input("Ana ")
    press(at, "Begin")
    for count in range(2):
        assert at.query_params["rater"] in ("Ana", ["Ana"]) and len(ratings(database)) == count
        text = shown(at)
        assert "base" not in text and "tuned" not in text and HOSTILE in text
        assert not any(HOSTILE in one.value for one in at.markdown)
        press(at, "8")
    assert "All is rated" in at.success[0].value and {row["value"] for row in ratings(database)} == {8.0}
    assert len({row["item"] for row in ratings(database)}) == 2


def test_a_link_comes_back_to_the_same_item(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=3, seats=1)
    at = opened(session=review, rater="ana")
    press(at, "3")
    first, again = shown(at), shown(opened(session=review, rater="ANA"))
    assert first == again and len(ratings(database)) == 1


def test_a_second_window_does_not_rate_the_item_again(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=3, seats=1)
    one, two = opened(session=review, rater="ana"), opened(session=review, rater="ana")
    press(one, "3")
    press(two, "9")
    assert [row["value"] for row in ratings(database)] == [3.0] and shown(one) == shown(two)


def test_sides_of_a_comparison_are_stored_as_what_was_meant(database: Database) -> None:
    review = reviews.create(database, ["base", "tuned"], "compare", samples=2, seats=1)
    at = opened(session=review, rater="ana")
    own = {row["text"]: row["model_digest"] for row in read.query(database, "SELECT text, model_digest FROM answers")}
    digest = {row["run_id"]: row["model_digest"] for row in read.query(database, "SELECT * FROM runs")}
    for _ in range(2):
        left = own[at.code[1].value]
        press(at, "Left is better")
        assert ratings(database)[-1]["value"] == float(left == digest["tuned"])
    at = opened(session=review, show="results")
    assert set(at.dataframe[0].value["run"]) == {"base", "tuned"}


def test_the_last_rating_is_taken_back_once(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=2, seats=1)
    at = opened(session=review, rater="ana")
    first = at.code[1].value
    assert not any("Undo" in one.label for one in at.button)
    press(at, "3")
    press(at, "4")
    assert "All is rated" in at.success[0].value
    press(at, "Undo the last (4)")
    press(at, "Undo the last (3)")
    assert not ratings(database) and at.code[1].value == first
    press(at, "10")
    assert [row["value"] for row in ratings(database)] == [10.0]


def test_results_wait_for_the_last_answer_and_a_wrong_link_takes_no_seat(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=1, seats=1)
    at = opened(session="review-none", rater="bo", show="results")
    assert "no such session" in at.warning[0].value and not read.query(database, "FROM review_raters")
    at = opened(session=review, rater="ana", show="results")
    assert not at.selectbox and not at.toggle and not at.dataframe and HOSTILE in shown(at)
    press(at, "9")
    press(at, "See the results")
    assert list(at.dataframe[0].value["mean"]) == [9.0] and at.query_params["show"] in ("results", ["results"])


def test_sessions_are_chosen_again_and_again(database: Database) -> None:
    made = [reviews.create(database, ["base"], samples=n, seats=1) for n in (1, 2, 3)]
    at = opened()
    for review in (made[0], made[1], made[2], made[0]):
        at.selectbox(key="choice-session").set_value(review).run()
        assert at.query_params["session"] in (review, [review]) and at.selectbox[0].value == review


def test_a_full_session_and_a_wrong_link_say_so(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=1, seats=1)
    assert "no such session" in opened(session="review-none").warning[0].value
    opened(session=review, rater="ana")
    assert "all 1 seats" in opened(session=review, rater="bo").error[0].value


def test_results_before_any_rating(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=1)
    assert opened(session=review, show="results").info[0].value == "No rating yet."
