"""Review in a real browser: people rate by keys, two at once beside an evaluation, and a gate holds what they said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_kit import ROOT, opened, serving, settled, state
from playwright.sync_api import Browser, Page, expect
from review_rows import HOSTILE, copied
from typer.testing import CliRunner

from harness.cli import app
from harness.store import Database, read, reviews

pytestmark = pytest.mark.slow
SAMPLES = 6
POLICY = "version: 1\nsuites:\n  review: {{metric: satisfaction, min_items: {n}, absolute: {{min: {least}}}}}\n"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return copied(tmp_path_factory.mktemp("review") / "h.duckdb", 12)


@pytest.fixture(scope="module")
def served(database: Database) -> Iterator[str]:
    with serving(database.path) as address:
        yield address


def begin(browser: Browser, address: str, name: str) -> Page:
    """Return the first item of a person who opens the link of a session."""
    page = opened(browser, address)
    page.get_by_role("textbox", name="Your name or code").fill(name)
    page.get_by_role("button", name="Begin").click()
    at(page, 0)
    return page


def at(page: Page, done: int) -> None:
    """Wait until a person has rated so many; nothing there names a model or leads to results."""
    expect(page.get_by_test_id("stProgress")).to_contain_text(re.compile(rf"^\s*{done} of "))
    said = settled(page).get_by_test_id("stMain").inner_text()
    assert "base" not in said and "tuned" not in said and "Results" not in said


def told(database: Database, review: str) -> list[dict[str, Any]]:
    return read.query(database, "SELECT * FROM review_ratings WHERE review = ? ORDER BY rated_at", [review])


def test_one_person_by_keys_takes_back_and_comes_back(browser: Browser, served: str, database: Database) -> None:
    review = reviews.create(database, ["base"], samples=4, seats=1)
    page = begin(browser, f"{served}/review?session={review}", "Ana ")
    assert state(page) == {"session": review, "rater": "Ana"}
    expect(page.get_by_test_id("stCode").nth(1)).to_contain_text(HOSTILE)
    for done, key in enumerate("70", start=1):
        page.keyboard.press(key)
        at(page, done)
    page.keyboard.press("u")
    at(page, 1)
    assert [row["value"] for row in told(database, review)] == [7.0]
    page.reload()
    at(page, 1)
    for done, key in enumerate("901", start=2):
        page.keyboard.press(key)
        at(page, done)
    assert [row["value"] for row in told(database, review)] == [7.0, 9.0, 10.0, 1.0]
    page.get_by_role("button", name="See the results").click()
    expect(page.get_by_text("How people answered")).to_be_visible()
    assert state(settled(page)) == {"session": review, "show": "results"}
    page.close()


def test_sides_by_arrows_are_stored_as_what_was_meant(browser: Browser, served: str, database: Database) -> None:
    review = reviews.create(database, ["base", "tuned"], "compare", samples=6, seats=1)
    page = begin(browser, f"{served}/review?session={review}", "ana")
    keys = ("ArrowLeft", "ArrowRight", "n", "ArrowLeft", "ArrowRight", "ArrowLeft")
    for done, key in enumerate(keys, start=1):
        page.keyboard.press(key)
        at(page, done)
    rows = told(database, review)
    meant = [{"ArrowLeft": float(r["swapped"]), "ArrowRight": float(not r["swapped"])}.get(k, 0.5)
             for k, r in zip(keys, rows, strict=True)]  # fmt: skip
    assert [row["value"] for row in rows] == meant and {row["swapped"] for row in rows} == {True, False}
    page.close()


def test_two_people_at_once_beside_an_evaluation_lose_nothing(
    browser: Browser, served: str, database: Database, tmp_path: Path
) -> None:
    review = reviews.create(database, ["tuned"], samples=SAMPLES, seats=2)
    words = ["eval", "scripted:review_rows:said", "--suite", "primer", "--limit", "200", "--set", "delay_s=0.02"]
    place = {**os.environ, "HARNESS_ALLOW_SCRIPTED": "1", "PYTHONPATH": str(Path(__file__).parent)}
    log = (tmp_path / "eval.log").open("wb")
    whole = [sys.executable, "-m", "harness", *words, "--db", str(database.path)]
    beside = subprocess.Popen(whole, cwd=ROOT, stdout=log, stderr=log, env=place)
    pages = [begin(browser, f"{served}/review?session={review}", name) for name in ("ana", "bo")]
    for done in range(1, SAMPLES + 1):
        for page, key in zip(pages, ("8", "9"), strict=True):
            page.keyboard.press(key)  # nobody waits for the other
        for page in pages:
            at(page, done)
    assert beside.wait(120) == 0, (tmp_path / "eval.log").read_text()
    rows = told(database, review)
    assert sorted(row["value"] for row in rows) == [8.0] * SAMPLES + [9.0] * SAMPLES
    assert len({(row["item"], row["seat"]) for row in rows}) == 2 * SAMPLES
    stored = "SELECT count(*) AS n FROM records WHERE suite = 'primer'"
    assert read.query(database, stored) == [{"n": 200}]
    for page in pages:
        page.close()
    _held(browser, served, database, review, tmp_path)


def _held(browser: Browser, served: str, database: Database, review: str, folder: Path) -> None:
    """What they said is shown, becomes a run, and a gate holds it: both rates of a promise."""
    page = opened(browser, f"{served}/review?session={review}&show=results")
    expect(page.get_by_test_id("stMain")).to_contain_text(f"{2 * SAMPLES} of {2 * SAMPLES} ratings by 2 of 2 people")
    assert page.locator("[aria-roledescription=bar]").count() == 2
    page.close()
    db = ("--db", str(database.path), "--json")
    run = CliRunner().invoke(app, ["review", "results", review, "--run", *db])
    found = re.search(r'"tuned": "(review-\w+)"', run.stdout)
    assert run.exit_code == 0 and found is not None, run.output
    for least, code, outcome in ((1.5, 0, "PASS"), (9.9, 1, "FAIL")):
        policy = folder / f"{outcome}.yaml"
        policy.write_text(POLICY.format(n=SAMPLES, least=least))
        gate = CliRunner().invoke(app, ["gate", found[1], "--policy", str(policy), *db])
        assert gate.exit_code == code, gate.output
        page = opened(browser, f"{served}/gates?words={outcome}.yaml&outcome={outcome}")
        expect(page.get_by_test_id("stMain")).to_contain_text(f"{outcome} 1")
        page.close()
