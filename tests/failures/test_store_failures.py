"""Taxonomies, members and names in the store: what went in comes out, and older files have none of them."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import fit_cases
import pytest

from harness.errors import InfrastructureError, UsageError
from harness.failures.taxonomy import UNASSIGNED, Assignment, Cause, Descent, Taxonomy, keeping
from harness.failures.taxonomy.assigning import assign
from harness.failures.taxonomy.fitting import fit
from harness.store import Database, failures, read

OLD = Path(__file__).resolve().parents[1] / "store" / "schema_002.duckdb.gz"
SMALL = Taxonomy(
    "tax-0123456789", (Cause("aa", "l\x00bel [b]\ud800", "model", ("k",), ("s", "1", 0), 7), Cause("bb", "")),
    "lsa:12", {"format": 1}, 3, "dev", ("s", "t"), "tax-9", 0.25, 0.5, {"n": 12, "k": {"2": 0.5}},
)  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "h.duckdb")


def test_a_fitted_taxonomy_comes_back_and_assigns_the_same(database: Database) -> None:
    cases, diagnoses, _ = fit_cases.planted()
    taxonomy, assignments = fit(cases, diagnoses, "lsa")
    keeping.keep(database, taxonomy)
    keeping.keep_assignments(database, taxonomy, cases, assignments)
    again = keeping.kept(database, taxonomy.id[:8])
    assert replace(again, state={}) == replace(taxonomy, state={})
    assert assign(again, diagnoses) == assignments
    stored = failures.members(database, taxonomy.id, "run")
    by_key = sorted(zip([c.key for c in cases], assignments, strict=True))
    assert [(r["suite"], r["sample_id"], r["attempt"]) for r in stored] == [key for key, _ in by_key]
    assert [r["cause_id"] for r in stored] == [a.cause for _, a in by_key]


def test_all_columns_and_descents_come_back(database: Database) -> None:
    keeping.keep(database, SMALL, [Descent("old", "aa", "same", 0.9, 0.8), Descent("", "bb", "new", 0.0, 0.0)])
    keeping.keep(database, SMALL, [Descent("old", "aa", "same", 0.9, 0.8)])
    clean = replace(SMALL.causes[0], label="l\x00bel [b]\ufffd")
    assert keeping.kept(database, SMALL.id) == replace(SMALL, causes=(clean, SMALL.causes[1]))
    assert len(failures.taxonomies(database)) == 1
    assert [(d["old_cause"], d["kind"]) for d in failures.descents(database, SMALL.id)] == [
        ("old", "same"),
        ("", "new"),
    ]


def test_a_persons_name_holds_and_the_last_one_does(database: Database) -> None:
    keeping.keep(database, SMALL)
    failures.set_name(database, "aa", "first")
    failures.set_name(database, "aa", "last")
    cause, other = keeping.kept(database, SMALL.id).causes
    assert (cause.label, cause.label_source, other.label_source) == ("last", "person", "keywords")
    assert failures.names(database) == {"aa": "last"}


def test_latest_is_the_newest_of_just_these_suites_and_split(database: Database) -> None:
    other = replace(SMALL, id="tax-2", suites=("s",), split="all")
    newest = replace(SMALL, id="tax-3", suites=("u",))
    for taxonomy in (SMALL, other, newest):
        keeping.keep(database, taxonomy)
    found = keeping.latest(database, ["t", "s"]), keeping.latest(database), keeping.latest(database, split="all")
    assert [t and t.id for t in found] == [SMALL.id, "tax-3", "tax-2"]
    assert keeping.latest(database, ["t"]) is None
    with pytest.raises(UsageError, match="could be 3 taxonomies"):
        keeping.kept(database, "tax-")


def test_members_are_stored_once_and_the_later_place_holds(database: Database) -> None:
    cases = [fit_cases.case(name) for name in ("b", "a")]
    first = [Assignment("aa", 0.9, x=1.5), Assignment(UNASSIGNED, 0.2, True)]
    for assignments in (first, first, [Assignment("bb", 0.8), first[1]], first):
        keeping.keep_assignments(database, SMALL, cases, assignments)
    assert len(read.query(database, "SELECT * FROM members")) == 4
    rows = failures.members(database, SMALL.id, "run")
    assert [(r["sample_id"], r["cause_id"], r["novel"], r["x"]) for r in rows] == [
        ("a", UNASSIGNED, True, 0.0),
        ("b", "aa", False, 1.5),
    ]
    keeping.keep_assignments(database, SMALL, [fit_cases.case("a", run_id="next")], first[:1])
    assert failures.member_runs(database, SMALL.id) == ["run", "next"]


def test_critiques_by_judge_and_key(database: Database) -> None:
    failures.add_critiques(database, "j", {"1": "one", "2": "two"})
    failures.add_critiques(database, "k", {"1": "other"})
    assert failures.critiques(database, "j", ["1", "3"]) == {"1": "one"}


def test_a_file_from_before_failures_and_no_file_have_none(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    path.write_bytes(gzip.decompress(OLD.read_bytes()))
    for database in (Database(path), Database(tmp_path / "none.duckdb")):
        assert keeping.latest(database) is None and failures.taxonomy(database, "tax-1") is None
        assert failures.taxonomies(database) == failures.members(database, "t", "r") == []
        assert failures.names(database) == failures.critiques(database, "j", ["1"]) == {}
        with pytest.raises(UsageError, match="no taxonomy 'tax-1'"):
            keeping.kept(database, "tax-1")
    assert not (tmp_path / "none.duckdb").exists()


def test_a_damaged_state_is_said(database: Database) -> None:
    row = {"taxonomy_id": "tax-bad", "state": b"PK\x03\x04 not quite", "suites": ["s"], "parent": ""}
    failures.add_taxonomy(database, row, [])
    with pytest.raises(InfrastructureError, match="damaged"):
        keeping.kept(database, "tax-bad")
