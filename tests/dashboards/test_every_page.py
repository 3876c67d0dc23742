"""Every page in every state that links lead to, on every kind of file: it shows what is there, or says in plain words
what is wrong and what to type."""

from __future__ import annotations

import gzip
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import every_world
import page_drawn
import pytest
from page_states import states

from dashboards.app import modules
from harness.store import Database, connect, read

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "bench"))
PAGES = list(modules())
OLDEST = TESTS / "store" / "schema_001.duckdb.gz"
OTHER_OLD = TESTS / "store" / "schema_002.duckdb.gz"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return a database with all that pages show; nobody writes to it."""
    return every_world.make(tmp_path_factory)


def holds(database: Database, name: str) -> None:
    """Assert that all states of a page are shown without complaint, and that its own address shows each again."""
    for state in states(database)[name]:
        test = page_drawn.page(database, name, state)
        assert not page_drawn.complaints(test), (name, state)
        assert len(test.main) > 1, f"{name} shows nothing in {state}"
        again = page_drawn.page(database, name, page_drawn.address(test))
        assert page_drawn.picture(again) == page_drawn.picture(test), (name, state)


@pytest.mark.parametrize("name", PAGES)
def test_every_state_on_a_small_database(small: Database, name: str) -> None:
    holds(small, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_an_address_that_names_what_is_not_there(small: Database, name: str) -> None:
    for state in states(small)[name]:
        for key in state:
            test = page_drawn.page(small, name, {**state, key: "<b>not</b> *there*"})
            assert not test.exception, (name, state, key, test.exception)


def test_a_database_that_nobody_has_filled(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    with database.write():
        pass
    assert not page_drawn.whole(database).exception
    for name in PAGES:
        test = page_drawn.page(database, name, {})
        assert not test.exception and not test.error, name
        said = " ".join(str(one.value) for one in (*test.info, *test.warning, *test.markdown, *test.code))
        assert "harness " in said, f"{name} says nothing of what to type: {said!r}"


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, connect.known_migrations()[-1][0], 3))
def test_older_schemas(tmp_path: Path, number: int) -> None:
    path = tmp_path / "h.duckdb"
    path.write_bytes(gzip.decompress(OLDEST.read_bytes()))
    with duckdb.connect(str(path)) as connection:
        for known, script in connect.known_migrations()[1:number]:
            connection.execute(script.read_text())
            connection.execute("INSERT INTO migrations VALUES (?, ?, now()::TIMESTAMP)", [known, script.stem])
    for name in PAGES:
        holds(Database(path), name)


@pytest.mark.slow
def test_a_file_as_an_older_version_left_it(tmp_path: Path) -> None:
    path = tmp_path / "h.duckdb"
    path.write_bytes(gzip.decompress(OTHER_OLD.read_bytes()))
    assert not page_drawn.whole(Database(path)).error
    for name in PAGES:
        holds(Database(path), name)


@pytest.mark.slow
def test_every_state_on_a_larger_database(tmp_path: Path) -> None:
    import large_database

    database = Database(tmp_path / "h.duckdb")
    large_database.make(database, models=8, suites=10, samples=400, gates=60, loops=3, rounds=6, people=12)
    for name in PAGES:
        holds(database, name)


def _nowhere(path: Path) -> None:
    pass


def _folder(path: Path) -> None:
    path.mkdir()


def _text(path: Path) -> None:
    path.write_text("<script>alert(1)</script> no database\n" * 500)


def _strange(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE birds (name VARCHAR)")


def _alike(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE runs (name VARCHAR)")


def _newer(path: Path) -> None:
    with Database(path).write() as connection:
        connection.execute("INSERT INTO migrations VALUES (999, 'later', now()::TIMESTAMP)")


def _cut(path: Path) -> None:
    whole = gzip.decompress(OLDEST.read_bytes())
    path.write_bytes(whole[: len(whole) // 3])


def _torn(path: Path) -> None:
    whole = bytearray(gzip.decompress(OLDEST.read_bytes()))
    for place in range(12288, len(whole), 4096):
        whole[place : place + 512] = bytes(512)
    path.write_bytes(whole)


WRONG = {
    "no file": _nowhere, "a folder": _folder, "a text": _text, "a stranger's": _strange, "alike": _alike,
    "of a newer version": _newer, "cut off": _cut, "torn": _torn,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_a_file_that_cannot_be_shown(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    database = Database(tmp_path / "h.duckdb")
    spoil(database.path)
    test = page_drawn.whole(database)
    assert not test.exception, test.exception
    (error,) = test.error
    assert "h\\.duckdb" in error.value and "type" in error.value.lower().replace("move the file", "type"), error.value
    for name in PAGES:  # the file may have become so while a page was open
        assert not page_drawn.page(database, name, {}).exception, name


def test_a_file_that_is_held_for_too_long(small: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, held, done = Database(Path(shutil.copy(small.path, tmp_path))), threading.Event(), threading.Event()

    def hold() -> None:
        with database.write():
            held.set()
            done.wait(page_drawn.WAIT_S)

    writer = threading.Thread(target=hold)
    writer.start()
    try:
        assert held.wait(page_drawn.WAIT_S)
        monkeypatch.setattr(connect, "WAIT_S", 0.1)
        (error,) = page_drawn.whole(database).error
        assert "busy" in error.value and "fuser" in error.value
    finally:
        done.set()
        writer.join()
    assert not page_drawn.whole(database).error
    assert read.query(database, "SELECT 1 AS one") == [{"one": 1}]
