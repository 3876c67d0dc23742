"""A newcomer at the bare address finds the worst cluster of a model, and an example of it, within three clicks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_kit import WAIT_S, click_row, opened, serving, settled, state
from clusters_made import analysed
from playwright.sync_api import expect

from harness.config import EvalConfig
from harness.failures.analysis import Analysis, analyse
from harness.failures.reuse import Wanted
from harness.runner import evaluate
from harness.store import Database

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
RECORDED = {
    "gpt-4": ("formatting", "ifeval/input_response_data_gpt4_20231107_145030.jsonl.gz"),
    "claude-1.3": ("humaneval", "humaneval/getcursor-eval/claude-v1.3.jsonl.gz"),
}
"""Model -> suite and recording."""
LIMIT = 80
"""Samples of each."""
MOST = 3
"""Clicks."""


def _found(page: Page, found: Analysis) -> str:
    """Wait until the worst cluster is open with a failure of it; return what the model said there."""
    worst = found.causes[0]
    box = page.get_by_role("combobox", name="Cluster", exact=True)
    expect(box).to_have_value(f"{worst.label} ({len(found.members(worst.id))})", timeout=WAIT_S * 1000)
    settled(page)
    typical = found.members(worst.id)[0].case
    assert page.get_by_test_id("stText").filter(has_text=f" · {typical.name} · ").is_visible()
    shown = page.get_by_test_id("stCode").filter(has_text=re.compile(r"\S")).all()
    return "\n".join(one.inner_text() for one in shown)


def _by_the_board(page: Page, model: str) -> list[Callable[[], object]]:
    """Return the clicks from the leaderboard: a row of it, then the link to its causes."""
    page.get_by_label("Model or run contains").fill(model)
    page.keyboard.press("Enter")
    settled(page)
    return [lambda: click_row(page, 0), lambda: page.get_by_role("link", name="why it fails").first.click()]


def _by_the_menu(page: Page, model: str) -> list[Callable[[], object]]:
    """Return the clicks through the menu: the page, its box of runs, the run."""
    box = page.get_by_role("combobox", name="Run", exact=True)
    option = page.get_by_role("option", name=re.compile(f"^{re.escape(model)}"))
    return [page.get_by_role("link", name="Failure clusters").click, box.click, option.first.click]


WAYS = {"board": _by_the_board, "menu": _by_the_menu}


def _walk(browser: Browser, address: str, way: str, model: str, found: Analysis) -> str:
    page = opened(browser, address)
    clicks = WAYS[way](page, model)
    assert len(clicks) <= MOST
    for click in clicks:
        click()
        page.wait_for_timeout(300)
        settled(page)
    said = _found(page, found)
    run = found.members(found.causes[0].id)[0].case.run_id
    assert state(page).get("run", run) == run
    page.close()
    return said


@pytest.mark.parametrize("way", WAYS)
def test_worst_cluster_of_made_runs(browser: Browser, tmp_path_factory: pytest.TempPathFactory, way: str) -> None:
    database, first, _ = analysed(tmp_path_factory)
    with serving(database.path) as address:
        assert "minus" in _walk(browser, address, way, "made:it", first)


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "model_outputs").is_dir(), reason="no recorded outputs beside the checkout")
def test_worst_cluster_of_recorded_models(browser: Browser, tmp_path: Path) -> None:
    database, found = Database(tmp_path / "h.duckdb"), {}
    for model, (suite, recording) in RECORDED.items():
        asked = EvalConfig(
            model=f"replay:{SHARED / 'model_outputs' / recording}",
            suites=[suite],
            data=str(SHARED),
            name=model,
            limit=80,
        )
        run = evaluate(asked, database).run_id
        found[model] = analyse(database, run, "dev", wanted=Wanted(embedder="lsa"), weak=False)
    with serving(database.path) as address:
        for way in WAYS:
            for model, analysis in found.items():
                said = _walk(browser, address, way, model, analysis)
                case = analysis.members(analysis.causes[0].id)[0].case
                assert case.question.split()[0] in said and case.text.split()[0] in said
