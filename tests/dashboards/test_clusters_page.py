"""The page of failure clusters: deep links, the worst cause first, hostile text, names, export, and having nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from clusters_made import HOSTILE, analysed, refitted, storing, wrong
from streamlit.testing.v1 import AppTest

from dashboards.pages import _cause, _cause_kept, _causes
from dashboards.queries import clusters
from dashboards.view import View
from harness.failures.analysis import Analysis
from harness.store import Database, failures


def page() -> None:
    from dashboards import app
    from dashboards.pages import clusters
    from harness.store import Database

    app.show(clusters, {}, Database.at())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, Analysis, Analysis]:
    return analysed(tmp_path_factory)


@pytest.fixture
def copy(made: tuple[Database, Analysis, Analysis], tmp_path: Path) -> Database:
    return Database(Path(shutil.copy(made[0].path, tmp_path / "h.duckdb")))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def run(database: Database, **parameters: str) -> AppTest:
        monkeypatch.setenv("HARNESS_DB", str(database.path))
        at = AppTest.from_function(page, default_timeout=60)
        for name, value in parameters.items():
            at.query_params[name] = value
        return whole(at.run())

    return run


def whole(at: AppTest) -> AppTest:
    assert not at.exception and not at.error
    return at


def box(at: AppTest, label: str):  # type: ignore[no-untyped-def]
    return next(one for one in at.selectbox if one.label == label)


def button(at: AppTest, label: str):  # type: ignore[no-untyped-def]
    return next(one for one in at.button if one.label == label)


def texts(at: AppTest) -> str:
    return "\n".join(one.value for one in at.text)


def test_the_newest_run_and_its_worst_cause_are_open(made, opened) -> None:  # type: ignore[no-untyped-def]
    database, _, second = made
    at = opened(database)
    assert (box(at, "Run").value, box(at, "Compare with").value) == ("run-2", "run-1")
    assert box(at, "Cluster").value == second.causes[0].id
    assert "**100 of 240 answers** fail" in at.markdown[0].value
    member = second.members(second.causes[0].id)[0].case
    assert "Against the run compared with" in texts(at) and member.name in texts(at)
    assert at.dataframe[0].value["sample"][0] == member.name and not dict(at.query_params)
    assert whole(at.run())


def test_all_causes_stand_in_a_table(made, opened) -> None:  # type: ignore[no-untyped-def]
    shown = opened(made[0], tab="All causes").dataframe[0].value
    assert shown["failures"].sum() == 100 and set(shown["verdict"]) >= {"gone", "shrank"}


def test_another_example_is_the_next_failure(made, opened) -> None:  # type: ignore[no-untyped-def]
    database, _, second = made
    at = opened(database)
    button(at, "Another").click().run()
    member = second.members(second.causes[0].id)[1].case
    assert at.query_params["sample"] == "/".join(map(str, member.key)) and member.name in texts(whole(at))


def test_an_address_opens_run_cause_and_failure(made, opened) -> None:  # type: ignore[no-untyped-def]
    database, first, _ = made
    cause, other = first.causes[1], first.causes[0]
    members = first.members(cause.id)
    sample = "/".join(map(str, members[27].case.key))
    at = opened(database, run="run-1", cause=cause.id, sample=sample)  # of its second page
    assert (box(at, "Run").value, box(at, "Cluster").value, box(at, "Open a failure").value) == (
        "run-1", cause.id, sample,
    )  # fmt: skip
    assert members[27].case.name in texts(at) and members[27].diagnosis.text.split()[0] in texts(at)
    box(at, "Cluster").select(first.causes[2].id).run()
    assert at.query_params["cause"] == first.causes[2].id and "sample" not in at.query_params
    box(whole(at), "Cluster").select(other.id).run()
    assert box(whole(at), "Cluster").value == other.id and "cause" not in at.query_params  # the worst needs no word
    box(at, "Run").select("run-2").run()
    assert box(whole(at), "Run").value == "run-2" and at.query_params["run"] == "run-2"  # newest today
    box(at, "Run").select("run-1").run()
    assert box(whole(at), "Run").value == "run-1" and at.query_params["run"] == "run-1"


def test_wrong_addresses_are_no_errors(made, opened) -> None:  # type: ignore[no-untyped-def]
    parameters = {"taxonomy": "t", "cause": "no", "sample": "no", "against": "no", "split": "no"}
    for page in ("x9", "9" * 5000):
        assert box(opened(made[0], **parameters, at=page), "Compare with").value == "run-1"
    at = opened(made[0], run="run-9; rm")
    assert "harness failures 'run-9; rm'" in [one.value for one in at.code] and not at.dataframe
    box(at, "Or open a run that is analysed").select("run-1").run()
    assert box(whole(at), "Run").value == "run-1"


def test_a_split_that_was_not_analysed_is_told(made, opened) -> None:  # type: ignore[no-untyped-def]
    at = whole(opened(made[0], split="test").run())
    assert "harness failures run-2 --split test" in [one.value for one in at.code] and at.info


def test_hostile_text_stays_text(copy: Database, made, opened) -> None:  # type: ignore[no-untyped-def]
    cause = next(one for one in made[1].causes if "truncated" in {m.case.mode for m in made[1].members(one.id)})
    failures.set_name(copy, cause.id, HOSTILE)
    at = opened(copy, run="run-1", cause=cause.id)
    assert "<script>" in box(at, "Cluster").options[0] + texts(at) and any("<script>" in one.value for one in at.code)
    assert not any("<script>" in one.value for kind in (at.markdown, at.caption, at.info) for one in kind)


@pytest.mark.parametrize("tab", ["Its failures", "All causes", "Trend", "In right answers?", "Lineage", "Name"])
def test_every_part_of_a_cause(made, opened, tab: str) -> None:  # type: ignore[no-untyped-def]
    at = opened(made[0], tab=tab)
    words = " ".join(one.value for kind in (at.caption, at.markdown) for one in kind)
    words += " ".join(one.label for one in (*at.multiselect, *at.text_input, *at.get("download_button")))
    words += " ".join(" ".join(one.value.columns) for one in at.dataframe)
    told = {"Its failures": "as JSONL", "All causes": "verdict", "Trend": "oldest first", "Lineage": "never refitted",
            "Name": "--write", "In right answers?": "passed"}  # fmt: skip
    assert told[tab] in words and "A click opens a failure" in words


def test_a_name_is_written_only_where_that_is_allowed(copy: Database, opened, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    at = opened(copy, tab="Name")
    assert at.text_input[0].disabled and button(at, "Rename").disabled
    monkeypatch.setenv(_cause_kept.WRITE, "1")
    at = opened(copy, tab="Name")
    at.text_input[0].input("cut off")
    button(at, "Rename").click().run()
    assert list(failures.names(copy).values()) == ["cut off"]
    assert "cut off" in box(whole(at), "Cluster").options[0]


def test_the_export_holds_each_failure_once(made) -> None:  # type: ignore[no-untyped-def]
    database, first, _ = made
    cause = first.causes[0]
    analysis = {"run_id": "run-1", "taxonomy_id": first.taxonomy.id, "suites": ["made"], "split": "all"}
    lines = _cause_kept.jsonl(str(database.path), (0, 0), analysis, cause.id, cause.label).decode().splitlines()
    rows = [json.loads(line) for line in lines]
    assert sorted(row["sample_id"] for row in rows) == sorted(m.case.sample_id for m in first.members(cause.id))
    assert {"question", "target", "said", "diagnosis", "split"} <= set(rows[0])


def test_a_refit_is_shown(tmp_path_factory, opened) -> None:  # type: ignore[no-untyped-def]
    database, after = refitted(tmp_path_factory)
    at = opened(database, tab="Lineage")
    assert box(at, "Causes of").value == after.taxonomy.id and len(at.dataframe) == 1
    box(at, "Causes of").select(after.taxonomy.parent).run()
    assert box(whole(at), "Causes of").value == at.query_params["taxonomy"] == after.taxonomy.parent


def test_nothing_analysed_says_which_command(tmp_path: Path, opened) -> None:  # type: ignore[no-untyped-def]
    database = storing.run(tmp_path / "h.duckdb", [wrong(n) for n in range(8)])
    for parameters, line in (({}, "harness failures RUN"), ({"run": "run-1"}, "harness failures run-1")):
        at = opened(database, **parameters)
        assert line in [one.value for one in at.code] and "analysis" in at.info[0].value
    with database.write() as connection:
        connection.execute("DROP TABLE taxonomies")
    assert "analysis" in opened(database).info[0].value


MANY = """
INSERT INTO records SELECT run_id, suite, sample_id || '-' || i, sample_digest, attempt, completion_keys, score_key,
       fault_boundary, fault_kind, fault_message, recorded_at FROM records, range(60) t(i);
INSERT INTO members SELECT taxonomy_id, run_id, suite, sample_id || '-' || i, attempt, cause_id, similarity, novel, x, y
FROM members, range(60) t(i)
"""


@pytest.mark.slow
def test_many_failures_are_paged_and_thinned(copy: Database, opened) -> None:  # type: ignore[no-untyped-def]
    with copy.write() as connection:
        connection.execute(MANY)
    at = opened(copy, run="run-2")
    assert "6,100 of 14,640 answers" in at.markdown[0].value and len(at.dataframe[0].value) == clusters.PAGE
    assert box(at, "Compare with").value == "no run"  # the tests of so many take seconds: on request


class Address(dict[str, str]):
    """An address without a browser."""

    to_dict = dict[str, str].copy

    def from_dict(self, other: dict[str, str]) -> None:
        self.clear()
        self.update(other)


def test_a_click_goes_where_a_choice_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"bars": type("State", (), {"selection": {"pick": [{"cause": ""}]}})()}
    address = Address(cause="aa", sample="s", at="2", run="r")
    monkeypatch.setattr(_causes.st, "session_state", state)
    monkeypatch.setattr(_causes.st, "query_params", address)
    _causes.clicked(View(Database(Path("none.duckdb")), {}), "bars")
    assert address == {"cause": _cause.NONE, "run": "r"}
