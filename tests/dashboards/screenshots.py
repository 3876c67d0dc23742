"""`make screenshots`: every page of the dashboard as a picture, light and dark, at 1280 pixels.

    python tests/dashboards/screenshots.py DATABASE [--to results/screenshots] [--pages samples] [--dark] [--docs]

A page is shown bare and in the states that its links lead to. `--docs` writes the four pictures of the README into
docs/images. Pictures are made to be looked at; what a page may never do (an exception, an error in the console, a
scroll bar sideways) ends the run.
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
from page_states import states

from harness.store import Database

TALL = 4000
"""CSS pixels of a picture at most."""


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path)
    parser.add_argument("--to", type=Path, default=Path("results/screenshots"))
    parser.add_argument("--pages", nargs="*", default=[])
    parser.add_argument("--scheme", nargs="*", default=["light"], choices=["light", "dark"])
    options = parser.parse_args()
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


def _whole(page) -> None:
    tall = page.evaluate("() => document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
    page.set_viewport_size({"width": 1280, "height": max(800, min(TALL, tall + 60))})
    page.wait_for_timeout(400)
    settled(page)


def _words(parameters: Mapping[str, str]) -> str:
    return re.sub(r"[^\w .:=/-]", "?", " ".join(f"{key}={value}" for key, value in parameters.items()))


if __name__ == "__main__":
    sys.exit(main())
