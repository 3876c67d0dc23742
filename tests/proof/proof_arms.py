"""One seed of the first proof: a base, its failures, and arms that differ in nothing but which rows they train on.

    lab = Lab(Path("results/proof/seed-0"), seed=0, base=tiny.folder(0), settings=Settings())
    lab.weak                    -> ("facts/two", "json/reversed_keys", ..)     decided on `dev` alone
    lab.right("clusters")       -> {sample id of the sealed split: 1.0, ..}
    lab.cost("clusters")        -> {"generate": 3.1, "train": 33.0, "evaluate": 9.2, "tokens": 81000, ..}

Each arm goes through the steps as a loop does them: rows, verify, dedup, mix, decontaminate, finetune, merge; then GGUF
and the sealed samples. What differs is the first: rows drawn evenly from all that the suite asks (`untargeted`),
`improve.generate` on an analysis in which every failure stands alone (`single`), on the analysis as it is (`clusters`),
or rows whose true tags are the weak ones (`oracle`: tags are read here and nowhere in the product).

Done once by key, so a killed proof goes on where it was. Cost: an arm a minute and a half on two cores.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import registry
from harness.config import EvalConfig
from harness.contracts import Practice
from harness.failures.analysis import Analysis, analyse
from harness.failures.report import document
from harness.hashing import fraction
from harness.models import convert
from harness.runner import evaluate
from harness.store import Database, artifacts, read
from harness.types import Artifact
from harness.workbench import Workbench, keep
from harness.workbench import rows as dataset
from harness.workbench.shelf import folder_of
from improve.steps.generate import LEAST, POOL

BASE = "base"
ARMS = ("untargeted", "single", "clusters", "oracle")


@dataclass(frozen=True)
class Settings:
    """What is the same in every arm."""

    suite: str = "primer:large"
    generator: str = "primer"
    rows: int = 600
    """Targeted rows that are trained on."""
    spare: float = 0.1
    """Share drawn beyond these: duplicates leave, the rest is cut."""
    replay: float = 3.0
    """Replayed rows to a targeted one."""
    examples: int = 12
    """Failures that the analysis shows for a cause."""
    below: float = 0.5
    """Accuracy on `dev` under which a variant of skill is weak."""
    finetune: Mapping[str, Any] = field(default_factory=dict)

    @property
    def drawn(self) -> int:
        """Rows asked for, before curation."""
        return math.ceil(self.rows * (1 + self.spare))


class Lab:
    """One base and all that is made of it, in a folder and a database of its own: seeds share nothing."""

    def __init__(self, folder: Path, seed: int, base: Path, settings: Settings, sealed: str = "test") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.database, self.seed, self.base, self.settings = Database(folder / "proof.duckdb"), seed, base, settings
        self.sealed = sealed
        """The split that arms are scored on; settings are looked for on `dev`."""
        self.suite: Any = registry.suite(settings.suite)
        self.samples = {one.id: one for one in self.suite.samples(None)}

    def right(self, arm: str) -> dict[str, float]:
        """Return sample id -> score on the sealed split."""
        return self._scores(arm, self.sealed)

    @cached_property
    def weak(self) -> tuple[str, ...]:
        """The variants of skill that the base answers wrongly more often than not, on `dev`."""
        tally: dict[str, list[float]] = {}
        for sample_id, score in self._scores(BASE, "dev").items():
            tally.setdefault(self.variant(sample_id), []).append(score)
        return tuple(name for name, found in tally.items() if sum(found) / len(found) < self.settings.below)

    def variant(self, sample_id: str) -> str:
        """Return the true tag of a sample."""
        return self.samples[sample_id].tags["variant"]

    def _scores(self, arm: str, split: str) -> dict[str, float]:
        sql = "SELECT sample_id, score, fault_kind FROM results WHERE run_id = ? AND split = ?"
        found = read.query(self.database, sql, [self.run(arm), split])
        assert found and all(row["fault_kind"] is None for row in found), f"{arm} has faults"
        return {row["sample_id"]: float(row["score"]) for row in found}

    def run(self, arm: str) -> str:
        """Return the id of the arm's evaluation; whatever it needs is made first."""
        model = self.base / "tiny.gguf" if arm == BASE else self._gguf(self.merged(arm))
        split = "all" if arm == BASE else self.sealed
        config = EvalConfig(model=f"gguf:{model}", suites=[self.settings.suite], split=split, name=arm)  # type: ignore[arg-type]
        ended = evaluate(config, self.database)
        assert ended.status == "done", ended
        return ended.run_id

    def _gguf(self, merged: Artifact) -> Path:
        target = self.database.folder / "gguf" / f"{merged.id}.gguf"
        target.parent.mkdir(exist_ok=True)
        return target if target.is_file() else convert.hf_to_gguf(folder_of(self.database, merged), target)

    def merged(self, arm: str) -> Artifact:
        """Return the arm's model."""
        base = keep(self.database, self.base, "model", (), {"step": "tiny", "seed": self.seed})
        tuning = {**self.settings.finetune, "seed": self.seed}
        adapter = self._make(arm, "finetune", [base, self.mixed(arm)], tuning)
        return self._make(arm, "merge", [base, adapter], {})

    def mixed(self, arm: str) -> Artifact:
        """Return what the arm trains on: its targeted rows among replayed ones, none of them a sample."""
        mix = {"replay": self.settings.generator, "ratio": self.settings.replay, "seed": self.seed}
        mixed = self._make(arm, "mix", [self.targeted(arm)], mix)
        return self._make(arm, "decontaminate", [mixed], {"suites": [self.settings.suite]})

    def targeted(self, arm: str) -> Artifact:
        """Return the arm's own rows, curated and cut to the number that every arm has."""
        verified = self._make(arm, "verify", [self._drawn(arm)], {})
        deduped = self._make(arm, "dedup", [verified], {"seed": self.seed})
        rows = dataset.read(_at(self.database, deduped))
        assert len(rows) >= self.settings.rows, f"{arm}: {len(rows)} rows are left of {self.settings.drawn}"
        chosen = sorted(rows, key=lambda row: fraction(self.seed, "cut", row["id"]))[: self.settings.rows]
        return self._keep(f"{arm}-cut", chosen, (deduped.id,))

    def _drawn(self, arm: str) -> Artifact:
        count = self.settings.drawn
        if arm in ("single", "clusters"):
            wanted = {"suite": self.settings.generator, "rows": count, "seed": self.seed}
            return self._make(arm, "generate", [self._report(arm)], wanted)
        drawn = self._untargeted(count) if arm == "untargeted" else self._of_weak_tags(count)
        return self._keep(arm, [_row(one, self.settings.generator, self.seed) for one in drawn])

    def _untargeted(self, count: int) -> Iterable[Practice]:
        return registry.suite(self.settings.generator).practice_all(self.seed, count)

    def _of_weak_tags(self, count: int) -> Iterable[Practice]:
        """Yield rows of the weak variants in proportion to their failures on `dev`."""
        scores = self._scores(BASE, "dev").items()
        failed = Counter(self.variant(one) for one, score in scores if score < 1 and self.variant(one) in self.weak)
        suite: Any = registry.suite(self.settings.generator)
        for name, failures in failed.items():
            yield from suite.practice(self.seed, math.ceil(count * failures / failed.total()), variants=[name])

    def variants_of(self, arm: str) -> Counter[str]:
        """Return how many of the arm's targeted rows are of which true variant: for the table, no step sees it."""
        pool = registry.suite(self.settings.generator).practice_all(self.seed, max(LEAST, POOL * self.settings.drawn))
        drawn = self._of_weak_tags(self.settings.drawn) if arm == "oracle" else pool
        known = {one.prompt: one.tags["variant"] for one in drawn}
        return Counter(known[row["prompt"]] for row in dataset.read(_at(self.database, self.targeted(arm))))

    def _report(self, arm: str) -> Artifact:
        """Return the base's failures on `dev`, as they are clustered or each alone. A second fit would find the first:
        so both are written at once."""
        folder = self.database.folder / "failures"
        if not folder.is_dir():
            started = time.monotonic()
            found = analyse(self.database, self.run(BASE), "dev", weak=False)
            part = folder.with_suffix(".part")
            part.mkdir(exist_ok=True)
            (part / "clusters.json").write_text(json.dumps(document(found, self.settings.examples)), encoding="utf-8")
            (part / "single.json").write_text(json.dumps(_alone(found)), encoding="utf-8")
            artifacts.book(self.database, "clusters", "analysis", "analysis_seconds", time.monotonic() - started)
            part.rename(folder)
        return keep(self.database, folder / f"{arm}.json", "report", (), {"step": "harness.failures", "arm": arm})

    def _make(self, arm: str, step: str, inputs: list[Artifact], parameters: Mapping[str, Any]) -> Artifact:
        return Workbench(self.database, arm).make(f"improve.{step}", inputs, parameters)

    def _keep(self, name: str, rows: list[dataset.Row], parents: tuple[str, ...] = ()) -> Artifact:
        folder = self.database.folder / "drawn" / name
        written = dataset.write(folder, f"proof.{name}", rows, [], len(rows))
        return keep(self.database, written, "dataset", parents, {"step": f"proof.{name}", "seed": self.seed})

    def cost(self, arm: str) -> dict[str, float]:
        """Return seconds by stage and tokens, of the executions that made the arm."""
        stages = {"improve.finetune": "train", "improve.merge": "train"}
        found: dict[str, float] = Counter()
        for row in artifacts.executions(self.database, arm):
            if row["fault"] is None:
                found[stages.get(row["step"], "rows")] += row["seconds"]
        found["rows"] += artifacts.spent(self.database, arm).get("analysis_seconds", 0.0)
        if arm != BASE:
            adapter = folder_of(self.database, self.merged(arm)) / "run.json"
            found["trained_tokens"] = json.loads(adapter.read_text())["finetune"]["training"]["tokens"]
        sql = "SELECT sum(seconds) AS seconds FROM run_suites WHERE run_id = ?"
        found["evaluate"] = read.query(self.database, sql, [self.run(arm)])[0]["seconds"]
        return dict(found)


def _at(database: Database, artifact: Artifact) -> Artifact:
    """Return the artifact with the path at which it lies."""
    place = str(folder_of(database, artifact))
    return Artifact(artifact.id, artifact.kind, place, artifact.digest, artifact.parents, artifact.made_by)


def _row(drawn: Practice, generator: str, seed: int) -> dataset.Row:
    source = {"generator": generator, "seed": seed}
    return dataset.named({"prompt": drawn.prompt, "completion": drawn.target, "cause": "", "source": source})


def _alone(found: Analysis) -> dict[str, Any]:
    """Return a report in which each failure is a cause of its own."""
    causes = []
    for case in (member.case for member in found.failures):
        shown = {"sample_id": case.sample_id, "split": case.split, "question": case.question, "target": case.target}
        shown |= {"choices": list(case.choices), "answer": case.answer, "said": case.text}
        causes.append({"id": case.sample_id, "label": "", "size": 1, "diagnoses": [], "exemplars": [shown]})
    return {"split": found.split, "clusters": [], "analysis": {"causes": causes}}
