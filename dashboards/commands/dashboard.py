"""`harness dashboard`: the leaderboard and everything behind it, in a browser."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people
from harness.errors import InfrastructureError, MissingPackage, UsageError

if TYPE_CHECKING:
    from harness.store import Database


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
    _look_at(database)
    _refuse_taken(port)
    address = f"http://localhost:{port}"
    if as_json:
        emit({"address": address, "database": str(database.path)})
        sys.stdout.flush()
    people(as_json).print(f"{address}  shows {database.path}; Ctrl-C ends it", markup=False)
    return _serve(port, {"HARNESS_DB": str(database.path), "HARNESS_DASHBOARD_WRITE": "1" if write else "0"})


def _look_at(database: Database) -> None:
    """Refuse a file that cannot be shown; one that is not there yet may come.

    Raises:
        UsageError: a folder, or a file of a newer version.
        InfrastructureError: a damaged file, or none of DuckDB's.
    """
    if database.path.is_dir():
        what, name = f"{str(database.path)!r} is a folder", database.path / "harness.duckdb"
        raise UsageError(what, "a file that `harness eval` has written", f"type: harness dashboard --db {name}")
    if database.exists:
        with database.read():
            pass


def _refuse_taken(port: int) -> None:
    for family, kind, _, _, place in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: one just ended is no harm
            try:
                tried.bind(place)
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    continue  # localhost has a second address that this machine lacks
                what = f"port {port} of localhost is not free: {(error.strerror or '').lower()}"
                raise UsageError(what, "a free port", f"type: harness dashboard --port {_free()}") from error


def _free() -> int:
    with socket.socket() as tried:
        tried.bind(("localhost", 0))
        return int(tried.getsockname()[1])


def _serve(port: int, settings: Mapping[str, str]) -> int:
    """Run the server until it is ended; it never outlives this process's end."""
    options = {
        "server.address": "localhost", "server.port": port, "server.headless": "true", "server.fileWatcherType": "none",
        "server.enableCORS": "true", "server.enableXsrfProtection": "true",  # whatever a configuration file says
        "browser.gatherUsageStats": "false", "client.toolbarMode": "minimal",
    }  # fmt: skip
    app = Path(__file__).resolve().parents[1] / "serving" / "main.py"
    words = [
        sys.executable,
        "-m",
        "dashboards.serving",
        "run",
        str(app),
        *(f"--{key}={value}" for key, value in options.items()),
    ]
    root = os.pathsep.join(filter(None, [str(app.parents[2]), os.environ.get("PYTHONPATH")]))
    own = {"HARNESS_SERVED_BY": str(os.getpid()), "PYTHONPATH": root}
    child = subprocess.Popen(words, env={**os.environ, **settings, **own}, stdout=sys.stderr)
    try:
        code = child.wait()
    except KeyboardInterrupt:  # how a server ends
        return 130
    finally:
        child.terminate()
        child.wait()
    if code:
        what = f"the server of the dashboard ended with code {code}"
        raise InfrastructureError(what, "its reason stands above", "type: harness doctor")
    return 0
