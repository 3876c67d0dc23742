"""The dashboard in a real browser: `harness dashboard` as a process, and Debian's Chromium driven by Playwright.

    with serving(database) as address, browsing() as browser:
        page = opened(browser, f"{address}/leaderboard?suite=primer")
        settled(page)                                   the script ended, no exception element, no error in the console
        page.get_by_role("button", name="Save").click()

`CHROMIUM` names another browser. Without one the tests skip, but for CI, where they fail: `make browser` installs it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
)  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 120
DRAWN = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSkeleton]')"""
TRIES = 10
SIZE = (1280, 800)
"""CSS pixels: the width at which nothing may scroll sideways."""
QUIET = re.compile(r"favicon|Failed to load resource|WebSocket|was preloaded|third-party cookie", re.I)
"""Words of the console that are not the dashboard's."""


def chromium() -> str | None:
    """Return the browser's program; None where there is none."""
    named = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    return next((found for name in named if name and (found := shutil.which(name))), None)


@contextmanager
def serving(database: Path, *options: str) -> Iterator[str]:
    """Yield the address of a dashboard over that file; the process ends with the block. `options`: of the command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "harness", "dashboard", "--port", str(port), "--db", str(database), *options]
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(f"http://localhost:{port}/_stcore/health", child, log)
            yield f"http://localhost:{port}"
        finally:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait(WAIT_S)


@contextmanager
def browsing() -> Iterator[Browser]:
    """Yield a headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS), timeout=WAIT_S * 1000)
        try:
            yield browser
        finally:
            browser.close()


def opened(browser: Browser, address: str, scheme: str = "light", size: tuple[int, int] = SIZE) -> Page:
    """Return a settled page; `page.said` holds what the console complained of."""
    page = _context(browser, scheme).new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    complaints: list[str] = []
    page.on("console", lambda message: _listen(message, complaints))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.said = complaints  # type: ignore[attr-defined]
    page.goto(address)
    return settled(page)


def _context(browser: Browser, scheme: str) -> BrowserContext:
    """Return one context a scheme: its cache keeps Streamlit's scripts, which take a second to load."""
    for context in browser.contexts:
        if getattr(context, "scheme", None) == scheme:
            return context
    context = browser.new_context(color_scheme=scheme)
    context.set_default_timeout(WAIT_S * 1000)
    context.scheme = scheme
    return context


def settled(page: Page) -> Page:
    """Wait until the script has ended; complain of exceptions, of errors in the console, of scrolling sideways."""
    page.wait_for_timeout(150)
    page.wait_for_function(DRAWN, timeout=WAIT_S * 1000)
    broken = page.locator("[data-testid=stException]")
    assert broken.count() == 0, broken.first.inner_text()
    assert not page.said, page.said  # type: ignore[attr-defined]
    wide = page.evaluate(
        "() => Math.max(...['stMain', 'stApp'].map(id => document.querySelector(`[data-testid=${id}]`))"
        ".filter(Boolean).map(e => e.scrollWidth - e.clientWidth))"
    )
    assert wide <= 0, f"{page.url} scrolls {wide} pixels sideways"
    return page


def state(page: Page) -> dict[str, str]:
    """Return the parameters of the address."""
    return dict(parse_qsl(urlsplit(page.url).query))


def choose(page: Page, label: str, option: str) -> Page:
    """Choose what a box of that label offers, by the beginning of its words."""
    box = page.get_by_test_id("stSelectbox").filter(has=page.get_by_text(label, exact=True))
    wanted = page.get_by_role("option", name=re.compile(f"^{re.escape(option)}")).first
    for _ in range(TRIES):  # a list that opens while the page still grows is closed by it
        box.get_by_role("combobox").click()
        page.wait_for_timeout(300)
        if wanted.is_visible():
            break
    wanted.click()
    return settled(page)


def click_row(page: Page, row: int, table: int = 0) -> Page:
    """Tick the box before a row, from 0, of a table, from 0. Tables are a canvas: the place is computed."""
    frame = page.get_by_test_id("stDataFrame").nth(table)
    frame.scroll_into_view_if_needed()
    head = frame.locator("canvas").nth(1).bounding_box()  # as tall as a row, and a line
    assert head is not None
    page.mouse.click(head["x"] + 16, head["y"] + (head["height"] - 1) * (row + 1.5))
    page.wait_for_timeout(300)
    return settled(page)


def click_mark(page: Page, words: str) -> Page:
    """Click the first mark of a chart (bar, circle) whose words for screen readers hold these, where it is seen."""
    mark = page.locator(f"svg.marks path[aria-label*={json.dumps(words, ensure_ascii=False)}]").first
    mark.scroll_into_view_if_needed()
    place = mark.bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.wait_for_timeout(300)
    return settled(page)


def _listen(message: ConsoleMessage, complaints: list[str]) -> None:
    if message.type == "error" and not QUIET.search(message.text):
        complaints.append(message.text)


def _wait(address: str, child: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end and child.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    log.seek(0)
    raise AssertionError(f"no dashboard: {log.read().decode(errors='replace')[-2000:]}")
