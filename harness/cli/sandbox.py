"""`harness sandbox FILE.py`: judges one program, and shows the verdict and what it used of its limits.

    harness sandbox answer.py --test test.py      do the test's assertions hold? each one is shown
    harness sandbox answer.py                     does it load and run to its end?
    cat answer.py | harness sandbox - --json      the same for a script

Exit code 0: pass. 1: any other verdict on the program. 2: wrong usage, or a level that this machine does not offer.
4: the sandbox itself broke, which says nothing about the program. What the program prints is thrown away.
"""

from __future__ import annotations

import ast
import math
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people, plain_table, printable
from harness.errors import InfrastructureError, UsageError, nearest
from harness.grading.asserts import can_fail
from harness.sandbox.verdict import LEVELS, Level, Limits, Trial, Verdict

TEXT_BYTES = 16 << 20
MOST_S, MOST_MB = 86_400.0, 1 << 20
Test = tuple[int, str, str]
"""Line of the test file on which a test is decided, what stands there, and the test's whole text."""


@command
def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The program; `-` reads it from stdin.")],
    test: Annotated[
        str | None, typer.Option(help="Python that asserts. Yours, not a model's: it runs with your rights.")
    ] = None,
    cpu_s: Annotated[float, typer.Option(help="CPU seconds of the whole program.")] = 3.0,
    memory_mb: Annotated[int, typer.Option(help="Address space, MiB.")] = 1024,
    wall_s: Annotated[float | None, typer.Option(help="Wall seconds. Default: 3 x CPU + 2.")] = None,
    level: Annotated[str | None, typer.Option(help="strong, medium or weak. Default: the strongest here.")] = None,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Run one program in the sandbox: verdict, level, limits used. Exit code 1 when it does not pass."""
    from harness.sandbox import running

    for option, value, most in (
        ("--cpu-s", cpu_s, MOST_S),
        ("--memory-mb", memory_mb, MOST_MB),
        ("--wall-s", wall_s, MOST_S),
    ):
        _check(option, value, most)
    limits = Limits(cpu_s, memory_mb << 20, wall_s)
    program = _read(file)
    if all(line.lstrip()[:1] in ("", "#") for line in program.splitlines()):
        raise UsageError(f"{file!r} holds no statement: it would pass", "a program", "name another file")
    tests = [(0, "", "")] if test is None else _tests(_read(test), test)
    refused, at = _level(level)
    verdict = running.run(Trial(program, tuple(text for _, _, text in tests)), limits, at)
    if verdict.word == "sandbox_error":
        raise InfrastructureError(
            f"the sandbox broke: {verdict.reason}", "a verdict on the program", "type: harness doctor"
        )
    shown = _document(verdict, limits, refused, tests if test else [])
    emit(shown) if as_json else _print(shown, test or "")
    return 0 if verdict.word == "pass" else 1


def _check(option: str, value: float | None, most: float) -> None:
    if value is not None and not (math.isfinite(value) and 0 < value <= most):
        raise UsageError(f"{option} {value:g} is no limit", f"above 0, at most {most:g}", f"type: {option} 10")


def _read(name: str) -> str:
    """Return the text of a file, of stdin for `-`.

    Raises:
        UsageError: not there, not UTF-8, or too long.
    """
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as source:
            raw = source.read(TEXT_BYTES + 1)
        if len(raw) > TEXT_BYTES:
            raise UsageError(f"{name!r} is too long", f"at most {TEXT_BYTES >> 20} MiB", "cut it")
        return raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(
            f"cannot read {name!r}: {error}", "a Python file in UTF-8", "a path, or - for stdin"
        ) from error


def _tests(text: str, name: str) -> list[Test]:
    """Return the tests of a file: one for each assertion where it holds nothing else but definitions and imports.

    Any other file is one test: its assertions may depend on each other.

    Raises:
        UsageError: it does not compile, or nothing in it can fail.
    """
    try:
        compile(text, name, "exec", dont_inherit=True)
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise UsageError(f"the test {name!r} does not compile: {error}", "Python", "mend it") from error
    if not can_fail(text):
        raise UsageError(f"the test {name!r} can not fail", "an assert, a raise or a call", "write one")
    plain = (ast.Assert, ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    ends = [(one.lineno, one.end_lineno or one.lineno) for one in body if isinstance(one, ast.Assert)]
    apart = len(dict(ends)) == len(ends) > 1 and body[-1].lineno == ends[-1][0]
    # As the compiler counts lines: str.splitlines knows more ends than it does.
    lines, start, tests = text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 0, []
    if not apart or not all(isinstance(statement, plain) for statement in body):
        line = body[-1].lineno if body else 1
        return [(line, lines[line - 1], text)]
    for line, end in ends:
        tests.append((line, lines[line - 1], "\n".join(lines[start:end])))
        start = end
    return tests


def _level(wish: str | None) -> tuple[dict[str, str], Level]:
    """Return why stronger levels are not to be had here, and the level to use.

    Raises:
        UsageError: no such level, or not here.
        InfrastructureError: no level works.
    """
    from harness.sandbox.running import isolation

    known: dict[str, Level] = {level: level for level in LEVELS[1:]}
    if wish is not None and wish not in known:
        raise UsageError(f"{wish!r} is no level of the sandbox", nearest(wish, known), "type: --level medium")
    try:
        here = isolation()
    except OSError as error:
        raise InfrastructureError(f"no level of the sandbox works: {error}", "one", "type: harness doctor") from error
    refused: dict[str, str] = dict(here.refused)
    if wish is None:
        return refused, here.level
    if LEVELS.index(known[wish]) > LEVELS.index(here.level):
        raise UsageError(
            f"no level {wish!r} here: {refused.get(wish)}", f"{here.level!r} or weaker", "type: harness doctor"
        )
    return refused, known[wish]


def _document(verdict: Verdict, limits: Limits, refused: dict[str, str], tests: list[Test]) -> dict[str, Any]:
    return {
        "verdict": verdict.word,
        "reason": verdict.reason,
        "at": verdict.at,
        "got": verdict.got,
        "level": verdict.level,
        "refused": refused,
        "mode": verdict.mode,
        "retried": verdict.retried,
        "used": {"cpu_s": verdict.cpu_s, "wall_s": verdict.wall_s, "peak_bytes": verdict.peak_bytes},
        "limits": {"cpu_s": limits.cpu_s, "wall_s": limits.wall, "memory_bytes": limits.memory_bytes},
        "tests": [
            {"line": line, "test": stands, "verdict": word, "reason": why}
            for (line, stands, _), (word, why) in zip(tests, verdict.outcomes, strict=False)
        ],
    }


def _print(shown: dict[str, Any], test: str) -> None:
    from rich.markup import escape

    from harness.sandbox.running import MADE_OF

    console = people(False)
    colour = "green" if shown["verdict"] == "pass" else "red"
    console.print(f"[bold {colour}]{shown['verdict']}[/]  {escape(printable(shown['reason']))}".rstrip())
    used, limits = shown["used"], shown["limits"]
    forgeable = "in one process with its test, which a program that sets out to can exploit"
    rows = {name: printable(shown[name]) for name in ("at", "got") if shown[name]}
    rows |= {
        "level": f"{shown['level']}: {MADE_OF[shown['level']]}",
        "mode": "split: test and program apart" if shown["mode"] == "split" else f"inprocess: {forgeable}",
        "cpu": f"{used['cpu_s']:.4f} of {limits['cpu_s']:g} s",
        "wall": f"{used['wall_s']:.4f} of {limits['wall_s']:g} s",
        "memory": f"{used['peak_bytes'] >> 20} MiB resident at most; the limit is {limits['memory_bytes'] >> 20} MiB"
        " of address space",
    }
    if shown["retried"]:
        rows["again"] = "ran twice: the first time it ended without having used its CPU time"
    for label, text in rows.items():
        console.print(f"  [dim]{label:<7}[/] {escape(text)}")
    if shown["tests"]:
        table = plain_table("line", "verdict", "reason", "test", right=("line",))
        for one in shown["tests"]:
            cells = (one["verdict"], printable(one["reason"], 60), printable(one["test"], 60))
            table.add_row(str(one["line"]), *map(escape, cells))
        console.print(f"[dim]{escape(printable(test))}[/]")
        console.print(table)
