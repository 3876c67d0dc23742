"""Pages drawn in process, by AppTest, and what they show: for the tests that go over all pages."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from streamlit.testing.v1 import AppTest

from harness.store import Database

MAIN = Path(__file__).resolve().parents[2] / "dashboards" / "serving" / "main.py"
WAIT_S = 120


@contextmanager
def shown(database: Database) -> Iterator[None]:
    """Make that database the one that the dashboard shows."""
    before = os.environ.get("HARNESS_DB")
    os.environ["HARNESS_DB"] = str(database.path)
    try:
        yield
    finally:
        os.environ.pop("HARNESS_DB")
        if before is not None:
            os.environ["HARNESS_DB"] = before


def whole(database: Database) -> AppTest:
    """Return the app as it opens: its first page, or why there is none."""
    with shown(database):
        return AppTest.from_file(str(MAIN), default_timeout=WAIT_S).run()


def page(database: Database, name: str, state: Mapping[str, str]) -> AppTest:
    """Return a page in a state, as the app draws it."""
    test = AppTest.from_function(_draw, kwargs={"name": name}, default_timeout=WAIT_S)
    for key, value in state.items():
        test.query_params[key] = value
    with shown(database):
        return test.run()


def _draw(name: str) -> None:
    from dashboards.app import modules, show
    from harness.store import Database

    show(modules()[name], {}, Database.at())


def picture(test: AppTest) -> list[str]:
    """Return what stands on a page, element by element: two pages that look alike have equal ones."""
    return [f"{element.type}: {getattr(element, 'value', '')}" for element in test.main]


def complaints(test: AppTest) -> list[str]:
    """Return exceptions, and errors as `harness` words them; a verdict FAIL is shown in red and is none."""
    told = [str(one.value) for one in test.error if "Expected" in one.value or "Type" in one.value]
    return [*(str(one.value) for one in test.exception), *told]


def address(test: AppTest) -> dict[str, str]:
    """Return the address that the page leads to: what a person would copy."""
    return {key: value[0] if isinstance(value, list) else value for key, value in test.query_params.items()}
