"""A browser for the tests that click, and `__main__` as it was."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(autouse=True, scope="module")
def own_main() -> Iterator[None]:
    """Put `__main__` back after each module.

    Streamlit's AppTest leaves its script there, and a process that `multiprocessing` spawns later would run that again.
    """
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


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
