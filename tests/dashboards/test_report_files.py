"""`harness report`: CSV, Parquet, lm-eval's results, a card's, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import report_world
from typer.testing import CliRunner

from dashboards.export import formats, report, tables
from harness.cli import app
from harness.errors import MissingPackage, UsageError
from harness.store import Database, artifacts
from harness.types import Artifact


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return a small database."""
    database = Database(tmp_path_factory.mktemp("files") / "h.duckdb")
    report_world.make(database)
    return database


def asked(*words: object) -> tuple[int, str]:
    """Return exit code and output of `harness report`."""
    done = CliRunner().invoke(app, ["report", *map(str, words)])
    return done.exit_code, done.output


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_hold_every_row(made: Database, tmp_path: Path, kind: tables.Kind) -> None:
    found = {path.stem: path for path in tables.write(made, tmp_path / "it's here", kind)}
    assert found.keys() == tables.VIEWS.keys()
    counts = {name: _read(path, "count(*)")[0][0] for name, path in found.items()}
    assert (counts["runs"], counts["results"], counts["gates"], counts["checks"]) == (3, 100, 1, 1)
    ((fault,),) = _read(found["results"], "fault_message", "WHERE fault_message IS NOT NULL")
    assert fault == report_world.ALL
    assert not list(found["runs"].parent.glob(".*"))


def test_files_of_one_run(made: Database, tmp_path: Path) -> None:
    found = {path.stem: path for path in tables.write(made, tmp_path, "parquet", "small-1")}
    assert "speeds" not in found and "checks" not in found
    assert _read(found["results"], "DISTINCT run_id") == [("small-1",)]
    assert _read(found["results"], "count(*)") == [(40,)]


def test_lm_eval_results(made: Database) -> None:
    told = formats.lm_eval(made, "small-1")
    assert told["results"]["mmlu"]["by subject,none"] == pytest.approx(0.75)
    assert told["results"]["mmlu"]["by subject_stderr,none"] == "N/A"
    assert told["higher_is_better"] == {"mmlu": {"by subject": True}} and told["versions"] == {"mmlu": "1"}
    assert told["n-samples"] == {"mmlu": {"original": 40, "effective": 40}}
    bounds = told["intervals"]["mmlu"]["by subject"]
    assert bounds["low"] < 0.75 < bounds["high"]
    json.dumps(told, allow_nan=False)


@pytest.mark.slow
def test_lm_eval_reads_its_own_format(made: Database) -> None:
    lm_eval = pytest.importorskip("lm_eval.utils")
    shown = lm_eval.make_table(json.loads(json.dumps(formats.lm_eval(made, "small-1"))))
    assert "|mmlu" in shown and "0.75|" in shown and "|by subject|↑" in shown


def test_a_model_card_is_read_back(made: Database) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(formats.model_card(made, "small-1"))
    (result,) = card.data.eval_results
    assert (result.metric_value, result.metric_args["n"], result.dataset_type) == (0.75, 40, "mmlu")
    hostile = formats.model_card(made, "run <script>")
    assert "<script" not in hostile.partition("\n# ")[2] and "<img" not in hostile.partition("\n# ")[2]


def test_a_model_of_a_loop_is_told_by_sealed_samples_alone(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    report_world.gate_runs.store(database, "small-1", report_world.gate_runs.samples(20), [1.0, 0.0] * 10)
    whole = formats.lm_eval(database, "small-1")
    digest = database_digest(database, "small-1")
    artifacts.add(database, Artifact("a1", "model", "/nowhere", digest, (), {"step": "improve.finetune"}))
    told = formats.lm_eval(database, "small-1")
    assert told["configs"]["mmlu"]["test_split"] == "test"
    assert told["results"]["mmlu"]["sample_len"] < whole["results"]["mmlu"]["sample_len"]
    pytest.importorskip("huggingface_hub")
    assert "split `test` alone" in formats.model_card(database, "small-1")


def test_a_run_without_a_score_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    asked_for = report_world.gate_runs.samples(3)
    report_world.gate_runs.store(database, "none-1", asked_for, [None, None, None])
    with pytest.raises(UsageError, match="has no score"):
        formats.lm_eval(database, "none-1")


def test_the_command_writes_all_of_them(made: Database, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    places = {"--html": "r.html", "--csv": "c", "--parquet": "p", "--lm-eval": "l.json", "--model-card": "m.md"}
    words = [part for option, name in places.items() for part in (option, tmp_path / name)]
    code, output = asked("small-1", *words, "--db", made.path, "--json")
    assert code == 0, output
    document: dict[str, Any] = json.loads(output[output.index("{") : output.rindex("}") + 1])
    assert document["run_id"] == "small-1" and all(Path(path).is_file() for path in document["written"])
    assert {path.name for path in tmp_path.iterdir()} == set(places.values())
    report_world.Page((tmp_path / "r.html").read_text())


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["--db", "DB"], "what to write?", 2),
        (["--lm-eval", "x.json", "--db", "DB"], "of which run?", 2),
        (["nobody", "--csv", "TMP/c", "--db", "DB"], "no run 'nobody'", 2),
        (["--html", "TMP/x.html", "--db", "TMP/none.duckdb"], "no database", 2),
        (["--html", "TMP/file/x.html", "--db", "DB"], "cannot write", 4),
        (["--csv", "TMP/file/x", "--db", "DB"], "cannot write", 4),
        (["small-1", "--lm-eval", "TMP/file/x", "--db", "DB"], "cannot write", 4),
    ],
)
def test_what_is_refused(made: Database, tmp_path: Path, words: list[str], said: str, code: int) -> None:
    (tmp_path / "file").write_text("in the way")
    filled = [word.replace("TMP", str(tmp_path)).replace("DB", str(made.path)) for word in words]
    found, output = asked(*filled)
    assert found == code and said in output, output


def test_a_missing_package_is_named(made: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match="altair"):
        report.page(made)


def database_digest(database: Database, run_id: str) -> str:
    """Return the digest of a run's model."""
    with database.read() as connection:
        found = connection.execute("SELECT model_digest FROM runs WHERE run_id = ?", [run_id]).fetchone()
    assert found is not None
    return str(found[0])


def _read(path: Path, what: str, where: str = "") -> list[tuple[Any, ...]]:
    return duckdb.connect().execute(f"SELECT {what} FROM read_{path.suffix[1:]}(?) {where}", [str(path)]).fetchall()
