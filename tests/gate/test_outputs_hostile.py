"""Names, notes and ids that would draw, link, notify, command or break what shows them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.gate import outputs
from harness.gate.outputs.escape import line
from harness.types import Check, Verdict

NASTY = (
    "\x1b[2J", "\x1b]0;owned\x07", "\u202egnp.exe", "\x00", "\ud800", "\ufffe", "]]>", "<script>alert(1)</script>",
    "<!--", "-->", "| a | b |", "\\|", "\\", "`", "``", "[x](javascript:alert(1))", "![x](https://e.vil/p.png)",
    "<https://e.vil>", "https://e.vil", "www.e.vil", "@everyone", "#1", "&lt;b&gt;", "&", "*b*", "__b__", "~~s~~",
    "$x$", "\n", "\r\n", "\u2028", "\n::error::x", "::add-mask::a", "\n::stop-commands::t", "##[add-mask]a",
    "%0A::error::x", "%", ",", ":", "title=x", "\n# H", "</code>", "</details>", "\n\n- x", "\t", "'", '"', "{{ x }}",
    "${{ github.token }}",
)  # fmt: skip
texts = st.lists(
    st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=()), max_size=8), min_size=1, max_size=6
).map("".join)
UNESCAPE = {"%25": "%", "%3A": ":", "%2C": ",", "%0A": "\n", "%0D": "\r"}


def hostile_text(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test on each of `NASTY`, alone and amid words, and on whatever is made of them."""
    for nasty in NASTY:
        test = example(hostile=nasty)(example(hostile=f"a {nasty} b {nasty}")(test))
    return given(hostile=texts)(test)


OURS = {"h2", "h3", "p", "strong", "code", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"}


def verdict_of(hostile: str) -> Verdict:
    check = Check(hostile, "absolute", "FAIL", 0.5, 0.7, note=hostile)
    return Verdict("FAIL", (check,), hostile, hostile, hostile, hostile)


class Page(HTMLParser):
    """Tags and finished text of a page, the text outside of code apart."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.comments: list[str] = []
        self.cells: list[str] = []
        self.bare = ""
        self.in_code = 0
        self.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(source))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs, (tag, attrs)
        self.tags.append(tag)
        self.in_code += tag == "code"
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self.in_code -= tag == "code"

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data
        if not self.in_code:
            self.bare += data


@hostile_text
def test_markdown_shows_the_text_and_nothing_else(hostile: str) -> None:
    verdict = verdict_of(hostile)
    for source in (outputs.summary(verdict), outputs.comment(verdict, hostile)):
        page = Page(source)
        assert set(page.tags) <= OURS, set(page.tags) - OURS
        assert page.tags.count("tr") == 2 and page.tags.count("td") == 6 and page.tags.count("table") == 1
        assert all(re.fullmatch(r" harness-gate:[A-Za-z0-9._-]* ", told) for told in page.comments)
        assert page.cells[1].strip() == (line(hostile, 200) if hostile else "run")
        assert page.cells[5].replace("\u200b", "").startswith(line(hostile, 400).replace("\u200b", ""))
        assert not re.search(r"@\w|#\d|://|www\.", page.bare), "GitHub would notify or link"


@hostile_text
def test_annotation_is_one_command_that_says_what_was_meant(hostile: str) -> None:
    for told in outputs.annotations(verdict_of(hostile)):
        assert len(told.splitlines()) == 1
        found = re.fullmatch(r"::(error|warning) title=([^:,]*)::(.*)", told)
        assert found, told
        title, message = (re.sub("%(25|3A|2C|0A|0D)", lambda m: UNESCAPE[m[0]], found[i]) for i in (2, 3))
        assert line(hostile)[:50] in title and message.startswith(line(hostile))


@hostile_text
def test_junit_is_well_formed_and_says_what_was_meant(tmp_path_factory: pytest.TempPathFactory, hostile: str) -> None:
    path = tmp_path_factory.mktemp("junit") / "gate.xml"
    outputs.write_junit(path, verdict_of(hostile))
    root = Xml.parse(path).getroot()
    assert root.find("testsuite").attrib["name"] == (line(hostile) if hostile else "run")
    assert (root.find(".//failure").text or "").startswith(line(hostile))
    assert b"]]>" not in path.read_bytes()


@hostile_text
def test_outputs_of_a_step_cannot_be_forged(tmp_path_factory: pytest.TempPathFactory, hostile: str) -> None:
    folder = tmp_path_factory.mktemp("github")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_OUTPUT", str(folder / "output"))
        patch.delenv("GITHUB_STEP_SUMMARY", raising=False)
        outputs.publish(verdict_of(hostile))
    first, second = (folder / "output").read_text().splitlines()
    assert first == "verdict=FAIL" and second.startswith("gate-id=")


def obeyed(log: list[str]) -> list[str]:
    """Commands that a runner obeys of a log, by its two rules: `::` first on a line, or `##[` anywhere."""
    found, token = [], None
    for told in log:
        if token is not None:
            token = None if told.strip() == f"::{token}::" else token
        elif told.startswith("::stop-commands::"):
            token = told.removeprefix("::stop-commands::")
        elif told.lstrip().startswith("::") or "##[" in told:
            found.append(told)
    return found


@hostile_text
def test_muted_text_commands_nothing(hostile: str) -> None:
    log: list[str] = []
    with outputs.muted(log.append):
        log.extend(hostile.splitlines())
    assert obeyed(log) == []
    log.append("::error::ours")
    assert obeyed(log) == ["::error::ours"], "and what comes after is heard"


def test_the_oracles_see_what_they_should() -> None:
    assert obeyed(["a", " ::add-mask::x", "b ##[group]"]) == [" ::add-mask::x", "b ##[group]"]
    assert "a" in set(MarkdownIt().parse("[x](http://y)")[1].children[0].tag)
    assert html.unescape("&#124;") == "|"
