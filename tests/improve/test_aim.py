"""What a round aims at: found from `dev` and wording alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import registry
from harness.config import EvalConfig
from harness.contracts import Model
from harness.runner import evaluate
from harness.store import Database
from harness.types import Completion
from improve import aim
from improve.recipe import Accept

WEAK = ("ordering/backwards", "facts/two")
SUITE = "primer"


class Answering(Model):
    """Right but for the variants that it is weak in."""

    spec, can, digest, engine = "answering", frozenset({"generate"}), "d" * 32, {"name": "answering"}

    def __init__(self, sealed_too: bool) -> None:
        known = registry.suite(SUITE).samples(None)
        weak = {one.id: one.tags["variant"] in WEAK and (sealed_too or one.split == "dev") for one in known}
        self.said = {one.id: " ?" if weak[one.id] else f" {one.target}" for one in registry.suite(SUITE).samples(None)}

    @classmethod
    def open(cls, locator: str, settings: Any) -> Model:
        raise NotImplementedError

    def answer(self, requests: Any) -> Any:
        for place, one in enumerate(requests):
            yield place, Completion(self.said[one.source["sample_id"]])


def world(folder: Path, sealed_too: bool) -> tuple[Database, str, set[tuple[str, str]]]:
    database, model = Database(folder / "harness.duckdb"), Answering(sealed_too)
    run_id = evaluate(EvalConfig(model="answering", suites=[SUITE]), database, model=model).run_id
    dev = [one for one in registry.suite(SUITE).samples(None) if one.split == "dev"]
    return database, run_id, {(SUITE, one.id) for one in dev if one.tags["variant"] in WEAK}


def test_sealed_questions_like_the_failed_ones_are_aimed_at(tmp_path: Path) -> None:
    database, run_id, failed = world(tmp_path, sealed_too=True)
    hit = aim.aimed(database, run_id, failed)
    sealed = [one for one in registry.suite(SUITE).samples(None) if one.split == "test"]
    weak = [(SUITE, one.id) in hit for one in sealed if one.tags["variant"] in WEAK]
    others = [(SUITE, one.id) in hit for one in sealed if one.tags["variant"] not in WEAK]
    assert sum(weak) / len(weak) > 0.9
    assert sum(others) / len(others) < 0.2
    assert not {sample_id for _, sample_id in hit} & {sample_id for _, sample_id in failed}, "dev samples are no aim"


def test_how_sealed_samples_were_answered_changes_nothing(tmp_path: Path) -> None:
    """Else whoever fails by chance would be aimed at, and rise by chance."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = world(tmp_path / "a", sealed_too=True), world(tmp_path / "b", sealed_too=False)
    assert aim.aimed(*first) == aim.aimed(*second)


@pytest.mark.parametrize("failed", [set(), {("mmlu", "9f")}])
def test_without_failures_nothing_is_aimed_at(tmp_path: Path, failed: set[tuple[str, str]]) -> None:
    database, run_id, _ = world(tmp_path, sealed_too=True)
    assert aim.aimed(database, run_id, failed) == frozenset()


def test_where_every_question_failed_all_are_aimed_at(tmp_path: Path) -> None:
    database, run_id, _ = world(tmp_path, sealed_too=True)
    samples = list(registry.suite(SUITE).samples(None))
    failed = {(SUITE, one.id) for one in samples if one.split == "dev"}
    assert aim.aimed(database, run_id, failed) == {(SUITE, one.id) for one in samples if one.split == "test"}


def test_parts_of_alpha_never_add_up_to_more_than_the_whole() -> None:
    parts = [Accept(alpha=0.05).alpha_of(number) for number in range(1, 10_001)]
    assert sum(parts) < 0.05 and sum(parts) > 0.0499
    assert parts == sorted(parts, reverse=True)
