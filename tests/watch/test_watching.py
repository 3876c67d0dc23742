"""A watch judges what is whole, once, and survives what trainings do to their checkpoints meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import training

from harness.errors import InfrastructureError
from harness.runner.progress import Meter
from harness.store import Database, gates, read
from harness.watch import judging
from harness.watch.checkpoints import Checkpoint
from harness.watch.watch import CHANGING, TRIES, Watch

Watching = Callable[..., Watch]


class Meanwhile(Meter):
    """Does something while the first sample is recorded."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__(quiet=True)
        self.act: Callable[[], object] | None = act

    def start(self, suite: str, total: int, done: int) -> None:
        if self.act is not None:
            self.act()
            self.act = None


@pytest.mark.slow
def test_each_checkpoint_once_in_order_and_again_when_its_weights_change(
    tmp_path: Path, watching: Watching, database: Database
) -> None:
    out = tmp_path / "out"
    for step in (10, 9):
        training.save(out / f"checkpoint-{step}", seed=step)
    watch = watching(out)
    first = list(watch.look())
    assert [(one.step, one.outcome, one.exit_code, one.known) for one in first] == [
        (9, "FAIL", 1, False), (10, "FAIL", 1, False),
    ]  # fmt: skip
    assert list(watch.look()) == [], "the same watch says it once"
    again = list(watching(out).look())
    assert [(one.step, one.known, one.run_id) for one in again] == [(one.step, True, one.run_id) for one in first]
    training.llama(seed=77).save_pretrained(out / "checkpoint-9")
    (changed,) = watch.look()
    assert changed.step == 9 and not changed.known and changed.run_id != first[0].run_id
    shutil.move(out / "checkpoint-10", out / "best-step-10")
    (moved,) = watch.look()
    assert moved.known and moved.run_id == first[1].run_id, "the same weights under another name"
    assert len(gates.latest(database)) == 3


def test_a_copy_in_pieces_is_not_touched_before_it_is_whole(
    tmp_path: Path, watching: Watching, database: Database
) -> None:
    source = training.save(tmp_path / "source")
    (source / "trainer_state.json").write_text(json.dumps({"global_step": 8}))
    target = tmp_path / "out" / "checkpoint-8"
    target.mkdir(parents=True)
    # No waiting for rest: only what is in the files tells that more is to come.
    watch = watching(tmp_path / "out", settle_s=0.0)
    files = sorted(source.iterdir(), key=lambda path: path.name != "model.safetensors")
    for path in files:
        data = path.read_bytes().rstrip()
        with (target / path.name).open("wb") as stream:
            for start in range(0, len(data), len(data) // 7 + 1):
                # tokenizer.json and tokenizer_config.json may lack: no file says that there must be one.
                whole = path.name.startswith(("tokenizer", "trainer_state", "generation"))
                if not whole:
                    assert list(watch.look()) == []
                    assert watch.waiting[target]
                stream.write(data[start : start + len(data) // 7 + 1])
                stream.flush()
    assert gates.latest(database) == []
    (judged,) = watch.look()
    assert (judged.step, judged.outcome, judged.error) == (8, "FAIL", "")


def test_what_still_changes_is_left_alone(tmp_path: Path, watching: Watching) -> None:
    folder = training.save(tmp_path / "out" / "checkpoint-1")
    watch = watching(tmp_path / "out", settle_s=3600.0)
    assert list(watch.look()) == [] and watch.waiting == {folder: CHANGING}
    # A copy that sets the times back has changed all the same.
    os.utime(folder / "model.safetensors", (1, 1))
    assert list(watch.look()) == [] and watch.waiting == {folder: CHANGING}


def test_rest_is_seen_where_the_clock_of_the_disk_is_wrong(
    tmp_path: Path, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.save(tmp_path / "out" / "checkpoint-1")
    watch = watching(tmp_path / "out", settle_s=30.0)
    began, monotonic = time.time(), time.monotonic()
    monkeypatch.setattr(time, "time", lambda: began - 5000.0)
    assert list(watch.look()) == []
    monkeypatch.setattr(time, "monotonic", lambda: monotonic + 31.0)
    assert len(list(watch.look())) == 1


def test_a_broken_checkpoint_is_a_row_and_the_watch_goes_on(
    tmp_path: Path, watching: Watching, database: Database
) -> None:
    out = tmp_path / "out"
    bad = training.save(out / "checkpoint-1")
    config = json.loads((bad / "config.json").read_text())
    (bad / "config.json").write_text(json.dumps({**config, "hidden_size": 24}))
    training.save(out / "checkpoint-2", seed=2)
    broken, good = watching(out).look()
    assert (broken.outcome, broken.exit_code, broken.run_id) == ("ERROR", 4, None)
    assert "cannot load" in broken.error and str(bad) in broken.error
    assert good.outcome == "FAIL" and good.run_id
    rows = read.query(database, "SELECT path, outcome, error FROM checkpoints ORDER BY step")
    assert [row["outcome"] for row in rows] == ["ERROR", "FAIL"] and rows[0]["error"] == broken.error
    assert [one.known for one in watching(out).look()] == [True, True]


def test_deleted_while_it_is_evaluated(tmp_path: Path, watching: Watching, database: Database) -> None:
    out = tmp_path / "out"
    training.save(out / "checkpoint-1")
    (judged,) = watching(out, meter=Meanwhile(lambda: shutil.rmtree(out / "checkpoint-1"))).look()
    assert judged.outcome == "FAIL" and not (out / "checkpoint-1").exists()
    scored = read.query(database, "SELECT count(*) AS n FROM results WHERE measures IS NOT NULL")
    assert scored[0]["n"] == 10


def test_overwritten_in_place_while_it_is_evaluated(tmp_path: Path, watching: Watching, database: Database) -> None:
    out = tmp_path / "out"
    first, other = training.save(out / "checkpoint-1"), training.save(tmp_path / "other", seed=2)

    def overwrite() -> None:
        weights = first / "model.safetensors"
        size = weights.stat().st_size
        with weights.open("r+b") as stream:
            stream.truncate(0)
            stream.truncate(size)
            stream.write((other / "model.safetensors").read_bytes())

    texts = "SELECT text FROM completions ORDER BY sample_id"
    (judged,) = watching(out, meter=Meanwhile(overwrite)).look()
    beside = Database(tmp_path / "calm.duckdb")
    calm = training.save(tmp_path / "calm" / "checkpoint-1")
    held = watching(tmp_path / "calm").conditions
    undisturbed = Watch(tmp_path / "calm", replace(held, database=beside), 0.0)
    assert [one.outcome for one in undisturbed.look()] == [judged.outcome] and calm.exists()
    assert read.query(database, texts) == read.query(beside, texts)


def test_gone_or_changed_before_it_is_open(
    tmp_path: Path, watching: Watching, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, content = tmp_path / "out", Checkpoint.content
    folder = training.save(out / "checkpoint-1")
    watch = watching(out)

    def then(act: Callable[[], object]) -> None:
        def hashed(self: Checkpoint, base: str = "") -> str:
            found = content(self, base)
            act()
            return found

        monkeypatch.setattr(Checkpoint, "content", hashed)

    then(lambda: training.llama(seed=5).save_pretrained(folder))
    assert list(watch.look()) == [] and watch.waiting == {folder: CHANGING}
    then(lambda: shutil.rmtree(folder))
    assert list(watch.look()) == []
    assert read.query(database, "SELECT * FROM checkpoints") == [] and gates.latest(database) == []


def test_an_evaluation_that_breaks_is_no_verdict_and_is_tried_again(
    tmp_path: Path, watching: Watching, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.save(tmp_path / "out" / "checkpoint-1")
    watch = watching(tmp_path / "out")

    def full(*_: object, **__: object) -> None:
        raise InfrastructureError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(judging, "record", full)
        seen = [judged for _ in range(TRIES + 2) for judged in watch.look()]
    assert [one.error for one in seen] == ["the disk is full"] * TRIES
    assert not any(one.stored for one in seen) and read.query(database, "SELECT * FROM checkpoints") == []
    (later,) = watching(tmp_path / "out").look()
    assert later.stored and later.outcome == "FAIL"


@pytest.mark.slow
def test_adapters_on_the_base_they_name_on_another_and_on_none(
    tmp_path: Path, watching: Watching, database: Database
) -> None:
    base = training.save(tmp_path / "base")
    out = tmp_path / "out"
    for step in (1, 2):
        model = training.lora(base, seed=step)
        for name, tensor in model.named_parameters():
            if "lora_B" in name:
                training.fill(tensor, step)
        model.save_pretrained(out / f"checkpoint-{step}")
    training.save(out / "checkpoint-3", seed=3)
    first, second, _ = watching(out).look()
    assert (first.kind, first.outcome, second.outcome) == ("adapter", "FAIL", "FAIL")
    digests = {read.run(database, str(one.run_id))["model_digest"] for one in (first, second)}
    assert len(digests) == 2, "one base, two adapters, two models"
    assert read.run(database, "out/checkpoint-2")["run_id"] == second.run_id
    other = training.save(tmp_path / "other", seed=9)
    again = [one.known for one in watching(out, base=str(other)).look()]
    assert again == [False, False, True], "another base, another model; a whole model has none"
    config = out / "checkpoint-1" / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": None}))
    orphan = next(iter(watching(out).look()))
    assert orphan.outcome == "ERROR" and "nothing tells the base" in orphan.error
