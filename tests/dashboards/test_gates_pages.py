"""The pages gates, calibration and bench: every state has something to say, and filters, addresses and texts hold."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import gates_world
import pytest

from harness.store import Database

OLD = Path(__file__).resolve().parents[1] / "store" / "schema_001.duckdb.gz"
PAGES = ("gates", "calibration", "bench")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return the small world; nobody writes to it."""
    return gates_world.make(tmp_path_factory.mktemp("gates") / "h.duckdb")


@pytest.mark.parametrize("page", PAGES)
def test_nothing_stored_is_said(page: str, tmp_path: Path) -> None:
    empty, old = Database(tmp_path / "e.duckdb"), tmp_path / "old.duckdb"
    with empty.write():
        pass
    old.write_bytes(gzip.decompress(OLD.read_bytes()))
    for each in (empty, Database(old), Database(tmp_path / "none.duckdb")):
        shown = gates_world.opened(page, each)
        assert not shown.exception and len(shown.info) == 1 and "Type: harness" in shown.info[0].value


@pytest.mark.parametrize("page", PAGES)
def test_foreign_text_is_never_markup(page: str, database: Database) -> None:
    for address in ({}, {"model": "scaled-1"}, {"gate": "gate-"}, {"model": "script", "bench": "b1"}):
        shown = gates_world.opened(page, database, **address)
        assert not shown.exception
        assert "script" not in gates_world.told(shown) and "bold" not in gates_world.told(shown)


def test_verdicts_are_listed_newest_first_and_filtered(database: Database) -> None:
    shown = gates_world.opened("gates", database)
    assert [cell[2:] for cell in shown.dataframe[0].value["outcome"]] == ["FAIL", "INCONCLUSIVE", "PASS", "ERROR"]
    assert list(shown.dataframe[0].value["kept"]) == ["1 of 2", "1 of 2", "1 of 1", "0 of 0"]
    for outcome in ("PASS", "ERROR", "FAIL"):  # a widget that forgets would lose every second choice
        shown.selectbox(key="choice-outcome").set_value(outcome).run()
        assert [cell[2:] for cell in shown.dataframe[0].value["outcome"]] == [outcome]
        assert shown.query_params["outcome"] == outcome
    shown.text_input(key="choice-words").set_value("no such thing").run()
    assert "Nothing is left of 4" in shown.warning[0].value and not shown.dataframe
    assert len(gates_world.opened("gates", database, words="REPAIR").dataframe[0].value) == 1


@pytest.mark.parametrize(("page", "column"), [("gates", "gate"), ("bench", "bench")])
def test_long_lists_come_in_pages(page: str, column: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(gates_world.opened(page, database).dataframe[0].value[column])
    monkeypatch.setattr(f"dashboards.pages.{page}.SHOWN", 1)
    shown, seen = gates_world.opened(page, database), []
    for number in range(1, len(whole) + 1):
        seen += list(shown.dataframe[0].value[column])
        assert shown.query_params.get("page", ["1"]) in (str(number), [str(number)])
        newer, older = (next(b for b in shown.button if b.label == label) for label in ("Newer", "Older"))
        assert newer.disabled == (number == 1) and older.disabled == (number == len(whole))
        shown = older.click().run() if not older.disabled else shown
    assert seen == whole
    assert list(gates_world.opened(page, database, page="99").dataframe[0].value[column]) == whole[-1:]


def test_a_verdict_shows_all_of_a_check_and_the_way_back(database: Database) -> None:
    shown = gates_world.opened("gates", database, outcome="FAIL")
    shown.selectbox(key="choice-gate").select_index(0).run()
    assert shown.query_params["gate"].startswith("gate-") and "exit code 1" in shown.error[0].value
    first = shown.dataframe[0].value.iloc[0]
    assert (first["observed"], first["threshold"], first["low"], first["high"]) == (-0.041, -0.01, -0.063, -0.019)
    assert (first["n"], first["p"], first["needed"], first["note"]) == (1000, 0.0002, 4100, gates_world.HOSTILE)
    assert len(shown.dataframe[1].value) == len(gates_world.COUNTS)
    assert any(code.value == gates_world.POLICY.strip() for code in shown.code)
    shown.button[0].click().run()
    assert "gate" not in shown.query_params and len(shown.dataframe[0].value) == 1


def test_every_outcome_has_its_page_and_a_wrong_name_is_told(database: Database) -> None:
    for gate in gates_world.opened("gates", database).dataframe[0].value["gate"]:
        shown = gates_world.opened("gates", database, gate=gate)
        assert not shown.exception and len(shown.get("download_button")) == 1
    for named in ("gate-zzz", "gate-"):
        assert "no one verdict" in gates_world.opened("gates", database, gate=named).warning[0].value


def test_a_scaled_run_is_shown_before_and_after_on_test(database: Database) -> None:
    shown = gates_world.opened("calibration", database, model="scaled-1")
    table = shown.dataframe[0].value
    assert list(table["probabilities"]) == ["as it stands", "Platt scaling 0.5 x +0.2"]
    assert table["n"].nunique() == 1 and 0 < table["n"][0] < 40
    assert all(table["low"] <= table["ECE"]) and all(table["ECE"] <= table["high"])
    shown.selectbox(key="choice-split").set_value("all").run()
    assert shown.dataframe[0].value["n"][0] == 40 and shown.query_params["split"] == "all"


def test_an_unscaled_run_is_shown_whole_and_beside_others(database: Database) -> None:
    shown = gates_world.opened("calibration", database, model="plain-1", bins="5")
    assert list(shown.dataframe[0].value["probabilities"]) == ["as it stands"]
    assert shown.dataframe[0].value["n"][0] == 40 and shown.selectbox(key="choice-bins").value == "5"
    shown.toggle[0].set_value(True).run()
    assert set(shown.dataframe[1].value["run"]) == {"plain-1", "scaled-1"}
    unknown = gates_world.opened("calibration", database, model="nobody")
    assert "that the address names" in unknown.warning[0].value and unknown.dataframe


def test_benches_are_listed_marked_and_filtered(database: Database) -> None:
    shown = gates_world.opened("bench", database)
    table = shown.dataframe[0].value
    assert list(table["machine"]) == ["busy", "quiet"] and "1 of 2 benches" in shown.warning[0].value
    names = ["generate x1 tok/s", "generate x4 tok/s", "memory MiB", "first token ms", "size MiB"]
    assert list(table[names].iloc[0]) == [11, 44, 1024, 250, 310]
    shown.toggle(key="choice-quiet").set_value(True).run()
    assert list(shown.dataframe[0].value["bench"]) == ["b0"] and not shown.warning
    shown.toggle(key="choice-quiet").set_value(False).run()
    shown.toggle(key="choice-newest").set_value(True).run()
    assert list(shown.dataframe[0].value["bench"]) == ["b1"]
    shown.text_input(key="choice-model").set_value("no such thing").run()
    assert "Nothing is left of 2" in shown.warning[0].value


def test_one_bench_shows_its_repeats_and_conditions(database: Database) -> None:
    shown = gates_world.opened("bench", database, bench="b0")
    measured = shown.dataframe[1].value
    assert list(measured["measure"]) == ["generate", "generate", "memory", "ttft"]
    assert (measured["low"][0], measured["high"][0]) == (10.0, 12.0)
    assert '"cores": 2' in "".join(code.value for code in shown.code)
    shown.selectbox(key="choice-bench").set_value("b1").run()
    assert shown.query_params["bench"] == "b1" and gates_world.HOSTILE in shown.text[0].value


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_large_database_is_shown(page: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
    import large_database

    made = gates_world.make(tmp_path_factory.mktemp("large") / "h.duckdb")
    large_database.make(made, models=20, suites=5, samples=500)
    shown = gates_world.opened(page, made)
    assert not shown.exception and shown.dataframe
