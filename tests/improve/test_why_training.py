"""What lineage says a training learned from is what it learned from: held against the record of a real one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import training_kit as kit

from harness.hashing import digest
from harness.models.hf.codec import Codec
from harness.store import Database, artifacts
from harness.workbench import Workbench, keep
from harness.workbench import rows as dataset
from improve.lineage import scan
from improve.lineage.taught import HELD_OUT, LATER, ON, rows_reached, taught
from improve.lineage.world import World
from improve.training.rows import encode


@pytest.mark.slow
def test_rows_held_out_and_rows_not_come_to(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "results" / "h.duckdb")
    base = kit.random_model(tmp_path / "base")
    artifacts.add(database, base)
    rows = kit.rows(60)
    folder = dataset.write(tmp_path / "rows", "test", rows, [], len(rows))
    data = keep(database, folder, "dataset", (), {"step": "test"})
    asked = {"steps": 3, "batch": 4, "r": 2, "held_out": 0.3, "seed": 5}
    adapter = Workbench(database, "mend").make("improve.finetune", [base, data], asked)
    world = World(database)
    record, fate = world.told(adapter, "run.json"), taught(world, adapter)
    found = {row_id: fate(row_id) for row_id in scan.order(world, data)}
    counts = Counter(found.values())
    assert digest([one for one in found if found[one] == HELD_OUT]) == record["data"]["held_out_digest"]
    assert digest([one for one in found if found[one] != HELD_OUT]) == record["data"]["rows_digest"]
    assert counts[HELD_OUT] == record["data"]["held_out"] > 0
    assert counts[ON] == 12 and counts[LATER] == record["data"]["rows"] - 12 > 0
    codec = Codec(kit.tokenizer())
    eos = frozenset({codec.tokenizer.eos_token_id})
    tokens = sum(len(encode(codec, eos, row).ids) for row in rows if found[row["id"]] == ON)
    assert tokens == record["training"]["tokens"]


def test_where_a_pass_was_finished_or_nothing_is_known_no_row_is_missed() -> None:
    told = {"data": {"rows": 100, "tokens": 1000}, "parameters": {"batch": 4, "accumulation": 2}}
    assert rows_reached({**told, "training": {"steps": 5, "tokens": 400}}) == 40
    assert rows_reached({**told, "training": {"steps": 5, "tokens": 790}}) == 80, "two devices shared the rows"
    assert rows_reached({**told, "training": {"steps": 50, "tokens": 4000}}) is None
    assert rows_reached({}) is rows_reached({"training": {"steps": 5, "tokens": 10}}) is None
