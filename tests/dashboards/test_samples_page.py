"""The page of samples: every state of it shows without an exception, and the address says which."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import samples_world as world
from streamlit.testing.v1 import AppTest

from dashboards.pages import samples as page
from harness.store import Database


def app() -> None:
    """Show the page alone."""
    from dashboards.pages import samples
    from dashboards.view import View
    from harness.store import Database

    samples.show(View(Database.at(), {}))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return a small database."""
    return world.make(tmp_path_factory.mktemp("samples") / "h.duckdb")


def shown(monkeypatch: pytest.MonkeyPatch, path: Path, **address: str) -> AppTest:
    """Return the page in a state."""
    monkeypatch.setenv("HARNESS_DB", str(path))
    at = AppTest.from_function(app, default_timeout=60)
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


def address(at: AppTest) -> dict[str, str]:
    """Return the parameters of the address."""
    return {name: value[0] if isinstance(value, list) else value for name, value in at.query_params.items()}


def labelled(at: AppTest, kind: str, label: str) -> object:
    """Return the widget under a label."""
    return next(one for one in at.get(kind) if one.label == label)


def codes(at: AppTest) -> list[str]:
    """Return the texts that are shown for what they are."""
    return [str(one.value) for one in at.code]


def test_no_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at = shown(monkeypatch, tmp_path / "none.duckdb")
    assert "No run yet" in at.info[0].value


def test_list_pages_and_opens(monkeypatch: pytest.MonkeyPatch, made: Database) -> None:
    at = shown(monkeypatch, made.path, run="run-1")
    assert len(at.dataframe[0].value) == 50 and "1 to 50 of 64" in at.caption[0].value
    labelled(at, "button", "Next").click().run()  # type: ignore[attr-defined]
    assert address(at) == {"run": "run-1", "page": "2"} and len(at.dataframe[0].value) == 14
    labelled(at, "selectbox", "Score").set_value("wrong").run()  # type: ignore[attr-defined]
    assert address(at) == {"run": "run-1", "outcome": "wrong"}  # another filter begins on the first page
    at.selectbox(key=page.OPEN).set_value(f"made/{world.TWICE}/0").run()
    assert not at.exception and address(at) == {"run": "run-1", "outcome": "wrong", "sample": world.TWICE}
    labelled(at, "button", "Back to the list").click().run()  # type: ignore[attr-defined]
    assert address(at) == {"run": "run-1", "outcome": "wrong"} and len(at.dataframe) == 1
    at.button(key="clear").click().run()
    assert address(at) == {"run": "run-1"} and "of 64" in at.caption[0].value


def test_looking_writes_no_address(monkeypatch: pytest.MonkeyPatch, made: Database) -> None:
    assert address(shown(monkeypatch, made.path)) == {}  # else the browser's way back would lead nowhere


def test_a_filter_that_empties_is_named(monkeypatch: pytest.MonkeyPatch, made: Database) -> None:
    at = shown(monkeypatch, made.path, run="run-1", tag="subject=s1", text="nothing like it", outcome="wrong")
    assert "Without one of them" in at.warning[0].value
    assert [one.label for one in at.button if one.key.startswith("blamed")] == [
        r"10 without text in anywhere\: nothing like it"
    ]
    at.button(key="blamed-text").click().run()
    assert address(at) == {"run": "run-1", "tag": "subject=s1", "outcome": "wrong"} and len(at.dataframe[0].value) == 10
    at = shown(monkeypatch, made.path, run="run-1", tag="none", text="nothing like it")
    assert "clear all" in at.warning[0].value
    at.button(key="clear").click().run()
    assert address(at) == {"run": "run-1"} and not at.warning


def test_address_of_every_filter(monkeypatch: pytest.MonkeyPatch, made: Database) -> None:
    state = {
        "run": "run-1", "suite": "made", "tag": "subject=s2", "outcome": "wrong", "text": "zebra", "flip": "run-2",
        "way": "worse", "slower": "0.05", "order": "slowest first",
    }  # fmt: skip
    at = shown(monkeypatch, made.path, **state)
    assert address(at) == state and set(at.dataframe[0].value["mode there"]) == {"right"}
    at = shown(monkeypatch, made.path, run="run-1", cluster="c1")
    assert list(at.dataframe[0].value["sample"]) == ["made/1"]


@pytest.mark.parametrize(
    "state",
    [
        {"run": "nobody", "sample": "00001"}, {"sample": "nothing"}, {"page": "999", "slower": "nan", "order": "up"},
        {"page": "x", "slower": "1e300", "outcome": "odd", "way": "odd", "flip": "run-2"},
        {"mode": "unheard of", "suite": "none", "flip": "nobody", "text": "%'; --"},
        {"run": "run-1", "suite": "none", "sample": "00001"}, {"run": "run-2", "suite": "made", "sample": world.CHAT},
    ],
)  # fmt: skip
def test_odd_addresses(monkeypatch: pytest.MonkeyPatch, made: Database, state: dict[str, str]) -> None:
    shown(monkeypatch, made.path, **state)


@pytest.mark.parametrize("sample", [world.CHAT, world.CHOICE, world.TESTS, world.FAULT, world.TWICE, "00004"])
def test_no_text_of_a_model_is_markup(monkeypatch: pytest.MonkeyPatch, made: Database, sample: str) -> None:
    at = shown(monkeypatch, made.path, run="run-1", sample=sample)
    assert any(f"run=run-1&suite=made&sample={sample}" in one for one in codes(at))
    marked = [*at.markdown, *at.caption, *at.info, *at.warning, *at.subheader]
    assert not any(re.search(r"(?<!\\)<|(?<!\\)\[a\]|(?<!\\)\$", str(one.value)) for one in marked)
    if sample in (world.CHAT, world.TESTS, world.FAULT):
        assert world.HOSTILE in codes(at)


def test_a_program_says_where_it_stopped(monkeypatch: pytest.MonkeyPatch, made: Database) -> None:
    at = shown(monkeypatch, made.path, run="run-1", sample=world.TESTS)
    said = codes(at)
    assert said[said.index("assert f(1) == 2") + 1] == world.HOSTILE
    labels = [one.value for one in at.markdown]
    assert "**What the program had returned last**" in labels[labels.index("**The test stopped at**") :]


def test_detail_and_neighbours(monkeypatch: pytest.MonkeyPatch, made: Database) -> None:
    at = shown(monkeypatch, made.path, run="run-1", sample="00004")
    assert "sample 5 of 63 that fit" in at.caption[0].value
    assert {"run-1 says Zebra 4", "4"} <= set(codes(at))
    assert any(":green-badge[:material/check: right]" in one.value for one in at.markdown)
    labelled(at, "button", "Next sample").click().run()  # type: ignore[attr-defined]
    assert address(at)["sample"] == "00005"
    at.selectbox(key="choice-against").set_value("run-2").run()
    assert not at.exception and address(at) == {"run": "run-1", "sample": "00005", "against": "run-2"}
    assert "- run-2\n+ run-1\n  says Zebra 5" in codes(at)
    at = shown(monkeypatch, made.path, run="run-1", sample="00005", flip="run-2")
    assert "- run-2\n+ run-1\n  says Zebra 5" in codes(at)  # a flip is shown with what the other run said


def test_attempts(monkeypatch: pytest.MonkeyPatch, made: Database) -> None:
    at = shown(monkeypatch, made.path, run="run-1", sample=world.TWICE)
    assert "first" in codes(at)
    labelled(at, "selectbox", "Attempt").set_value("1").run()  # type: ignore[attr-defined]
    assert "second" in codes(at) and address(at)["attempt"] == "1"
    assert any(one.endswith("attempt=1") for one in codes(at))


@pytest.mark.slow
def test_a_large_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
    import large_database

    database = Database(tmp_path / "h.duckdb")
    large_database.make(database, models=4, suites=5, samples=2000)
    at = shown(monkeypatch, database.path, run="run-3", suite="suite4", page="40", flip="run-1")
    assert "page" in address(at) and "suite" not in at.dataframe[0].proto.column_order
    at = shown(monkeypatch, database.path, run="run-3", text="answer</b> 3", order="slowest first")
    assert set(at.dataframe[0].value["answer"]) == {"3"}
    at.selectbox(key=page.OPEN).select_index(7).run()
    assert not at.exception and "sample 8 of" in at.caption[0].value


def test_it_is_a_page() -> None:
    assert (page.TITLE, page.ORDER) == ("Samples", 2) and page.ICON.startswith(":material/")
