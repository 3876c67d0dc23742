"""Two texts word by word, as lines that begin with `-`, `+` or a space: what `st.code(.., language="diff")` colours.

    diff("the answer is 4", "the answer is 5")   ->  "  the answer is\\n- 4\\n+ 5"
    visible("4\\x1b[2J\\u202e5")                     ->  "4\u27e8U+001B\u27e9[2J\u27e8U+202E\u27e95"

Every line has a mark of its own, so that no text of a model can pass for one, and what is there but cannot be seen
(escapes of a terminal, changes of direction, zero widths) is shown by number. Line breaks and indentation count: in
code they decide. Matching: Python's difflib (Ratcliff and Obershelp 1988), with its rule that a word which makes up
more than a hundredth of a long text starts no match: a model that repeats itself would otherwise cost half a minute.
Cost: milliseconds for `WORDS` words or `CHARACTERS` characters a side, at which texts are cut.
"""

from __future__ import annotations

import difflib
import re

WORDS = 2000
"""Words of each text that are compared."""
CHARACTERS = 20_000
"""Characters of each text that are compared."""
MARKS = {"equal": "  ", "delete": "- ", "insert": "+ "}
_WORD = re.compile(r"[^\S\n]*(?:\n|\S+)")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
"""Controls, marks of direction, widths of zero and tags. The joiners of scripts and emoji are none of them."""


def visible(text: str) -> str:
    """Return a text in which every character can be seen: what cannot stands as its number."""
    return _UNSEEN.sub(lambda found: f"\u27e8U+{ord(found[0]):04X}\u27e9", text.replace("\r\n", "\n"))


def diff(left: str, right: str) -> str:
    """Return the words of `left` that `right` lacks (`-`), those it adds (`+`) and those of both, in order."""
    a, b = _words(left), _words(right)
    found: list[str] = []
    for what, i, j, k, m in difflib.SequenceMatcher(None, a, b).get_opcodes():
        parts = [(what, a[i:j])] if what == "equal" else [("delete", a[i:j]), ("insert", b[k:m])]
        for name, part in parts:
            found += [MARKS[name] + line for line in _lines("".join(part)) if part]
    return "\n".join(found)


def cut(left: str, right: str) -> bool:
    """Return whether `diff` leaves something out."""
    return any(len(text) > CHARACTERS or len(_WORD.findall(text)) > WORDS for text in (left, right))


def _words(text: str) -> list[str]:
    return _WORD.findall(visible(text[:CHARACTERS]))[:WORDS]


def _lines(text: str) -> list[str]:
    """Return the lines of a piece; what only parts it from its neighbours is left out."""
    text = text.removesuffix("\n")
    if text.startswith(" ") and not text.startswith("  "):
        text = text[1:]
    return text.split("\n")
