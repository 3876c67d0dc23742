"""How commands speak: one JSON document on stdout with `--json`, everything else to people; three-part errors.

Text of a model may hold terminal escapes: everything printed goes through `printable`.
"""

from __future__ import annotations

import json
import signal
import sys
import traceback
from collections.abc import Callable, Collection
from functools import wraps
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from harness.errors import HarnessError, InfrastructureError

P = ParamSpec("P")
PIPE_WIDTH = 140
"""Columns of a table that is not shown on a terminal."""

Db = Annotated[str | None, typer.Option("--db", help="Results file. Default: HARNESS_DB, else results/harness.duckdb.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout; everything else on stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def printable(text: str, width: int | None = None) -> str:
    """Return `text` with control characters (terminal escapes, bidi overrides) made visible; cut to `width`."""
    shown = "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)
    return shown if width is None or len(shown) <= width else shown[: width - 1] + "…"


def people(as_json: bool) -> Console:
    """Return the console for people: stdout, or stderr when stdout is for a JSON document."""
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = max(console.width, PIPE_WIDTH)
    return console


def plain_table(*columns: str, right: Collection[str] = ()) -> Table:
    """Return an empty table without lines that keeps its numbers whole on 80 columns; the last column may wrap."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        justify: JustifyMethod = "right" if column in right else "left"
        table.add_column(column, justify=justify, no_wrap=column != columns[-1] or column in right)
    return table


def emit(document: Any) -> None:
    """Print the one JSON document of a command."""
    print(json.dumps(document, ensure_ascii=False, indent=2, default=str))  # noqa: T201 - this is the output


def fail(error: HarnessError, as_json: bool) -> None:
    """Print the three parts of an error: on stderr for people, on stdout too as JSON with `--json`."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]error[/]: {escape(printable(error.what))}")
    for label, part in (("expected", error.expected), ("next", error.next)):
        if part:
            console.print(f"  [dim]{label}[/]: {escape(printable(part))}")
    if as_json:
        emit(
            {
                "error": {
                    "what": error.what,
                    "expected": error.expected,
                    "next": error.next,
                    "exit_code": error.exit_code,
                }
            }
        )


def command(function: Callable[P, int | None]) -> Callable[P, None]:
    """Wrap a command: errors become three lines and an exit code, Ctrl-C and SIGTERM become 130.

    The command returns its exit code, or None for 0.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json, debug = bool(kwargs.get("as_json")), bool(kwargs.get("debug"))
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            code = function(*args, **kwargs) or 0
        except HarnessError as error:
            if debug:
                traceback.print_exc()
            fail(error, as_json)
            code = error.exit_code
        except KeyboardInterrupt:
            stopped = HarnessError("interrupted", "", "the same command goes on")
            code = stopped.exit_code = 130
            fail(stopped, as_json)
        except BrokenPipeError:
            sys.stderr.close()
            code = 0
        except Exception as error:  # noqa: BLE001 - the last boundary: no traceback without --debug
            if debug:
                traceback.print_exc()
            what = f"unexpected {type(error).__name__}: {error}"
            fail(
                InfrastructureError(what, "this is a defect of harness", "run again with --debug and report it"),
                as_json,
            )
            code = 4
        raise typer.Exit(code)

    return wrapped


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
