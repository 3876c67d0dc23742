"""Foreign text (notes, names of suites from files, run ids) made harmless for each form it is shown in.

    line("a\\x1b[2J\\nb")          ->  "a\\\\x1b[2J b"            one line, nothing invisible
    markdown("<b>@all | [x](y)")  ->  entities, and no mention
    command_value("50%\\n::x::")   ->  "50%25%0A::x::"          GitHub's own escapes (actions/toolkit, command.ts)

Entities are never structure in CommonMark (section 2.5): an escaped `|` parts no cell and an escaped `[` opens no link.
GitHub looks for mentions and references after that, in the finished text, therefore the zero-width space.
"""

from __future__ import annotations

import re

ZERO_WIDTH = "&#8203;"
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>&|~#@$!()^]")


def line(text: str, width: int | None = None) -> str:
    """Return `text` as one line: white space folded, what cannot be seen (escapes, bidi overrides, surrogates) shown as
    `\\x1b`; cut to `width` characters. What remains is allowed in XML 1.0."""
    folded = re.sub(r"[ \t\r\n\v\f]+", " ", text).strip(" ")
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in folded)
    return shown if width is None or len(shown) <= width else shown[: width - 1] + "…"


def markdown(text: str, width: int | None = 400) -> str:
    """Return `text` for the inside of a line or a table cell of GitHub's Markdown: no markup, link, mention, HTML."""
    quiet = _entities(line(text, width))
    quiet = re.sub("(&#64;|&#35;)", rf"\1{ZERO_WIDTH}", quiet)
    return re.sub(r"(?i)(:)(?=//)|(www)(?=\.)", rf"\1\2{ZERO_WIDTH}", quiet)


def code(text: str, width: int | None = 200) -> str:
    """Return `text` as HTML code, which may be copied: GitHub makes no mention and no reference of it."""
    shown = _entities(line(text, width)).replace("://", "&#58;//")
    shown = re.sub(r"(?i)(www)\.", r"\1&#46;", shown)
    return f"<code>{shown}</code>"


def command_value(text: str) -> str:
    """Return `text` for the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """Return `text` for a property (`title=`) of a workflow command."""
    return command_value(text).replace(":", "%3A").replace(",", "%2C")


def marker(text: str) -> str:
    """Return `text` for the inside of an HTML comment: letters, digits, `.`, `_`, single `-`; at most 100 of them."""
    return re.sub("-{2,}", "-", re.sub("[^A-Za-z0-9._-]+", "-", text))[:100].strip("-")


def _entities(text: str) -> str:
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", text)
