"""Hostile texts on every page, in a real browser: nothing of theirs runs, loads or becomes markup, all is shown as is.

Every model, run, sample, prompt, completion, tag, cause, note, file and person of the database is called `EVIL`: HTML,
Markdown, Streamlit's own directives, formulas, links, icons, signs of a terminal and of right-to-left script. A page
may cut such a text with an ellipsis, but shows of it what it shows to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import gates_world
import laps_world
import page_states
import pytest
import report_world
import review_rows
import samples_world

from harness.store import Database, read, reviews

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
kit = pytest.importorskip("browser_kit")

EVIL = (
    "⟦<script>window.pwned=1</script><img src=x onerror=window.pwned=2><svg onload=window.pwned=3> "
    "[link](javascript:window.pwned=4) ![pic](https://e.example/p.png) https://e.example/auto www.e.example "
    "a@e.example :red[red] :material/home: :smile: $x^2$ `code` **bold** _it_ &lt; # {{ '}' }} \\ \" \x1b[31m \u202e ⟧ "
)
LONG = 1_000_000
MARKUP = """() => {
    const all = [...document.querySelectorAll('[data-testid=stMain] *')];
    const links = all.filter(e => e.href && typeof e.href === 'string' && !e.href.startsWith(location.origin));
    const loading = all.filter(e => ['IMG', 'SCRIPT', 'IFRAME', 'OBJECT', 'EMBED'].includes(e.tagName));
    const acting = all.filter(e => [...e.attributes].some(a => a.name.startsWith('on')));
    const drawn = all.filter(e => e.matches('.katex'));
    return [...links, ...loading, ...acting, ...drawn].map(e => e.outerHTML.slice(0, 300));
}"""
"""Elements that no text may make: links elsewhere, what loads or acts, formulas."""
TEXT = """() => {
    const main = document.querySelector('[data-testid=stMain]').cloneNode(true);
    main.querySelectorAll('canvas').forEach(e => e.remove());
    return main.textContent;
}"""
"""All that a page says but for its tables, which are drawn and may cut without an ellipsis."""
RENAMED = (
    "UPDATE runs SET name = $evil || run_id, model = 'hf:' || $evil",
    "UPDATE samples SET name = $evil || sample_id, tags = MAP {'subject': $evil, $evil: 'x'}",
    "UPDATE causes SET label = $evil || cause_id",
    "UPDATE completions SET text = $evil || repeat('A', $long) WHERE key = (SELECT min(key) FROM completions)",
    "UPDATE completions SET tail = $evil || coalesce(tail, ''), text = if(text = '', '', $evil || text)",
    "UPDATE scores SET answer = $evil || coalesce(answer, '')",
    "UPDATE rounds SET why = $evil",
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return a database of all that pages show, every word of it hostile."""
    database = Database(tmp_path_factory.mktemp("hostile") / "h.duckdb")
    with pytest.MonkeyPatch.context() as patched:
        for world in (samples_world, gates_world, laps_world, review_rows):
            patched.setattr(world, "HOSTILE", EVIL)
        patched.setattr(report_world, "ALL", EVIL)
        samples_world.make(database.path)
        gates_world.make(database.path)
        laps_world.make(database)
        report_world.make(database)
        review_rows.runs_with_texts(database, ["left", "right"], 4)
    with database.write() as connection:
        for query in RENAMED:
            given = {"evil": EVIL, "long": LONG}
            connection.execute(query, {name: value for name, value in given.items() if f"${name}" in query})
    for mode in ("rate", "compare"):
        review = reviews.create(database, ["left", "right"], mode, samples=3, seats=2, question=EVIL)
        seat = reviews.join(database, review, EVIL)
        reviews.rate(database, review, 1, seat, 1.0)
    return database


@pytest.fixture(scope="module")
def base(database: Database) -> Iterator[str]:
    """Yield the address of a dashboard over it."""
    with kit.serving(database.path) as address:
        yield address


@pytest.fixture
def page(browser: Browser, base: str) -> Iterator[Page]:
    """Yield a page that keeps a list of what it fetched from elsewhere, and of dialogs."""
    opened = kit.opened(browser, f"{base}/bench")
    abroad: list[str] = []
    own = (base, "data:", "blob:")
    opened.on("request", lambda one: None if one.url.startswith(own) else abroad.append(one.url))
    opened.on("dialog", lambda one: (abroad.append(f"dialog {one.message}"), one.dismiss()))
    opened.abroad = abroad  # type: ignore[attr-defined]
    yield opened
    opened.close()


def addresses(database: Database, name: str) -> list[dict[str, str]]:
    """Return the states of a page, and those that only a hostile database has."""
    found = [dict(state) for state in page_states.states(database)[name] if "text" not in state]
    if name == "samples":
        special = (samples_world.CHAT, samples_world.TESTS, samples_world.FAULT)
        found += [{"run": "run-1", "sample": one} for one in special]
        found += [{"run": "run-1", "sample": "00005", "against": "run-2"}, {"run": EVIL, "sample": EVIL}]
        found += [{"run": "run-1", "suite": EVIL, "tag": EVIL, "mode": EVIL, "text": EVIL, "flip": EVIL, "order": EVIL}]
    if name == "review":
        found += [{**state, "rater": EVIL} for state in found if "session" in state]
    if name == "gates":
        rows = read.query(database, "SELECT gate_id AS gate FROM gates WHERE outcome IN ('FAIL', 'ERROR')")
        found += [{"gate": row["gate"]} for row in rows]
    return [*found, dict.fromkeys(found[-1], EVIL)] if found[-1] else found


def letters(text: str) -> str:
    """Return a text without what a browser may draw otherwise: white space and signs that cannot be seen."""
    text = text.replace("'\"'\"'", "'")  # of a command that quotes it for the shell
    text = re.sub(r"\\(['\"\\])", r"\1", text)  # of an error that quotes what it was given
    return re.sub(
        r"[\s\x00-\x20\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069]|\\u202e|\\x1b|⟨U\+\w+⟩|[␛\ufffd]", "", text
    )


def literal(shown: str) -> int:
    """Complain of a text that is not shown to the letter; return how many are, whole or cut."""
    parts, whole = shown.split("⟦")[1:], letters(EVIL.removeprefix("⟦"))
    for part in parts:
        said = letters(part)
        same = next(
            (n for n, (a, b) in enumerate(zip(said, whole, strict=False)) if a != b), min(len(said), len(whole))
        )
        assert same == len(whole) or said[same : same + 1] in ("", "…"), said[: same + 80]
    return len(parts)


@pytest.mark.parametrize("name", list(page_states.modules()))
def test_hostile_texts_are_texts(page: Page, base: str, database: Database, name: str) -> None:
    count = 0
    for state in addresses(database, name):
        page.goto(f"{base}/{name}?{urlencode(state)}")
        kit.settled(page)
        assert page.evaluate(MARKUP) == [], state
        assert page.evaluate("() => window.pwned === undefined"), state
        assert page.abroad == [], state  # type: ignore[attr-defined]
        count += literal(page.evaluate(TEXT))
    assert count, "no hostile text was shown at all: is this page's part of the world gone?"


def test_a_megabyte_is_cut_and_kept(page: Page, base: str, database: Database) -> None:
    query = "SELECT run_id, sample_id FROM records WHERE completion_keys[1] = (SELECT min(key) FROM completions)"
    (row, *_) = read.query(database, query)
    page.goto(f"{base}/samples?{urlencode({'run': row['run_id'], 'sample': row['sample_id']})}")
    kit.settled(page)
    shown = page.get_by_test_id("stCode").all_text_contents()
    assert max(map(len, shown)) < LONG / 10
    with page.expect_download() as kept:
        page.get_by_role("button", name="Download the whole text").first.click()
    text = Path(kept.value.path()).read_text(encoding="utf-8")
    assert text.startswith(EVIL) and len(text) >= LONG
