"""One seed of the recovery benchmark: a `tiny`, half of its channels cut, and arms that differ in their rows alone.

    lab = Lab(Path("results/bench/recover/seed-1"), seed=1, settings=Settings())
    lab.scores("cut")           -> {sample id of the sealed split: 1.0, ..}        also "base" and each of ARMS

Every arm trains by the same `compress.recover` on as many rows: `drawn`, practice rows as they come; `hardest`, those
of more practice rows that the cut model finds hardest; `aimed`, half of these and half rows that `improve.generate`
made for the samples of `dev` that broke, verified and deduplicated. All are decontaminated. Done once by key, so a
killed benchmark goes on where it was. Cost: an arm about a minute on two cores.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import registry
from harness.config import EvalConfig
from harness.failures import learning
from harness.models import convert
from harness.runner import evaluate
from harness.store import Database, read
from harness.types import Artifact
from harness.workbench import Workbench, candidate, keep
from harness.workbench.shelf import folder_of

ARMS = ("drawn", "hardest", "aimed")
SUITE, GENERATOR = "primer:large", "primer"


@dataclass(frozen=True)
class Settings:
    """What is the same in every arm."""

    cut: float = 0.5
    """Share of the channels that is cut."""
    rows: int = 1200
    """Trained on in each arm."""
    pool: int = 4000
    """Practice rows that the hardest are chosen from."""
    examples: int = 100
    """Broken samples of `dev` that each cause shows."""
    recover: Mapping[str, Any] = field(default_factory=dict)


class Lab:
    """One base and all that is made of it, in a folder and a database of its own."""

    def __init__(self, folder: Path, seed: int, settings: Settings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.database, self.seed, self.settings = Database(folder / "recover.duckdb"), seed, settings
        self.bench = Workbench(self.database, f"recover-{seed}")
        self.origins = {one.id: one.origin for one in registry.suite(SUITE).samples(None)}

    def scores(self, name: str, split: str = "test") -> dict[str, float]:
        """Return sample id -> score of a model (`base`, `cut` or an arm)."""
        sql = "SELECT sample_id, score, fault_kind FROM results WHERE run_id = ? AND split = ?"
        found = read.query(self.database, sql, [self.run(name), split])
        assert found and all(row["fault_kind"] is None for row in found), f"{name} has faults"
        return {row["sample_id"]: float(row["score"]) for row in found}

    def run(self, name: str) -> str:
        """Return the id of a model's evaluation; whatever it needs is made first."""
        model = self.model(name)
        target = self.database.folder / "gguf" / f"{model.id}.gguf"
        if not target.is_file():
            target.parent.mkdir(exist_ok=True)
            convert.hf_to_gguf(self._at(model), target.with_suffix(".part"))
            target.with_suffix(".part").rename(target)
        split = "test" if name in ARMS else "all"
        config = EvalConfig(model=f"gguf:{target}", suites=[SUITE], split=split, name=name)  # type: ignore[arg-type]
        ended = evaluate(config, self.database)
        assert ended.status == "done", ended
        return ended.run_id

    def model(self, name: str) -> Artifact:
        """Return the base, the cut model, or what an arm made of that."""
        if name == "base":
            return candidate.adopt(self.database, "tiny", {"seed": str(self.seed)})
        if name == "cut":
            wanted = {"method": "channels", "share": self.settings.cut}
            return self.bench.make("compress.prune", [self.model("base"), self._practice(600, self.seed)], wanted)
        rows = self._make("improve.decontaminate", [self.rows(name)], suites=[SUITE], embedder="words")
        return self._make("compress.recover", [self.model("cut"), rows], **self.settings.recover, seed=self.seed)

    def rows(self, arm: str) -> Artifact:
        """Return an arm's rows, before decontamination."""
        many, pool = self.settings.rows, self.settings.pool
        if arm == "drawn":
            return self._practice(many, self.seed)
        share = (many if arm == "hardest" else many / 2) / pool
        hard = self._make("compress.hardest", [self.model("cut"), self._practice(pool, self.seed)], share=share)
        if arm == "hardest":
            return hard
        made = self._make("improve.generate", [self._report()], suite=GENERATOR, rows=many // 2, seed=self.seed)
        return self._make("improve.dedup", [self._make("improve.verify", [made, hard])], seed=self.seed)

    def _practice(self, count: int, seed: int) -> Artifact:
        return self._make("compress.draw", [], suite=GENERATOR, rows=count, seed=seed)

    def _report(self) -> Artifact:
        """Return the report on the samples of `dev` that the cut broke. A second fit finds the first."""
        folder = self.database.folder / "report"
        if not (folder / learning.FILE).is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            lost = learning.broken(self.database, self.run("base"), self.run("cut"))
            told = {"embedder": "lsa", "examples": self.settings.examples, "only": lost}
            learning.write(self.database, self.run("cut"), folder, **told)
        return keep(self.database, folder, "report", (), {"step": "bench.recover", "seed": self.seed})

    def _make(self, step: str, inputs: list[Artifact], **parameters: Any) -> Artifact:
        return self.bench.make(step, inputs, parameters)

    def _at(self, model: Artifact) -> Path:
        return folder_of(self.database, model)
