"""`python -m dashboards.serving run main.py ..`: Streamlit's command line, with the pages and their packages imported.

Streamlit imports nothing of an application before its first visitor comes, who would wait for that. The process ends
with the one that HARNESS_SERVED_BY names, however that ends.
"""

import importlib
import logging
import os
import sys

from streamlit.web.cli import main

from harness.workbench import leash

LARGE = ("altair", "duckdb", "pandas", "pyarrow", "harness.cli.curves")


def imported() -> None:
    """Import what pages need, and the pages."""
    for name in LARGE:
        importlib.import_module(name)
    caching = logging.getLogger("streamlit.runtime.caching.cache_data_api")
    caching.disabled = True  # it warns of functions that are to be cached before there is a server
    try:
        importlib.import_module("dashboards.app").modules()
    finally:
        caching.disabled = False


if __name__ == "__main__":
    leash.hold(int(os.environ["HARNESS_SERVED_BY"]))
    imported()
    sys.exit(main())
