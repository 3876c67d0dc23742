"""Failure clusters in a real browser: bars, tables, map, names, export, deep links and the way back."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from browser_kit import WAIT_S, choose, click_mark, click_row, opened, serving, settled, state
from clusters_made import HOSTILE, analysed
from playwright.sync_api import expect

from harness.failures.analysis import Analysis
from harness.store import Database, failures

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """Return what the page shows of run-1."""
    return analysed(tmp_path_factory)[1]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return a copy that may be written to, with a name that is full of markup."""
    path = shutil.copy(analysed(tmp_path_factory)[0].path, tmp_path_factory.mktemp("browser") / "h.duckdb")
    return Database(path)


@pytest.fixture(scope="module")
def served(database: Database) -> Iterator[str]:
    """Yield the address of a dashboard that may write names."""
    with serving(database.path, "--write") as address:
        yield f"{address}/clusters"


@pytest.fixture
def page(browser: Browser, served: str) -> Iterator[Page]:
    """Yield the page as it opens on run-1."""
    shown = opened(browser, f"{served}?run=run-1")
    yield shown
    shown.close()


def said(page: Page, label: str, words: str) -> None:
    """Wait until the box of that label begins with these words."""
    box = page.get_by_role("combobox", name=label, exact=True)
    expect(box).to_have_value(re.compile(f"^{re.escape(words)}"), timeout=WAIT_S * 1000)
    settled(page)


def example(page: Page, name: str) -> None:
    """Wait until the failure of that name is the example."""
    line = page.get_by_test_id("stText").filter(has_text=f" · {name} · ")
    expect(line).to_be_visible(timeout=WAIT_S * 1000)
    settled(page)


def test_a_bar_opens_its_cause_and_the_way_back_leads_back(page: Page, analysis: Analysis) -> None:
    first, second, third = analysis.causes[:3]
    said(page, "Cluster", first.label)
    assert "cause" not in state(page)
    for cause in (second, third, second):
        click_mark(page, f"cause: {cause.label}")
        said(page, "Cluster", cause.label)
        assert state(page)["cause"] == cause.id
        example(page, analysis.members(cause.id)[0].case.name)
    page.reload()
    said(page, "Cluster", second.label)
    page.go_back()
    said(page, "Cluster", third.label)
    assert state(page)["cause"] == third.id
    page.go_forward()
    said(page, "Cluster", second.label)


def test_rows_open_causes_and_failures(page: Page, analysis: Analysis) -> None:
    second, third = analysis.causes[1:3]
    page.get_by_role("tab", name="All causes").click()
    for row, cause in ((1, second), (2, third), (1, second)):
        click_row(settled(page), row)
        said(page, "Cluster", cause.label)
        assert state(page)["cause"] == cause.id
    page.get_by_role("tab", name="Its failures").click()
    cases = [member.case for member in analysis.members(second.id)]
    for row in (3, 1):
        click_row(settled(page), row)
        example(page, cases[row].name)
        assert state(page)["sample"] == "/".join(map(str, cases[row].key))
    page.reload()
    example(page, cases[1].name)
    said(page, "Open a failure", cases[1].name)
    page.get_by_role("button", name="Another").click()
    example(page, cases[2].name)


def test_a_point_of_the_map_opens_its_failure(page: Page, analysis: Analysis) -> None:
    cause = analysis.causes[1]
    names = {"/".join(map(str, member.case.key)): member.case.name for member in analysis.members(cause.id)}
    click_mark(page, f"cause: {cause.label}; sample: ")
    said(page, "Cluster", cause.label)
    shown = state(page)
    assert shown["cause"] == cause.id
    example(page, names[shown["sample"]])
    page.reload()
    example(page, names[shown["sample"]])


def test_choices_hold(page: Page) -> None:
    for model, run in (("made:later", "run-2"), ("made:it", "run-1"), ("made:later", "run-2")):
        choose(page, "Run", model)
        said(page, "Run", model)
        assert state(page)["run"] == run  # also the newest, which may be another tomorrow
    page.get_by_role("tab", name="Trend").click()
    for words in ("no run", "made:it", "no run"):
        choose(settled(page), "Compare with", words)
        said(page, "Compare with", words)
    assert state(page) == {"run": "run-2", "tab": "Trend", "against": "no run"}
    assert page.get_by_role("tab", name="Trend").get_attribute("aria-selected") == "true"


def test_a_name_is_written_and_stays(page: Page, served: str, database: Database, analysis: Analysis) -> None:
    cause = analysis.causes[-1]
    page.goto(f"{served}?{urlencode({'run': 'run-1', 'cause': cause.id, 'tab': 'Name'})}")
    for name in ("cut in the middle", HOSTILE):
        settled(page).get_by_label("Name of this cause").fill(name)
        page.get_by_role("button", name="Rename").click()
        said(page, "Cluster", name)
        page.reload()
        said(page, "Cluster", name)
        assert failures.names(database)[cause.id] == name
    assert page.locator("[data-testid=stMain] script, [data-testid=stMain] a[href*=evil]").count() == 0


def test_an_export_holds_the_failures_of_the_cause(page: Page, analysis: Analysis) -> None:
    cause = analysis.causes[1]
    ids = sorted(member.case.sample_id for member in analysis.members(cause.id))
    click_mark(page, f"cause: {cause.label}")
    with page.expect_download() as waiting:
        page.get_by_role("button", name=f"Download {len(ids)} failures").click()
    rows = [json.loads(line) for line in waiting.value.path().read_text().splitlines()]
    assert waiting.value.suggested_filename == f"run-1-{cause.id}.jsonl"
    assert sorted(row["sample_id"] for row in rows) == ids
    assert {row["cause_id"] for row in rows} == {cause.id} and all(row["question"] and row["said"] for row in rows)
