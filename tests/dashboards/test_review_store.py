"""Review sessions: seats in balance, ratings once, two people at once, kills."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from review_rows import copied

from dashboards.queries import review as queries
from harness.errors import UsageError
from harness.store import Database, read, reviews
from harness.store.connect import known_migrations


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return copied(tmp_path / "h.duckdb", 12)


def counts(database: Database) -> dict[str, int]:
    """Return what the newest session counts."""
    row = queries.sessions(lambda sql, given: read.query(database, sql, list(given)))[0]
    return {name: row[name] for name in ("people", "wanted", "done")}


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 12), st.data(), st.integers(0, 9))
def test_seats_are_in_balance(samples: int, seats: int, data: Any, seed: int) -> None:
    overlap = data.draw(st.integers(1, seats))
    dealt = reviews.seating(samples, seats, overlap, seed)
    assert dealt == reviews.seating(samples, seats, overlap, seed)
    assert len(dealt) == samples and all(len(set(each)) == len(each) == overlap for each in dealt)
    load = Counter(seat for each in dealt for seat in each)
    counts = [load[seat] for seat in range(seats)]
    assert max(counts) - min(counts) <= 1


def test_pairs_of_seats_meet_about_as_often() -> None:
    met = Counter(pair for each in reviews.seating(60, 6, 2, 0) for pair in combinations(each, 2))
    assert len(met) == 15 and max(met.values()) - min(met.values()) <= 2


def test_a_session_holds_what_all_runs_answered(database: Database) -> None:
    review = reviews.create(database, ["base", "tuned"], samples=4, seats=3, overlap=2, seed=5)
    items = read.query(database, "SELECT * FROM review_items WHERE review = ? ORDER BY item", [review])
    assert len(items) == 8 and {row["run_a"] for row in items} == {"base", "tuned"}
    assert all(a["seats"] == b["seats"] for a in items for b in items if a["sample_id"] == b["sample_id"])
    again = reviews.create(database, ["base", "tuned"], samples=4, seats=3, overlap=2, seed=5)
    columns = "item, sample_id, run_a, key_a, seats"
    same = [read.query(database, f"SELECT {columns} FROM review_items WHERE review = ?", [r]) for r in (review, again)]
    assert same[0] == same[1] and counts(database) == {"people": 0, "wanted": 16, "done": 0}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"runs": ["base"], "mode": "compare"}, "'compare' of 1 runs"),
        ({"runs": ["base"], "mode": "guess"}, "by 'guess'"),
        ({"runs": ["base"], "samples": 13}, "have 12 in common"),
        ({"runs": ["base"], "seats": 2, "overlap": 3}, "3 of 2 people"),
        ({"runs": ["bas"], "suites": ["none"]}, "have 0 in common"),
        ({"runs": ["nobody"]}, "no run 'nobody'"),
    ],
)
def test_what_cannot_be_reviewed(database: Database, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        reviews.create(database, **asked)
    assert read.query(database, "SELECT * FROM reviews") == []


def test_a_name_comes_back_to_its_seat_and_no_more_come_than_seats(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=2, seats=2)
    assert [reviews.join(database, review, name) for name in ("Ana", "bo", " ana ", "BO")] == [0, 1, 0, 1]
    with pytest.raises(UsageError, match="all 2 seats"):
        reviews.join(database, review, "cy")
    with pytest.raises(UsageError, match="no name"):
        reviews.join(database, review, "  ")


def test_nothing_is_rated_twice_or_by_others(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=4, seats=2, overlap=1)
    mine = read.query(database, "SELECT item FROM review_items WHERE review = ? AND list_contains(seats, 0)", [review])
    item = mine[0]["item"]
    assert reviews.rate(database, review, item, 0, 7.0) and not reviews.rate(database, review, item, 0, 9.0)
    assert [row["value"] for row in read.query(database, "SELECT value FROM review_ratings")] == [7.0]
    with pytest.raises(UsageError, match="not for seat 1"):
        reviews.rate(database, review, item, 1, 7.0)
    with pytest.raises(UsageError, match="a rating of 11"):
        reviews.rate(database, review, item, 0, 11.0)


def test_only_the_last_rating_of_a_seat_is_undone(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=3, seats=2)
    for seat, item in ((0, 1), (1, 1), (0, 2)):
        reviews.rate(database, review, item, seat, 5.0)
    assert not reviews.undo(database, review, 1, 0) and not reviews.undo(database, review, 0, 0)
    assert reviews.undo(database, review, 2, 0) and not reviews.undo(database, review, 2, 0)
    rows = read.query(database, "SELECT seat, item FROM review_ratings ORDER BY seat")
    assert rows == [{"seat": 0, "item": 1}, {"seat": 1, "item": 1}]
    assert reviews.rate(database, review, 2, 0, 6.0) and reviews.undo(database, review, 2, 0)


def test_sides_are_drawn_for_each_seat() -> None:
    left = [reviews.swapped(0, seat, item) for seat in range(20) for item in range(20)]
    assert 150 < sum(left) < 250
    assert reviews.order(0, 1, range(9)) != reviews.order(0, 2, range(9)) and sorted(reviews.order(0, 1, range(9)))


def test_people_at_once_each_get_a_seat_and_rate_once(database: Database) -> None:
    review, stored = reviews.create(database, ["base"], samples=3, seats=4), list[bool]()

    def person(number: int) -> None:
        own = Database(database.path)
        seat = reviews.join(own, review, f"p{number % 4}")  # two windows of each
        stored.extend(reviews.rate(own, review, item, seat, 5.0) for item in range(3))

    threads = [threading.Thread(target=person, args=(n,)) for n in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    rows = read.query(database, "SELECT item, seat FROM review_ratings")
    assert len(rows) == 12 == len({(row["item"], row["seat"]) for row in rows}) == sum(stored)
    assert len(stored) == 24 and counts(database)["people"] == 4


def _rates(path: Path, review: str, name: str) -> None:
    database = Database(path)
    seat = reviews.join(database, review, name)
    for item in range(6):
        reviews.rate(database, review, item, seat, 4.0)


@pytest.mark.slow
def test_killed_processes_leave_whole_ratings_and_go_on(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=6, seats=2)
    # Not multiprocessing: it would start this process's main script, which tests of pages leave exchanged.
    script = "import pathlib, sys, test_review_store as t; t._rates(pathlib.Path(sys.argv[1]), *sys.argv[2:])"
    place = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, map(str, sys.path)))}
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(database.path), review, name], env=place)
        for name in ("ana", "bo")
    ]
    while not counts(database)["done"] and any(child.poll() is None for child in children):
        time.sleep(0.02)
    for child in children:
        child.kill()
        child.wait()
    assert counts(database)["done"] >= 1
    for name in ("ana", "bo"):
        _rates(database.path, review, name)
    rows = read.query(database, "SELECT item, seat FROM review_ratings")
    assert len(rows) == 12 == len({(row["item"], row["seat"]) for row in rows})


def test_an_older_file_has_no_reviews_and_the_next_writer_brings_them(database: Database) -> None:
    with database.write() as connection:
        for table in ("reviews", "review_items", "review_raters", "review_ratings"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM migrations WHERE number >= 10")
    old = Database(database.path)
    assert not queries.sessions(lambda sql, given: read.query(old, sql, list(given)))
    with pytest.raises(UsageError, match="no review 'x'"):
        reviews.session(old, "x")
    assert reviews.create(old, ["base"], samples=1) and known_migrations()[-1][0] >= 10
