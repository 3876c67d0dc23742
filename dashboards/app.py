"""The dashboard: `harness dashboard`, or `streamlit run dashboards/serving/main.py`.

Every file in `pages/` is a page: TITLE, ICON, ORDER, and `show(view)`. The database is that of HARNESS_DB; it is opened
read-only, for milliseconds at a time, so that evaluations go on beside it.
"""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import streamlit as st

from dashboards import names
from dashboards.queries import has
from dashboards.view import View
from harness.errors import HarnessError
from harness.store import Database

PAGES = Path(__file__).with_name("pages")

STYLE = """
html {font-size: 14px}
[data-testid=stMainBlockContainer] {padding: 4rem 2rem 3rem}
[data-testid=stHeading] h1 {padding: 0 0 .5rem; font-size: 1.9rem}
"""
"""Room for tables. Not by options of a theme: with one of its own, Streamlit shows no dark page to who asks for one."""


def modules() -> dict[str, ModuleType]:
    """Return name -> module of the pages, in the order that they ask for."""
    stems = [path.stem for path in PAGES.glob("*.py") if not path.stem.startswith("_")]
    found = {name: importlib.import_module(f"dashboards.pages.{name}") for name in stems}
    return dict(sorted(found.items(), key=lambda item: (item[1].ORDER, item[0])))


def problem(view: View) -> str:
    """Return why a database cannot be shown, in words; empty where it can."""
    path = view.database.path
    try:
        if not view.database.exists:
            what = f"{path} is a folder" if path.is_dir() else f"There is no database at {path} yet"
            return f"{what}. Type: harness eval tiny --suite primer --db FILE"
        if not has(view.ask, "migrations"):
            return (
                f"{path} is no database of harness. Type: harness dashboard --db FILE, with one that harness eval wrote"
            )
    except HarnessError as error:
        return words(error)
    return ""


def words(error: HarnessError) -> str:
    """Return an error on one line."""
    return f"{error.what}. Expected: {error.expected}. {error.next}"


def show(module: ModuleType, pages: dict[str, Any], database: Database) -> None:
    """Show one page, with the queries behind it below."""
    view = View(database, pages)
    st.set_page_config(page_title=f"{module.TITLE} · harness")
    st.title(module.TITLE)
    try:
        module.show(view)
    except HarnessError as error:
        st.error(names.plain(words(error)))
    except Exception:
        if not (said := problem(View(database, pages))):
            raise
        st.error(names.plain(said))  # the file was taken away, or spoiled, under an open page
    view.queries()


def enter(pages: dict[str, Any]) -> None:
    """Open the first page, with what the address says."""
    st.switch_page(next(iter(pages.values())), query_params=dict(st.query_params))


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config(page_icon="📊", layout="wide")  # of a page's own icon, Streamlit asks Google for a picture
    st.html(f"<style>{STYLE}</style>")
    database = _database(str(Database.at().path))
    if said := problem(View(database, {})):
        st.error(names.plain(said))
        st.stop()
    pages: dict[str, Any] = {}
    for name, module in modules().items():
        drawn = partial(show, module, pages, database)
        pages[name] = st.Page(drawn, title=module.TITLE, icon=module.ICON, url_path=name)
    # Streamlit serves its default page at "/" alone; so that every page has an address, that one only leads on.
    door = st.Page(partial(enter, pages), title="harness", url_path="door", default=True, visibility="hidden")
    st.navigation([door, *pages.values()], position="top").run()


@st.cache_resource(show_spinner=False)  # type: ignore[untyped-decorator]
def _database(path: str) -> Database:
    """Return one object a file, which remembers what it found out about it."""
    return Database(Path(path))
