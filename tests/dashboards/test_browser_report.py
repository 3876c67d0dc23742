"""The exported report in a browser, opened as a file: nothing is fetched, nothing runs, it fits phones and paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import report_world

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the report of hostile texts and its figures."""
    from dashboards.export import figures, report
    from harness.store import Database

    place = tmp_path_factory.mktemp("report")
    database = Database(place / "h.duckdb")
    report_world.make(database)
    report.write(database, place / "report.html")
    figures.write(database, place / "figures")
    return place


def shown(browser: Browser, path: Path, size: tuple[int, int] = (1280, 800), scheme: str = "light") -> Page:
    """Return the file in a page that asked for nothing else and complained of nothing."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(path.as_uri())
    page.wait_for_timeout(200)
    assert asked == [path.as_uri()] and not said, (asked, said)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_fetched_and_nothing_scrolls_sideways(
    browser: Browser, folder: Path, width: int, scheme: str
) -> None:
    page = shown(browser, folder / "report.html", (width, 800), scheme)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"scrolls {wide} pixels sideways"
    colours = page.evaluate("(e => [e.backgroundColor, e.color])(getComputedStyle(document.body))")
    light, dark = (sum(int(x) for x in colour[4:-1].split(",")) for colour in colours)
    assert (light > dark) == (scheme == "light") and abs(light - dark) > 450
    text = page.locator("figure svg text").first.evaluate("e => getComputedStyle(e).fill")
    assert text == colours[1]
    assert (
        page.evaluate("document.querySelectorAll('script, img, iframe, [onload], [onclick], b[onmouseover]').length")
        == 0
    )


def test_links_lead_to_parts_and_folds_open(browser: Browser, folder: Path) -> None:
    from dashboards.export.report import PARTS

    page = shown(browser, folder / "report.html")
    for name, title in PARTS.items():
        page.get_by_role("link", name=title, exact=True).click()
        assert page.url.endswith(f"#{name}")
        heading = page.locator(f"#{name} h2")
        box = heading.bounding_box()
        assert heading.inner_text() == title and box is not None and 0 <= box["y"] < 800
    made = page.locator("#comparison details.made")
    assert not made.locator("pre").first.is_visible()
    made.locator("summary").click()
    assert "harness compare small-1 RUN" in made.inner_text()


def test_paper_shows_what_is_folded(browser: Browser, folder: Path) -> None:
    page = shown(browser, folder / "report.html")
    checks = page.locator("#gates details table").first
    page.locator("#gates summary").first.click()
    assert not checks.is_visible()
    page.emulate_media(media="print")
    box = checks.bounding_box()
    assert box is not None and box["height"] > 20
    assert not page.locator("nav").is_visible() and not page.locator("details.made").first.is_visible()
    assert page.pdf()[:5] == b"%PDF-"


def test_figures_open_as_files(browser: Browser, folder: Path) -> None:
    for path in sorted((folder / "figures").iterdir()):
        page = shown(browser, path)
        page.context.close()
