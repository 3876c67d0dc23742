"""A proof of work: `tiny` learns what was kept out of its pretraining from targeted rows, and keeps the rest by replay.

Targeted rows are practice rows of the weak variants, never samples of the suite; replay rows are of the base variants.
Both steps run as a loop runs them, each in a process of its own.
"""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import pytest
import training_kit as kit

from harness import registry
from harness.hashing import digest
from harness.models import convert
from harness.store import Database, artifacts
from harness.types import Artifact, Completion
from harness.workbench import Workbench, keep, record

TARGETED, REPLAY = 600, 1800
TUNING = {"steps": 300, "batch": 16, "r": 32, "alpha": 32, "learning_rate": 4e-3, "held_out": 0.05}
PER_VARIANT = 15
WEAK_RISE, MOST_LOST = 0.4, 0.08


def practice() -> list[dict[str, str]]:
    from suites.primer.skills import of_role

    suite = registry.suite("primer")
    targeted = list(suite.practice(11, TARGETED, variants=list(of_role("weak"))))  # type: ignore[call-arg]
    found = [*targeted, *suite.practice(12, REPLAY)]
    random.Random(0).shuffle(found)
    return [{"id": digest(row.prompt, row.target), "prompt": row.prompt, "completion": row.target} for row in found]


def answers(spec: str) -> dict[str, dict[str, bool]]:
    """Return role -> sample id -> whether the model is right, over the first samples of every variant."""
    from suites.primer.skills import VARIANTS

    suite, chosen = registry.suite("primer"), defaultdict(list)
    for sample in suite.samples(None):
        if len(chosen[sample.tags["variant"]]) < PER_VARIANT:
            chosen[sample.tags["variant"]].append(sample)
    samples = [sample for group in chosen.values() for sample in group]
    right: dict[str, dict[str, bool]] = defaultdict(dict)
    with registry.open_model(spec, {"batch_size": "64"} if spec.startswith("hf:") else {}) as model:
        for i, completion in model.answer([suite.request(sample) for sample in samples]):
            assert isinstance(completion, Completion)
            role = VARIANTS[samples[i].tags["variant"]].role
            right[role][samples[i].id] = suite.score(samples[i], completion).values["acc"] == 1.0
    return right


def share(right: dict[str, bool]) -> float:
    return sum(right.values()) / len(right)


@pytest.mark.slow
def test_weak_variants_rise_and_the_others_are_kept(tiny_folder: Path, tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    base = keep(database, tiny_folder, "model", (), {"step": "tiny"})
    rows = keep(database, Path(kit.dataset(tmp_path / "data", practice()).path), "dataset", (), {"step": "practice"})
    bench = Workbench(database, "proof")
    adapter = bench.make("improve.finetune", [base, rows], TUNING)
    merged = bench.make("improve.merge", [base, adapter], {})
    place = database.folder / merged.path
    assert merged.parents == (base.id, adapter.id) and record.read(place)["agreement"]["same_texts"] >= 15
    before, after = answers(f"hf:{tiny_folder}"), answers(f"hf:{place}")
    assert share(before["weak"]) <= 0.1, share(before["weak"])
    assert share(after["weak"]) >= share(before["weak"]) + WEAK_RISE, (share(before["weak"]), share(after["weak"]))
    assert share(after["base"]) >= share(before["base"]) - MOST_LOST, (share(before["base"]), share(after["base"]))
    gguf = answers(f"gguf:{convert.hf_to_gguf(place, tmp_path / 'merged.gguf')}")
    pairs = [(right, gguf[role][name]) for role in after for name, right in after[role].items()]
    assert sum(a != b for a, b in pairs) <= 0.02 * len(pairs), "the same model through another engine and 16 bits"
    assert artifacts.spent(database, "proof")["seconds"] > 0 and isinstance(adapter, Artifact)
