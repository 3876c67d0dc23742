"""`harness dashboard`: the leaderboard and everything behind it, in a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import Db, Debug, Json, command, people
from harness.errors import MissingPackage


@command
def run(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Of localhost.")] = 8501,
    write: Annotated[bool, typer.Option("--write", help="People may name causes of failure on its page.")] = False,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Serve the dashboard on localhost, read-only, until Ctrl-C; evaluations go on beside it."""
    from importlib.util import find_spec

    from harness.store import Database

    if find_spec("streamlit") is None:
        raise MissingPackage("streamlit", "the dashboard", "dashboard")
    database = Database.at(db)
    people(as_json).print(f"http://localhost:{port}  shows {database.path}; Ctrl-C ends it", markup=False)
    options = {
        "server.address": "localhost", "server.port": port, "server.headless": "true", "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false", "client.toolbarMode": "minimal",
    }  # fmt: skip
    app = Path(__file__).resolve().parents[1] / "serving" / "main.py"
    words = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(app),
        *(f"--{key}={value}" for key, value in options.items()),
    ]
    root = os.pathsep.join(filter(None, [str(app.parents[2]), os.environ.get("PYTHONPATH")]))
    settings = {"HARNESS_DB": str(database.path), "HARNESS_DASHBOARD_WRITE": "1" if write else "0", "PYTHONPATH": root}
    child = subprocess.Popen(words, env={**os.environ, **settings})
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        return 130
