"""The page `compare` in a browser: clicks on tables and forests, boxes and buttons, addresses, the way back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import said_runs
from browser_kit import WAIT_S, choose, click_mark, click_row, opened, serving, settled, state
from playwright.sync_api import expect

from harness.store import Database

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
PAIR = {"a": "base-1", "b": "new-2"}
LONG = "never" * 20_000
EVIL = (
    f"\x1b[2J\x1b[31mred \0 \u202eevil\u202c <script>document.body.remove()</script> **bold** [x](http://e.vil) {LONG}"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve two runs of two suites: in `quiz` 16 samples are lost and 4 won, `other` says what no page should obey."""
    database = Database(tmp_path_factory.mktemp("compare") / "h.duckdb")
    quiz, other = said_runs.samples(60), said_runs.samples(8, "other")
    for day, run in enumerate(("base-1", "new-2"), 1):
        lost, won = (0.0, 1.0) if run == "new-2" else (1.0, 0.0)
        scores = [lost] * 16 + [1.0] * 40 + [won] * 4
        said = [(s, [(score, f"{run} says it is {n}")]) for n, (s, score) in enumerate(zip(quiz, scores, strict=True))]
        evil = [(s, [(won, EVIL if run == "new-2" else "fine")]) for s in other]
        said_runs.store(database, run, [*said, *evil], started=f"2026-01-0{day}")
    asked = [(s, [(1.0, "x")]) for s in quiz]
    said_runs.store(database, "chat-3", asked, config={"prompt": "chat"}, started="2025-01-01")
    with serving(database.path) as served:
        yield f"{served}/compare"


def _shown(page: Page, words: str) -> None:
    page.get_by_text(words).first.wait_for()


def _again(page: Page) -> Page:
    """Load the same address anew: what it shows must not need what was clicked."""
    page.reload()
    return settled(page)


def test_a_flip_is_clicked_walked_and_left(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}?suite=quiz")
    _shown(page, "B is worse on quiz: -0.200 [")
    click_row(page, 1, table=-1)
    first = state(page)["sample"]
    _shown(page, "flip 2 of 20")
    click_row(page, 3, table=-1)
    second = state(page)["sample"]
    assert second != first
    _shown(_again(page), "flip 4 of 20")
    page.go_back()
    settled(page)
    assert state(page)["sample"] == first
    _shown(page, "flip 2 of 20")
    for number in (3, 4):
        page.get_by_role("button", name="Next flip").click()
        _shown(settled(page), f"flip {number} of 20")
    assert state(page)["sample"] == second
    click_row(page, 3, table=-1)  # unticked
    assert "sample" not in state(page) and page.get_by_text("Side by side").count() == 0
    page.close()


def test_suites_are_clicked_in_table_and_forest(browser: Browser, address: str) -> None:
    page = opened(browser, address)
    _shown(page, "Of 2 suites, B is better on 1, worse on 1, neither on 0")
    for number, suite in ((1, "other"), (0, "quiz"), (1, "other")):
        click_row(page, number, table=1)
        assert state(page) == PAIR | {"suite": suite}
        _shown(page, f"on {suite}: ")
    _shown(_again(page), "B is better on other: ")
    choose(page, "Suite", "all suites")
    assert state(page) == PAIR
    click_mark(page, "name: quiz")
    assert state(page) == PAIR | {"suite": "quiz"}
    page.go_back()
    _shown(settled(page), "Of 2 suites")
    page.close()


def test_a_tag_is_clicked_in_table_and_forest_and_chosen(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}?suite=quiz")
    click_mark(page, "name: s2")
    assert state(page) == PAIR | {"suite": "quiz", "group": "s2"}
    _shown(page, "1 to 5 of 5, page 1 of 1")
    choose(page, "Only one subject", "s3")
    choose(page, "Which way", "wins")
    assert state(page) == PAIR | {"suite": "quiz", "group": "s3", "flips": "wins"}
    _shown(page, "1 to 1 of 1, page 1 of 1")
    choose(page, "Which way", "losses, then wins")
    _shown(page, "1 to 5 of 5, page 1 of 1")
    choose(page, "Tag", "level")
    assert state(page) == PAIR | {"suite": "quiz", "by": "level"}
    click_mark(page, "name: l1")
    _shown(_again(page), "1 to 10 of 10, page 1 of 1")
    choose(page, "Only one level", "any")
    page.get_by_role("button", name="Next page").click()
    _shown(settled(page), "11 to 20 of 20, page 2 of 2")
    assert state(page) == PAIR | {"suite": "quiz", "by": "level", "page": "2"}
    page.go_back()
    _shown(settled(page), "1 to 10 of 20, page 1 of 2")
    page.close()


def test_runs_are_chosen_twice_swapped_and_refused_until_allowed(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}?suite=quiz")
    page.get_by_role("button", name="swap A and B").click()
    _shown(settled(page), "B is better on quiz: +0.200 [")
    assert state(page) == {"a": "new-2", "b": "base-1", "suite": "quiz"}
    choose(page, "B, the candidate", "scripted:chat-3")
    _shown(page, "do not measure the same thing (prompt)")
    choose(page, "B, the candidate", "scripted:new-2")
    _shown(page, "A and B are the same run")
    choose(page, "B, the candidate", "scripted:chat-3")
    page.get_by_label("May differ all the same").click()
    page.get_by_role("option", name="prompt").click()
    _shown(settled(page), "B is better on quiz: +0.267 [")
    assert state(page) == {"a": "new-2", "b": "chat-3", "suite": "quiz", "allow": "prompt"}
    _shown(_again(page), "B is better on quiz: +0.267 [")
    page.close()


def test_what_no_page_should_obey_is_shown_as_text(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}?suite=other")
    click_row(page, 0, table=-1)
    page.get_by_text("Side by side").wait_for()
    numbers = {n: f"\u27e8U+{n:04X}\u27e9" for n in (0x1B, 0, 0x202E, 0x202C)}
    shown = EVIL.removesuffix(LONG).translate(numbers).strip()
    said = page.get_by_test_id("stCode").filter(has_text=shown)
    expect(said).to_have_count(2, timeout=WAIT_S * 1000)  # in the diff and whole
    assert max(map(len, said.all_inner_texts())) >= len(LONG), "nothing of the whole text is left out"
    _shown(page, "the first 2,000 words and 20,000 characters are compared")
    wide = page.get_by_test_id("stCode").evaluate_all("all => Math.max(...all.map(e => e.scrollWidth - e.clientWidth))")
    assert wide <= 0, "long words are broken"
    page.close()
