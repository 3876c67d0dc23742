"""What a test wants of a program: the names it calls, and which calls can be made before any answer is known.

Read from the test's syntax alone, never from the program, so that a program cannot choose how it is judged.

    read("", ("assert f(1) == 2", "assert f([3], k=4) == 5"), "")
      -> Script(names={"f"}, calls=[("f", (1,), {}), ("f", ([3],), {"k": 4})], stay=False, shares=False)

`calls` are those whose arguments are literals and whose order is certain; they travel with the program, in one
message. Where a call depends on anything else, `stay` is set and the rest is asked one by one. `shares` says that a
test hands over what only one namespace can share: an object that another call made, a function, or a variable that is
looked at afterwards. Such tests are run in the program's own process (mode `inprocess`).
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from types import CodeType
from typing import Any

Call = tuple[str, tuple[Any, ...], dict[str, Any]]
Sent = tuple[str, Any, Any]
"""A call as `program` takes it. Sets travel as Python: their order of iteration depends on how they were made."""
CHOICES = (ast.BoolOp, ast.IfExp, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
"""Expressions that may evaluate a part of themselves never, or many times."""
BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Script:
    """A test, compiled and understood."""

    setup: CodeType | None
    tests: tuple[CodeType, ...]
    names: frozenset[str]
    """Names that the program has to define."""
    calls: list[Call]
    sent: list[Sent]
    """The same calls as they are sent."""
    stay: bool
    shares: bool
    modules: frozenset[str] = frozenset()
    """Modules of the standard library that a test uses without importing them."""


@lru_cache(maxsize=4096)
def read(setup: str, tests: tuple[str, ...], entry_point: str) -> Script:
    """Return the script of a test.

    Args:
        setup: trusted text that runs before the tests: the task's prompt, its imports and helpers.
        tests: texts that are judged one by one, in one namespace.
        entry_point: a name that the program defines even if `setup` defines it too (the prompt's stub).

    Raises:
        SyntaxError, ValueError: setup or a test does not compile.
    """
    trees = [ast.parse(text) for text in tests]
    before = ast.parse(setup) if setup else ast.Module([], [])
    given = set(_defined([before])) | set(_defined(trees))
    free = {name for tree in trees for name in _free(tree)} - given
    # The official graders share one namespace: a test may use a module that the program happens to import.
    modules = frozenset(free & sys.stdlib_module_names - _called(trees))
    # A program may be asked for under a built-in's name, but only when the test names nothing else.
    named = free - BUILTINS - modules
    names = frozenset(named | {entry_point} if entry_point else named or free & _called(trees))
    reader = _Reader(names, [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)])
    reader.read([statement for tree in trees for statement in tree.body])
    return Script(
        setup=compile(before, "<setup>", "exec", 0, True) if setup else None,
        tests=tuple(compile(tree, f"<test {place}>", "exec", 0, True) for place, tree in enumerate(trees)),
        names=names,
        calls=reader.calls,
        sent=reader.sent,
        stay=reader.stay,
        shares=_shares(trees, names) or bool(set(_free(before)) - given - BUILTINS),
        modules=modules,
    )


def stopped_at(code: CodeType, test: str, error: BaseException) -> str:
    """Return the statement of a test that raised; empty for a test of one line, which says no more."""
    if "\n" not in test.strip():
        return ""
    at, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == code.co_filename:
            start, _, column, _ = next(islice(trace.tb_frame.f_code.co_positions(), trace.tb_lasti // 2, None))
            at = (start or trace.tb_lineno, column or 0)
        trace = trace.tb_next
    around = [
        node for node in ast.walk(ast.parse(test))
        if at and isinstance(node, ast.stmt)
        and (node.lineno, node.col_offset) <= at <= (node.end_lineno or 0, node.end_col_offset or 0)
    ]  # fmt: skip
    if not around:
        return ""
    inner = max(around, key=lambda node: (node.lineno, node.col_offset))
    # As it is written: Python's own writer of trees gives up on sums of some hundred parts.
    text = ast.get_source_segment(test, inner) or ""
    lines = [line.strip() for line in text.split("\n")]
    return lines[0] if hasattr(inner, "body") else " ".join(lines)


class _Reader:
    """Collects calls in the order in which they will be made, as far as that is certain."""

    def __init__(self, names: frozenset[str], functions: Sequence[ast.FunctionDef]) -> None:
        self.names = names
        self.functions = {one.name: one for one in functions}
        self.twice = len(self.functions) < len(functions)
        self.alias: dict[str, str] = {}
        self.calls: list[Call] = []
        self.sent: list[Sent] = []
        self.stay = False

    def read(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            if self.stay:
                return
            if isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
                continue
            if isinstance(statement, ast.FunctionDef):
                head = [*statement.decorator_list, statement.args, *([statement.returns] if statement.returns else [])]
                self.stay = any(self._asks(part) or self._uses_functions(part) for part in head)
                continue
            inner = self._called_with_entry(statement)
            if inner is not None:
                function, entry = inner
                self.alias = {function.args.args[0].arg: entry}
                self.read(function.body)
                self.alias = {}
            elif isinstance(statement, ast.Assert):
                self._expression(statement.test)
            elif isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return):
                if statement.value is not None:
                    self._expression(statement.value)
            elif self._asks(statement) or self._uses_functions(statement):
                self.stay = True

    def _called_with_entry(self, statement: ast.stmt) -> tuple[ast.FunctionDef, str] | None:
        """Return (function, entry) of `check(entry)`, a test's function called with the program's."""
        match statement:
            case ast.Expr(ast.Call(func=ast.Name(id=name), args=[ast.Name(id=entry)], keywords=[])):
                function = self.functions.get(name)
                if function is not None and not self.twice and entry in self.names and len(function.args.args) == 1:
                    return function, entry
        return None

    def _expression(self, node: ast.expr) -> None:
        """Collect the calls of an expression in the order of their evaluation."""
        if self.stay or not (self._asks(node) or self._uses_functions(node)):
            return
        chained = isinstance(node, ast.Compare) and len(node.ops) > 1
        if isinstance(node, CHOICES) or chained or self._uses_functions(node, deep=False):
            self.stay = True
            return
        for child in _in_order(node):
            if isinstance(child, ast.expr):
                self._expression(child)
            elif isinstance(child, ast.keyword):
                self._expression(child.value)
        name = self._name(node)
        if name is None or self.stay or not isinstance(node, ast.Call):
            return
        try:
            values = tuple(ast.literal_eval(argument) for argument in node.args)
            keywords = {str(one.arg): ast.literal_eval(one.value) for one in node.keywords if one.arg is not None}
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            self.stay = True
            return
        if len(keywords) == len(node.keywords):
            self.calls.append((name, values, keywords))
            made = any(isinstance(one, ast.Set) for one in ast.walk(node))
            self.sent.append((name, _python(node), None) if made else self.calls[-1])
        else:
            self.stay = True

    def _name(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = self.alias.get(node.func.id, node.func.id)
            return name if name in self.names else None
        return None

    def _asks(self, node: ast.AST) -> bool:
        known = self.names | self.alias.keys()
        return any(isinstance(one, ast.Name) and one.id in known for one in ast.walk(node))

    def _uses_functions(self, node: ast.AST, deep: bool = True) -> bool:
        """Return whether it calls a function that the test defines: what that asks, and when, is not read."""
        inside = ast.walk(node) if deep else iter([node])
        return any(
            isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id in self.functions
            for one in inside
        )


def _in_order(node: ast.expr) -> Iterator[ast.AST]:
    """Yield the parts of an expression in the order in which they are evaluated."""
    if isinstance(node, ast.Dict):
        yield from (part for pair in zip(node.keys, node.values, strict=True) for part in pair if part is not None)
    else:
        yield from ast.iter_child_nodes(node)


def _python(call: ast.Call) -> str:
    """Return Python that evaluates to (arguments, keyword arguments) of a call of literals."""
    given = ", ".join(f"{one.arg!r}: {ast.unparse(one.value)}" for one in call.keywords)
    return f"(({''.join(ast.unparse(one) + ', ' for one in call.args)}), {{{given}}})"


def _defined(trees: Sequence[ast.AST]) -> Iterator[str]:
    """Yield every name that a text binds anywhere."""
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.Import | ast.ImportFrom):
                yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                yield node.id
            elif isinstance(node, ast.arg):
                yield node.arg
            elif isinstance(node, ast.ExceptHandler) and node.name:
                yield node.name


def _free(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id


def _called(trees: Sequence[ast.AST]) -> set[str]:
    return {
        node.func.id
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def _shares(trees: Sequence[ast.Module], names: frozenset[str]) -> bool:
    """Return whether a test hands over what only one namespace can share; see the module's docstring."""
    for tree in trees:
        variables: set[str] = set()
        for statement in tree.body:
            calls = [
                node
                for node in ast.walk(statement)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
            ]
            handed = [one for call in calls for one in (*call.args, *(keyword.value for keyword in call.keywords))]
            for argument in handed:
                for node in ast.walk(argument):
                    made = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
                    if made or isinstance(node, ast.Lambda) or (isinstance(node, ast.Name) and node.id in names):
                        return True
            inside = {id(node) for argument in handed for node in ast.walk(argument)}
            looked_at = {
                node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and id(node) not in inside
            }
            if isinstance(statement, ast.Assert) and variables & looked_at:
                return True
            variables |= {one.id for one in handed if isinstance(one, ast.Name) and one.id not in BUILTINS}
    return False
