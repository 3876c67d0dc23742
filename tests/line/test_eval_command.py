"""`harness eval` as a person or a script meets it: the JSON contract, resume, fresh attempts, faults, the breaker."""

from __future__ import annotations

from pathlib import Path

import pytest
import worlds

from harness.store import Database, read

ARGS = ("--suite", "primer", "--limit", "60", "--quiet")


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "out" / "harness.duckdb"


def run(db: Path, model: str = "scripted:worlds:guess", *more: str, **extra: str):
    return worlds.harness("eval", model, *ARGS, "--db", db, "--json", *more, **extra)


def test_json_contract(db: Path) -> None:
    done = run(db)
    assert done.returncode == 0, done.stderr
    shown = worlds.document(done)
    assert {"run_id", "model", "model_sha256", "suites", "status", "asked", "reused"} <= shown.keys()
    part = shown["suites"]["primer"]
    assert {"version", "metric", "n", "score", "low", "high", "faults", "metrics", "seconds"} <= part.keys()
    assert part["n"] == 60 and part["low"] <= part["score"] <= part["high"]
    assert 0.0 < part["score"] < 1.0, "a guesser is right now and then: otherwise this test sees nothing"
    assert shown["asked"] == 60


def test_second_call_asks_nothing(db: Path) -> None:
    first, second = worlds.document(run(db)), worlds.document(run(db))
    assert second["asked"] == 0
    assert second["run_id"] == first["run_id"]
    assert second["suites"] == first["suites"]


def test_larger_limit_reuses_the_smaller(db: Path) -> None:
    run(db)
    more = worlds.document(worlds.harness(
        "eval", "scripted:worlds:guess", "--suite", "primer", "--limit", "90", "--quiet", "--db", db, "--json"
    ))  # fmt: skip
    assert more["reused"] == 60 and more["asked"] == 30


def test_fresh_asks_again_and_samples_are_attempts(db: Path) -> None:
    first = worlds.document(run(db))
    fresh = worlds.document(run(db, "scripted:worlds:guess", "--fresh"))
    assert fresh["asked"] == 60 and fresh["run_id"] != first["run_id"]
    again = worlds.document(run(db))
    assert again["asked"] == 0 and again["run_id"] == fresh["run_id"], (
        "the latest attempts are the run of this identity"
    )
    three = worlds.document(run(db, "scripted:worlds:guess", "--samples", "3"))
    assert three["suites"]["primer"]["wanted"] == 180
    assert three["reused"] == 120 and three["asked"] == 60, "attempts 0 and 1 were asked before"


def test_faults_are_owed_and_never_zeros(db: Path, tmp_path: Path) -> None:
    mood = tmp_path / "mood"
    mood.write_text("bad")
    bad = run(db, "scripted:worlds:moody", MOOD=str(mood))
    assert bad.returncode == 4
    part = worlds.document(bad)["suites"]["primer"]
    assert 0 < part["faults"] < 60 and part["n"] == 60 - part["faults"]
    mood.write_text("good")
    good = worlds.document(run(db, "scripted:worlds:moody", MOOD=str(mood)))
    assert good["status"] == "done" and good["asked"] == part["faults"]
    assert good["suites"]["primer"]["faults"] == 0 and good["suites"]["primer"]["n"] == 60
    rows = read.query(
        Database(db), "SELECT count(*) AS n, count(DISTINCT (suite, sample_id, attempt)) AS d FROM records"
    )
    assert rows == [{"n": 60, "d": 60}]


def test_breaker_stops_and_says_why(db: Path) -> None:
    done = run(db, "scripted:worlds:dead")
    shown = worlds.document(done)
    assert done.returncode == 4 and shown["status"] == "stopped"
    assert "20 faults in a row" in shown["note"] and "nobody listens" in shown["note"]
    assert shown["suites"]["primer"]["score"] is None, "no score is not a zero"


def test_lost_model_keeps_what_came_in(db: Path) -> None:
    done = run(db, "scripted:worlds:broken", "--limit", "300")
    assert done.returncode == 4
    assert "illegal memory access" in done.stderr and "Traceback" not in done.stderr
    records = read.query(Database(db), "SELECT count(*) AS n FROM records")
    assert 0 < records[0]["n"] < 300


def test_hostile_completions_reach_neither_terminal_nor_schema(db: Path) -> None:
    assert run(db, "scripted:worlds:hostile").returncode == 0
    shown = worlds.harness("show", "hostile", "--samples", "--db", db, "--suite", "primer")
    assert shown.returncode == 2, "names are run ids; a wrong one names the nearest"
    run_id = read.runs(Database(db))[0]["run_id"]
    shown = worlds.harness("show", run_id, "--samples", "--limit", "3", "--db", db)
    assert shown.returncode == 0, shown.stderr
    assert "owned" in shown.stdout and "\x1b]" not in shown.stdout and "\u202e" not in shown.stdout


def test_rescore_needs_no_model(db: Path) -> None:
    first = worlds.document(run(db))
    again = worlds.harness("rescore", first["run_id"], "--db", db, "--json")
    assert again.returncode == 0, again.stderr
    assert worlds.document(again)["suites"] == first["suites"] and worlds.document(again)["asked"] == 0


def test_config_file_and_command_line(db: Path, tmp_path: Path) -> None:
    config = tmp_path / "eval.yaml"
    config.write_text("model: scripted:worlds:guess\nsuites: [primer]\nlimit: 500\ngrades: {good: 0.5, bad: 0.0}\n")
    done = worlds.harness("eval", "--config", config, "--limit", "25", "--quiet", "--db", db, "--json")
    part = worlds.document(done)["suites"]["primer"]
    assert part["wanted"] == 25 and part["grade"] in ("good", "bad")


def test_user_folder_named_suites_does_not_shadow_ours(db: Path, tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "__init__.py").write_text("raise RuntimeError('not yours')")
    done = worlds.harness("eval", "scripted:worlds:guess", *ARGS, "--db", db, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
