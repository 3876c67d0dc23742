"""The store: rows once, short transactions, migrations, hostile text, threads."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.data import Row, number_samples
from harness.errors import UsageError
from harness.hashing import sample_digest
from harness.store import Database, connect, read, write
from harness.store.rows import split_prompt
from harness.types import Completion, Fault, Message, Record, Request, Run, Sample, Score, ToolCall

SUITE_ROW = {
    "suite": "s", "version": "1", "source": "", "licence": "", "metrics": [{"name": "acc", "value": "acc"}],
    "group_tag": "", "scorer_key": "k", "sandbox": "", "wanted": 3,
}  # fmt: skip
FACTS = {"model_facts": {}, "engine": {}, "host": {}}


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(tmp_path / "deep" / "harness.duckdb")
    run = Run("r", "", "m", "d", {"samples": 1, "model": "d"}, ("s",), "2026-01-01T00:00:00")
    write.add_run(database, run, "identity", 0, FACTS, [SUITE_ROW])
    return database


def samples(count: int = 3) -> list[Sample]:
    return list(number_samples("s", [Row({"q": i}, {"q": i}, "A", {"subject": "x"}, f"q{i}") for i in range(count)]))


def journal_all(
    database: Database, made: list[Sample], text: str = "said", fault: bool = False, replaces: bool = False
) -> None:
    journal = write.Journal(database, "r")
    for sample in made:
        request = Request(
            "generate", prompt="head\n\n" * 100 + sample.id, source={"suite": "s", "sample_id": sample.id}
        )
        outcome = {"fault": Fault("model", "timeout", "x")} if fault else {"score": Score({"acc": 1.0}, "right")}
        if not fault:
            journal.add_completion("c" + sample.id, request, Completion(text), "d")
        record = Record("r", "s", sample.id, 0, ("c" + sample.id,), **outcome)  # type: ignore[arg-type]
        journal.add_record(record, sample_digest(sample), "k" + sample.id, "k", replaces)
    journal.flush()


def count(database: Database, table: str) -> int:
    return int(read.query(database, f"SELECT count(*) AS n FROM {table}")[0]["n"])


def test_keys_are_stored_once_whoever_writes(database: Database) -> None:
    write.add_samples(database, samples())
    write.add_samples(database, samples())
    journal_all(database, samples())
    other = write.Journal(Database(database.path), "r2")
    for sample in samples():
        other.add_completion("c" + sample.id, Request("generate", prompt="x"), Completion("other"), "d")
    other.flush()
    assert [count(database, t) for t in ("samples", "completions", "scores", "records", "heads")] == [3, 3, 3, 3, 1]


def test_a_fault_gives_way_to_a_score(database: Database) -> None:
    journal_all(database, samples(), fault=True)
    assert set(read.recorded(database, "r", "s").values()) == {False}
    journal_all(database, samples(), replaces=True)
    assert set(read.recorded(database, "r", "s").values()) == {True} and count(database, "records") == 3


def test_neither_score_nor_fault_is_refused_by_type_and_table(database: Database) -> None:
    with pytest.raises(ValueError, match="never both"):
        Record("r", "s", "x", 0)
    with pytest.raises(duckdb.ConstraintException), database.write() as connection:
        connection.execute("INSERT INTO records (run_id, suite) VALUES ('r', 's')")
    assert count(database, "records") == 0


def test_completions_come_back_as_they_were(database: Database) -> None:
    said = Completion(
        "text\x00 🙂", "why", (ToolCall("f", {"a": [1, None]}, "1"),), (-1.5, -math.inf), (True, False), (1, 2),
        (-0.25,),
        "length", "chat", 10, 5, 2, 1.25, "layout", "key",
    )  # fmt: skip
    journal = write.Journal(database, "r")
    journal.add_completion("key", Request("generate", messages=(Message("user", "hi"),)), said, "d")
    journal.flush()
    assert read.completions(database, ["key", "none"], "d") == {"key": said}
    assert read.completions(database, ["key"], "another model") == {}


def test_a_failed_flush_keeps_the_buffer(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = write.Journal(database, "r")
    journal.add_completion("key", Request("generate", prompt="x"), Completion("y"), "d")
    with monkeypatch.context() as patch:
        patch.setattr(write, "append", lambda *_: (_ for _ in ()).throw(duckdb.IOException("No space left on device")))
        with pytest.raises(Exception, match="is full"):
            journal.flush()
    assert count(database, "completions") == 0
    journal.flush()
    assert count(database, "completions") == 1


@settings(max_examples=200)
@given(st.text(alphabet=st.sampled_from('ab\n \\"é\ud800'), max_size=1200))
def test_a_split_prompt_is_the_prompt(text: str) -> None:
    head, tail = split_prompt(Request("generate", prompt=text))
    whole = (head or "") + tail
    assert len(whole) == len(text) and whole.replace("\ufffd", "") == text.replace("\ud800", "")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(codec=None), max_size=200))
def test_any_text_is_stored(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    database = Database(tmp_path_factory.mktemp("db") / "h.duckdb")
    journal_all(database, samples(1), text)
    assert count(database, "completions") == 1


def test_threads_of_one_process_take_turns(database: Database) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(5):
                made = [Sample(f"{number}-{step}", "s", "o", "dev", {}, None)]
                journal_all(Database(database.path), made)
                read.runs(Database(database.path))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and count(database, "records") == 20


def test_migrations_apply_once_and_older_files_are_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for _, script in connect.known_migrations():
        (folder / script.name).write_text(script.read_text())
    database = Database(tmp_path / "h.duckdb")
    journal_all(database, samples())
    (folder / "999_later.sql").write_text("ALTER TABLE runs ADD COLUMN mood VARCHAR")
    monkeypatch.setattr(connect, "MIGRATIONS", folder)
    assert count(database, "records") == 3, "an older file is readable"
    for _ in range(2):
        with Database(database.path).write():
            pass
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM migrations WHERE number = 999").fetchall() == [(1,)]
        assert connection.execute("SELECT mood FROM runs").fetchall() == []
    monkeypatch.undo()
    with pytest.raises(UsageError, match="newer version"):
        count(Database(database.path), "records")


def test_a_broken_migration_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for _, script in connect.known_migrations():
        (folder / script.name).write_text(script.read_text())
    database = Database(tmp_path / "h.duckdb")
    journal_all(database, samples())
    (folder / "999_broken.sql").write_text("ALTER TABLE runs ADD COLUMN mood VARCHAR; SELECT * FROM nothing")
    monkeypatch.setattr(connect, "MIGRATIONS", folder)
    with pytest.raises(duckdb.CatalogException), Database(database.path).write():
        pass
    monkeypatch.undo()
    with database.read() as connection:
        names = [row[0] for row in connection.execute("DESCRIBE runs").fetchall()]
        assert "mood" not in names and connection.execute("SELECT count(*) FROM records").fetchall() == [(3,)]


def test_runs_are_found_by_id_start_and_name(database: Database) -> None:
    run = Run("model-1234", "main", "m", "d", {}, ("s",), "2026-01-02T00:00:00")
    write.add_run(database, run, "other", 0, FACTS, [SUITE_ROW])
    assert {read.run(database, n)["run_id"] for n in ("model-1234", "model", "main")} == {"model-1234"}
    later = Run("model-5678", "", "m", "d", {}, ("s",), "2026-01-03T00:00:00")
    write.add_run(database, later, "third", 0, FACTS, [SUITE_ROW])
    assert read.run(database, "model")["run_id"] == "model-5678", "of one model the latest"
    with pytest.raises(UsageError, match="could be 2 runs"):
        read.run(database, "mod")
    with pytest.raises(UsageError, match="no run 'modle-1234'"):
        read.run(database, "modle-1234")


@pytest.mark.parametrize("applied", [0, 1, 99])
def test_a_file_whose_first_writer_was_killed_is_finished_by_the_next_reader(tmp_path: Path, applied: int) -> None:
    from harness.store import connect

    path = tmp_path / "h.duckdb"
    with duckdb.connect(str(path)) as connection:
        if applied:
            connection.execute("CREATE TABLE migrations (number INTEGER, name VARCHAR, applied_at TIMESTAMP)")
        for number, script in connect.known_migrations()[:applied]:
            connection.execute(script.read_text(encoding="utf-8"))
            connection.execute("INSERT INTO migrations VALUES (?, ?, now()::TIMESTAMP)", [number, script.stem])
    assert read.completions(Database(path), ["a"], "m") == {}
    assert read.query(Database(path), "SELECT * FROM results") == []


def test_a_strangers_file_is_not_written_to_by_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "h.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE customers (name VARCHAR)")
    before = path.read_bytes()
    with Database(path).read():
        pass
    assert path.read_bytes() == before
