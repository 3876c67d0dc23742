"""`harness export`: figures, CSV, Parquet, lm-eval's results, a card's, and what is refused."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import report_world
from typer.testing import CliRunner

from dashboards.export import figures, formats, report, tables
from harness.cli import app
from harness.errors import MissingPackage, UsageError
from harness.store import Database, artifacts
from harness.types import Artifact, Fault

HOSTILE_CELLS = (
    "=1+1", "+1", "-1", "@sum(1)", "\t=1", "\r=1", "\n=1", "'=1", "'quoted'", '=HYPERLINK("http://e.vil","x")', "＝1",
    " =1", 'a "b", c', "two\nlines", "plain", "|cmd",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return a small database."""
    database = Database(tmp_path_factory.mktemp("files") / "h.duckdb")
    report_world.make(database)
    return database


def asked(*words: object) -> tuple[int, str]:
    """Return exit code and output of `harness export`."""
    done = CliRunner().invoke(app, ["export", *map(str, words)])
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
def test_lm_eval_finds_and_reads_its_own_format(made: Database, tmp_path: Path) -> None:
    lm_eval = pytest.importorskip("lm_eval.utils")
    place = formats.write_lm_eval(made, tmp_path, "small-1")
    assert place.parent.name == lm_eval.sanitize_model_name("scripted:small-1")
    (found,) = lm_eval.get_results_filenames([str(path) for path in tmp_path.rglob("*") if path.is_file()])
    assert lm_eval.get_latest_filename([found]) == str(place)
    told = json.loads(Path(found).read_text())
    shown = lm_eval.make_table(told)
    assert "|mmlu" in shown and "0.75|" in shown and "|by subject|↑" in shown
    schema = pytest.importorskip("lm_eval.result_schema").EvalResults
    assert {"results", "configs", "versions", "n-shot", "higher_is_better", "n-samples"} <= set(told)
    assert set(told) - {"run_id", "intervals"} <= set(schema.__annotations__)


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


@pytest.mark.parametrize("name", ["../../up", "ü" * 300, "...", "a\x00b/\udc80"])
def test_odd_names_make_harmless_folders(made: Database, tmp_path: Path, name: str) -> None:
    folder = formats._folder(name)
    (tmp_path / folder).mkdir()
    assert (tmp_path / folder).resolve().parent == tmp_path.resolve() and folder.strip(".")


def test_a_run_without_a_score_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    asked_for = report_world.gate_runs.samples(3)
    report_world.gate_runs.store(database, "none-1", asked_for, [None, None, None])
    with pytest.raises(UsageError, match="has no score"):
        formats.lm_eval(database, "none-1")


@pytest.mark.slow
def test_the_command_writes_all_of_them(made: Database, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    words = ["--html", "--figures", "--csv", "--parquet", "--lm-eval", "--model-card", "--to", tmp_path / "out"]
    code, output = asked("small-1", *words, "--db", made.path, "--json")
    assert code == 0, output
    document: dict[str, Any] = json.loads(output[output.index("{") : output.rindex("}") + 1])
    assert document["run_id"] == "small-1" and all(Path(path).is_file() for path in document["written"])
    there = {path.name for path in (tmp_path / "out").iterdir()}
    assert there == {"report.html", "figures", "csv", "parquet", "scripted__small-1", "model-card.md"}
    report_world.Page((tmp_path / "out" / "report.html").read_text())


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["--db", "DB"], "what to write?", 2),
        (["--lm-eval", "--db", "DB"], "of which run?", 2),
        (["nobody", "--csv", "--to", "TMP/c", "--db", "DB"], "no run 'nobody'", 2),
        (["--html", "--to", "TMP/c", "--db", "TMP/none.duckdb"], "no database", 2),
        (["--html", "--hub", "org/name", "--db", "DB"], "--html writes results", 2),
        (["--hub", "org/name", "--db", "DB"], "which model?", 2),
        (["--html", "--to", "TMP/file/x", "--db", "DB"], "cannot write", 4),
        (["--csv", "--to", "TMP/file/x", "--db", "DB"], "cannot write", 4),
        (["small-1", "--lm-eval", "--to", "TMP/file", "--db", "DB"], "cannot write", 4),
    ],
)
def test_what_is_refused(made: Database, tmp_path: Path, words: list[str], said: str, code: int) -> None:
    (tmp_path / "file").write_text("in the way")
    filled = [word.replace("TMP", str(tmp_path)).replace("DB", str(made.path)) for word in words]
    found, output = asked(*filled)
    assert found == code and said in output, output
    assert (tmp_path / "file").read_text() == "in the way" and [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--html", "--csv", "--parquet", "--lm-eval"])
def test_a_full_disk_leaves_what_was_there_and_nothing_else(made: Database, tmp_path: Path, option: str) -> None:
    code, output = asked("small-1", option, "--to", tmp_path, "--db", made.path)
    assert code == 0, output
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    program = (
        "import resource, sys; from harness.cli import app\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
        "app(sys.argv[1:])"
    )
    words = [sys.executable, "-c", program, "export", "small-1", option, "--to", tmp_path, "--db", made.path]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 4 and "cannot write" in done.stderr and "type: --to DIR" in done.stderr, done.stderr
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_spreadsheet_runs_nothing_and_texts_come_back(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    samples = report_world.gate_runs.samples(len(HOSTILE_CELLS))
    faults = [Fault("model", "odd", cell) for cell in HOSTILE_CELLS]
    report_world.gate_runs.store(database, "=run()", samples, faults)
    found = {path.stem: path for path in tables.write(database, tmp_path / "out", "csv")}
    with found["results"].open(newline="", encoding="utf-8") as lines:
        cells = [row["fault_message"] for row in csv.DictReader(lines)]
    assert not [cell for cell in cells if cell and cell[0] in tables.FORMULA]
    back = [cell.removeprefix("'") for cell in cells]
    assert sorted(back) == sorted(HOSTILE_CELLS)
    with found["runs"].open(newline="", encoding="utf-8") as lines:
        assert [row["run_id"] for row in csv.DictReader(lines)] == ["'=run()"]


def test_parquet_keeps_texts_and_types(made: Database, tmp_path: Path) -> None:
    pandas, parquet = pytest.importorskip("pandas"), pytest.importorskip("pyarrow.parquet")
    found = {path.stem: path for path in tables.write(made, tmp_path, "parquet")}
    schema = {field.name: str(field.type) for field in parquet.read_schema(found["results"])}
    assert schema["attempt"] == "int32" and schema["measures"].startswith("map<string, double")
    assert schema["tags"].startswith("map<string, string") and schema["fault_message"] == "string"
    rows = pandas.read_parquet(found["results"])
    assert report_world.ALL in set(rows["fault_message"].dropna())
    assert str(pandas.read_parquet(found["runs"])["started_at"].dtype).startswith("datetime64")


def test_figures_are_pictures_with_names_of_their_own(made: Database, tmp_path: Path) -> None:
    written = figures.write(made, tmp_path / "figures")
    assert [path.suffix for path in written] == [".svg", ".png"] * (len(written) // 2)
    stems = [path.stem for path in written[::2]]
    assert len(set(stems)) == len(stems) >= 5 and all(re.fullmatch(r"[\w.-]{1,104}", stem) for stem in stems)
    assert {stem.partition("-")[0] for stem in stems} >= {"leaderboard", "comparison", "causes", "frontier"}
    for path in written[::2]:
        report_world.Page(path.read_text())
        assert path.with_suffix(".png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


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
