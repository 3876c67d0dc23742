"""Gates, calibration and bench in a real browser: rows, points of charts and boxes are clicked, back goes back."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import gates_world
import pytest
from browser_kit import choose, opened, serving, settled, state
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a dashboard over the small world."""
    with serving(gates_world.make(tmp_path_factory.mktemp("gates") / "h.duckdb").path) as address:
        yield address


@pytest.fixture
def page(browser: Browser, served: str) -> Iterator[Page]:
    """Yield the list of verdicts."""
    shown = opened(browser, f"{served}/gates")
    yield shown
    shown.close()


def tick(page: Page, row: int, rows: int) -> Page:
    """Click the box before a row of the first table, of which all `rows` are seen."""
    canvas = page.get_by_test_id("data-grid-canvas").first
    expect(canvas).to_be_visible()
    place = canvas.bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + 16, place["y"] + place["height"] / (rows + 1) * (row + 1.5))
    page.wait_for_timeout(300)
    return settled(page)


def back(page: Page) -> Page:
    page.go_back()
    page.wait_for_timeout(300)
    return settled(page)


def reaches(page: Page, wanted: dict[str, str]) -> None:
    """Wait until the address holds these parameters and nothing else."""
    page.wait_for_url(lambda url: dict(parse_qsl(urlsplit(url).query)) == wanted)
    settled(page)


def banner(page: Page, words: str) -> None:
    expect(page.get_by_test_id("stAlert").first).to_contain_text(words)


def test_from_the_list_to_a_verdict_to_its_samples_and_back(page: Page) -> None:
    tick(page, 0, 4)
    banner(page, "FAIL, exit code 1")
    found = state(page)["gate"]
    expect(page.get_by_text("Checks, worst first")).to_be_visible()
    expect(page.get_by_text("mmlu, non_inferiority: " + gates_world.HOSTILE[:20])).to_be_visible()
    page.reload()
    settled(page)
    banner(page, "FAIL, exit code 1")
    page.get_by_role("link", name="Samples of the candidate").click()
    settled(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Samples")
    assert state(page)["run"] == "scaled-1"
    back(page)
    reaches(page, {"gate": found})
    banner(page, "FAIL, exit code 1")
    back(page)
    reaches(page, {})
    expect(page.get_by_label("Outcome", exact=True)).to_be_visible()


def test_filters_take_every_choice_and_back_takes_it_back(page: Page) -> None:
    for outcome in ("PASS", "FAIL", "INCONCLUSIVE"):
        choose(page, "Outcome", outcome)
        reaches(page, {"outcome": outcome})
    back(page)
    expect(page.get_by_role("combobox", name="Outcome")).to_have_value("FAIL")
    words = page.get_by_label("Model, run, policy or loop contains")
    words.fill("repair")
    words.press("Enter")
    reaches(page, {"outcome": "FAIL", "words": "repair"})
    tick(page, 0, 1)
    banner(page, "FAIL, exit code 1")
    page.get_by_role("button", name="All verdicts").click()
    reaches(page, {"outcome": "FAIL", "words": "repair"})
    choose(page, "Outcome", "PASS")
    banner(page, "Nothing is left of 4 verdicts")


def test_a_point_of_the_history_opens_its_verdict(page: Page) -> None:
    choose(page, "Outcome", "PASS")
    tick(page, 0, 1)
    banner(page, "PASS, exit code 0")
    before = page.url
    points = page.get_by_test_id("stVegaLiteChart").locator("[aria-roledescription=point]")
    points.and_(page.locator("[aria-label*='verdict; outcome: ERROR']")).click()
    expect(page.get_by_test_id("stAlert").first).to_contain_text("ERROR, exit code 4")
    assert page.url != before
    back(page)
    banner(page, "PASS, exit code 0")
    assert page.url == before


def test_calibration_before_and_after(page: Page, served: str) -> None:
    page.goto(f"{served}/calibration?model=scaled-1")
    settled(page)
    legend = page.locator("[aria-label^='Symbol legend'][aria-label*='Platt scaling']")
    expect(legend.first).to_be_attached()
    for split in ("all", "dev", "test"):
        choose(page, "Split", split)
        reaches(page, {"model": "scaled-1", "split": split})
    choose(page, "Bins", "5")
    choose(page, "Run", "plain-1")
    reaches(page, {"model": "plain-1", "suite": "mmlu", "split": "test", "bins": "5"})
    expect(legend).to_have_count(0)
    bars = page.locator("[aria-roledescription=bar]").count()
    page.reload()
    settled(page)
    assert page.locator("[aria-roledescription=bar]").count() == bars
    back(page)
    expect(legend.first).to_be_attached()
    page.get_by_role("link", name="Verdicts on this run").click()
    reaches(page, {"words": "scaled-1"})


def test_a_bench_is_opened_by_its_row_and_drawn_by_width(page: Page, served: str) -> None:
    page.goto(f"{served}/bench")
    settled(page)
    banner(page, "1 of 2 benches here ran beside other work")
    points = page.locator("[aria-roledescription=point]")
    assert points.count() == 4 and points.and_(page.locator("[aria-label*='machine: busy']")).count() == 2
    tick(page, 1, 2)
    reaches(page, {"bench": "b0"})
    expect(page.get_by_text("Median, lowest and highest of the repeats")).to_be_visible()
    page.get_by_text("quiet machine only").click()
    reaches(page, {"bench": "b0", "quiet": "yes"})
    expect(points).to_have_count(2)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
