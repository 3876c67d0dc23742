"""`python -m dashboards.serving run main.py ..`: Streamlit's command line, with the large packages of pages imported.

Streamlit imports nothing of an application before its first visitor comes, who would wait for that. The process ends
with the one that HARNESS_SERVED_BY names, however that ends.
"""

import importlib
import os
import sys

from streamlit.web.cli import main

from harness.workbench import leash

LARGE = ("altair", "duckdb", "pandas", "pyarrow", "harness.cli.curves")

if __name__ == "__main__":
    leash.hold(int(os.environ["HARNESS_SERVED_BY"]))
    for name in LARGE:
        importlib.import_module(name)
    sys.exit(main())
