"""Every page in every state, in a real browser, light and dark; by keyboard alone; and nothing leaves this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import every_world
import pytest
from browser_kit import opened, serving, settled
from page_states import states

from dashboards.app import modules
from harness.store import Database

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
PAGES = list(modules())
BACKGROUND = """() => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor
    .match(/[0-9.]+/g).slice(0, 3).map(Number)"""
FOCUSED = """() => document.activeElement.getAttribute('aria-label')
    || (['A', 'BUTTON'].includes(document.activeElement.tagName) ? document.activeElement.innerText : '')"""
HOSTILE = "() => document.querySelectorAll('[data-testid=stMain] script, [data-testid=stMain] img[onerror]').length"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return a database with all that pages show, hostile texts among it."""
    return every_world.make(tmp_path_factory)


@pytest.fixture(scope="module")
def address(small: Database) -> Iterator[str]:
    """Yield the address of a dashboard over it."""
    with serving(small.path) as served:
        yield served


@pytest.mark.parametrize("name", PAGES)
def test_every_state_is_shown(browser: Browser, address: str, small: Database, name: str) -> None:
    found = states(small)[name]
    for scheme, visited in (("light", found), ("dark", found[-1:])):
        page = opened(browser, f"{address}/{name}?{urlencode(visited[0])}", scheme)
        shown(page, name)
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        for state in visited[1:]:
            page.goto(f"{address}/{name}?{urlencode(state)}")
            shown(settled(page), name)
        assert (scheme == "dark") == (max(page.evaluate(BACKGROUND)) < 60), page.evaluate(BACKGROUND)
        stays_here(asked)
        page.close()


def shown(page: Page, name: str) -> None:
    """Assert that the page is that one, complains of nothing, and took no text of a model for markup."""
    assert page.get_by_role("heading", level=1).inner_text() == modules()[name].TITLE
    assert page.get_by_text("Expected:").count() == 0, "an error of ours"
    assert page.evaluate(HOSTILE) == 0, "a model's text became markup"


def stays_here(urls: list[str]) -> None:
    """Assert that nobody but this machine was asked."""
    hosts = {urlsplit(url).hostname for url in urls if not url.startswith(("data:", "blob:"))}
    assert hosts <= {"localhost"}, hosts


def test_nothing_leaves_this_machine(browser: Browser, address: str) -> None:
    page = browser.new_context().new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_timeout(500)
    assert any(url.startswith("ws") for url in asked)
    stays_here(asked)
    page.context.close()


def test_by_keyboard_alone(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}/leaderboard")
    _tab_to(page, "Samples")
    page.keyboard.press("Enter")
    page.wait_for_url("**/samples*")
    settled(page)
    _tab_to(page, "Text contains")
    page.keyboard.type("Zebra 7")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=Zebra*")
    settled(page)
    page.close()


def test_navigation_leads_to_every_page_and_back(browser: Browser, address: str) -> None:
    page = opened(browser, address)
    page.wait_for_url("**/leaderboard*")
    for name in PAGES[1:4]:
        _link(page, modules()[name].TITLE).click()
        page.wait_for_url(f"**/{name}*")
        settled(page)
        assert page.get_by_role("heading", level=1).inner_text() == modules()[name].TITLE
    page.go_back()
    page.wait_for_url(re.compile(rf"/{PAGES[2]}"))
    settled(page)
    assert page.get_by_role("heading", level=1).inner_text() == modules()[PAGES[2]].TITLE
    page.close()


def _link(page: Page, title: str):  # type: ignore[no-untyped-def]
    return page.locator("[data-testid=stTopNavLink]").filter(has_text=re.compile(f"{title}$")).first


def _tab_to(page: Page, wanted: str, most: int = 60) -> None:
    """Press Tab until what has the focus is called so."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted in (page.evaluate(FOCUSED) or ""):
            return
    raise AssertionError(f"{most} times Tab do not reach {wanted!r}")
