"""`python -m dashboards.serving run main.py ..`: Streamlit's command line, with the large packages of pages imported.

Streamlit imports nothing of an application before its first visitor comes, who would wait for that.
"""

import importlib
import sys

from streamlit.web.cli import main

LARGE = ("altair", "duckdb", "pandas", "pyarrow", "harness.cli.curves")

if __name__ == "__main__":
    for name in LARGE:
        importlib.import_module(name)
    sys.exit(main())
