"""A calibrated GGUF and a calibrated folder are gated without a question: same answers, another calibration error."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from test_calibrate import Scratch
from typer.testing import CliRunner

from harness import registry
from harness.cli import app, reliability
from harness.config import EvalConfig
from harness.gate import choices
from harness.gate.gather import gather
from harness.gate.policy import Policy, SuitePolicy
from harness.hashing import folder_sha256
from harness.models import calibration
from harness.models.hf.loading import TRAINING
from harness.models.ledger import Absent
from harness.models.threads import wait_politely
from harness.runner import evaluate
from harness.stats.scaling import Scaling
from harness.store import Database, read
from harness.types import Artifact
from harness.workbench import keep

wait_politely(os.environ)
SUITE = "primer:choices"
POLICY = Policy(suites={SUITE: SuitePolicy.model_validate({"calibration": {"max_ece": 0.5}})})


def ran(database: Database, folder: Path, asked: int | None = None) -> str:
    config = EvalConfig(model=f"gguf:{folder / 'model.gguf'}", suites=[SUITE], limit=240)
    outcome = evaluate(config, database)
    assert outcome.status == "done" and (asked is None or outcome.asked == asked)
    return outcome.run_id


def answers(database: Database, run_id: str) -> list[tuple[str, float, str]]:
    found = read.query(database, "SELECT sample_id, score, answer FROM results WHERE run_id = ? ORDER BY 1", [run_id])
    return [(row["sample_id"], row["score"], row["answer"]) for row in found]


@pytest.mark.slow
def test_from_answers_to_a_gate_that_asks_nothing(tiny_folder: Path, tmp_path: Path) -> None:
    database, source = Database(tmp_path / "h.duckdb"), tmp_path / "source"
    source.mkdir()
    shutil.copy(tiny_folder / "tiny.gguf", source / "model.gguf")
    plain = ran(database, source)
    folder = choices.write(database, plain, tmp_path / "report")
    step = registry.step("compress.calibrate")
    inputs = [Artifact("m1", "model", str(source), "of m1"), Artifact("r1", "report", str(folder), "of r1")]
    made = step.run(inputs, {"method": "temperature"}, context := Scratch(tmp_path / "scratch"))
    kept = keep(database, made, "model", ("m1", "r1"), {"step": "compress.calibrate"})
    assert "expected calibration error" in context.said
    mended = ran(database, tmp_path / kept.path, asked=0)
    assert mended != plain and answers(database, mended) == answers(database, plain)
    rows = [read.run(database, run_id) for run_id in (plain, mended)]
    assert rows[0]["model_digest"] == rows[1]["model_digest"] and "calibration" not in rows[0]["config"]
    told = json.loads((tmp_path / kept.path / calibration.FILE).read_text())
    assert rows[1]["config"]["calibration"] == {"method": "temperature", "temperature": told["temperature"]}
    before, after = (gather(database, POLICY, run_id, "test").suites[SUITE] for run_id in (plain, mended))
    assert [right for _, right in before.confidences] == [right for _, right in after.confidences]
    assert [sure for sure, _ in before.confidences] != [sure for sure, _ in after.confidences]
    assert after.scaling == str(Scaling("temperature", told["temperature"])) and before.values == after.values
    rescored = Absent(
        rows[1]["model"],
        frozenset(rows[1]["config"]["can"]),
        rows[1]["model_digest"],
        rows[1]["engine"],
        rows[1]["model_facts"],
    )
    config = EvalConfig(model=rows[1]["model"], suites=[SUITE], limit=240)
    assert evaluate(config, database, model=rescored, rescores=mended).run_id == mended, (
        "the same run, not the plain one"
    )
    shown(database, kept)


def shown(database: Database, kept: Artifact) -> None:
    """Hold `harness show` of the artifact to its files."""
    said = CliRunner().invoke(app, ["show", kept.id[:8], "--db", str(database.path)])
    assert said.exit_code == 0 and "as it stands" in said.output and "right of 100" in said.output
    told = CliRunner().invoke(app, ["show", kept.id[:8], "--db", str(database.path), "--json"])
    assert json.loads(told.stdout)["calibration"]["method"] == "temperature"


@pytest.mark.slow
def test_packed_weights_are_told_by_the_folder_they_lie_in(tiny_folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "model" / "int4"
    place.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_folder / name, place / name)
    with registry.open_model(f"hf:{place}") as model:
        assert "calibration" not in model.describe()
        told = {"format": calibration.FORMAT, "of": model.digest, "method": "temperature", "temperature": 2.5}
        for folder in (place, place.parent):
            (folder / calibration.FILE).write_text(json.dumps(told))
            assert model.describe()["calibration"] == {"method": "temperature", "temperature": 2.5}
            assert folder_sha256(place, TRAINING) == model.digest, "as it is when it is opened again"
            (folder / calibration.FILE).unlink()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"method": "temperature", "cross_validated": {}}', '{"method": 1}'])
def test_a_diagram_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    for name in (calibration.FILE, calibration.DIAGRAM):
        (tmp_path / name).write_text(text)
    assert reliability.of(tmp_path) is None and reliability.of(tmp_path / "nowhere") is None
