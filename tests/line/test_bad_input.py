"""Bad input: each gives the three-part error, the right exit code, and loses nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
import worlds

from harness.store import Database, read

ARGS = ("--suite", "primer", "--limit", "40", "--quiet")


def check(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """Assert exit code, the three labelled parts, and no traceback."""
    assert done.returncode == code, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    for label in ("error:", "expected:", "next:"):
        assert label in done.stderr, done.stderr
    for part in parts:
        assert part in done.stderr, done.stderr


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "harness.duckdb"


def evaluate(db: Path, model: str, *more: object, **extra: str) -> subprocess.CompletedProcess[str]:
    return worlds.harness("eval", model, *ARGS, "--db", db, *more, **extra)


def test_missing_model_file(db: Path) -> None:
    check(evaluate(db, "/nowhere/model.gguf"), 2, "/nowhere/model.gguf")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.gguf", b""),
        ("truncated.gguf", b"GGUF\x03\x00\x00\x00\xff\x00"),
        ("page.gguf", b"<!DOCTYPE html><title>404</title>" * 100),
        ("zeros.gguf", bytes(100_000)),
    ],
)
def test_damaged_model_file(db: Path, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    check(evaluate(db, str(tmp_path / name)), 2, name)


def test_unknown_model_suite_variant_and_setting(db: Path) -> None:
    check(evaluate(db, "guff:model"), 2, "'guff:model'", "gguf")
    check(worlds.harness("eval", "scripted:worlds:guess", "--suite", "humanevl", "--db", db), 2, "nearest: 'humaneval'")
    check(worlds.harness("eval", "scripted:worlds:guess", "--suite", "bbh:dirct", "--db", db), 2, "'bbh:direct'")
    check(evaluate(db, "scripted:worlds:guess", "--set", "delays=1"), 2, "delay_s")
    check(evaluate(db, "scripted:worlds:guess", "--set", "delay"), 2, "key=value")
    check(worlds.harness("list", "suits"), 2, "'suites'")


def test_config_file(db: Path, tmp_path: Path) -> None:
    config = tmp_path / "eval.yaml"
    for text, part in (
        ("model: [", "not valid YAML at line"),
        ("modle: tiny", "nearest: 'model'"),
        ("limit: many", "limit"),
        ("limit: -3", "limit"),
        ("- a\n- b", "holds a list"),
        ("grades: {A: high}", "grades.A"),
    ):
        config.write_text(text)
        check(worlds.harness("eval", "scripted:worlds:guess", "--config", config, "--db", db), 2, part)
    check(worlds.harness("eval", "tiny", "--config", tmp_path / "none.yaml", "--db", db), 2, "none.yaml")


def test_missing_data_names_three_ways(db: Path, tmp_path: Path) -> None:
    done = worlds.harness(
        "eval", "scripted:worlds:guess", "--suite", "mmlu", "--db", db, "--data", tmp_path,
        HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_HOME=str(tmp_path / "hf"),
    )  # fmt: skip
    check(done, 2, "mmlu", "--data", "hub")
    check(evaluate(db, "scripted:worlds:guess", "--data", "/nowhere/data"), 2, "/nowhere/data")


def test_unreachable_server(db: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    check(evaluate(db, f"openai:some-model@http://127.0.0.1:{port}/v1"), 4, f"127.0.0.1:{port}")


def test_json_errors_are_one_document(db: Path) -> None:
    done = worlds.harness("eval", "guff:model", "--db", db, "--json")
    assert set(worlds.document(done)["error"]) == {"what", "expected", "next", "exit_code"}
    assert done.returncode == 2


def test_database_of_something_else(db: Path) -> None:
    db.write_bytes(b"SQLite format 3\x00" + bytes(4096))
    before = db.read_bytes()
    check(evaluate(db, "scripted:worlds:guess"), 4, str(db))
    assert db.read_bytes() == before
    check(worlds.harness("show", "x", "--db", db), 4, str(db))
    check(worlds.harness("show", "x", "--db", db.with_name("none.duckdb")), 2, "none.duckdb")


def test_query_cannot_write_and_explains_itself(db: Path) -> None:
    evaluate(db, "scripted:worlds:guess")
    done = worlds.harness("query", "SELECT count(*) AS n FROM results", "--db", db, "--json")
    assert worlds.document(done) == [{"n": 40}]
    check(worlds.harness("query", "SELECT scor FROM results", "--db", db), 2, "scor")
    check(worlds.harness("query", "DELETE FROM records", "--db", db), 2, "read-only")
    check(worlds.harness("query", "SELEC 1", "--db", db), 2, "SELEC")


def test_unknown_sample(db: Path) -> None:
    evaluate(db, "scripted:worlds:guess")
    run_id = read.runs(Database(db))[0]["run_id"]
    check(worlds.harness("show", run_id, "--sample", "HumanEval/999", "--db", db), 2, "HumanEval/999")


def test_newer_schema_is_refused(db: Path) -> None:
    evaluate(db, "scripted:worlds:guess")
    with Database(db).write() as connection:
        connection.execute("INSERT INTO migrations VALUES (999, 'future', now()::TIMESTAMP)")
    check(evaluate(db, "scripted:worlds:guess"), 2, "newer version")
    check(worlds.harness("show", "x", "--db", db), 2, "newer version")


def test_read_only_results_folder() -> None:
    # Not pytest's own folder: another user than its owner cannot even look into that one.
    above = Path(tempfile.mkdtemp())
    above.chmod(0o755)
    folder = above / "results"
    db = folder / "harness.duckdb"
    assert evaluate(db, "scripted:worlds:guess").returncode == 0
    run_id = read.runs(Database(db))[0]["run_id"]
    folder.chmod(0o555)
    try:
        if os.access(folder, os.W_OK):  # root may write anywhere: drop to nobody
            for path in (folder, *folder.rglob("*")):
                os.chown(path, 65534, 65534)
            if shutil.which("setpriv") is None:
                pytest.skip("running as root without setpriv")
            as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
            probe = subprocess.run([*as_nobody, *worlds.command("--version")], capture_output=True, check=False)
            if probe.returncode != 0:
                pytest.skip("an unprivileged user cannot read this interpreter")
        else:
            as_nobody = []
        arguments = worlds.command("eval", "scripted:worlds:guess", *ARGS, "--limit", "50", "--db", db)
        done = subprocess.run(
            [*as_nobody, *arguments], capture_output=True, text=True, env=worlds.environment(HOME="/"), check=False
        )
        check(done, 4, "cannot write", "ermission denied")
        shown = subprocess.run(
            [*as_nobody, *worlds.command("show", run_id, "--db", db)],
            capture_output=True, text=True, env=worlds.environment(HOME="/"), check=False,
        )  # fmt: skip
        assert shown.returncode == 0, shown.stderr
    finally:
        folder.chmod(0o755)
        shutil.rmtree(above)


@pytest.mark.slow
def test_full_disk_loses_nothing(tmp_path: Path) -> None:
    """A file-size limit makes every write beyond it fail as a full disk does; later the same command goes on."""
    db = tmp_path / "harness.duckdb"
    limited = f"ulimit -f 6000; exec {' '.join(worlds.command('eval', 'scripted:worlds:verbose', '--suite', 'primer'))}"
    done = subprocess.run(
        ["bash", "-c", f"{limited} --quiet --db {db} --set delay_s=0.005"],
        capture_output=True, text=True, env=worlds.environment(), check=False,
    )  # fmt: skip
    check(done, 4, "is full", "make room")
    stored = read.query(Database(db), "SELECT count(*) AS n, count(DISTINCT sample_id) AS d FROM records")[0]
    assert stored["n"] == stored["d"]
    done = worlds.harness("eval", "scripted:worlds:verbose", "--suite", "primer", "--quiet", "--db", db, "--json")
    assert done.returncode == 0, done.stderr
    shown = worlds.document(done)
    assert shown["suites"]["primer"]["n"] == shown["suites"]["primer"]["wanted"]
