"""The second proof in small, without official rows: BBH questions of our own are what is held out.

A model that fails two of five tasks is asked them; the rows made for its failures are of these tasks, and of the rows
that happen to ask a held-out question (there are only 1,872 boolean expressions) not one goes on to train.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import registry
from harness.config import EvalConfig
from harness.failures.analysis import analyse
from harness.failures.report import document
from harness.failures.reuse import Wanted
from harness.models.scripted import Scripted
from harness.runner import evaluate
from harness.store import Database
from harness.types import Artifact, Request
from harness.workbench import Workbench, keep
from harness.workbench.shelf import folder_of
from improve.curation import text
from suites.bbh.practice import LEARNED, TASKS, even

SUITE, HELD_OUT, ROWS = "bbh:small", 60, 400


def question(prompt: str) -> str:
    return prompt.removeprefix("Q: ").removesuffix("\nA:")


def task(prompt: str) -> str:
    """Return the task whose solver reads the question."""
    for name, one in TASKS.items():
        try:
            one.solve(question(prompt))
        except ValueError:
            continue
        return name
    raise AssertionError(prompt)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder whose BBH files hold questions of our own."""
    place = tmp_path_factory.mktemp("data")
    (place / "bbh").mkdir()
    for name in LEARNED:
        rows = {row.prompt: row.target.strip() for row in even(99, HELD_OUT, [name])}
        examples = [{"input": question(prompt), "target": target} for prompt, target in rows.items()]
        (place / "bbh" / f"{name}.json").write_text(json.dumps({"examples": examples}))
    return place


Failing = Callable[[str, str], str]


def untruthful(name: str, target: str) -> str:
    """Return what a model says that takes everybody for a liar and counts one too few."""
    if name == "web_of_lies":
        return "No"
    return str(int(target) - 1) if name == "object_counting" else target


def confused(name: str, target: str) -> str:
    """Return what a model says that closes brackets in the wrong order and never finds home."""
    if name == "navigate":
        return "No"
    return " ".join(reversed(target.split())) if name == "dyck_languages" else target


def drawn(place: Path, folder: Path, says: Failing) -> tuple[Workbench, Artifact]:
    """Return the rows that `improve.generate` makes for the failures of a model."""
    database = Database(place / "h.duckdb")
    samples = {one.id: one for one in registry.suite(SUITE).samples(folder)}

    def answer(request: Request) -> str:
        sample = samples[request.source["sample_id"]]
        return f" {says(sample.tags['task'], sample.target)}"

    config = EvalConfig(model="scripted:some", suites=[SUITE], data=str(folder))
    ran = evaluate(config, database, Scripted(answer, name="some"))
    found = analyse(database, ran.run_id, wanted=Wanted(embedder="lsa"), weak=False)
    (place / "analysis.json").write_text(json.dumps(document(found, 12)))
    report = keep(database, place / "analysis.json", "report", (), {"step": "harness.failures"})
    bench = Workbench(database, "loop")
    return bench, bench.make("improve.generate", [report], {"suite": SUITE, "rows": ROWS, "seed": 1})


def prompts(bench: Workbench, made: Artifact) -> list[str]:
    lines = (folder_of(bench.database, made) / "rows.jsonl").read_text().splitlines()
    return [json.loads(line)["prompt"] for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("says", "weak"),
    [(untruthful, {"web_of_lies", "object_counting"}), (confused, {"navigate", "dyck_languages"})],
)
def test_rows_are_of_the_tasks_that_failed(tmp_path: Path, folder: Path, says: Failing, weak: set[str]) -> None:
    bench, made = drawn(tmp_path, folder, says)
    found = Counter(map(task, prompts(bench, made)))
    assert found.total() == ROWS
    assert sum(found[name] for name in weak) > 0.9 * ROWS, found
    assert min(found[name] for name in weak) > 0.15 * ROWS, found


@pytest.mark.slow
def test_no_row_that_asks_a_held_out_question_trains(tmp_path: Path, folder: Path) -> None:
    """Sixty of the 1,872 expressions are held out, and whoever draws rows does not know which."""

    def illogical(name: str, target: str) -> str:
        return str(target != "True") if name == "boolean_expressions" else target

    bench, made = drawn(tmp_path, folder, illogical)
    known = {text.key(one.data["input"]) for one in registry.suite(SUITE).samples(folder)}
    asked = prompts(bench, made)
    copies = [one for one in asked if text.key(one) in known]
    assert len(copies) > 5 and {task(one) for one in copies} == {"boolean_expressions"}
    asked_of = {"data": str(folder), "suites": [SUITE], "embedder": "words"}
    clean = bench.make("improve.decontaminate", [made], asked_of)
    place = folder_of(bench.database, clean)
    assert sorted(prompts(bench, clean)) == sorted(one for one in asked if text.key(one) not in known)
    dropped = [json.loads(line) for line in (place / "dropped.jsonl").read_text().splitlines()]
    assert {one["dropped"]["reason"] for one in dropped} == {"exact"}
    assert "test" in {one["dropped"]["near"]["split"] for one in dropped}, "what the loop may never see"
