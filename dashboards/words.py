"""Two texts word by word, as lines that begin with `-`, `+` or a space: what `st.code(.., language="diff")` colours.

    diff("the answer is 4", "the answer is 5")   ->  "  the answer is\\n- 4\\n+ 5"

Every line has a mark of its own, so that no text of a model can pass for one. Line breaks and indentation count: in
code they decide. Matching: Python's difflib (Ratcliff and Obershelp 1988), with its rule that a word which makes up
more than a hundredth of a long text starts no match: a model that repeats itself would otherwise cost half a minute.
Cost: milliseconds for `WORDS` words a side, at which texts are cut.
"""

from __future__ import annotations

import difflib
import re

WORDS = 2000
"""Words of each text that are compared."""
MARKS = {"equal": "  ", "delete": "- ", "insert": "+ "}
_WORD = re.compile(r"[^\S\n]*(?:\n|\S+)")


def diff(left: str, right: str) -> str:
    """Return the words of `left` that `right` lacks (`-`), those it adds (`+`) and those of both, in order."""
    a: list[str] = _WORD.findall(left)[:WORDS]
    b: list[str] = _WORD.findall(right)[:WORDS]
    found: list[str] = []
    for what, i, j, k, m in difflib.SequenceMatcher(None, a, b).get_opcodes():
        parts = [(what, a[i:j])] if what == "equal" else [("delete", a[i:j]), ("insert", b[k:m])]
        for name, part in parts:
            found += [MARKS[name] + line for line in _lines("".join(part)) if part]
    return "\n".join(found)


def cut(left: str, right: str) -> bool:
    """Return whether `diff` leaves words out."""
    return any(len(_WORD.findall(text)) > WORDS for text in (left, right))


def _lines(text: str) -> list[str]:
    """Return the lines of a piece; what only parts it from its neighbours is left out."""
    text = text.removesuffix("\n")
    if text.startswith(" ") and not text.startswith("  "):
        text = text[1:]
    return re.split(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text)
