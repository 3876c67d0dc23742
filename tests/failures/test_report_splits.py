"""What an improvement loop is given holds nothing of a `test` sample, whatever people looked at before or after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import storing

from harness.errors import UsageError
from harness.failures.analysis import analyse
from harness.failures.report import analysis, document
from harness.failures.reuse import Wanted
from harness.store import Database, failures, read
from harness.types import Sample, Score

LSA = Wanted(embedder="lsa")


def sample(number: int) -> Sample:
    split = "test" if number % 2 else "dev"
    return storing.sample(
        number, id=f"{split}-{number:04}", origin=f"{split}-origin-{number}", split=split, name=f"{split}/{number}",
        data={"question": f"A {split} question: what is {number} minus {2 * number + 9}?"}, target=str(-number - 9),
        tags={"subject": split if number % 4 < 2 else "both"},
    )  # fmt: skip


def outcome(number: int, skew: int) -> tuple[str, Score]:
    said = {0: str(number + 9), 1: str(-number - 8), 2: "I cannot help with that.", 3: "12 and so on"}[
        (number // 2 + skew) % 4
    ]
    mode = "refused" if said.startswith("I") else "wrong_answer"
    return said, Score({"acc": 0.0}, mode, None if mode == "refused" else said)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    for run, skew in (("run-1", 0), ("run-2", 1)):
        rows = [storing.row(sample(n), *outcome(n, skew if n % 3 else 0)) for n in range(160)]
        rows += [storing.row(sample(n), "right", Score({"acc": 1.0}, "right")) for n in range(160, 200)]
        database = storing.run(tmp_path / "h.duckdb", rows, run_id=run)
    return database


@pytest.mark.slow
def test_nothing_of_a_test_sample_is_in_what_dev_gives(database: Database) -> None:
    analyse(database, "run-2", "all", wanted=LSA)
    first = analyse(database, "run-1", wanted=LSA)
    # A person looks at test samples through the loop's taxonomy; a refit after that must not learn from them.
    analyse(database, "run-1", "test", wanted=Wanted(taxonomy=first.found.taxonomy.id if first.found.taxonomy else ""))
    analyse(database, "run-2", "test", wanted=LSA)
    later = analyse(database, "run-2", against="run-1", wanted=LSA)
    anew = analyse(database, "run-2", against="run-1", wanted=Wanted(embedder="lsa", refit=True))
    assert (first.found.how, later.found.how, anew.found.how) == ("fitted", "assigned", "refitted")
    for found in (first, later, anew):
        told = json.dumps(document(found))
        assert found.answers == 100 and found.failures and "dev-0000" in told
        assert "test-" not in told and "test/" not in told and "test question" not in told
        assert found.taxonomy is not None and found.taxonomy.split == "dev"
        assert {member.case.split for member in found.failures} == {"dev"}
    fitted = read.query(database, "SELECT n, split FROM taxonomies WHERE split = 'dev' ORDER BY made_at")
    assert [row["n"] for row in fitted] == [80, 160], "80 dev failures; refitted on those of both runs"


def test_taxonomies_of_all_samples_are_refused_for_dev(database: Database) -> None:
    every = analyse(database, "run-1", "all", wanted=LSA)
    assert every.taxonomy is not None and every.taxonomy.split == "all"
    with pytest.raises(UsageError, match="fitted on 'all'"):
        analyse(database, "run-1", "dev", wanted=Wanted(taxonomy=every.taxonomy.id))
    assert document(every)["analysis"] is None
    with pytest.raises(ValueError, match="'dev' alone"):
        analysis(every)
    kept = {row["split"] for row in failures.taxonomies(database)}
    assert kept == {"all"}, "what was refused left nothing behind"


def test_what_rows_are_generated_from(database: Database) -> None:
    found = analyse(database, "run-1", wanted=LSA)
    given = document(found, examples=3)["analysis"]
    assert given["failures"] == 80 and sum(cause["size"] for cause in given["causes"]) <= 80
    for cause in given["causes"]:
        assert cause["diagnoses"] and cause["suites"] == {"made": cause["size"]}
        assert 1 <= len(cause["exemplars"]) <= 3
        for one in cause["exemplars"]:
            number = int(one["name"].removeprefix("dev/"))
            assert one["question"] == sample(number).data["question"] and one["target"] == sample(number).target
            assert one["answer"] == outcome(number, 0)[1].answer and one["split"] == "dev"
