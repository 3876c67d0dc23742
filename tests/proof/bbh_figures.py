"""What the loop of one seed leaves in the store, as plain numbers for the page.

    found = told(database, "bbh-0", 0, samples)
    found.before["test"]      -> {sample id: 0.0, ..}
    found.aimed               -> Counter({"web_of_lies": 961, ..})         targeted rows by their true task

Tasks are read here, for people; the loop sees no tag.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import registry
from harness.dice import Dice
from harness.models.tiny.home import recipe as recipe_of
from harness.models.tiny.train import POOL_ROWS, PRACTICE_SEEDS
from harness.store import Database, artifacts, read, rounds
from harness.types import Artifact, Sample
from harness.workbench.shelf import folder_of
from improve.curation import text
from suites.bbh.practice import TASKS

SUITE = "bbh:small"
POOLS = 100
"""Of `POOL_ROWS` rows each: more than pretraining takes."""
DRAWS = 2000


@dataclass(frozen=True)
class Told:
    """One seed."""

    seed: int
    before: Mapping[str, Mapping[str, float]]
    """Split -> sample id -> score of the base."""
    after: Mapping[str, Mapping[str, float]]
    aimed: Counter[str]
    trained: int
    """Rows trained on, replayed ones too."""
    decontaminated: Mapping[str, Any]
    """Report of the step."""
    official: int
    """Official questions among the rows trained on, counted here."""
    seconds: Mapping[str, float]
    round: Mapping[str, Any]


def told(database: Database, loop: str, seed: int, samples: Mapping[str, Sample]) -> Told:
    """Return what a loop shows that is at its end."""
    row = rounds.rows(database, loop)[0]
    assert row["run_after"] is not None, f"{loop} ended without a candidate: {row['why']}"
    made = [one for one in (artifacts.artifact(database, key) for key in row["artifacts"]) if one is not None]
    by_step = {str(one.made_by["step"]): folder_of(database, one) for one in made}
    targeted, trained = (_prompts(by_step[f"improve.{step}"]) for step in ("dedup", "decontaminate"))
    report = json.loads((by_step["improve.decontaminate"] / "report.json").read_text(encoding="utf-8"))
    return Told(
        seed, _scores(database, row["run_before"]), _scores(database, row["run_after"]), Counter(map(task, targeted)),
        len(trained), report, copies(trained, samples), _seconds(database, made), row,
    )  # fmt: skip


def _scores(database: Database, run_id: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {"dev": {}, "test": {}}
    sql = "SELECT sample_id, split, score, fault_kind FROM results WHERE run_id = ?"
    for one in read.query(database, sql, [run_id]):
        assert one["fault_kind"] is None, f"{run_id} has faults"
        found[one["split"]][one["sample_id"]] = float(one["score"])
    return found


def _prompts(folder: Path) -> list[str]:
    lines = (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["prompt"] for line in lines]


def _seconds(database: Database, made: Iterable[Artifact]) -> dict[str, float]:
    """Return seconds by step of whoever made it first: seeds share what does not hang on the seed."""
    ids = {one.id for one in made}
    return {one["step"]: one["seconds"] for one in artifacts.executions(database) if one["artifact_id"] in ids}


def task(prompt: str) -> str:
    """Return the task whose solver can read a question: no two read the same."""
    for name, one in TASKS.items():
        try:
            one.solve(prompt.removeprefix("Q: ").removesuffix("\nA:"))
        except ValueError:
            continue
        return name
    raise AssertionError(f"a question of no task: {prompt!r}")


def copies(prompts: Iterable[str], samples: Mapping[str, Sample]) -> int:
    """Return how many prompts ask what a sample asks, in the canonical form of `improve.decontaminate`."""
    known = {text.key(one.data["input"]) for one in samples.values()}
    return sum(text.key(prompt) in known for prompt in prompts)


def blind(samples: Mapping[str, Sample]) -> dict[str, float]:
    """Return by task the share of questions drawn that are official ones: what `practice` draws again."""
    dice = {name: Dice("bbh", "proof", name) for name in TASKS}
    drawn = {name: [one.draw(dice[name]) for _ in range(DRAWS)] for name, one in TASKS.items()}
    return {name: copies(questions, samples) / DRAWS for name, questions in drawn.items()}


def pretrained(samples: Mapping[str, Sample]) -> tuple[int, int]:
    """Return (rows of the stream that the base was pretrained from, official questions among them)."""
    suite, first = registry.suite(SUITE), PRACTICE_SEEDS * (recipe_of(suite=SUITE).seed + 1)
    prompts = [row.prompt for pool in range(POOLS) for row in suite.practice(first + pool, POOL_ROWS)]
    return len(prompts), copies(prompts, samples)
