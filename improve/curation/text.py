"""Texts brought to the form in which two of them count as one: what must not matter is gone, what matters is kept.

    tokens("Ana's  sum: 1,000 + 2.50?")           -> ["anas", "sum", "1000", "+", "2.50"]
    key("Pick one.\\n(A) red\\n(B) blue")           == key("PICK ONE\\nA. Blue\\nB. Red")
    stems(tokens("Two boys, fifty-four studies")) -> ["2", "boys", "54", "stud"]
    program("def f(x): return x + 1")             == program("def g(y):\\n    # more\\n    return y + 1")

Gone: case, blanks, sentence marks, quotes, markdown, hyphens within words, labels ("Q:", "Answer:"), letters and order
of choices; in code, names that the program itself gives, comments, docstrings, layout. Kept: numbers, operators,
brackets, order of words.

Programs are parsed (`ast`), never run, and only up to `LONGEST` characters and `DEEPEST` brackets: text of a model is
hostile, and Python's parser has limits of its own. Cost: about 20,000 short texts a second; a program 0.3 ms.
"""

from __future__ import annotations

import ast
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence

from harness.hashing import digest

LONGEST, DEEPEST = 20_000, 60
SMALLEST = 24
"""Nodes of a syntax tree below which a program says nothing: too many people would write the same."""

_TOKEN = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+|_+|[^\w\s]")
_THOUSANDS = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?!\d|,\d)")
_IN_WORD = re.compile(r"(?<=[^\W\d_])['’](?=[^\W\d_])")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-‐‑](?=[^\W\d_])")
_MARKS = frozenset(".,:;?!\"'`´‘’“”„…#\\_¿¡|")
_LABEL = re.compile(
    r"^[\s#*>]*(?:q|a|question|answer|problem|task|instruction|input|output|response|exercise|user|human|assistant"
    r"|options|choices)\s*\d*\s*[:.)]\s*\**\s*",
    re.IGNORECASE,
)
_TRAIL = re.compile(
    r"\s*(?:\n\s*(?:(?:a|answer|output|response|assistant)\s*:|(?:options|choices)\s*:?)|let's think step by step\.?)"
    r"\s*\**\s*$",
    re.IGNORECASE,
)
_CHOICE = re.compile(r"^[ \t]*(?:\(?[A-Ja-j][).:]|\(?\d{1,2}[).]|[-*•])[ \t]+(?=\S)(.*)$", re.MULTILINE)
_INLINE = re.compile(r"\s\(?([A-Ja-j])\)\s+")
_ENDING = re.compile(r"(?:ies|ing|ed|es|s|ly|e|y)$")
_UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_NUMBERS = {
    **{word: str(number) for number, word in enumerate(_UNITS)},
    **{word: str(10 * number) for number, word in enumerate(_TENS, start=2)},
    "once": "1",
    "twice": "2",
    "double": "2",
    "thrice": "3",
    "dozen": "12",
    "half": "0.5",
}
_FENCE = re.compile(r"```[^\n`]*\n(.*?)(?:```|\Z)", re.DOTALL)


def tokens(text: str) -> list[str]:
    """Return the words, numbers and operators of a text, folded."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = _THOUSANDS.sub(lambda found: found.group().replace(",", ""), folded)
    folded = _HYPHEN.sub(" ", _IN_WORD.sub("", folded))
    return [one for one in _TOKEN.findall(folded) if one not in _MARKS and one.strip("_*")]


def stems(words: Sequence[str]) -> list[str]:
    """Return words without their endings, and numbers as digits, by which a rewording is still known."""
    found: list[str] = []
    before = ""
    for word in words:
        if before in _TENS and word in _UNITS[1:10]:
            found[-1] = str(int(_NUMBERS[before]) + int(_NUMBERS[word]))
        else:
            short = _ENDING.sub("", word) if len(word) > 4 and word.isalpha() else word
            found.append(_NUMBERS.get(word) or (short if len(short) >= 3 else word))
        before = word
    return found


def stripped(text: str) -> str:
    """Return a text without the labels around it ("Q: .. A:")."""
    before = None
    while before != text:
        before, text = text, _TRAIL.sub("", _LABEL.sub("", text, count=1)).strip()
    return text


def split_choices(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a question without its choices, and the choices: at least two lines `(A) ..`, `B. ..`, `- ..`."""
    found = list(_CHOICE.finditer(text))
    if len(found) >= 2:
        rest = text[: found[0].start()] + "\n" + _CHOICE.sub("", text[found[0].start() :])
        return stripped(rest), tuple(one[1] for one in found)
    marks = list(_INLINE.finditer(text))
    if len(marks) >= 2 and [one[1].lower() for one in marks] == list("abcdefghij")[: len(marks)]:
        ends = [one.start() for one in marks[1:]] + [len(text)]
        choices = tuple(stripped(text[one.end() : end]) for one, end in zip(marks, ends, strict=True))
        return stripped(text[: marks[0].start()]), choices
    return stripped(text), ()


def key(text: str, choices: Sequence[str] = ()) -> str:
    """Return the digest of a question with its choices in whatever order."""
    stem, own = split_choices(text)
    return key_of(tokens(stem), [tokens(one) for one in (*own, *choices)])


def key_of(stem: Sequence[str], choices: Sequence[Sequence[str]] = ()) -> str:
    """Return the digest of a question's tokens and those of its choices."""
    return digest("asked", list(stem), sorted(list(one) for one in choices))


def program(text: str) -> str:
    """Return the digest of a program with its own names numbered; empty where it is none, too small or too large."""
    tree = _tree(text)
    if tree is None:
        return ""
    nodes = list(ast.walk(tree))
    if len(nodes) < SMALLEST:
        return ""
    given = {name for node in nodes for name in _given(node)}
    numbers: dict[str, str] = {}
    for node in nodes:
        _rename(node, given, numbers)
    try:
        return digest("program", ast.dump(tree, annotate_fields=False))
    except RecursionError:  # a chain of thousands of operators
        return ""


def programs(text: str) -> Iterator[str]:
    """Yield the pieces of a text that may be programs: its fenced blocks, else the whole of it."""
    blocks = _FENCE.findall(text)
    yield from blocks or [text]


def _tree(text: str) -> ast.Module | None:
    if not text.strip() or len(text) > LONGEST or _depth(text) > DEEPEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.replace("\r\n", "\n"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in ast.walk(tree):
        _bare(node)
    return tree


def _depth(text: str) -> int:
    """Return a bound of how deep a program nests: brackets, and signs in a row (`----x`): the parser recurses."""
    deep = most = 0
    for mark in text:
        deep += (mark in "([{") - (mark in ")]}")
        most = max(most, deep)
    longest = max((len(run) for run in re.findall(r"(?:[-+~]\s*|not\s+){8,}", text)), default=0)
    return max(most, longest)


def _bare(node: ast.AST) -> None:
    """Take away what a program says to people: docstrings, annotations; and imports, which follow from its names."""
    for field in ("returns", "annotation"):
        if hasattr(node, field) and not isinstance(node, ast.AnnAssign):
            setattr(node, field, None)
    body = getattr(node, "body", None)
    if isinstance(body, list):
        kept = [one for one in body if not _is_text(one) and not isinstance(one, ast.Import | ast.ImportFrom)]
        node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _given(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node gives."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name


def _rename(node: ast.AST, given: set[str], numbers: dict[str, str]) -> None:
    """Number the program's own names in the order in which they are met."""
    for field in ("name", "arg", "id"):
        name = getattr(node, field, None)
        if isinstance(name, str) and name in given:
            setattr(node, field, numbers.setdefault(name, f"v{len(numbers)}"))
