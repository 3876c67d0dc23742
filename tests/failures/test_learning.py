"""The report that rows are made from: all failures of `dev`, or those of the samples that a stage broke."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
import storing

from harness.errors import UsageError
from harness.failures import learning
from harness.store import Database
from harness.types import Artifact, Sample, Score
from harness.workbench.shelf import folder_of

pytestmark = pytest.mark.slow
MODEL = Artifact("m" * 16, "model", "/nowhere", "m" * 64)
RIGHT = Score({"acc": 1.0}, "right")


def sample(number: int) -> Sample:
    split = "test" if number % 2 else "dev"
    return storing.sample(number, id=f"{split}-{number:04}", split=split, target=str(-number - 9))


def wrong(number: int) -> tuple[str, Score]:
    said = [str(number + 9), str(-number - 8), "I cannot help with that."][number // 2 % 3]
    refused = said.startswith("I")
    return said, Score({"acc": 0.0}, "refused" if refused else "wrong_answer", None if refused else said)


def store(folder: Path, run_id: str, fails: range) -> Database:
    rows = [storing.row(sample(n), *(wrong(n) if n in fails else ("right", RIGHT))) for n in range(160)]
    return storing.run(folder / "h.duckdb", rows, run_id=run_id)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """`before` fails samples 0 to 59, `after` 40 to 139: a stage broke 60 to 139 and mended 0 to 39."""
    store(tmp_path, "before", range(60))
    return store(tmp_path, "after", range(40, 140))


def test_broken_is_right_before_and_wrong_after(database: Database) -> None:
    named = {("made", f"dev-{n:04}") for n in range(60, 140, 2)}
    assert learning.broken(database, "before", "after") == named
    assert learning.broken(database, "after", "before") == {("made", f"dev-{n:04}") for n in range(0, 40, 2)}
    sealed = learning.broken(database, "before", "after", split="test")
    assert sealed == {("made", f"test-{n:04}") for n in range(61, 140, 2)}


def test_the_report_on_broken_samples_shows_these_alone(database: Database, tmp_path: Path) -> None:
    whole = learning.learn(database, "whole", "after", MODEL, embedder="lsa", examples=100)
    lost = learning.broken(database, "before", "after")
    part = learning.learn(database, "part", "after", MODEL, embedder="lsa", examples=100, only=lost)
    folders = [folder_of(database, one) for one in (whole, part)]
    assert learning.failed_in(folders[0]) == lost | {("made", f"dev-{n:04}") for n in range(40, 60, 2)}
    assert learning.failed_in(folders[1]) == lost
    causes = [learning.causes_of(folder) for folder in folders]
    assert set(causes[1]) <= set(causes[0]) and sum(one["failures"] for one in causes[1].values()) == 40
    told = json.loads((folders[1] / learning.FILE).read_text())
    shown = {one["sample_id"] for cause in told["analysis"]["causes"] for one in cause["exemplars"]}
    assert shown == {name for _, name in lost} and told["analysis"]["failures"] == 40
    assert [sorted(cause["failed"]) for cause in told["analysis"]["causes"]] == [
        cause["failed"] for cause in told["analysis"]["causes"]
    ]


def test_beside_other_files_the_report_is_the_same(database: Database, tmp_path: Path) -> None:
    kept = learning.learn(database, "loop", "after", MODEL, embedder="lsa")
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "report.json").write_text("{}")
    written = learning.write(database, "after", folder, embedder="lsa")
    assert written.read_bytes() == (folder_of(database, kept) / learning.FILE).read_bytes()


def test_where_nothing_broke_no_cause_is_left(database: Database, tmp_path: Path) -> None:
    learning.write(database, "after", tmp_path, embedder="lsa", only=set())
    assert learning.causes_of(tmp_path) == {} and learning.failed_in(tmp_path) == set()


def test_what_may_not_be_compared_is_refused(database: Database) -> None:
    with pytest.raises(UsageError, match="the same run twice"):
        learning.broken(database, "after", "after")
    with duckdb.connect(str(database.path)) as connection:
        connection.execute("UPDATE run_suites SET version = '2' WHERE run_id = 'before'")
    with pytest.raises(UsageError, match="may not be compared on 'made'"):
        learning.broken(database, "before", "after")
