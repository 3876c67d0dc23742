"""A browser for the tests that click."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield Chromium; without one the test skips, but for CI, where it fails.

    A module at a time: while Playwright runs, its event loop runs in this thread, which no other test expects.
    """
    import browser_kit

    if browser_kit.chromium() is None:
        missing = "no Chromium: type `make browser`, or set CHROMIUM"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with browser_kit.browsing() as running:
        yield running
