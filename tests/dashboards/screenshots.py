"""`make screenshots`: every page of the dashboard as a picture, light and dark, at 1280 pixels.

    python tests/dashboards/screenshots.py DATABASE [--to results/screenshots] [--pages samples] [--scheme light dark]
    python tests/dashboards/screenshots.py DATABASE --readme

A page is shown bare and in the states that its links lead to. `--readme` makes its four pictures anew, in docs/images:
of a database with a loop and a compression. Pictures are made to be looked at; what a page may never do (an exception,
an error in the console, a scroll bar sideways) ends the run.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from browser_kit import browsing, opened, serving, settled
from page_states import OTHERS, states
from playwright.sync_api import Page

from harness.errors import HarnessError
from harness.store import Database, read

TALL = 4000
"""CSS pixels of a picture at most."""
README = {
    "compare": "SELECT run_before AS a, run_after AS b FROM rounds WHERE run_after IS NOT NULL LIMIT 1",
    **{name: OTHERS[name] for name in ("clusters", "rounds", "frontier")},
}
"""Page -> query of the state that is shown there."""
IMAGES, HIGH = Path(__file__).resolve().parents[2] / "docs" / "images", 860


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path)
    parser.add_argument("--to", type=Path, default=Path("results/screenshots"))
    parser.add_argument("--pages", nargs="*", default=[])
    parser.add_argument("--scheme", nargs="*", default=["light"], choices=["light", "dark"])
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    if options.readme:
        _readme(options.database)
        return 0
    options.to.mkdir(parents=True, exist_ok=True)
    wanted = states(Database(options.database))
    with serving(options.database.resolve()) as address, browsing() as browser:
        for name, found in wanted.items():
            if options.pages and name not in options.pages:
                continue
            for number, parameters in enumerate(found):
                for scheme in options.scheme:
                    page = opened(browser, f"{address}/{name}?{urlencode(parameters)}", scheme)
                    file = options.to / f"{name}-{number}-{scheme}.png"
                    _whole(page)
                    page.screenshot(path=file)
                    print(f"{file}  {_words(parameters)}", flush=True)
                    page.close()
    return 0


def _readme(database: Path) -> None:
    with serving(database.resolve()) as address, browsing() as browser:
        for name, query in README.items():
            (state,) = read.query(Database(database), query)
            page = opened(browser, f"{address}/{name}?{urlencode(state)}", size=(1280, HIGH))
            page.wait_for_timeout(1000)  # charts draw themselves after the script
            page.screenshot(path=IMAGES / f"{name}.png")
            print(IMAGES / f"{name}.png", flush=True)


def _whole(page: Page) -> None:
    tall = page.evaluate("() => document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
    page.set_viewport_size({"width": 1280, "height": max(800, min(TALL, tall + 60))})
    page.wait_for_timeout(400)
    settled(page)


def _words(parameters: Mapping[str, str]) -> str:
    return re.sub(r"[^\w .:=/-]", "?", " ".join(f"{key}={value}" for key, value in parameters.items()))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HarnessError as error:
        sys.exit(str(error))
