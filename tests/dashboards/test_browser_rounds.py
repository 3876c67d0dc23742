"""The page of loops in a real browser: rows, parts, causes and boxes clicked; a loop that writes meanwhile."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import laps_world
import pytest
from browser_kit import choose, click_row, opened, serving, settled, state
from playwright.sync_api import Browser, Page, expect

from harness.store import Database, rounds

pytestmark = pytest.mark.slow
WAIT_MS = 60_000
WRITES = """
import sys
from pathlib import Path
from harness.store import Database, artifacts, rounds
database = Database(Path(sys.argv[1]))
step = dict(version="1", parameters={}, inputs=[], artifact_id=None, fault=None, log="", loop="nightly", seconds=1.0)
if sys.argv[2] == "step":
    artifacts.add_step(database, "ee" * 16, step="improve.late", **step)
    artifacts.book(database, "nightly", "ee" * 16, "seconds", 35.0)
else:
    rounds.note(database, "nightly", 3, accepted=False, why="came to nothing", verdict_after="FAIL")
    rounds.begin(database, "nightly", 4, model="tiny", verdict_before="FAIL")
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    made = Database(tmp_path_factory.mktemp("rounds") / "h.duckdb")
    laps_world.make(made)
    rounds.start(made, "another", {}, "digest", "tiny")
    rounds.begin(made, "another", 1, model="tiny", verdict_before="ERROR")
    return made


@pytest.fixture(scope="module")
def address(database: Database) -> Iterator[str]:
    with serving(database.path) as served:
        yield f"{served}/rounds"


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    shown = opened(browser, f"{address}?loop=nightly&round=1")
    yield shown
    shown.close()


def says(page: Page, words: str) -> None:
    """Hold that a round is shown, and named by the address unless it is the newest."""
    expect(page.get_by_role("heading", name=f"Round {words}")).to_be_visible(timeout=WAIT_MS)
    settled(page)
    assert state(page).get("round", "3") == words[0]


def test_a_row_opens_its_round_again_and_again(page: Page) -> None:
    says(page, "1: accepted")
    for row, words in ((1, "2: rejected"), (2, "1: accepted"), (0, "3: not decided"), (1, "2: rejected")):
        click_row(page, row)
        says(page, words)
    page.reload()
    settled(page)
    says(page, "2: rejected")
    page.go_back()
    says(page, "3: not decided")
    choose(page, "Round", "1")
    says(page, "1: accepted")


def test_parts_are_deep_links(page: Page) -> None:
    shown = {
        "Gain": "0 lost of", "Causes": "proves no gain", "Steps": "", "Training": laps_world.WORSE,
        "Lineage": "Walk on from",
    }  # fmt: skip
    for part, words in shown.items():
        page.get_by_role("tab", name=part).click()
        expect(page).to_have_url(re.compile(f"part={part}"), timeout=WAIT_MS)
        settled(page)
        if words:  # steps are a canvas and a drawing
            expect(page.get_by_text(words).first).to_be_visible(timeout=WAIT_MS)
    page.reload()
    settled(page)
    expect(page.get_by_role("tab", selected=True)).to_have_text("Lineage", timeout=WAIT_MS)
    says(page, "1: accepted")


def test_a_cause_leads_to_its_failures_and_back(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}?loop=nightly&round=1&part=Causes")
    for row, cause in ((2, "cause2"), (0, "cause0")):
        click_row(page, row, table=1)
        expect(page.get_by_text(f"harness why {cause}")).to_be_visible(timeout=WAIT_MS)
        assert state(page)["cause"] == cause
    page.get_by_role("link", name="its failures").click()
    expect(page).to_have_url(re.compile("/clusters"), timeout=WAIT_MS)
    settled(page)
    assert state(page)["run"] == "base"
    page.close()


def test_a_box_of_the_graph_is_a_way_on(page: Page) -> None:
    page.get_by_role("tab", name="Lineage").click()
    expect(page).to_have_url(re.compile("part=Lineage"), timeout=WAIT_MS)
    settled(page)
    for box, why in (("run before", "harness why base"), ("report", "harness why 5e90")):
        page.locator("[data-testid=stGraphVizChart] a").filter(has_text=box).first.click()
        expect(page.get_by_text(why)).to_be_visible(timeout=WAIT_MS)
        says(page, "1: accepted")
    assert state(page)["walk"].startswith("5e90")


def test_another_loop(page: Page) -> None:
    choose(page, "Loop", "another")
    expect(page.get_by_role("heading", name="Round 1: not decided, gate ERROR")).to_be_visible(timeout=WAIT_MS)
    choose(page, "Loop", "nightly")
    says(page, "3: not decided")  # its newest, as it was the newest of the other


def test_a_loop_that_writes_is_seen_without_a_reload(browser: Browser, database: Database, address: str) -> None:
    page = opened(browser, f"{address}?loop=nightly&round=2")
    page.evaluate("() => { window.first = true }")
    expect(page.get_by_text("last step improve.verify")).to_be_visible(timeout=WAIT_MS)
    _write(database.path, "step")
    expect(page.get_by_text("last step improve.late")).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_text("60% of 1.67 min")).to_be_visible()
    _write(database.path, "round")
    expect(page.get_by_text("4 of 3", exact=True)).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_text("1 accepted, 2 rejected")).to_be_visible()
    settled(page)
    click_row(page, 0)
    expect(page.get_by_role("heading", name="Round 4: not decided")).to_be_visible(timeout=WAIT_MS)
    assert page.evaluate("() => window.first")
    page.close()


def _write(path: Path, what: str) -> None:
    subprocess.run([sys.executable, "-c", WRITES, str(path), what], check=True, timeout=120)
