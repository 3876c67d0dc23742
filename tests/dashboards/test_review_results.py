"""What ratings say: intervals over what varies more, agreement, sides, and the run that a gate holds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from review_rows import copied
from typer.testing import CliRunner

from dashboards import charts_review
from dashboards.queries import Ask
from dashboards.queries import review as queries
from harness import hashing
from harness.cli import app
from harness.stats.reliability import krippendorff
from harness.store import Database, read, reviews

POLICY = "version: 1\nsuites:\n  review: {metric: satisfaction, min_items: 12, absolute: {min: BOUND}}\n"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return copied(tmp_path / "h.duckdb", 12)


def asking(database: Database) -> Ask:
    return lambda sql, given: read.query(database, sql, list(given))


def fill(database: Database, review: str, value: Any, items: int, seats: int) -> None:
    """Store `value(run, item, seat)` for everything at once: what people do one by one is tested elsewhere."""
    rows = read.query(database, "SELECT item, run_a FROM review_items WHERE review = ?", [review])
    seed = reviews.session(database, review)["seed"]
    batch = pa.Table.from_pylist([
        {"item": r["item"], "seat": s, "value": float(value(r["run_a"], r["item"], s)),
         "swapped": reviews.swapped(seed, s, r["item"])}
        for r in rows for s in range(seats)
    ])  # fmt: skip
    with database.write() as connection:
        connection.register("batch", batch)
        connection.execute("INSERT INTO review_ratings BY NAME SELECT ? AS review, * FROM batch", [review])
        connection.unregister("batch")
    assert len(rows) == items


def harness(*words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_alpha_is_krippendorffs() -> None:
    """The example of Krippendorff 2011, interval metric: 0.849."""
    said = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[float(v) for v in unit if v != "."] for unit in zip(*said, strict=True)]
    assert krippendorff(units) == pytest.approx(0.849, abs=5e-4)
    assert math.isnan(krippendorff([[1.0], [2.0]])) and math.isnan(krippendorff([[3.0, 3.0]])) and krippendorff(
        [[1.0, 2.0], [2.0, 1.0]]
    ) < 0  # fmt: skip


def test_people_who_differ_make_the_interval_one_over_people(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=10, seats=6)
    fill(database, review, lambda run, item, seat: 3 + seat + item % 2, 10, 6)
    told = queries.results(asking(database), review)
    (one,) = told.scores
    assert (one.by, len(one.units), one.ratings, one.metric) == ("rater", 6, 60, "satisfaction")
    assert one.value == pytest.approx(6.0) and one.low < 4.7 and one.high > 7.3 and told.alpha < 0.2


def test_samples_that_differ_make_it_one_over_samples_and_runs_are_paired(database: Database) -> None:
    review = reviews.create(database, ["base", "tuned"], samples=12, seats=3)
    ids = [row["sample_id"] for row in read.query(database, "SELECT sample_id FROM review_items ORDER BY item")]
    level = {name: 1 + n % 8 for n, name in enumerate(dict.fromkeys(ids))}
    fill(
        database,
        review,
        lambda run, item, seat: level[ids[item]] + (run == "tuned") * (1 + (seat + item // 2) % 2),
        24,
        3,
    )
    told = queries.results(asking(database), review)
    assert [one.by for one in told.scores] == ["sample", "sample"] and told.alpha > 0.9
    (apart,) = told.differences
    assert apart.value == pytest.approx(1.5) and apart.low > 0.5 and apart.high - apart.low < 1.5


def test_equal_ratings_of_few_prove_little(database: Database) -> None:
    review = reviews.create(database, ["base"], samples=3, seats=2)
    fill(database, review, lambda run, item, seat: 9, 3, 2)
    (one,) = queries.results(asking(database), review).scores
    assert one.value == pytest.approx(9.0) and one.low < 5


def test_a_comparison_tells_preference_and_place(database: Database) -> None:
    review = reviews.create(database, ["base", "tuned"], "compare", samples=12, seats=4)
    fill(database, review, lambda run, item, seat: 0.5 if item == 0 else 1.0, 12, 4)
    told = queries.results(asking(database), review)
    base, tuned = told.scores
    assert base.value == pytest.approx(1 / 24) and tuned.value == pytest.approx(23 / 24) and tuned.low > 0.75
    assert told.left is not None and told.left.n == 44 and told.left.low < 0.5 < told.left.high


def test_who_has_rated_and_how_often_what_was_said(database: Database) -> None:
    review, ask = reviews.create(database, ["base", "tuned"], samples=3, seats=2), asking(database)
    for name, items in (("ana", range(6)), ("bo", range(2))):
        seat = reviews.join(database, review, name)
        for item in items:
            reviews.rate(database, review, item, seat, 4.0 + seat)
    told = [(row["rater"], row["rated"], row["wanted"]) for row in queries.people(ask, review)]
    assert told == [("ana", 6, 6), ("bo", 2, 6)]
    counted = {(row["run_a"], row["value"]): row["n"] for row in queries.spread(ask, review)}
    assert sum(counted.values()) == 8 and counted["base", 4.0] == 3 == counted["tuned", 4.0]
    rows = [{"run": row["run_a"], "said": f"{row['value']:.0f}", "n": row["n"]} for row in queries.spread(ask, review)]
    drawn = charts_review.spread(rows, ["4", "5"]).to_dict()
    assert "base" in str(drawn) and "ratings" in str(drawn)


def test_without_ratings_nothing_is_told(database: Database) -> None:
    review = reviews.create(database, ["base", "tuned"], "compare", samples=2)
    told = queries.results(asking(database), review)
    assert not told.scores and not told.differences and math.isnan(told.alpha)


def test_a_gate_holds_satisfaction(database: Database, tmp_path: Path) -> None:
    db = ("--db", str(database.path))
    review = harness("review", "new", "tuned", "--samples", "12", "--raters", "40", *db)["review"]
    fill(database, review, lambda run, item, seat: 8 if hashing.fraction(item, seat) < 0.9 else 9, 12, 40)
    told = harness("review", "results", review, "--run", *db)
    stored = told["runs"]["tuned"]
    assert harness("review", "results", review, "--run", *db)["runs"]["tuned"] == stored
    policy = tmp_path / "people.yaml"
    for bound, code in ((7.5, 0), (8.5, 1), (8.09, 3)):
        policy.write_text(POLICY.replace("BOUND", str(bound)))
        verdict = harness("gate", stored, "--policy", str(policy), *db, code=code)
        (check,) = [one for one in verdict["checks"] if one["rule"] == "absolute"]
        assert check["observed"] == pytest.approx(told["scores"][0]["value"]) and check["suite"] == "review"


def test_missing_ratings_are_not_hidden(database: Database) -> None:
    db = ("--db", str(database.path))
    review = harness("review", "new", "base", "tuned", "--mode", "compare", "--samples", "3", *db)["review"]
    reviews.rate(database, review, 0, reviews.join(database, review, "ana"), 1.0)
    error = harness("review", "results", review, "--run", *db, code=2)["error"]
    assert "1 of 9 ratings" in error["what"]
    runs = harness("review", "results", review[:12], "--run", "--partial", *db)["runs"]
    assert set(runs) == {"base", "tuned"}
    row = read.query(database, "SELECT note, model, status FROM runs WHERE run_id = ?", [runs["tuned"]])[0]
    assert row == {"note": "1 of 9 ratings", "model": "scripted:tuned", "status": "done"}
    assert harness("review", "list", *db)[0]["done"] == 1


def test_the_command_tells_what_is_wrong(database: Database, tmp_path: Path) -> None:
    none = ("--db", str(tmp_path / "none.duckdb"))
    assert harness("review", "list", *none) == []
    assert "'lst'" in harness("review", "lst", *none, code=2)["error"]["what"]
    assert "no review" in harness("review", "results", "x", "--db", str(database.path), code=2)["error"]["what"]
    for words in (["list"], ["results", reviews.create(database, ["base"], samples=2)]):
        done = CliRunner().invoke(app, ["review", *words, "--db", str(database.path)])
        assert done.exit_code == 0, done.output
