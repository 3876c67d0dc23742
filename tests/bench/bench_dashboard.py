"""How fast the dashboard answers on a large database: every page in process, cold and warm; first paint in Chromium.

    python tests/bench/bench_dashboard.py [DATABASE] [--pages samples compare] [--limit-s 1.0]

For every page and every state of it that links lead to (`tests/dashboards/page_states.py`): seconds of a drawing with
Streamlit's cache emptied (cold), the CPU seconds of it, how many accesses to the database it made and how long those
took, whoever asked, and seconds of the next one (warm). AppTest draws no pixels, so the leaderboard's first paint is
timed in Chromium too, from the navigation to the board: of a server just started; of a file that just changed, which is
to be under two seconds; and that with a browser that has Streamlit's scripts. What takes longer than its limit is
marked, what shows an error is told, and either makes the exit code 1. CPU seconds tell a slow page from a busy machine.

Without a file it makes one of 50 models, 20 suites and 2,000 samples (`large_database.py`, seconds) and takes it away
again. The file is likely to be in the page cache.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dashboards"))

import large_database
import streamlit as st
from page_states import states
from streamlit.testing.v1 import AppTest

from harness.store import Database

if TYPE_CHECKING:
    from playwright.sync_api import Page

BOARD = "[data-testid=stDataFrame] canvas, [data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"
"""What of the leaderboard shows numbers."""
WAIT_S = 120
PAINTED = f"""new MutationObserver(() => {{
    if (window.painted || !document.querySelector({BOARD!r})) return;
    window.painted = -1;
    requestAnimationFrame(() => requestAnimationFrame(() => {{ window.painted = performance.now() }}));
}}).observe(document, {{childList: true, subtree: true}})"""
"""Notes in the page itself when the frame with the board was painted: a clock outside adds its own waiting."""
PAINTS = 7
FIRST_PAINT_S = 2.0
WIDTHS = (12, 44, 9, 9, 9, 9, 9)


class Clock:
    """Seconds and number of accesses to databases since it was asked last."""

    def __init__(self) -> None:
        self.spans: list[float] = []
        opened = Database.read

        @contextmanager
        def timed(database: Database) -> Iterator[Any]:
            began = time.perf_counter()
            try:
                with opened(database) as connection:
                    yield connection
            finally:
                self.spans.append(time.perf_counter() - began)

        Database.read = timed  # type: ignore[method-assign]

    def take(self) -> tuple[int, float]:
        """Return both, and begin anew."""
        spans, self.spans = self.spans, []
        return len(spans), sum(spans)


def drawn(name: str) -> None:
    """Draw a page: AppTest takes the source of this function, so it imports what it needs."""
    from dashboards.app import modules, show
    from harness.store import Database

    show(modules()[name], {}, Database.at())


def faults(test: AppTest) -> list[str]:
    """Return the exceptions and errors that a page shows."""
    return [str(one.value) for one in (*test.exception, *test.error)]


def first_paint(database: Database) -> bool:
    """Print how long Chromium waits for the leaderboard: of a new server, and of one whose file just changed."""
    from browser_kit import browsing, chromium, serving

    if chromium() is None:
        print("first paint in a browser: not timed, there is no Chromium (make browser)")
        return True
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(database.path, folder))
        with serving(copy) as address, browsing() as browser:
            new, *fresh = [_painted(browser.new_page(), address, copy) for _ in range(1 + PAINTS)]
            kept = browser.new_page()
            _, *cached = [_painted(kept, address, copy) for _ in range(1 + PAINTS)]
    print("first paint of the leaderboard in Chromium, seconds from the navigation to the board:")
    print(f"    new server, no script cached       {new:.2f}")
    for what, found in (("file changed, no script cached", fresh), ("file changed, scripts cached", cached)):
        print(f"    {what:<34} {statistics.median(found):.2f}  ({min(found):.2f} to {max(found):.2f}, {PAINTS} times)")
    return statistics.median(fresh) <= FIRST_PAINT_S


def _painted(page: Page, address: str, file: Path) -> float:
    """Return the seconds from the navigation until a page has painted the board of a file that just changed."""
    os.utime(file)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.add_init_script(PAINTED)
    page.goto(f"{address}/leaderboard")
    page.wait_for_function("() => window.painted > 0", timeout=WAIT_S * 1000)
    seconds: float = page.evaluate("() => window.painted / 1000")
    return seconds


def page(clock: Clock, name: str, parameters: Mapping[str, str], limit_s: float) -> bool:
    """Print cold and warm seconds of a page in a state; return whether both were in time and nothing broke."""
    st.cache_data.clear()
    test = AppTest.from_function(drawn, kwargs={"name": name}, default_timeout=WAIT_S)
    for key, value in parameters.items():
        test.query_params[key] = value
    clock.take()
    seconds, cpu, spent = [], [], []
    for _ in range(2):
        began, worked = time.perf_counter(), time.process_time()
        test.run()
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
        spent.append(clock.take())
    (count, asked), _ = spent
    state = "&".join(f"{key}={value[:12]}" for key, value in parameters.items())
    slow = "" if max(seconds) <= limit_s else "slow"
    figures = (f"{seconds[0]:.2f}", f"{cpu[0]:.2f}", f"{asked:.2f}", str(count), f"{seconds[1]:.2f}")
    _line(name, state[: WIDTHS[1]], *figures, slow)
    return not slow and not _told(test)


def _told(test: AppTest) -> bool:
    for fault in faults(test):
        print(f"    error: {fault.splitlines()[0][:160] if fault else 'without words'}")
    return bool(faults(test))


def _line(*cells: str) -> None:
    padded = [
        cell.ljust(width) if place < 2 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, WIDTHS, strict=False))
    ]
    print(*padded, *cells[len(WIDTHS) :], flush=True)


def main(database: Database, chosen: Sequence[str], limit_s: float) -> int:
    """Print the table; return 1 where something is slow or broken."""
    os.environ["HARNESS_DB"] = str(database.path)
    logging.disable(logging.WARNING)  # Streamlit's, that no server runs
    clock = Clock()
    known = states(database)
    good = [first_paint(database)] if not chosen or "leaderboard" in chosen else []
    AppTest.from_function(drawn, kwargs={"name": "leaderboard"}, default_timeout=WAIT_S).run()  # pays for the imports
    _line("page", "state", "cold s", "cpu s", "asked s", "accesses", "warm s")
    for name, found in known.items():
        if not chosen or name in chosen:
            good += [page(clock, name, state, limit_s) for state in found]
    return int(not all(good))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("database", nargs="?", type=Path)
    parser.add_argument("--pages", nargs="+", default=[])
    parser.add_argument("--limit-s", type=float, default=1.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.database or Path(folder) / "large.duckdb"
        if given.database is None:
            large_database.make(Database(path))
        sys.exit(main(Database(path), given.pages, given.limit_s))
