"""`harness show` beside a real training in a process of its own: points while it runs, its marks when it is done."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import training_kit as kit
from typer.testing import CliRunner

from harness import registry
from harness.cli import app
from harness.store import Database
from harness.types import Artifact
from harness.workbench import Workbench
from harness.workbench.making import step_key

pytestmark = pytest.mark.slow
# What is taught says nothing of what is held out, so it becomes worse.
TUNING = {"steps": 100, "batch": 4, "learning_rate": 2e-2, "r": 16, "held_out": 0.5, "schedule": "constant"}


def shown(database: Database, named: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["show", named, "--json", "--db", str(database.path)])
    return json.loads(result.stdout) if result.exit_code == 0 else {"trainings": []}


def test_a_training_is_seen_while_it_runs_and_marked_when_it_is_done(tmp_path: Path) -> None:
    dice = random.Random(4)
    rows = [{**row, "completion": f" {dice.choice(kit.WORDS)}"} for row in kit.rows(40)]
    inputs = [kit.random_model(tmp_path / "base"), kit.dataset(tmp_path / "data", rows)]
    database = Database(tmp_path / "h.duckdb")
    key = step_key("improve.finetune", registry.step("improve.finetune"), inputs, TUNING)
    made: list[Artifact] = []
    work = threading.Thread(
        target=lambda: made.append(Workbench(database, "nightly").make("improve.finetune", inputs, TUNING))
    )
    work.start()
    seen: list[int] = []
    while work.is_alive():
        for training in shown(database, key[:12])["trainings"]:
            if training["state"] == "open":
                seen.append(len(training["curves"]["loss"]) if "loss" in training["curves"] else 0)
        time.sleep(0.1)
    work.join()
    assert seen and seen == sorted(seen) and seen[0] < 100, "points were seen before the end"
    (training,) = shown(database, made[0].id)["trainings"]
    assert training["state"] == "done" and len(training["curves"]["loss"]) == 100
    assert "over-fitting" in training["marks"][0] and 0 < training["best_step"] < 100
    text = CliRunner().invoke(app, ["show", made[0].id, "--db", str(database.path)]).output
    assert "over-fitting: the held-out loss was" in text and "┊" in text
