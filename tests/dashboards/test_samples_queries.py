"""Search of samples: every filter, pages that leave nothing out, neighbours, and what one sample shows."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import samples_world as world

from dashboards import charts_samples
from dashboards.queries import Ask, Rows, sample, samples
from dashboards.queries.samples import Filter
from harness.failures.cases import cases
from harness.store import Database, read

OLD = Path(__file__).resolve().parents[1] / "store" / "schema_002.duckdb.gz"
ALL = world.PLAIN + 6


def asking(database: Database) -> Ask:
    """Return a way to ask a database."""

    def ask(sql: str, parameters: Sequence[Any] = ()) -> Rows:
        return read.query(database, sql, list(parameters))

    return ask


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return a small database."""
    return world.make(tmp_path_factory.mktemp("samples") / "h.duckdb")


def values(drawn: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a chart."""
    (rows,) = drawn["datasets"].values()
    return list(rows)


def ids(found: Rows) -> set[str]:
    """Return the samples of rows."""
    return {row["sample_id"] for row in found}


def test_pages_hold_every_record_once(made: Database) -> None:
    first, second, third = (samples.search(asking(made), Filter("run-1"), page) for page in (1, 2, 3))
    assert [len(first), len(second), len(third)] == [samples.PAGE, ALL - samples.PAGE, 0]
    keys = [(row["sample_id"], row["attempt"]) for row in [*first, *second]]
    assert len(set(keys)) == ALL == first[0]["total"] == second[0]["total"]
    assert [row["place"] for row in [*first, *second]] == list(range(1, ALL + 1))


def test_wrong_is_what_failures_call_a_failure(made: Database) -> None:
    ask = asking(made)
    wrong = samples.search(ask, Filter("run-1", outcome="wrong"))
    assert {(row["sample_id"], row["attempt"]) for row in wrong} == {
        (case.sample_id, case.attempt) for case in cases(made, "run-1")
    }
    counted = [samples.search(ask, Filter("run-1", outcome=one))[0]["total"] for one in ("right", "wrong", "fault")]
    assert sum(counted) == ALL and counted[2] == 1


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"suite": "made"}, ALL), ({"suite": "other"}, 0),
        ({"tag": "subject=s1"}, 19), ({"tag": "s1"}, 19), ({"tag": "subject=s9"}, 0),
        ({"mode": "fault: model/http_500"}, 1),
        ({"text": "SAYS zebra 7"}, 1), ({"text": "what is 7?"}, 1), ({"text": "few SHOT"}, world.PLAIN),
        ({"text": "zebra", "within": "prompt"}, 0), ({"text": "few shot", "within": "completion"}, 0),
        ({"text": "100% _"}, 1), ({"text": "I think"}, 1), ({"text": "'; DROP TABLE runs; --"}, 0),
        ({"text": '_ \\ "quo'}, 1), ({"text": 'tool:\nwhich "one'}, 1),
        ({"text": 'tool:\nwhich "one', "within": "completion"}, 0),
        ({"text": "zebra 5", "within": "answer"}, 0), ({"text": "A 5", "within": "answer"}, 1),
        ({"slower_s": 5.0}, 1),
        ({"cluster": "c1"}, 1), ({"cluster": samples.UNASSIGNED}, 1), ({"cluster": "c9"}, 0),
        ({"flip": "run-2"}, 12), ({"flip": "run-2", "way": "worse"}, 6), ({"flip": "run-2", "way": "better"}, 6),
        ({"flip": "run-2", "way": "worse", "text": "zebra 5", "tag": "s2", "outcome": "wrong"}, 1),
        ({"flip": "nobody"}, 0),
    ],
)  # fmt: skip
def test_every_filter(made: Database, fields: dict[str, Any], count: int) -> None:
    found = samples.search(asking(made), Filter("run-1", **fields))
    assert (found[0]["total"] if found else 0) == count


def test_flips_tell_both_sides(made: Database) -> None:
    worse = samples.search(asking(made), Filter("run-1", flip="run-2", way="worse"))
    assert ids(worse) == {f"{number:05}" for number in range(5, world.PLAIN, 10)}
    assert all((row["score"], row["other_score"], row["other_mode"]) == (0.0, 1.0, "right") for row in worse)


def test_slowest_first(made: Database) -> None:
    found = samples.search(asking(made), Filter("run-1"), order="slowest first")
    assert found[0]["sample_id"] == "00007" and found[0]["total"] == ALL


def test_neighbours_walk_through_what_fits(made: Database) -> None:
    ask, wanted = asking(made), Filter("run-1", flip="run-2", suite="made")
    walked, at = [], samples.search(ask, wanted)[0]["sample_id"]
    while at:
        beside = samples.beside(ask, wanted, at)
        assert beside is not None and beside["place"] == len(walked) + 1
        walked.append(at)
        at = beside["after"]
    assert len(walked) == beside["total"] and set(walked) == ids(samples.search(ask, wanted))
    assert samples.beside(ask, wanted, "00002") is None


def test_what_there_is_to_choose(made: Database) -> None:
    ask = asking(made)
    assert samples.suites(ask, "run-1") == ["made"]
    assert sum(samples.modes(ask, "run-1").values()) == ALL
    assert samples.tags(ask, "run-1") == ["subject=s", "subject=s0", "subject=s1", "subject=s2"]
    assert samples.clusters(ask, "run-1") == [{"cause_id": "c1", "label": "named by a person", "n": 1}]
    assert [row["run_id"] for row in samples.runs(ask)] == ["run-1", "run-2"]


def test_a_file_from_before_causes(tmp_path: Path) -> None:
    path = tmp_path / "h.duckdb"
    path.write_bytes(gzip.decompress(OLD.read_bytes()))
    ask = asking(Database(path))
    for row in samples.runs(ask):
        found = samples.search(ask, Filter(row["run_id"]))
        assert samples.clusters(ask, row["run_id"]) == samples.search(ask, Filter(row["run_id"], cluster="c1")) == []
        assert samples.beside(ask, Filter(row["run_id"], cluster="c1"), "x") is None
        if found:
            (one, *_) = sample.attempts(ask, row["run_id"], found[0]["sample_id"])
            assert sample.history(ask, one["suite"], one["sample_id"])


def test_a_sample_whole(made: Database) -> None:
    ask = asking(made)
    first, second = sample.attempts(ask, "run-1", world.TWICE)
    assert [first["score"], second["score"]] == [0.0, 1.0]
    (said,) = sample.answers(ask, second["completion_keys"])
    assert said["text"] == "second" and sample.messages(said) == []
    (plain,) = sample.attempts(ask, "run-1", "00004", "made")
    assert sample.answers(ask, plain["completion_keys"])[0]["prompt"].startswith("few shot\n\nxxx")
    assert plain["data"] == {"question": "What is 4?"} and plain["target"] == "4"
    assert [row["run_id"] for row in sample.history(ask, "made", "00004")] == ["run-1", "run-2"]
    assert sample.attempts(ask, "run-1", "nothing") == []


def test_a_chat_with_calls_and_a_judge(made: Database) -> None:
    ask = asking(made)
    (row,) = sample.attempts(ask, "run-1", world.CHAT)
    said, judged = sample.answers(ask, row["completion_keys"])
    turns = sample.messages(said)
    assert [role for role, _ in turns] == ["user", "assistant", "user", "assistant"]
    assert turns[-1][1].startswith('find(word="100% _ ') and said["tool_calls"][0]["name"] == "find"
    assert judged["model_digest"] == "judge"


def test_charts(made: Database) -> None:
    ask = asking(made)
    (row,) = sample.attempts(ask, "run-1", world.CHOICE)
    (said,) = sample.answers(ask, row["completion_keys"])
    assert sample.choices(said) == [" red", " blue"]
    drawn = charts_samples.chosen(sample.choices(said), (0.9, 0.1), 0).to_dict()
    assert [one["kind"] for one in values(drawn)] == ["expected", "other"]
    assert values(drawn)[0]["choice"].startswith("✓")
    marks = [
        {"run": f"run-{n}", "label": world.HOSTILE, "date": "", "score": n / 40, "mode": f"m{n % 9}", "attempt": 0}
        for n in range(40)
    ]
    for count in (1, 3, 20, 40):
        strip = charts_samples.strip(marks[:count], 'run-1" || alert(1) || "')
        assert len(values(strip.to_dict())) == count and strip.to_json()


@pytest.mark.parametrize(
    ("texts", "target", "right"),
    [
        ([" A", " B"], "B", 1), ([" red", " blue"], "blue", 1), (["red", "blue"], "B", 1), (["red", "blue"], 1, 1),
        (["yes", "yes"], "yes", None), (["red"], "Z", None), (["red"], None, None), (["a", "b"], True, None),
        (["1", "0"], "0", 1), (["red"], "9" * 5000, None),
    ],
)  # fmt: skip
def test_which_choice_is_right(texts: list[str], target: object, right: int | None) -> None:
    assert sample.expected(texts, target) == right


def test_letters_are_spelled_out() -> None:
    assert sample.spelled([" A", " B"], {"choices": ["red", "blue"]}) == ["A. red", "B. blue"]
    assert sample.spelled([" red", " blue"], {"choices": ["x", "y"]}) == ["red", "blue"]
    assert sample.spelled([" A"], None) == ["A"]


def test_orders_are_of_all_that_fits(made: Database) -> None:
    ask = asking(made)
    scores = [row["score"] for row in samples.search(ask, Filter("run-1"), order="worst first")]
    assert scores == sorted(scores) and scores[0] == 0.0
    best = samples.search(ask, Filter("run-1"), 2, "best first")
    assert best[-1]["score"] is None and best[-2]["score"] == 0.0
    for order in samples.ORDERS:
        found = samples.search(ask, Filter("run-1", outcome="right"), 1, order)
        assert found[0]["total"] == samples.count(ask, Filter("run-1", outcome="right"))


def test_a_list_tells_what_was_expected(made: Database) -> None:
    row = samples.search(asking(made), Filter("run-1"))[4]
    assert (row["answer"], row["expected"]) == ("a 4", "4")
