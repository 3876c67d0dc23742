"""Rows of gates and baselines, and the way from a file of schema 2 (the version before gates) to this one."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.store import Database, connect, gates, read
from harness.types import Check, Verdict

OLD = Path(__file__).parent / "schema_002.duckdb.gz"
"""`harness eval scripted:worlds:guess --suite primer --limit 4` of the version with schema 2."""
RUN = "scripted-worlds-guess-fc8aff69ea"
CHECKS = (
    Check("mmlu", "non_inferiority", "FAIL", -0.05, -0.03, -0.08, -0.02, "worse\x00 <b>", {"n": 500, "p": 1e-9}),
    Check("", "size_mib", "PASS", 812.0, 1000.0, required=False),
    Check("bbh", "items", "ERROR", numbers={"needed": math.inf, "psi": 0.1}),
)
VERDICT = Verdict("FAIL", CHECKS, RUN, "base-1f0c9a77d2", note="one of three")


@pytest.fixture
def old(tmp_path: Path) -> Database:
    path = tmp_path / "old.duckdb"
    path.write_bytes(gzip.decompress(OLD.read_bytes()))
    return Database(path)


def versions(database: Database) -> list[int]:
    found = read.query(database, "SELECT number FROM migrations WHERE number > 0 ORDER BY number")
    return [row["number"] for row in found]


def test_a_file_of_schema_2_has_no_gates_and_reading_changes_nothing(old: Database) -> None:
    assert gates.latest(old) == [] and gates.baselines(old) == [] and gates.baseline(old, "main") is None
    assert gates.resolve(old, RUN) == gates.resolve(old, "scripted-worlds-guess") == RUN
    with pytest.raises(UsageError, match="no gate 'gate-0'"):
        gates.verdict(old, "gate-0")
    assert versions(old) == [1, 2]


def test_the_next_writer_migrates_a_file_of_schema_2(old: Database) -> None:
    before = read.query(old, "SELECT * FROM results ORDER BY sample_id")
    gates.set_baseline(old, "main", RUN)
    assert versions(old) == [number for number, _ in connect.known_migrations()]
    assert len(before) == 4 and read.query(old, "SELECT * FROM results ORDER BY sample_id") == before
    assert gates.resolve(old, "main") == RUN


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "none.duckdb")
    assert gates.latest(database) == [] and gates.baselines(database) == [] and gates.baseline(database, "main") is None
    assert not database.exists


def test_a_verdict_comes_back_as_it_went(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    gate_id = gates.add(
        database, VERDICT, policy="gates.yaml", policy_digest="5e", exit_code=1, sealed=True, alpha=0.05, loop=None
    )
    row, checks = gates.verdict(database, gate_id)
    assert gate_id.startswith("gate-") and len(gate_id) == 15
    assert checks == CHECKS
    assert (row["candidate"], row["reference"], row["outcome"], row["note"]) == (
        RUN,
        "base-1f0c9a77d2",
        "FAIL",
        "one of three",
    )
    assert (row["policy"], row["exit_code"], row["sealed"], row["alpha"], row["loop"]) == (
        "gates.yaml",
        1,
        True,
        0.05,
        None,
    )
    assert gates.verdict(database, gate_id[:9])[0] == row


def test_gates_are_found_newest_first_by_any_column(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    ids = [
        gates.add(database, VERDICT, loop=loop, policy_digest=policy)
        for loop, policy in (("repair", "a"), (None, "a"), ("repair", "b"), ("repair", "a"))
    ]
    assert [row["gate_id"] for row in gates.latest(database)] == ids[::-1]
    assert [row["gate_id"] for row in gates.latest(database, loop="repair", policy_digest="a")] == [ids[3], ids[0]]
    assert [row["gate_id"] for row in gates.latest(database, 1, loop=None)] == [ids[1]]
    with pytest.raises(UsageError, match="4 gates"):
        gates.verdict(database, "gate-")
    with pytest.raises(TypeError, match="no column 'plicy'"):
        gates.add(database, VERDICT, plicy="a")
    with pytest.raises(TypeError, match="no column"):
        gates.latest(database, plicy="a")


def test_a_baseline_moves_and_keeps_its_history(old: Database) -> None:
    with old.write() as connection:
        connection.execute("INSERT INTO runs BY NAME SELECT * REPLACE ('other-1' AS run_id) FROM runs")
    gates.set_baseline(old, "main", RUN, "first")
    gates.set_baseline(old, "bigger/2026-01", RUN)
    gates.set_baseline(old, "main", "other-1", "second")
    assert [(row["name"], row["run_id"]) for row in gates.baselines(old)] == [
        ("bigger/2026-01", RUN),
        ("main", "other-1"),
    ]
    assert [row["note"] for row in gates.history(old, "main")] == ["second", "first"]
    assert gates.resolve(old, "main") == "other-1"


@pytest.mark.parametrize(
    ("name", "run", "why"),
    [
        ("main", "no-such-run", "no run 'no-such-run'"),
        ("", RUN, "cannot be the name"),
        ("-x", RUN, "cannot be the name"),
        ("a b", RUN, "cannot be the name"),
        (RUN, RUN, "is the id of a run"),
    ],
)
def test_a_baseline_that_cannot_be_is_refused(old: Database, name: str, run: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        gates.set_baseline(old, name, run)
    assert gates.baselines(old) == []


def test_an_unknown_name_tells_the_nearest_baseline_too(old: Database) -> None:
    gates.set_baseline(old, "production", RUN)
    with pytest.raises(UsageError, match="no run 'prodution'") as caught:
        gates.resolve(old, "prodution")
    assert "'production'" in caught.value.expected


def test_a_gate_that_cannot_be_stored_whole_is_not_stored(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    with pytest.raises(Exception, match="Could not convert"):
        gates.add(database, VERDICT, exit_code="seven")
    bad = Verdict("PASS", (CHECKS[1], Check("", "speed", "PASS", observed="fast")), RUN)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="Could not convert"):
        gates.add(database, bad)
    assert gates.latest(database) == []
