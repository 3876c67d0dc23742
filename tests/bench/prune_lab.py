"""Arms of the pruning benchmark: `tiny`s, cut at once or gradually, each trained on for as many steps.

    lab = Lab(Path("results/bench/prune"), seed=1, settings=Settings())
    lab.scores("gradual")                    sample id -> score on the sealed half of primer:large

Recovery here is the plainest that there is: all weights, AdamW, a linear schedule for each call, rows that no
evaluation asks, the same for both arms and in the same order. Killed, it goes on at the last model that was finished.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compress.pruning.cutting import cut
from compress.pruning.importance import score
from compress.pruning.plan import plan
from harness import registry
from harness.config import EvalConfig
from harness.models import convert, tiny
from harness.models.hf.loading import HFSettings, Loaded, load
from harness.models.tiny import train
from harness.runner import evaluate
from harness.store import Database, read

SUITE = "primer:large"
ARMS = {
    "whole": "not cut",
    "cut": "one cut, no recovery",
    "at once": "one cut, then {steps} steps",
    "gradual": "{increments} increments of {each} steps",
}


@dataclass(frozen=True)
class Settings:
    """What is the same for every seed."""

    share: float = 0.75
    unit: int = 32
    """Widths are multiples of it. `compress.prune` asks for 256, which leaves 512 channels nothing to be gradual in."""
    increments: int = 4
    steps: int = 200
    """Of recovery, in all, for each arm."""
    rate: float = 1e-3
    """Learning rate at its peak; a pretraining of `tiny` has 3e-3."""
    sequences: int = 4
    calibration: int = 64


@dataclass(frozen=True)
class Lab:
    """The arms of one seed."""

    folder: Path
    seed: int
    settings: Settings

    def base(self) -> Loaded:
        """Return the whole model, trained on first use."""
        return load(str(tiny.folder(self.seed)), HFSettings(dtype="float32", device="cpu"))

    def scores(self, arm: str) -> dict[str, float]:
        """Return sample id -> score of an arm."""
        self.folder.mkdir(parents=True, exist_ok=True)
        database = Database(self.folder / "prune.duckdb")
        target = self.folder / f"{arm.replace(' ', '-')}.gguf"
        if not target.is_file():
            place, loaded = self.folder / "hf", self.base()
            model = self.made(loaded, arm)
            model.save_pretrained(place)
            loaded.tokenizer.save_pretrained(place)
            convert.hf_to_gguf(place, target)
        told = EvalConfig(model=f"gguf:{target}", suites=[SUITE], split="test", name=arm)
        ended = evaluate(told, database)
        assert ended.status == "done", ended
        found = read.query(database, "SELECT sample_id, score FROM results WHERE run_id = ?", [ended.run_id])
        return {row["sample_id"]: float(row["score"]) for row in found}

    def made(self, loaded: Loaded, arm: str) -> Any:
        """Return an arm's model."""
        given, model = self.settings, loaded.model
        if arm == "whole":
            return model
        if arm != "gradual":
            model = self.cut(loaded, model, given.share)
            return model if arm == "cut" else self.trained(model, self.batches(loaded), given.steps)
        batches, total = self.batches(loaded), given.increments
        for t in range(1, total + 1):
            model = self.cut(loaded, model, given.share * (1 - (1 - t / total) ** 3))
            model = self.trained(model, batches, given.steps // total)
        return model

    def cut(self, loaded: Loaded, model: Any, share: float) -> Any:
        """Return the model with a share of its original channels gone, by what runs through it now."""
        planned = plan(model.config.to_dict(), "channels", share, self.settings.unit)
        if planned.then == planned.now:
            return model
        rows = registry.suite("primer").practice(9_000_000 + self.seed, self.settings.calibration)
        ids = [loaded.tokenizer(row.prompt + row.target)["input_ids"] for row in rows]
        return cut(model, planned, score(model, "channels", ids).scores)

    def batches(self, loaded: Loaded) -> Iterator[train.Batch]:
        """Yield packed practice rows, the same for every arm, none of them seen in pretraining."""
        seeds = itertools.count(7_000_000_000 + 1000 * self.seed)
        rows = itertools.chain.from_iterable(registry.suite("primer").practice(one, 1024) for one in seeds)
        return train._batches(
            rows, loaded.tokenizer, replace(tiny.home.recipe(self.seed), sequences=self.settings.sequences)
        )

    def trained(self, model: Any, batches: Iterator[train.Batch], steps: int) -> Any:
        """Return the model after some steps more."""
        import torch

        optimiser = torch.optim.AdamW(model.parameters(), lr=self.settings.rate, betas=(0.9, 0.98), weight_decay=0.0)
        warm = max(1, steps // 20)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: min((step + 1) / warm, (steps - step) / (steps - warm + 1))
        )
        for batch in itertools.islice(batches, steps):
            train._loss(model.train(), batch, bf16=False).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
        return model.eval()
