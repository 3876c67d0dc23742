"""The page of compressions in a real browser: points and rows clicked, deep links, the way to samples and back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import laps_world
import pytest
from browser_kit import choose, click_row, opened, serving, settled, state
from playwright.sync_api import Browser, Locator, Page, expect

from harness.store import Database, stages

pytestmark = pytest.mark.slow
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    made = Database(tmp_path_factory.mktemp("frontier") / "h.duckdb")
    laps_world.make(made)
    stages.start(made, "killed", {}, "digest", "tiny")
    with serving(made.path) as served:
        yield f"{served}/frontier"


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    shown = opened(browser, f"{address}?name=small")
    yield shown
    shown.close()


def says(page: Page, stage: int) -> None:
    """Hold that a stage is shown."""
    expect(page.get_by_text(f"small, stage {stage}:")).to_be_visible(timeout=WAIT_MS)
    settled(page)


def test_points_and_rows_open_stages(page: Page) -> None:
    says(page, 1)
    for chart, stage in ((0, 2), (0, 0), (1, 2)):
        _point(page, chart, stage).click()
        says(page, stage)
        assert state(page)["stage"].startswith(f"small/{stage} ")
    for row in (3, 0, 2):
        click_row(page, row)
        says(page, row)
        assert state(page)["stage"].startswith(f"small/{row} ")
    page.reload()
    settled(page)
    says(page, 2)
    expect(page.get_by_text("rolled back").first).to_be_visible(timeout=WAIT_MS)


def test_the_way_to_samples_and_back(page: Page) -> None:
    _point(page, 0, 2).click()
    says(page, 2)
    page.get_by_role("link", name="its samples").click()
    expect(page).to_have_url(re.compile("/samples"), timeout=WAIT_MS)
    settled(page)
    assert state(page)["run"] == "worse"
    page.go_back()
    says(page, 2)


def test_compressions_are_chosen_one_after_the_other(page: Page) -> None:
    _point(page, 0, 2).click()
    says(page, 2)
    choose(page, "Compression", "killed")
    settled(page)
    assert state(page) == {"name": "killed"}
    page.go_back()  # a choice that takes another out is one step
    says(page, 2)
    choose(page, "Compression", "killed")
    expect(page.get_by_text("No stage has a score on sealed samples yet.")).to_be_visible(timeout=WAIT_MS)
    choose(page, "Compression", "all compressions")
    expect(page.get_by_text("Stages kept")).to_have_count(0)
    choose(page, "Compression", "small")
    says(page, 1)
    assert state(page)["name"] == "small"


def _point(page: Page, chart: int, stage: int) -> Locator:
    """Return a stage's point: Vega draws them as paths of an SVG, first of all the ring around the chosen one."""
    return page.get_by_test_id("stVegaLiteChart").nth(chart).locator("path[aria-roledescription=point]").nth(stage + 1)
