"""The leaderboard in a real browser: cells and rows clicked, boxes chosen twice, addresses opened again, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import board_world as world
import pytest

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a small board."""
    from browser_kit import serving

    with serving(world.make(tmp_path_factory.mktemp("board") / "h.duckdb").path) as served:
        yield served


def words(page: Page) -> str:
    """Return what the page says outside tables."""
    return page.get_by_test_id("stMainBlockContainer").inner_text()


def test_a_cell_opens_its_suite_and_back_returns(browser: Browser, address: str) -> None:
    from browser_kit import click_mark, opened, settled, state

    page = opened(browser, f"{address}/leaderboard")
    assert "of the 2 of 3 models that have a score in all 3 suites" in words(page)
    click_mark(page, "score: 0.3250")
    assert state(page) == {"suite": "code", "run": "tuned"}
    assert "code by skill" in words(page) and "1 of 1 pairs of intervals overlap" in words(page)
    page.go_back()
    settled(page)
    assert "suite" not in state(page) and "all 3 suites" in words(page)
    click_mark(page, "score: 0.3250")  # the same cell a second time
    assert state(page) == {"suite": "code", "run": "tuned"}
    page.close()


def test_rows_and_boxes_say_the_same(browser: Browser, address: str) -> None:
    from browser_kit import choose, click_row, opened, settled, state

    page = opened(browser, f"{address}/leaderboard?suite=quiz")
    assert "2 groups, each ranked by itself" in words(page)
    click_row(page, 0)
    assert state(page) == {"suite": "quiz", "run": "tuned"}
    click_row(page, 2)  # a second click is no less kept
    assert state(page)["run"] == "base" and "scripted:base · run base" in words(page)
    click_row(page, 0, table=1)
    assert state(page)["run"] == "old"
    choose(page, "Look at a run", "scripted:late")
    assert state(page)["run"] == "late"
    click_row(page, 0)
    assert state(page)["run"] == "tuned"
    choose(page, "Baseline", "main")
    choose(page, "Baseline", "scripted:late")
    assert state(page) == {"suite": "quiz", "run": "tuned", "baseline": "late"}
    choose(page, "Baseline", "main")
    shown = words(page)
    assert "Differences are to run base" in shown and "of 2 of 2 rows" in shown
    page.reload()
    settled(page)
    assert words(page) == shown and state(page) == {"suite": "quiz", "run": "tuned", "baseline": "main"}
    page.close()


def test_filters_and_the_way_out(browser: Browser, address: str) -> None:
    from browser_kit import choose, opened, settled, state

    page = opened(browser, f"{address}/leaderboard")
    field = page.get_by_label("Model or run contains")
    field.fill("nothing like it")
    field.press("Enter")
    settled(page)
    assert state(page) == {"model": "nothing like it"} and "leave all 8 rows out" in words(page)
    page.get_by_role("button", name="Clear the filters").click()
    settled(page)
    assert state(page) == {} and field.input_value() == ""
    choose(page, "Suite", "quiz")
    page.get_by_text("newest of each model").click()
    settled(page)
    page.get_by_text("only complete").click()
    settled(page)
    assert state(page) == {"suite": "quiz", "newest": "yes", "complete": "yes"}
    page.get_by_text("newest of each model").click()
    settled(page)
    assert state(page) == {"suite": "quiz", "complete": "yes"}
    choose(page, "Suite", "all 3 suites")
    choose(page, "Suite", "tasks")
    assert state(page) == {"suite": "tasks", "complete": "yes"}
    page.close()


def test_links_of_a_run(browser: Browser, address: str) -> None:
    from browser_kit import opened, settled, state

    page = opened(browser, f"{address}/leaderboard?suite=quiz&baseline=main&run=tuned")
    page.get_by_role("link", name="compare with the baseline").click()
    settled(page)
    assert "/compare" in page.url and state(page) == {"a": "base", "b": "tuned", "suite": "quiz"}
    page.go_back()
    settled(page)
    assert state(page) == {"suite": "quiz", "baseline": "main", "run": "tuned"} and "quiz by skill" in words(page)
    page.get_by_role("link", name="its samples").click()
    settled(page)
    assert "/samples" in page.url and state(page)["run"] == "tuned"
    assert page.evaluate("() => window.pwned") is None
    page.close()


def test_by_keyboard(browser: Browser, address: str) -> None:
    from browser_kit import opened, settled, state

    page = opened(browser, f"{address}/leaderboard?suite=quiz")
    page.get_by_label("Look at a run").focus()
    page.keyboard.type("scripted:late")
    page.keyboard.press("Enter")
    settled(page)
    assert state(page)["run"] == "late"
    for _ in range(3):  # the first link of the run is a few stops further
        page.keyboard.press("Tab")
        if "its samples" in page.evaluate("() => document.activeElement.innerText"):
            break
    page.keyboard.press("Enter")
    settled(page)
    assert "/samples" in page.url and state(page)["run"] == "late"
    page.close()
