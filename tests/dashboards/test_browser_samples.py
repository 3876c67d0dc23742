"""The page of samples under real clicks and keys: filters, pages, one sample, its neighbours, other runs, links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import samples_world as world

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
kit = pytest.importorskip("browser_kit")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of the page over a small database."""
    database = world.make(tmp_path_factory.mktemp("samples") / "h.duckdb")
    with kit.serving(database.path) as address:
        yield f"{address}/samples"


@pytest.fixture
def page(browser: Browser, served: str) -> Iterator[Page]:
    """Yield the list of `run-1`."""
    opened = kit.opened(browser, f"{served}?run=run-1")
    yield opened
    opened.close()


def shows(page: Page, words: str, state: dict[str, str] | None = None) -> None:
    """Wait for the line of counts, or that of the neighbours; then compare the address."""
    line = page.get_by_test_id("stCaptionContainer").first
    line.filter(has_text=words).wait_for()
    kit.settled(page)
    assert state is None or kit.state(page) == state


def says(page: Page, words: str) -> None:
    """Wait for a text that is shown for what it is."""
    page.get_by_test_id("stCode").filter(has_text=words).first.wait_for()
    kit.settled(page)


def codes(page: Page) -> list[str]:
    """Return the texts that are shown for what they are."""
    return list(page.get_by_test_id("stCode").all_inner_texts())


def search(page: Page, text: str) -> None:
    """Type into the search and press Enter."""
    page.get_by_label("Text contains").fill(text)
    page.get_by_label("Text contains").press("Enter")
    kit.settled(page)


def test_filters_stay_in_the_address_and_after_a_second_choice(page: Page) -> None:
    shows(page, "1 to 50 of 64")
    for score, count in (("wrong", 32), ("right", 31), ("wrong", 32), ("all", 64), ("wrong", 32)):
        kit.choose(page, "Score", score)
        shows(page, f"of {count} ")
    kit.choose(page, "Tag", "subject=s2")
    search(page, "ZEBRA 5")
    assert kit.state(page) == {"run": "run-1", "outcome": "wrong", "tag": "subject=s2", "text": "ZEBRA 5"}
    shows(page, "of 2 ")
    page.reload()
    kit.settled(page)
    shows(page, "of 2 ")
    assert page.get_by_label("Text contains").input_value() == "ZEBRA 5"
    page.get_by_role("button", name="tag: subject=s2").click()
    kit.settled(page)
    shows(page, "of 5 ")
    assert "tag" not in kit.state(page)
    page.get_by_role("button", name="Clear all filters").click()
    kit.settled(page)
    shows(page, "of 64", {"run": "run-1"})
    assert page.get_by_label("Text contains").input_value() == ""


def test_back_and_forward_walk_through_what_was_chosen(page: Page) -> None:
    kit.choose(page, "Score", "wrong")
    kit.choose(page, "Other score than in run", "made:it · run-2")
    shows(page, "of 6 ", {"run": "run-1", "outcome": "wrong", "flip": "run-2"})
    page.go_back()
    kit.settled(page)
    shows(page, "of 32 ", {"run": "run-1", "outcome": "wrong"})
    page.go_back()
    kit.settled(page)
    shows(page, "of 64", {"run": "run-1"})
    page.go_forward()
    kit.settled(page)
    shows(page, "of 32 ", {"run": "run-1", "outcome": "wrong"})


def test_a_filter_that_empties_can_be_taken_out(page: Page) -> None:
    kit.choose(page, "Score", "right")
    search(page, "no such words")
    assert "No record fits all filters together" in page.get_by_test_id("stAlert").inner_text()
    page.get_by_role("button", name="31 without text").click()
    kit.settled(page)
    shows(page, "of 31 ", {"run": "run-1", "outcome": "right"})


def test_pages_turn_by_click_and_by_key(page: Page) -> None:
    page.get_by_role("button", name="Next").click()
    kit.settled(page)
    shows(page, "51 to 64 of 64")
    assert kit.state(page)["page"] == "2"
    page.keyboard.press("p")
    page.wait_for_timeout(300)
    kit.settled(page)
    shows(page, "1 to 50 of 64")
    assert "page" not in kit.state(page)


def test_a_row_opens_and_keys_lead_on_and_back(page: Page) -> None:
    kit.choose(page, "Score", "wrong")
    kit.click_row(page, 1)
    here = {"run": "run-1", "outcome": "wrong"}
    shows(page, "sample 2 of 32", {**here, "sample": "00003"})
    assert "run-1 says Zebra 3" in codes(page)
    page.keyboard.press("n")
    page.wait_for_timeout(300)
    kit.settled(page)
    says(page, "run-1 says Zebra 5")
    assert kit.state(page)["sample"] == "00005"
    page.reload()
    kit.settled(page)
    shows(page, "sample 3 of 32")
    assert "run-1 says Zebra 5" in codes(page)
    page.keyboard.press("b")
    page.wait_for_timeout(300)
    kit.settled(page)
    shows(page, "of 32 ", here)
    kit.click_row(page, 1)  # the same row again: no click is lost
    assert kit.state(page)["sample"] == "00003"
    page.go_back()
    kit.settled(page)
    shows(page, "of 32 ", here)


def test_another_run_by_strip_table_and_words(page: Page, served: str) -> None:
    page.goto(f"{served}?run=run-1&sample=00005")
    kit.settled(page)
    kit.choose(page, "Word by word against run", "made:it · run-2")
    says(page, "- run-2\n+ run-1\n  says Zebra 5")
    assert kit.state(page)["against"] == "run-2"
    box = page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 50)  # the left half is the older run
    page.wait_for_timeout(500)
    kit.settled(page)
    says(page, "run-2 says Zebra 5")
    assert kit.state(page) == {"run": "run-2", "sample": "00005"}
    kit.click_row(page, 0)
    says(page, "run-1 says Zebra 5")
    assert kit.state(page) == {"run": "run-1", "sample": "00005"}


def test_the_permalink_is_a_whole_address(page: Page, browser: Browser, served: str) -> None:
    page.goto(f"{served}?run=run-1&sample={world.TWICE}")
    kit.settled(page)
    kit.choose(page, "Attempt", "attempt 1")
    says(page, "second")
    assert kit.state(page)["attempt"] == "1"
    (link,) = [one for one in codes(page) if one.startswith("http")]
    other = kit.opened(browser, link.strip())
    assert "second" in codes(other) and other.url.startswith(served)
    other.close()
