"""A whole compression of `tiny`, as a user types it: kept, undone, measured, gone on with after a kill."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.hashing import folder_sha256
from harness.store import Database, artifacts, read, stages
from harness.workbench import record
from harness.workbench.shelf import NOTE

pytestmark = pytest.mark.slow
GATES = {
    "version": 1, "defaults": {"min_items": 20}, "evaluate": {"limit": 240}, "sandbox": {"min_level": "weak"},
    "suites": {"primer": {"non_inferiority": {"margin": 0.15}}},
}  # fmt: skip
RUINED = [
    {"compress.prune": {"method": "sparsegpt", "share": 0.9, "samples": 16}},
    {"compress.gguf": {"quant": "Q2_K"}},
]
STAGES: list[Any] = [{"compress.gguf": {"quant": "Q8_0"}}, {"ruined": RUINED}, "compress.pack"]
LEFT = {
    "stages": "SELECT compression, number, step, artifacts, artifact_id, run_id, verdict, kept, why FROM stages"
    " ORDER BY number",
    "steps": "SELECT step, step_key, artifact_id FROM steps WHERE fault IS NULL ORDER BY ALL",
    "artifacts": "SELECT artifact_id, kind, digest, parents FROM artifacts ORDER BY ALL",
    "records": "SELECT run_id, suite, sample_id, attempt, score_key FROM records ORDER BY ALL",
    "completions": "SELECT key, text FROM completions ORDER BY ALL",
    "gates": "SELECT candidate, outcome, alpha FROM gates ORDER BY ALL",
}


class Place:
    """A recipe and a database."""

    def __init__(self, folder: Path, stages: list[Any]) -> None:
        folder.mkdir(exist_ok=True)
        self.database = Database.at(str(folder / "results" / "h.duckdb"))
        self.recipe = folder / "small.yaml"
        (folder / "gates.yaml").write_text(yaml.safe_dump(GATES))
        told = {"policy": "gates.yaml", "training": {"suite": "primer", "rows": 32, "held": 16}, "stages": stages}
        self.recipe.write_text(yaml.safe_dump({**told, "speed": False}))

    def command(self, *words: str) -> list[str]:
        """Return the command line."""
        line = [sys.executable, "-m", "harness", "compress", "tiny", "--recipe", str(self.recipe), "--json"]
        return [*line, "--db", str(self.database.path), *words]

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Return exit code and document."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=500, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    def left(self) -> dict[str, Any]:
        """Return everything that is left, but for times."""
        found: dict[str, Any] = {name: read.query(self.database, sql) for name, sql in LEFT.items()}
        return found

    def damaged(self) -> list[str]:
        """Return artifacts whose files are not those that their digest is of, and what lies half-made about."""
        folder = self.database.folder
        made = [one for one in artifacts.every(self.database) if not Path(one.path).is_absolute()]
        outside = (record.FILE, record.CARD, NOTE)
        wrong = [one.id for one in made if folder_sha256(folder / one.path, outside) != one.digest]
        return wrong + [str(path) for name in ("scratch-*", ".part-*", "*.part") for path in folder.rglob(name)]


@pytest.fixture(scope="module", autouse=True)
def home(tiny_folder: Path) -> Iterator[None]:
    """Children find the trained `tiny`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_HOME", str(tiny_folder.parent.parent))
        yield


@pytest.fixture(scope="module")
def done(home: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, int, dict[str, Any]]:
    """A compression with a stage that ruins the model, at its end."""
    place = Place(tmp_path_factory.mktemp("compression"), STAGES)
    return place, *place.run()


def test_what_ruins_the_model_is_undone_and_named(done: tuple[Place, int, dict[str, Any]]) -> None:
    place, code, shown = done
    first, ruined, packed = shown["stages"]
    assert (code, shown["outcome"]) == (1, "undone") and "ruined" in shown["why"]
    assert [one["kept"] for one in shown["stages"]] == [True, False, True]
    assert (first["verdict"], ruined["verdict"], packed["verdict"]) == ("PASS", "FAIL", "PASS")
    assert shown["broke_first"]["stage"] == 2 and shown["broke_first"]["capability"]
    rows = stages.rows(place.database, shown["name"])
    kept = artifacts.artifact(place.database, rows[2]["artifact_id"])
    assert kept is not None and kept.parents == (first["artifact_id"],), "packed is what was kept, not what was undone"


def test_every_stage_has_its_figures(done: tuple[Place, int, dict[str, Any]]) -> None:
    first, ruined, packed = done[2]["stages"]
    for one in (first, ruined, packed):
        assert {"step", "artifact_id", "size_bytes", "kl_mean", "top1_agreement", "scores", "verdict"} <= set(one)
        assert 100 < one["scores"]["primer"]["n"] < 240, "sealed samples"
    assert packed["size_bytes"] < first["size_bytes"]
    assert first["kl_mean"] < 0.02 and first["top1_agreement"] > 0.95
    assert ruined["kl_mean"] > 10 * first["kl_mean"]
    assert packed["kl_mean"] == pytest.approx(first["kl_mean"], abs=1e-9), "packing loses nothing"
    assert done[0].damaged() == []


def test_packing_asks_nothing_anew(done: tuple[Place, int, dict[str, Any]]) -> None:
    place = done[0]
    rows = stages.rows(place.database, done[2]["name"])
    asked = "SELECT count(*) AS n FROM completions WHERE run_id = ?"
    assert read.query(place.database, asked, [rows[0]["run_id"]])[0]["n"] == 240
    assert rows[2]["run_id"] == rows[0]["run_id"] or not read.query(place.database, asked, [rows[2]["run_id"]])[0]["n"]


def test_started_again_it_finds_all_done(done: tuple[Place, int, dict[str, Any]]) -> None:
    place, code, shown = done
    before = place.left()
    assert place.run() == (code, shown)
    assert place.left() == before


def test_another_recipe_under_the_same_name_is_refused(done: tuple[Place, int, dict[str, Any]]) -> None:
    other = Place(done[0].recipe.parent, STAGES[:1])
    code, shown = other.run()
    assert code == 2 and "--name" in shown["error"]["next"]
    Place(done[0].recipe.parent, STAGES)


def test_killed_at_any_moment_it_goes_on(done: tuple[Place, int, dict[str, Any]], tmp_path: Path) -> None:
    place, dice, kills = Place(tmp_path / "killed", STAGES), random.Random(5), 0
    while kills < 3:
        child = subprocess.Popen(
            place.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(dice.uniform(2.0, 12.0))
        if child.poll() is not None:
            break
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        kills += 1
    code, shown = place.run()
    assert (code, shown["outcome"]) == (1, "undone") and kills
    assert place.left() == done[0].left() and place.damaged() == []


def test_where_nothing_broke_no_rows_are_made_for_it(tmp_path: Path) -> None:
    steps: list[Any] = [{"improve.generate": {"suite": "primer", "rows": 8}}, "improve.decontaminate"]
    place = Place(tmp_path, [{"mend": [*steps, {"compress.recover": {"steps": 2}}]}])
    code, shown = place.run()
    assert (code, shown["outcome"]) == (0, "passed")
    made = read.query(place.database, "SELECT step FROM steps WHERE fault IS NULL")
    assert "improve.generate" not in {row["step"] for row in made}
