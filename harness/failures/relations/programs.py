"""What a failing program shows of itself: how it differs from the wanted one, how it is built, why its tests failed.

    target "def f(x): return 7 - x", answer "def f(x): return x - 7"    difference -> "operands swapped"
    "def g(l):\\n    print(sum(l))"                                      build      -> "prints instead of returning"
    detail {"reason": "KeyError: 'Ana'"}                                exception  -> "KeyError"

Programs are parsed (`ast`), never run, and only up to 4,000 characters: what is longer or does not compile has no
build.
An exception's name counts when it is one of Python's own: a program may name its own after anything.
"""

from __future__ import annotations

import ast
import builtins
import re
import typing
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

LONGEST = 4000
EXCEPTIONS = frozenset(
    name for name, one in vars(builtins).items() if isinstance(one, type) and issubclass(one, BaseException)
)
BUILTINS = frozenset(dir(builtins)) | frozenset(typing.__all__) | {"__name__", "__file__", "__doc__"}
"""Names of `typing` too: prompts import them before the program."""
OWN = "an exception of its own"
SAYS = re.compile(r"\b([A-Z][A-Za-z]{2,40}(?:Error|Exception|Interrupt|Exit|Iteration))\b")
DIFFERENCES = (
    "returned None", "another type", "the opposite truth", "wrong sign", "off by one", "near miss", "another number",
    "another case or spacing", "nothing in it", "part of the text", "another text", "wrong order", "doubled items",
    "fewer items", "more items", "one item differs", "other items", "other keys", "other values", "something else",
)  # fmt: skip
"""How a program's result differs from the wanted one (`diagnosis.probing` runs it to see)."""
WRONG_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("missing name", re.compile(r"name '[^']{0,60}' is not defined")),
    ("missing import", re.compile(r"No module named|cannot import name")),
    ("operates on None", re.compile(r"'?NoneType'? ")),
    ("wrong number of arguments", re.compile(r"positional argument|unexpected keyword|required .{0,20}argument")),
    ("missing attribute", re.compile(r"has no attribute")),
    ("mixed types", re.compile(r"unsupported operand|must be (?:str|int)|can only concatenate|not supported between")),
    ("not iterable or indexable", re.compile(r"not (?:iterable|subscriptable|callable|hashable)|unhashable")),
    ("past the end", re.compile(r"out of range|index out|pop from|empty (?:sequence|list|range|iterable)")),
    ("key not there", re.compile(r"^KeyError")),
    ("not a number", re.compile(r"invalid literal|could not convert|math domain")),
    ("division by zero", re.compile(r"division by zero|modulo by zero|ZeroDivision")),
    ("recursion too deep", re.compile(r"recursion")),
    ("unpacks another number of values", re.compile(r"to unpack")),
    ("changes size in a loop", re.compile(r"changed size during iteration")),
)
"""Kind of an exception -> what its message says. Own words: messages may quote the program."""


def exception(reason: str) -> str:
    """Return the class of the exception that a reason begins with, `OWN` for one that is not Python's, or nothing."""
    name = re.match(r"[A-Za-z_][\w.]{0,80}(?=:|$)", reason[:200])
    if name and name[0] in EXCEPTIONS:
        return name[0]
    found = SAYS.search(reason[:200])
    if found:
        return found[1] if found[1] in EXCEPTIONS else OWN
    return ""


def wrong_kind(reason: str) -> str:
    """Return what an exception's message says, in words of our own; nothing where it says none of them."""
    return next((kind for kind, pattern in WRONG_KINDS if pattern.search(reason[:300])), "")


def whole(question: str, answer: str) -> str:
    """Return the program to look at: the question before the answer where the answer only goes on with it."""
    goes_on = "def " in question and not re.search(r"^(?:async )?def ", answer, re.MULTILINE)
    return f"{question.rstrip()}\n{answer}" if goes_on and answer.strip() else answer


def tree(program: str) -> ast.Module | None:
    """Return the syntax of a program, or of the body of a function; None where it has none or is too long."""
    if not program.strip() or len(program) > LONGEST:
        return None
    for text in (program, f"def _():\n{program}", f"def _():\n    {program.strip()}"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


@lru_cache(maxsize=2048)
def build(program: str) -> str:
    """Return what stands out in how a program is built, the first of a closed list, or nothing."""
    module = tree(program)
    if module is None:
        return "does not compile" if program.strip() and len(program) <= LONGEST else ""
    nodes = [node for node, _ in zip(ast.walk(module), range(20_000), strict=False)]
    if _undefined(nodes):
        return "uses an undefined name"
    kinds = {type(node) for node in nodes}
    returns = [node for node in nodes if isinstance(node, ast.Return) and node.value is not None]
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    if not returns and not kinds & {ast.Yield, ast.YieldFrom, ast.Lambda}:
        empty = all(isinstance(node, ast.Pass | ast.FunctionDef) or _is_text(node) for node in _statements(nodes))
        return "does nothing" if empty else "prints instead of returning" if "print" in called else "returns nothing"
    if "input" in called:
        return "reads from the keyboard"
    if _recursive(nodes):
        return "calls itself"
    loops = sum(isinstance(node, ast.For | ast.While | ast.comprehension) for node in nodes)
    if loops > 2:
        return "several loops"
    return (
        "one line" if len(_statements(nodes)) <= 3 else "loops" if loops else "branches" if ast.If in kinds else "calls"
    )


def cut(program: str) -> bool:
    """Return whether what does not compile is the last line, as where a program was cut off."""
    if len(program) > LONGEST:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(program)
    except SyntaxError as error:
        at = len(program.rstrip().splitlines())
        return (error.lineno or 0) >= at or "unterminated triple-quoted" in str(error.msg)
    except (ValueError, RecursionError, MemoryError):
        return False
    return False


def difference(wanted: str, got: str) -> str:
    """Return how a program differs from the wanted one, of a closed list; empty where that cannot be told."""
    left, right = _returned(wanted), _returned(got)
    if left is None or right is None:
        return ""
    if ast.dump(left) == ast.dump(right):
        return "same expression"
    if any(ast.dump(one) == ast.dump(right) for one in _swaps(left)):
        return "operands swapped"
    apart = list(_apart(left, right))
    if len(apart) != 1:
        return ""
    return _one_place(*apart[0])


def _statements(nodes: Sequence[ast.AST]) -> list[ast.stmt]:
    return [node for node in nodes if isinstance(node, ast.stmt)]


def _undefined(nodes: Sequence[ast.AST]) -> bool:
    """Return whether a name is read that nothing in the program binds, in whatever order."""
    bound, read = {"_"}, set[str]()
    for node in nodes:
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            bound.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            bound.add(node.rest)
    return "*" not in bound and bool(read - bound - BUILTINS)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _recursive(nodes: Sequence[ast.AST]) -> bool:
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name != "_":
            inner = (one for one, _ in zip(ast.walk(node), range(5000), strict=False))
            if any(isinstance(one, ast.Call) and getattr(one.func, "id", "") == node.name for one in inner):
                return True
    return False


def _returned(program: str) -> ast.expr | None:
    """Return the expression of a program's only return, where it is a short one."""
    module = tree(program) if len(program) <= 400 else None
    found = [node.value for node in ast.walk(module) if isinstance(node, ast.Return)] if module else []
    return found[0] if len(found) == 1 else None


def _swaps(expression: ast.expr) -> Iterator[ast.expr]:
    """Yield the expression with the sides of one operator exchanged, each in turn."""
    text = ast.unparse(expression)
    count = sum(isinstance(node, ast.BinOp | ast.Compare) for node in ast.walk(expression))
    for place in range(min(count, 12)):
        copy = ast.parse(text, mode="eval").body
        node = [one for one in ast.walk(copy) if isinstance(one, ast.BinOp | ast.Compare)][place]
        if isinstance(node, ast.BinOp):
            node.left, node.right = node.right, node.left
        elif len(node.comparators) == 1:
            node.left, node.comparators = node.comparators[0], [node.left]
        yield copy


def _apart(left: ast.AST, right: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield the smallest pairs of nodes in which two trees of one shape differ."""
    if ast.dump(left) == ast.dump(right):
        return
    fields = [list(ast.iter_child_nodes(side)) for side in (left, right)]
    leaf = isinstance(left, ast.Constant | ast.Name | ast.operator | ast.cmpop | ast.unaryop | ast.boolop)
    if type(left) is not type(right) or leaf or len(fields[0]) != len(fields[1]):
        yield left, right
        return
    for one, other in zip(*fields, strict=True):
        yield from _apart(one, other)


def _one_place(wanted: ast.AST, got: ast.AST) -> str:
    pair = (wanted, got)
    if all(isinstance(one, ast.Constant) and isinstance(one.value, int | float) for one in pair):
        x, y = (getattr(one, "value") for one in pair)  # noqa: B009
        return "a constant off by one" if abs(x - y) == 1 else "another constant"
    if all(isinstance(one, ast.operator | ast.cmpop | ast.boolop) for one in pair):
        names = {type(one) for one in pair}
        if names in ({ast.Lt, ast.LtE}, {ast.Gt, ast.GtE}):
            return "a bound off by one"
        if names in ({ast.Add, ast.Sub}, {ast.UAdd, ast.USub}):
            return "a sign exchanged"
        opposite = ({ast.Eq, ast.NotEq}, {ast.Lt, ast.GtE}, {ast.Gt, ast.LtE}, {ast.In, ast.NotIn}, {ast.Lt, ast.Gt})
        return "a comparison negated" if names in opposite else "another operator"
    if any(isinstance(one, ast.UnaryOp) for one in pair):
        unary = next(one for one in pair if isinstance(one, ast.UnaryOp))
        other = pair[1] if unary is wanted else pair[0]
        if ast.dump(unary.operand) == ast.dump(other):
            return "a comparison negated" if isinstance(unary.op, ast.Not) else "a sign exchanged"
    return "another name" if all(isinstance(one, ast.Name) for one in pair) else ""


def tests_line(detail: Mapping[str, Any]) -> str:
    """Return how many of several tests failed, in words: `all`, `most`, `half`, `few`, or nothing."""
    tests = detail.get("tests")
    if not isinstance(tests, list) or len(tests) < 2:
        return ""
    failed = sum(isinstance(one, Mapping) and one.get("mode") != "right" for one in tests)
    share = failed / len(tests)
    return "all" if share == 1 else "most" if share > 0.5 else "half" if share == 0.5 else "few"
