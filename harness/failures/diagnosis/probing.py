"""Runs programs that returned a wrong result once more, to learn in which way it is wrong: scores keep only that it is.

    found, faults = probed(cases, database)
    found[0].detail["probe"]    ->  "off by one"

The test's equations are rewritten before it runs (`instrumented`): `assert f(2) == 4` becomes a call that, where the
two sides differ, raises the name of their difference, one of `programs.DIFFERENCES`. It runs in the same sandbox,
program and test apart, and decides nothing: the score stays what it was. A program that tells lies here lies about
itself alone.

Only cases of the mode `wrong_output` are run, from suites whose rows hold their tests as HumanEval's (`prompt`, `test`,
`entry_point`) or MBPP's (`test_list`, `setup`) do. What was found is kept with critiques, by program and test, so each
program runs once. Cost: one sandbox run a case, some 30 ms where a program is quick.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness import sandbox
from harness.failures.case import Case
from harness.failures.relations.programs import DIFFERENCES
from harness.grading.code import humaneval_trial
from harness.hashing import digest
from harness.sandbox import Limits, Trial
from harness.store import Database, failures, read
from harness.types import Fault

BY = "probe-1"
"""Under which name findings are kept; another version of `DIFFERENCE` is another name."""
LIMITS = Limits(cpu_s=2.0)
BATCH = 50
LEAST: sandbox.Level = "medium"
"""Nobody asked for a program to be run who reads a report: only behind good walls."""
MARK = "differs: "
DIFFERENCE = f'''
def _how_it_differs(got, want):
    if isinstance(got, tuple) and isinstance(want, list) or isinstance(got, list) and isinstance(want, tuple):
        return "another type"
    numbers = isinstance(got, (int, float)) and isinstance(want, (int, float))
    if got is None:
        return "returned None"
    if isinstance(got, bool) and isinstance(want, bool):
        return "the opposite truth"
    if numbers and not isinstance(got, bool) and not isinstance(want, bool):
        if got == -want:
            return "wrong sign"
        if abs(got - want) == 1:
            return "off by one"
        return "near miss" if abs(got - want) <= 0.1 * abs(want) else "another number"
    if type(got) is not type(want):
        return "another type"
    if isinstance(got, str):
        if "".join(got.split()).lower() == "".join(want.split()).lower():
            return "another case or spacing"
        return "nothing in it" if not got else "part of the text" if got in want else "another text"
    if isinstance(got, dict):
        return "other values" if got.keys() == want.keys() else "other keys"
    if isinstance(got, (list, tuple, set)):
        if not got:
            return "nothing in it"
        here, there = sorted(map(repr, got)), sorted(map(repr, want))
        if here == there:
            return "wrong order"
        if sorted(set(here)) == there:
            return "doubled items"
        if len(here) != len(there):
            return "fewer items" if len(here) < len(there) else "more items"
        return "one item differs" if sum(x != y for x, y in zip(got, want)) == 1 else "other items"
    return "something else"

def _must_equal(got, want):
    if not got == want:
        raise AssertionError("{MARK}" + _how_it_differs(got, want))

def _must_be_near(got, want, bound):
    if not abs(got - want) < bound:
        raise AssertionError("{MARK}" + _how_it_differs(got, want))
'''


def probed(cases: Sequence[Case], database: Database) -> tuple[list[Case], list[Fault]]:
    """Return the cases, those of wrong results with `detail["probe"]`, and a fault for each that could not be run.

    A case whose rows hold no tests of a known form stays as it is; all do where the sandbox is weaker than `LEAST`.
    """
    if not walled():
        return list(cases), []
    places = [place for place, case in enumerate(cases) if case.mode == "wrong_output" and case.answer]
    rows = _rows(database, [cases[place] for place in places])
    trials = {place: made for place in places if (made := _trial(cases[place], rows)) is not None}
    keys = {place: digest("probe", trial.candidate, list(trial.tests)) for place, trial in trials.items()}
    known = failures.critiques(database, BY, set(keys.values()))
    waiting = list({key: place for place, key in keys.items() if key not in known}.items())
    faults: list[Fault] = []
    for start in range(0, len(waiting), BATCH):
        found = {}
        for key, place in waiting[start : start + BATCH]:
            verdict = sandbox.run(trials[place], LIMITS)
            if verdict.word == "sandbox_error":
                faults.append(Fault("sandbox", "sandbox_error", verdict.reason))
            else:
                found[key] = word_of(verdict.reason)
        failures.add_critiques(database, BY, found)
        known |= found
    words = {place: known[key] for place, key in keys.items() if known.get(key)}
    told = [replace(c, detail={**c.detail, "probe": words[i]}) if i in words else c for i, c in enumerate(cases)]
    return told, faults


def walled() -> bool:
    """Return whether this machine keeps programs apart well enough to run them for a report's sake."""
    try:
        return sandbox.LEVELS.index(sandbox.level()) >= sandbox.LEVELS.index(LEAST)
    except OSError:
        return False


def word_of(reason: str) -> str:
    """Return the word of a rewritten test's complaint; empty where another assertion failed."""
    said = reason.partition(MARK)[2].strip()
    return said if said in DIFFERENCES else ""


def instrumented(test: str) -> str:
    """Return a test whose equations say how their sides differ; unchanged where it is no Python."""
    try:
        tree = ast.parse(test)
    except (SyntaxError, ValueError, RecursionError):
        return test
    return f"{DIFFERENCE}\n{ast.unparse(ast.fix_missing_locations(_Equations().visit(tree)))}"


class _Equations(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        test = node.test
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            return node
        left, right = test.left, test.comparators[0]
        if isinstance(test.ops[0], ast.Eq | ast.Is):
            return _call("_must_equal", left, right)
        apart = left.args[0] if isinstance(left, ast.Call) and len(left.args) == 1 else None
        is_abs = isinstance(left, ast.Call) and isinstance(left.func, ast.Name) and left.func.id == "abs"
        bounded = is_abs and isinstance(test.ops[0], ast.Lt | ast.LtE)
        if bounded and isinstance(apart, ast.BinOp) and isinstance(apart.op, ast.Sub):
            return _call("_must_be_near", apart.left, apart.right, right)
        return node


def _call(name: str, *arguments: ast.expr) -> ast.Expr:
    return ast.Expr(ast.Call(ast.Name(name, ast.Load()), list(arguments), []))


def _rows(database: Database, cases: Sequence[Case]) -> dict[tuple[str, str], Mapping[str, Any]]:
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for suite in sorted({case.suite for case in cases}):
        ids = [case.sample_id for case in cases if case.suite == suite]
        for row in read.query(
            database,
            "SELECT sample_id, data FROM samples WHERE suite = ? AND sample_id IN (SELECT unnest(?::VARCHAR[]))",
            [suite, ids],
        ):
            found[suite, row["sample_id"]] = json.loads(row["data"])
    return found


def _trial(case: Case, rows: Mapping[tuple[str, str], Mapping[str, Any]]) -> Trial | None:
    row, answer = rows.get((case.suite, case.sample_id), {}), case.answer or ""
    texts = [row.get(name) for name in ("prompt", "test", "entry_point")]
    if all(isinstance(text, str) for text in texts):
        prompt, test, entry_point = map(str, texts)
        return humaneval_trial(prompt, answer, instrumented(test), entry_point)
    tests = row.get("test_list")
    if isinstance(tests, list) and tests:
        return Trial(answer, tuple(instrumented(str(test)) for test in tests), str(row.get("setup") or ""))
    return None
